"""What a hospital charges for a title (医事服务费), with the dates from which it holds."""

from __future__ import annotations

from datetime import date
from typing import Any

from guahao.rules.supply.changes import SessionTerms, StoredSession
from guahao.rules.supply.fees import DatedFee, PricedSession
from guahao.store.kernel.db import Tx
from guahao.store.supply.changes import OFFERED, TERMS


def listed_fee(hospital: str, title: str, day: str) -> str:
    """Return SQL for the fee of the hospital's list, NULL where it has none for that day."""
    return f"""
        (SELECT f.fee_fen FROM hospital_fees f
         WHERE f.hospital_id = {hospital} AND f.title = {title} AND f.holds_from <= {day}
         ORDER BY f.holds_from DESC LIMIT 1)
    """


async def dated(tx: Tx, hospital_id: int) -> list[DatedFee]:
    """Return the hospital's whole list, each title's fees by date."""
    return await tx.records(
        DatedFee,
        """
        SELECT title, holds_from, fee_fen FROM hospital_fees
        WHERE hospital_id = %(hospital_id)s ORDER BY title, holds_from
        """,
        {"hospital_id": hospital_id},
    )


async def on_day(tx: Tx, hospital_id: int, day: date) -> dict[str, int]:
    """Return each title's fee for visits on a day; what is not listed is missing."""
    rows = await tx.rows(
        """
        SELECT DISTINCT ON (title) title, fee_fen FROM hospital_fees
        WHERE hospital_id = %(hospital_id)s AND holds_from <= %(day)s
        ORDER BY title, holds_from DESC
        """,
        {"hospital_id": hospital_id, "day": day},
    )
    return dict(rows)


async def put(tx: Tx, hospital_id: int, fee: DatedFee) -> None:
    """Save a fee from a date on, in place of one that begins on that very date."""
    await tx.do(
        """
        INSERT INTO hospital_fees (hospital_id, title, holds_from, fee_fen)
        VALUES (%(hospital_id)s, %(title)s, %(holds_from)s, %(fee_fen)s)
        ON CONFLICT (hospital_id, title, holds_from) DO UPDATE SET fee_fen = excluded.fee_fen
        """,
        {
            "hospital_id": hospital_id,
            "title": fee.title,
            "holds_from": fee.holds_from,
            "fee_fen": fee.fee_fen,
        },
    )


async def sessions_with_another_fee(
    tx: Tx, hospital_id: int, fee: DatedFee, until: date | None, *, lock: bool
) -> list[PricedSession]:
    """Return the sessions of a fee's title and days that have another fee, by id.

    `until`: the first day of the title's next fee. `lock`: in order of id, before they are read.
    """
    return await tx.records(
        _priced,
        f"""
        SELECT s.id, s.department_id, {", ".join(f"s.{name}" for name in TERMS.split(", "))},
               s.booked + {OFFERED} AS booked, s.stopped_at IS NOT NULL AS stopped, t.fee_is_own,
               s.external_id IS NOT NULL AS is_fed
        FROM clinic_sessions s LEFT JOIN timetables t ON t.id = s.timetable_id
        WHERE s.hospital_id = %(hospital_id)s AND s.title = %(title)s
          AND s.department_id = ANY (ARRAY(SELECT id FROM departments
                                           WHERE hospital_id = %(hospital_id)s))
          AND s.visit_date >= %(first)s
          AND s.visit_date < coalesce(%(until)s::date, 'infinity')
          AND s.fee_fen <> %(fee_fen)s
        ORDER BY s.id {"FOR NO KEY UPDATE OF s" if lock else ""}
        """,
        {
            "hospital_id": hospital_id,
            "title": fee.title,
            "first": fee.holds_from,
            "until": until,
            "fee_fen": fee.fee_fen,
        },
    )


def _priced(
    *, id: int, booked: int, stopped: bool, fee_is_own: bool | None, is_fed: bool, **terms: Any
) -> PricedSession:
    return PricedSession(
        id, StoredSession(SessionTerms(**terms), booked, stopped), fee_is_own, is_fed
    )
