"""The calendar of holidays and swapped working days, and sessions that do not follow it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from guahao.rules.supply.calendar import CalendarDay, DayRule, calendar_between
from guahao.rules.supply.national_calendar import national_days
from guahao.store.kernel.db import Tx
from guahao.store.supply.changes import OFFERED


@dataclass(frozen=True, slots=True)
class Correction:
    """What the city (`hospital_id` None) or a hospital said about a date, and who wrote it."""

    hospital_id: int | None
    day: date
    like: int | None
    reason: str
    by_name: str


@dataclass(frozen=True, slots=True)
class Remaining:
    """Sessions of a date whose timetables do not hold there. `open`: they can still be booked."""

    hospital_id: int
    day: date
    sessions: int
    open: int
    bookings: int


@dataclass(frozen=True, slots=True)
class Effect:
    """What following a date does: sessions without any booking go, those with bookings are kept.

    `closed`: of those without, the ones that somebody once booked; they stay without places.
    """

    removed: int
    closed: int
    kept: int
    bookings: int
    made: int


# Over `days`: a calendar as arrays, see `columns`. The sessions of a hospital, or of all that did
# not correct the date themselves, whose timetables do not hold on their dates; what the hospital's
# own system has taken over follows that alone. OFFSET 0: looked up by timetable and date, as in the
# roll-out.
_AGAINST = """
    SELECT s.id
    FROM timetables t,
         LATERAL (SELECT c.id, n.weekday, n.is_off
                  FROM unnest(%(days)s::date[], %(weekdays)s::int[], %(off)s::boolean[])
                      AS n (day, weekday, is_off)
                  JOIN clinic_sessions c ON c.timetable_id = t.id AND c.visit_date = n.day
                  WHERE c.external_id IS NULL AND c.stopped_at IS NULL OFFSET 0) s
    WHERE t.hospital_id = coalesce(%(hospital_id)s::bigint, t.hospital_id)
      AND (%(hospital_id)s::bigint IS NOT NULL
           OR NOT EXISTS (SELECT FROM calendar_days o
                          WHERE o.hospital_id = t.hospital_id AND o.day = ANY(%(days)s::date[])))
      AND NOT (t.iso_weekday = s.weekday AND (t.on_holidays OR NOT s.is_off))
"""
_EVER_BOOKED = """
    (EXISTS (SELECT FROM appointments a WHERE a.clinic_session_id = s.id)
     OR EXISTS (SELECT FROM replacement_offers o WHERE o.clinic_session_id = s.id))
"""
_TO_BE_MADE = """
    SELECT count(*) FROM timetables t
    JOIN unnest(%(days)s::date[], %(weekdays)s::int[], %(off)s::boolean[])
        AS n (day, weekday, is_off)
      ON n.weekday = t.iso_weekday AND (t.on_holidays OR NOT n.is_off)
     AND n.day BETWEEN t.valid_from AND t.valid_until
    JOIN departments d ON d.id = t.department_id AND d.on_platform
    WHERE t.hospital_id = coalesce(%(hospital_id)s::bigint, t.hospital_id)
      AND (%(hospital_id)s::bigint IS NOT NULL
           OR NOT EXISTS (SELECT FROM calendar_days o
                          WHERE o.hospital_id = t.hospital_id AND o.day = ANY(%(days)s::date[])))
      AND n.day <= %(until)s
      AND NOT EXISTS (SELECT FROM clinic_sessions s
                      WHERE s.timetable_id = t.id AND s.visit_date = n.day OFFSET 0)
"""


async def corrections(tx: Tx, hospital_id: int | None, first: date, last: date) -> list[Correction]:
    """Return the city's corrections of these dates and the hospital's own, by date."""
    return await tx.records(
        Correction,
        """
        SELECT hospital_id, day, like_weekday::int AS like, reason, by_name FROM calendar_days
        WHERE day BETWEEN %(first)s AND %(last)s
          AND (hospital_id IS NULL OR hospital_id = %(hospital_id)s)
        ORDER BY day, hospital_id NULLS FIRST
        """,
        {"hospital_id": hospital_id, "first": first, "last": last},
    )


async def between(tx: Tx, hospital_id: int | None, first: date, last: date) -> list[CalendarDay]:
    """Return what each date is for a hospital or the city, `first` to `last`, both included."""
    rows = await corrections(tx, hospital_id, first, last)
    city = {row.day: DayRule(row.like, row.reason) for row in rows if row.hospital_id is None}
    own = {row.day: DayRule(row.like, row.reason) for row in rows if row.hospital_id is not None}
    return calendar_between(first, last, national_days(), city, own)


async def correct(tx: Tx, hospital_id: int | None, day: date, rule: DayRule, by_name: str) -> None:
    """Write what the city or a hospital says about a date, instead of what it said before."""
    await tx.do(
        """
        INSERT INTO calendar_days (hospital_id, day, like_weekday, reason, by_name, at)
        VALUES (%(hospital_id)s, %(day)s, %(like)s, %(reason)s, %(by_name)s, %(now)s)
        ON CONFLICT (hospital_id, day) DO UPDATE
        SET like_weekday = excluded.like_weekday, reason = excluded.reason,
            by_name = excluded.by_name, at = excluded.at
        """,
        {
            "hospital_id": hospital_id,
            "day": day,
            "like": rule.like,
            "reason": rule.reason,
            "by_name": by_name,
            "now": tx.now,
        },
    )


async def remove(tx: Tx, hospital_id: int | None, day: date) -> bool:
    """Remove a correction of the city's or of a hospital's; return whether there was one."""
    removed = await tx.do(
        """
        DELETE FROM calendar_days
        WHERE day = %(day)s AND hospital_id IS NOT DISTINCT FROM %(hospital_id)s::bigint
        """,
        {"hospital_id": hospital_id, "day": day},
    )
    return removed > 0


async def hospitals(tx: Tx) -> list[int]:
    """Return the hospitals with timetables, by id."""
    return [
        row[0]
        for row in await tx.rows("SELECT DISTINCT hospital_id FROM timetables ORDER BY hospital_id")
    ]


async def lock_against(tx: Tx, hospital_id: int, days: Sequence[CalendarDay]) -> list[int]:
    """Lock a hospital's sessions whose timetables do not hold on their dates; return the ids."""
    rows = await tx.rows(
        f"""
        SELECT id FROM clinic_sessions WHERE id = ANY(ARRAY({_AGAINST}))
        ORDER BY id FOR NO KEY UPDATE
        """,
        {"hospital_id": hospital_id, **columns(days)},
    )
    return [row[0] for row in rows]


async def remaining(tx: Tx, hospital_id: int, days: Sequence[CalendarDay]) -> list[Remaining]:
    """Return where a hospital has sessions although their timetables do not hold, by date."""
    return await tx.records(
        Remaining,
        f"""
        SELECT s.hospital_id, s.visit_date AS day, count(*) AS sessions,
               count(*) FILTER (WHERE s.capacity > s.booked + {OFFERED}) AS open,
               coalesce(sum(s.booked), 0) AS bookings
        FROM clinic_sessions s WHERE s.id = ANY(ARRAY({_AGAINST}))
        GROUP BY s.hospital_id, s.visit_date ORDER BY s.visit_date
        """,
        {"hospital_id": hospital_id, **columns(days)},
    )


async def effect(tx: Tx, hospital_id: int | None, day: CalendarDay, until: date) -> Effect:
    """Return what following a date would do in a hospital, or in all; rolled out to `until`."""
    params = {"hospital_id": hospital_id, "until": until, **columns([day])}
    row = await tx.row(
        f"""
        SELECT count(*) FILTER (WHERE NOT ever_booked),
               count(*) FILTER (WHERE ever_booked AND booked = 0),
               count(*) FILTER (WHERE booked > 0), coalesce(sum(booked), 0), ({_TO_BE_MADE})
        FROM (SELECT s.booked + {OFFERED} AS booked, {_EVER_BOOKED} AS ever_booked
              FROM clinic_sessions s WHERE s.id = ANY(ARRAY({_AGAINST}))) found
        """,
        params,
    )
    assert row is not None
    return Effect(*(int(number) for number in row))


def columns(days: Sequence[CalendarDay]) -> dict[str, object]:
    """Return a calendar as arrays: each date, the weekday it follows, and whether it is off."""
    return {
        "days": [day.day for day in days],
        "weekdays": [day.weekday for day in days],
        "off": [day.is_off for day in days],
    }
