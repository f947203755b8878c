"""What a hospital charges for a title (医事服务费), with the dates from which it holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from guahao.store.kernel.db import Tx


@dataclass(frozen=True, slots=True)
class DatedFee:
    """A fee in 分 and the first visit date for which it holds."""

    title: str
    holds_from: date
    fee_fen: int


@dataclass(frozen=True, slots=True)
class FeeReach:
    """Sessions of a fee's days and title that have another fee.

    `free`: without a booking, they can follow; `taken`: somebody has booked for what was told;
    `own`: they have a price of their own.
    """

    free: int
    taken: int
    own: int


def listed_fee(hospital: str, title: str, day: str) -> str:
    """SQL for the fee of the hospital's list, NULL where it has none for that day."""
    return f"""
        (SELECT f.fee_fen FROM hospital_fees f
         WHERE f.hospital_id = {hospital} AND f.title = {title} AND f.holds_from <= {day}
         ORDER BY f.holds_from DESC LIMIT 1)
    """


async def dated(tx: Tx, hospital_id: int) -> list[DatedFee]:
    """The hospital's whole list, each title's fees by date."""
    rows = await tx.rows(
        "SELECT title, holds_from, fee_fen FROM hospital_fees WHERE hospital_id = %s"
        " ORDER BY title, holds_from",
        (hospital_id,),
    )
    return [DatedFee(*row) for row in rows]


async def on_day(tx: Tx, hospital_id: int, day: date) -> dict[str, int]:
    """Each title's fee for visits on a day; what is not listed is missing."""
    rows = await tx.rows(
        """
        SELECT DISTINCT ON (title) title, fee_fen FROM hospital_fees
        WHERE hospital_id = %s AND holds_from <= %s ORDER BY title, holds_from DESC
        """,
        (hospital_id, day),
    )
    return {row[0]: row[1] for row in rows}


async def put(tx: Tx, hospital_id: int, fee: DatedFee) -> None:
    """A fee from a date on; the one kept for that very date is replaced."""
    await tx.do(
        """
        INSERT INTO hospital_fees (hospital_id, title, holds_from, fee_fen)
        VALUES (%s, %s, %s, %s)
        ON CONFLICT (hospital_id, title, holds_from) DO UPDATE SET fee_fen = excluded.fee_fen
        """,
        (hospital_id, fee.title, fee.holds_from, fee.fee_fen),
    )


# From the fee's first day until the next of its title. A timetable's sessions follow the list
# unless the line has its own price; a single one where it has a price of the list, that of the
# day before or that of its day; one that the hospital's own system feeds has that system's price.
_TOUCHED = f"""
    FROM (SELECT %s::bigint AS hospital_id, %s::text AS title, %s::date AS holds_from,
                 %s::int AS fee_fen) new
    JOIN LATERAL (SELECT coalesce(min(f.holds_from), 'infinity') AS holds_from
                  FROM hospital_fees f
                  WHERE f.hospital_id = new.hospital_id AND f.title = new.title
                    AND f.holds_from > new.holds_from) later ON true
    LEFT JOIN LATERAL {listed_fee("new.hospital_id", "new.title", "new.holds_from - 1")}
        before (fee_fen) ON true
    LEFT JOIN LATERAL {listed_fee("new.hospital_id", "new.title", "new.holds_from")}
        listed (fee_fen) ON true
"""
_SESSIONS = """
    JOIN clinic_sessions s ON s.hospital_id = new.hospital_id AND s.title = new.title
        AND s.department_id = ANY (ARRAY(SELECT id FROM departments
                                         WHERE hospital_id = new.hospital_id))
        AND s.visit_date >= new.holds_from AND s.visit_date < later.holds_from
        AND s.stopped_at IS NULL AND s.fee_fen <> new.fee_fen
    LEFT JOIN timetables t ON t.id = s.timetable_id
"""
_FOLLOWS = """
    (s.external_id IS NULL
     AND CASE WHEN t.id IS NULL THEN s.fee_fen IN (before.fee_fen, listed.fee_fen)
              ELSE NOT t.fee_is_own END)
"""


def _asked(hospital_id: int, fee: DatedFee) -> tuple[object, ...]:
    return (hospital_id, fee.title, fee.holds_from, fee.fee_fen)


async def reach(tx: Tx, hospital_id: int, fee: DatedFee) -> FeeReach:
    """How many sessions have another fee than this one would give them."""
    row = await tx.row(
        f"""
        SELECT count(*) FILTER (WHERE follows AND booked = 0),
               count(*) FILTER (WHERE follows AND booked > 0),
               count(*) FILTER (WHERE NOT follows)
        FROM (SELECT s.booked, coalesce({_FOLLOWS}, false) AS follows {_TOUCHED} {_SESSIONS}) n
        """,
        _asked(hospital_id, fee),
    )
    assert row is not None
    return FeeReach(*row)


async def apply(tx: Tx, hospital_id: int, fee: DatedFee) -> int:
    """Give it to the sessions that follow and have no booking; how many.

    Locks them in order of id: whoever books meanwhile is waited for, and keeps what was told.
    """
    rows = await tx.rows(
        f"SELECT s.id {_TOUCHED} {_SESSIONS} WHERE {_FOLLOWS} AND s.booked = 0"
        " ORDER BY s.id FOR NO KEY UPDATE OF s",
        _asked(hospital_id, fee),
    )
    return await tx.do(
        "UPDATE clinic_sessions SET fee_fen = %s WHERE id = ANY(%s::bigint[]) AND booked = 0",
        (fee.fee_fen, [row[0] for row in rows]),
    )
