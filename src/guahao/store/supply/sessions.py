"""Clinic sessions (门诊单元): reading them, rolling them out, stopping one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from guahao.store.hospitals.directory import rules_of, rules_on, rules_text
from guahao.store.kernel.db import Tx, array
from guahao.store.kernel.records import names
from guahao.store.kernel.views import SessionView
from guahao.store.supply import calendars
from guahao.store.supply.fees import listed_fee

# Over s = clinic_sessions, h = hospitals, d = departments, r = the hospital's rules in force
# (`rules_on`); `session_view` reads them back by position, `take_session` by name.
SESSION_COLUMNS = f"""
    s.id, s.hospital_id, h.name AS hospital_name, s.department_id, d.name AS department_name,
    s.title, s.specialty, s.visit_date, s.period, s.starts_at, s.ends_at, s.fee_fen, s.capacity,
    s.booked, s.stopped_at IS NOT NULL AS stopped, h.pickup_place, {rules_text("r")} AS rules,
    h.name_en AS hospital_name_en, d.name_en AS department_name_en,
    s.held, s.reserved, s.draw_at, h.pickup_place_en
"""
_RULES = 16  # the position of the hospital's rules in them

_SESSION = f"""
    SELECT {SESSION_COLUMNS}
    FROM clinic_sessions s
    JOIN departments d ON d.id = s.department_id AND d.on_platform
    JOIN hospitals h ON h.id = s.hospital_id
    {rules_on("%(today)s::date")}
"""
_LIST = f"""
    {_SESSION}
    WHERE s.department_id = %(department_id)s AND s.hospital_id = %(hospital_id)s
      AND s.visit_date BETWEEN %(first)s AND coalesce(%(last)s::date, 'infinity')
      AND s.title = coalesce(%(title)s, s.title)
      AND s.specialty = coalesce(%(specialty)s, s.specialty)
    ORDER BY s.visit_date, array_position('{{morning,afternoon,evening}}', s.period),
             s.starts_at NULLS FIRST, s.title, s.specialty, s.id
"""
_HOSPITALS_WITH_TIMETABLES = "SELECT DISTINCT hospital_id FROM timetables ORDER BY hospital_id"
# What is there already is left out before an id is drawn for it, be it the timetable's own or the
# same clinic by other means: an import, a form, the hospital's system. ON CONFLICT is for a worker
# that rolls out the same days at the same time. The fee is the hospital's list's, unless the
# line has a price of its own. OFFSET 0: each day is looked up in an index; a join without fresh
# statistics has taken 16 s for 700 timetables.
_ROLL_OUT = f"""
    INSERT INTO clinic_sessions (hospital_id, department_id, timetable_id, title, specialty,
                                 visit_date, period, starts_at, ends_at, fee_fen, capacity)
    SELECT t.hospital_id, t.department_id, t.id, t.title, t.specialty,
           day.visit_date, t.period, t.starts_at, t.ends_at,
           CASE WHEN t.fee_is_own THEN t.fee_fen
                ELSE coalesce({listed_fee("t.hospital_id", "t.title", "day.visit_date")},
                              t.fee_fen) END,
           t.capacity
    FROM timetables t
    JOIN departments d ON d.id = t.department_id AND d.on_platform
    JOIN unnest(%(days)s::date[], %(weekdays)s::int[], %(off)s::boolean[])
        AS day (visit_date, iso_weekday, is_off)
      ON day.iso_weekday = t.iso_weekday AND (t.on_holidays OR NOT day.is_off)
     AND day.visit_date BETWEEN t.valid_from AND t.valid_until
    WHERE t.hospital_id = %(hospital_id)s
      AND NOT EXISTS (SELECT FROM clinic_sessions s
                      WHERE s.timetable_id = t.id AND s.visit_date = day.visit_date OFFSET 0)
      AND NOT EXISTS (SELECT FROM clinic_sessions s
                      WHERE s.department_id = t.department_id AND s.visit_date = day.visit_date
                        AND s.timetable_id IS NULL AND s.title = t.title
                        AND s.specialty = t.specialty AND s.period = t.period
                        AND s.starts_at IS NOT DISTINCT FROM t.starts_at OFFSET 0)
    ORDER BY t.department_id, day.visit_date, t.id
    ON CONFLICT (timetable_id, visit_date) DO NOTHING
    RETURNING id
"""
_STOP_APPOINTMENTS = """
    UPDATE appointments SET status = 'stopped', changed_at = %(now)s
    WHERE clinic_session_id = ANY(%(ids)s::bigint[]) AND status = 'booked'
    RETURNING id, clinic_session_id
"""
_STOP = """
    UPDATE clinic_sessions s SET stopped_at = %(now)s,
        booked = booked - (SELECT count(*) FROM unnest(%(places)s::bigint[]) n WHERE n = s.id)
    WHERE id = ANY(%(ids)s::bigint[])
"""


def session_view(row_part: Sequence[Any]) -> SessionView:
    """Make a clinic session of its SESSION_COLUMNS, by position.

    By name a department's list of 300 sessions takes 5.8 ms of the processor instead of 4.0.
    """
    rules = rules_of(row_part[_RULES])
    return SessionView(*[*row_part[:_RULES], rules, *row_part[_RULES + 1 :]])


def take_session(row: dict[str, Any]) -> SessionView:
    """Make a clinic session of its SESSION_COLUMNS, which are removed from the row."""
    columns = {name: row.pop(name) for name in names(SessionView)}
    return SessionView(**{**columns, "rules": rules_of(columns["rules"])})


async def views(tx: Tx, sql: str, params: Mapping[str, Any]) -> list[SessionView]:
    """Return the sessions of a statement that selects SESSION_COLUMNS."""
    return [session_view(row) for row in await tx.rows(sql, params)]


async def one(tx: Tx, session_id: int) -> SessionView | None:
    """Return a session, or None; a department kept off the platform has none (S4)."""
    row = await tx.row(
        f"{_SESSION} WHERE s.id = %(id)s", {"today": tx.now.date(), "id": session_id}
    )
    return None if row is None else session_view(row)


async def by_ids(tx: Tx, session_ids: Sequence[int]) -> list[SessionView]:
    """Return these sessions by id, leaving out unknown ids and departments off the platform."""
    return await views(
        tx,
        f"{_SESSION} WHERE s.id = ANY(%(ids)s::bigint[]) ORDER BY s.id",
        {"today": tx.now.date(), "ids": array(session_ids)},
    )


async def in_department(
    tx: Tx,
    hospital_id: int,
    department_id: int,
    date_from: date,
    date_to: date | None,
    title: str | None,
    specialty: str | None,
) -> list[SessionView]:
    """Return a department's sessions from `date_from` on, by date, period, start and title.

    Nothing where the department is kept off the platform (S4).
    """
    return await views(
        tx,
        _LIST,
        {
            "today": tx.now.date(),
            "hospital_id": hospital_id,
            "department_id": department_id,
            "first": date_from,
            "last": date_to,
            "title": title,
            "specialty": specialty,
        },
    )


async def in_departments(
    tx: Tx, department_ids: Sequence[int], date_from: date
) -> list[SessionView]:
    """Return the sessions of several departments from `date_from` on, by id."""
    return await views(
        tx,
        f"""
        {_SESSION}
        WHERE s.department_id = ANY(%(ids)s::bigint[]) AND s.visit_date >= %(first)s
        ORDER BY s.id
        """,
        {"today": tx.now.date(), "ids": array(department_ids), "first": date_from},
    )


async def hospitals_with_timetables(tx: Tx) -> list[int]:
    """Return the ids of the hospitals whose sessions are rolled out."""
    return [row[0] for row in await tx.rows(_HOSPITALS_WITH_TIMETABLES)]


async def roll_out(tx: Tx, hospital_id: int, first: date, last: date) -> list[int]:
    """Make a hospital's sessions of its timetables, `first` to `last`, both included.

    On a day off only timetables that also hold on holidays have sessions, and a swapped working day
    has those of the weekday that it follows.
    Return the ids of those that were missing. A hospital is rolled out by one transaction at a
    time: what its system publishes meanwhile is there before, or finds what was made.
    """
    await tx.do(
        "SELECT FROM hospitals WHERE id = %(hospital_id)s FOR NO KEY UPDATE",
        {"hospital_id": hospital_id},
    )
    days = await calendars.between(tx, hospital_id, first, last)
    params = {"hospital_id": hospital_id, **calendars.columns(days)}
    return [row[0] for row in await tx.rows(_ROLL_OUT, params)]


async def stop(tx: Tx, session_ids: Sequence[int]) -> list[int]:
    """Stop locked sessions with their live bookings; the ids of these.

    Their places are taken off its counter: a stopped booking counts nowhere (S12).
    """
    ids = list(session_ids)
    rows = await tx.rows(_STOP_APPOINTMENTS, {"now": tx.now, "ids": ids})
    await tx.do(_STOP, {"now": tx.now, "places": [row[1] for row in rows], "ids": ids})
    return sorted(row[0] for row in rows)
