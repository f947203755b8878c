"""A hospital's weekly timetables, and the sessions that follow them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import date, time

from guahao.store.kernel.db import Tx
from guahao.store.supply.fees import listed_fee


@dataclass(frozen=True, slots=True)
class Clinic:
    """What is held: who, when in the day, for how much and how many. Money in 分."""

    title: str
    specialty: str
    period: str
    starts_at: time | None
    ends_at: time | None
    fee_fen: int
    capacity: int


@dataclass(frozen=True, slots=True)
class Timetable:
    """A clinic on one weekday (1 is Monday), from a date until a date, both included.

    Its fee is that of the day it was asked for; `fee_is_own`: not the hospital's list's.
    """

    id: int
    department_id: int
    iso_weekday: int
    valid_from: date
    valid_until: date
    fee_is_own: bool
    clinic: Clinic


@dataclass(frozen=True, slots=True)
class PlannedSession:
    """A session as its scheduler sees it."""

    id: int
    department_id: int
    timetable_id: int | None
    visit_date: date
    booked: int
    stopped: bool
    clinic: Clinic


_CLINIC = "title, specialty, period, starts_at, ends_at, fee_fen, capacity"
# The calendar has no "for ever" of its own.
_TIMETABLE = f"""
    SELECT t.id, department_id, iso_weekday, valid_from,
           least(valid_until, date '9999-12-31'), fee_is_own,
           title, specialty, period, starts_at, ends_at,
           CASE WHEN fee_is_own THEN fee_fen
                ELSE coalesce({listed_fee("t.hospital_id", "t.title", "greatest(valid_from, %s)")},
                              fee_fen) END,
           capacity
    FROM timetables t
"""
_SESSION = f"""
    SELECT id, department_id, timetable_id, visit_date, booked, stopped_at IS NOT NULL, {_CLINIC}
    FROM clinic_sessions
"""
_BY_TIME = "array_position('{morning,afternoon,evening}', period), starts_at NULLS FIRST, title, id"


def _timetable(row: Sequence[object]) -> Timetable:
    return Timetable(*[*row[:6], Clinic(*row[6:])])  # type: ignore[arg-type]


def _session(row: Sequence[object]) -> PlannedSession:
    return PlannedSession(*[*row[:6], Clinic(*row[6:])])  # type: ignore[arg-type]


async def has_department(tx: Tx, hospital_id: int, department_id: int) -> bool:
    """Whether the department is this hospital's and has sessions of its own."""
    row = await tx.row(
        "SELECT 1 FROM departments WHERE id = %s AND hospital_id = %s AND parent_id IS NOT NULL",
        (department_id, hospital_id),
    )
    return row is not None


async def of_department(tx: Tx, department_id: int, today: date) -> list[Timetable]:
    """The timetables that hold today or later, in the order of a day."""
    rows = await tx.rows(
        f"{_TIMETABLE} WHERE department_id = %s AND valid_until >= %s ORDER BY {_BY_TIME}",
        (today, department_id, today),
    )
    return [_timetable(row) for row in rows]


async def sessions_between(
    tx: Tx, department_id: int, first: date, last: date
) -> list[PlannedSession]:
    """A department's sessions, both days included."""
    rows = await tx.rows(
        f"{_SESSION} WHERE department_id = %s AND visit_date BETWEEN %s AND %s"
        f" ORDER BY visit_date, {_BY_TIME}",
        (department_id, first, last),
    )
    return [_session(row) for row in rows]


async def add(
    tx: Tx,
    hospital_id: int,
    department_id: int,
    weekday: int,
    span: tuple[date, date],
    new: Clinic,
    *,
    fee_is_own: bool,
) -> int:
    """A timetable; its id."""
    row = await tx.row(
        f"""
        INSERT INTO timetables (hospital_id, department_id, iso_weekday, fee_is_own, valid_from,
                                valid_until, {_CLINIC})
        VALUES (%s, %s, %s, %s, %s, CASE WHEN %s = date '9999-12-31' THEN 'infinity' ELSE %s END,
                %s, %s, %s, %s, %s, %s, %s) RETURNING id
        """,
        (
            *(hospital_id, department_id, weekday, fee_is_own, span[0], span[1], span[1]),
            *astuple(new),
        ),
    )
    assert row is not None
    return int(row[0])


async def lock(tx: Tx, hospital_id: int, timetable_id: int) -> Timetable | None:
    """A timetable of the hospital's, locked; None if unknown or another's."""
    row = await tx.row(
        f"{_TIMETABLE} WHERE t.hospital_id = %s AND t.id = %s FOR NO KEY UPDATE OF t",
        (tx.now.date(), hospital_id, timetable_id),
    )
    return None if row is None else _timetable(row)


async def change(tx: Tx, timetable_id: int, new: Clinic, *, fee_is_own: bool) -> None:
    """Other times, fee or capacity from now on."""
    await tx.do(
        f"UPDATE timetables SET (fee_is_own, {_CLINIC}) = (%s, %s, %s, %s, %s, %s, %s, %s)"
        " WHERE id = %s",
        (fee_is_own, *astuple(new), timetable_id),
    )


async def end(tx: Tx, timetable_id: int, last: date) -> None:
    """`last` is the last day on which it holds; 9999-12-31: for ever."""
    await tx.do(
        """
        UPDATE timetables
        SET valid_until = CASE WHEN %s = date '9999-12-31' THEN 'infinity' ELSE %s END
        WHERE id = %s
        """,
        (last, last, timetable_id),
    )


async def following(tx: Tx, timetable_id: int, after: date) -> tuple[int, int]:
    """Its open sessions after a day: how many without a booking, how many with.

    What the hospital's own system has taken over follows that alone.
    """
    row = await tx.row(
        """
        SELECT count(*) FILTER (WHERE booked = 0), count(*) FILTER (WHERE booked > 0)
        FROM clinic_sessions
        WHERE timetable_id = %s AND visit_date > %s AND stopped_at IS NULL
          AND external_id IS NULL
        """,
        (timetable_id, after),
    )
    assert row is not None
    return row[0], row[1]


async def lock_following(tx: Tx, timetable_id: int, after: date) -> list[int]:
    """Its open sessions after a day, locked in order of id."""
    rows = await tx.rows(
        """
        SELECT id FROM clinic_sessions
        WHERE timetable_id = %s AND visit_date > %s AND stopped_at IS NULL
          AND external_id IS NULL
        ORDER BY id FOR NO KEY UPDATE
        """,
        (timetable_id, after),
    )
    return [row[0] for row in rows]


async def follow(tx: Tx, session_ids: Sequence[int], new: Clinic, *, fee_is_own: bool) -> None:
    """Locked sessions take over a change: all of it where nobody has booked, the places alone
    where somebody has, and never fewer than are booked. The fee is its day's on the list,
    unless the line has a price of its own."""
    ids = list(session_ids)
    await tx.do(
        f"UPDATE clinic_sessions SET ({_CLINIC}) = (%s, %s, %s, %s, %s, %s, %s)"
        " WHERE id = ANY(%s::bigint[]) AND booked = 0",
        (*astuple(new), ids),
    )
    if not fee_is_own:
        listed = listed_fee("s.hospital_id", "s.title", "s.visit_date")
        await tx.do(
            f"UPDATE clinic_sessions s SET fee_fen = coalesce({listed}, fee_fen)"
            " WHERE id = ANY(%s::bigint[]) AND booked = 0",
            (ids,),
        )
    await tx.do(
        "UPDATE clinic_sessions SET capacity = greatest(booked, %s)"
        " WHERE id = ANY(%s::bigint[]) AND booked > 0",
        (new.capacity, ids),
    )


async def withdraw(tx: Tx, session_ids: Sequence[int]) -> None:
    """Locked sessions of an ended timetable: gone where nobody ever booked, full elsewhere."""
    ids = list(session_ids)
    await tx.do(
        "DELETE FROM clinic_sessions s WHERE id = ANY(%s::bigint[])"
        " AND NOT EXISTS (SELECT FROM appointments a WHERE a.clinic_session_id = s.id)",
        (ids,),
    )
    await tx.do("UPDATE clinic_sessions SET capacity = booked WHERE id = ANY(%s::bigint[])", (ids,))


async def add_session(
    tx: Tx, hospital_id: int, department_id: int, visit_date: date, new: Clinic
) -> int:
    """A session that follows no timetable; its id."""
    row = await tx.row(
        f"""
        INSERT INTO clinic_sessions (hospital_id, department_id, visit_date, {_CLINIC})
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
        """,
        (hospital_id, department_id, visit_date, *astuple(new)),
    )
    assert row is not None
    return int(row[0])


async def session(tx: Tx, hospital_id: int, session_id: int) -> PlannedSession | None:
    """A session of the hospital's, or None."""
    row = await tx.row(f"{_SESSION} WHERE hospital_id = %s AND id = %s", (hospital_id, session_id))
    return None if row is None else _session(row)


async def set_session(tx: Tx, session_id: int, capacity: int, fee_fen: int) -> None:
    """Places and fee of a locked session."""
    await tx.do(
        "UPDATE clinic_sessions SET capacity = %s, fee_fen = %s WHERE id = %s",
        (capacity, fee_fen, session_id),
    )
