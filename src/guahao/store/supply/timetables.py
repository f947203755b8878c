"""A hospital's weekly timetables, and the sessions that follow them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from guahao.rules.supply.changes import Clinic, SessionTerms, terms_of
from guahao.store.kernel.db import Tx, json_columns, recordset
from guahao.store.supply.changes import TERMS
from guahao.store.supply.fees import listed_fee


@dataclass(frozen=True, slots=True)
class Timetable:
    """A clinic on one weekday (1 is Monday), from a date until a date, both included.

    Its fee is that of the day it was asked for; `fee_is_own`: not the hospital's list's.
    `on_holidays`: it is also held on days off.
    """

    id: int
    department_id: int
    iso_weekday: int
    valid_from: date
    valid_until: date
    fee_is_own: bool
    clinic: Clinic
    on_holidays: bool = False


@dataclass(frozen=True, slots=True)
class TimetableChange:
    """What a timetable holds from now on, and its last day."""

    hospital_id: int
    clinic: Clinic
    fee_is_own: bool
    valid_until: date


@dataclass(frozen=True, slots=True)
class PlannedSession:
    """A session as its scheduler sees it.

    `held`: places that wait for a draw, the first of them at `draw_at`. `reserved`: for the
    counter, referrals or patients of a stopped clinic.
    """

    id: int
    department_id: int
    visit_date: date
    booked: int
    stopped: bool
    clinic: Clinic
    held: int = 0
    reserved: int = 0
    draw_at: datetime | None = None

    @property
    def terms(self) -> SessionTerms:
        """Return what the session offers."""
        return terms_of(self.clinic, self.department_id, self.visit_date)


_CLINIC = "title, specialty, period, starts_at, ends_at, fee_fen, capacity"
# The calendar has no "for ever" of its own.
_TIMETABLE = f"""
    SELECT t.id, department_id, iso_weekday, valid_from,
           least(valid_until, date '9999-12-31') AS valid_until, fee_is_own,
           on_holidays, title, specialty, period, starts_at, ends_at,
           CASE WHEN fee_is_own THEN fee_fen
                ELSE coalesce({
    listed_fee("t.hospital_id", "t.title", "greatest(valid_from, %(today)s)")
},
                              fee_fen) END AS fee_fen,
           capacity
    FROM timetables t
"""
_SESSION = f"""
    SELECT id, department_id, visit_date, booked, stopped_at IS NOT NULL AS stopped,
           held, reserved, draw_at, {_CLINIC}
    FROM clinic_sessions
"""
_BY_TIME = "array_position('{morning,afternoon,evening}', period), starts_at NULLS FIRST, title, id"
_UNTIL = "CASE WHEN {0} = date '9999-12-31' THEN 'infinity' ELSE {0} END"


def _timetable(
    *,
    id: int,
    department_id: int,
    iso_weekday: int,
    valid_from: date,
    valid_until: date,
    fee_is_own: bool,
    on_holidays: bool,
    **clinic: Any,
) -> Timetable:
    return Timetable(
        *(id, department_id, iso_weekday, valid_from, valid_until, fee_is_own),
        Clinic(**clinic),
        on_holidays,
    )


def _session(
    *,
    id: int,
    department_id: int,
    visit_date: date,
    booked: int,
    stopped: bool,
    held: int,
    reserved: int,
    draw_at: datetime | None,
    **clinic: Any,
) -> PlannedSession:
    return PlannedSession(
        *(id, department_id, visit_date, booked, stopped, Clinic(**clinic)),
        *(held, reserved, draw_at),
    )


async def has_department(tx: Tx, hospital_id: int, department_id: int) -> bool:
    """Return whether the department is this hospital's and has sessions of its own."""
    row = await tx.row(
        """
        SELECT 1 FROM departments
        WHERE id = %(id)s AND hospital_id = %(hospital_id)s AND parent_id IS NOT NULL
        """,
        {"id": department_id, "hospital_id": hospital_id},
    )
    return row is not None


async def of_department(tx: Tx, department_id: int, today: date) -> list[Timetable]:
    """Return the timetables that hold today or later, in the order of a day."""
    return await tx.records(
        _timetable,
        f"""
        {_TIMETABLE} WHERE department_id = %(department_id)s AND valid_until >= %(today)s
        ORDER BY {_BY_TIME}
        """,
        {"department_id": department_id, "today": today},
    )


async def sessions_between(
    tx: Tx, department_id: int, first: date, last: date
) -> list[PlannedSession]:
    """Return a department's sessions, both days included."""
    return await tx.records(
        _session,
        f"""
        {_SESSION} WHERE department_id = %(department_id)s
          AND visit_date BETWEEN %(first)s AND %(last)s
        ORDER BY visit_date, {_BY_TIME}
        """,
        {"department_id": department_id, "first": first, "last": last},
    )


async def add(
    tx: Tx,
    hospital_id: int,
    department_id: int,
    weekday: int,
    span: tuple[date, date],
    clinic: Clinic,
    *,
    fee_is_own: bool,
    on_holidays: bool = False,
) -> int:
    """Add a timetable; return its id."""
    row = await tx.row(
        f"""
        INSERT INTO timetables (hospital_id, department_id, iso_weekday, fee_is_own, on_holidays,
                                valid_from, valid_until, {_CLINIC})
        VALUES (%(hospital_id)s, %(department_id)s, %(weekday)s, %(fee_is_own)s, %(on_holidays)s,
                %(first)s, {_UNTIL.format("%(last)s")}, %(title)s, %(specialty)s, %(period)s,
                %(starts_at)s, %(ends_at)s, %(fee_fen)s, %(capacity)s)
        RETURNING id
        """,
        {
            "hospital_id": hospital_id,
            "department_id": department_id,
            "weekday": weekday,
            "fee_is_own": fee_is_own,
            "on_holidays": on_holidays,
            "first": span[0],
            "last": span[1],
            **asdict(clinic),
        },
    )
    assert row is not None
    return int(row[0])


async def lock(tx: Tx, hospital_id: int, timetable_id: int) -> Timetable | None:
    """Lock a timetable of the hospital's; None if unknown or another's."""
    return await tx.record(
        _timetable,
        f"""
        {_TIMETABLE} WHERE t.hospital_id = %(hospital_id)s AND t.id = %(id)s
        FOR NO KEY UPDATE OF t
        """,
        {"today": tx.now.date(), "hospital_id": hospital_id, "id": timetable_id},
    )


async def change(tx: Tx, changed: Mapping[int, TimetableChange]) -> None:
    """Give locked timetables what they hold from now on, by id."""
    await tx.do(
        f"""
        UPDATE timetables t
        SET fee_is_own = n.fee_is_own, valid_until = {_UNTIL.format("n.valid_until")},
            title = n.title, specialty = n.specialty, period = n.period,
            starts_at = n.starts_at, ends_at = n.ends_at, fee_fen = n.fee_fen,
            capacity = n.capacity
        FROM json_to_recordset(%(timetables)s::json)
            AS n (id bigint, fee_is_own boolean, valid_until date, title text, specialty text,
                  period text, starts_at time, ends_at time, fee_fen integer, capacity integer)
        WHERE t.id = n.id
        """,
        {
            "timetables": recordset(
                [
                    {
                        "id": id,
                        "fee_is_own": new.fee_is_own,
                        "valid_until": new.valid_until,
                        **json_columns(new.clinic),
                    }
                    for id, new in changed.items()
                ]
            )
        },
    )


async def hold_on_holidays(tx: Tx, timetable_id: int, *, on_holidays: bool) -> None:
    """Let a locked timetable be held on days off as well, or not."""
    await tx.do(
        "UPDATE timetables SET on_holidays = %(on_holidays)s WHERE id = %(id)s",
        {"id": timetable_id, "on_holidays": on_holidays},
    )


async def end(tx: Tx, timetable_id: int, last: date) -> None:
    """Let a timetable hold until `last`; 9999-12-31: without end."""
    await tx.do(
        f"UPDATE timetables SET valid_until = {_UNTIL.format('%(last)s')} WHERE id = %(id)s",
        {"last": last, "id": timetable_id},
    )


async def sessions_of(
    tx: Tx, spans: Mapping[int, tuple[date, date]], *, lock: bool
) -> dict[int, int]:
    """Return the timetables' sessions within their spans, both days included.

    By id, each with its timetable's id. What the hospital's own system has taken over follows
    that alone. `lock`: in order of id.
    """
    # OFFSET 0 makes the planner look up each timetable in the index. Free to join as it likes, it
    # has read every session of the hospital once for each timetable: minutes for a large file.
    rows = await tx.rows(
        f"""
        SELECT s.id, s.timetable_id FROM clinic_sessions s
        WHERE s.id = ANY(ARRAY(
            SELECT found.id
            FROM unnest(%(ids)s::bigint[], %(first)s::date[], %(last)s::date[])
                AS n (id, first, last),
                LATERAL (SELECT id FROM clinic_sessions
                         WHERE timetable_id = n.id AND visit_date BETWEEN n.first AND n.last
                         OFFSET 0) found))
          AND s.external_id IS NULL
        ORDER BY s.id {"FOR NO KEY UPDATE OF s" if lock else ""}
        """,
        {
            "ids": list(spans),
            "first": [first for first, _ in spans.values()],
            "last": [last for _, last in spans.values()],
        },
    )
    return dict(rows)


async def add_session(
    tx: Tx, hospital_id: int, department_id: int, visit_date: date, clinic: Clinic
) -> int:
    """Add a session that follows no timetable; return its id."""
    row = await tx.row(
        f"""
        INSERT INTO clinic_sessions (hospital_id, department_id, {TERMS})
        VALUES (%(hospital_id)s, %(department_id)s, %(title)s, %(specialty)s, %(visit_date)s,
                %(period)s, %(starts_at)s, %(ends_at)s, %(fee_fen)s, %(capacity)s)
        RETURNING id
        """,
        {
            "hospital_id": hospital_id,
            **asdict(terms_of(clinic, department_id, visit_date)),
        },
    )
    assert row is not None
    return int(row[0])


async def session(tx: Tx, hospital_id: int, session_id: int) -> PlannedSession | None:
    """Return a session of the hospital's, or None."""
    return await tx.record(
        _session,
        f"{_SESSION} WHERE hospital_id = %(hospital_id)s AND id = %(id)s",
        {"hospital_id": hospital_id, "id": session_id},
    )
