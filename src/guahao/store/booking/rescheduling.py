"""Bookings that were given up for another place (改约)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from guahao.store.kernel.db import Tx


@dataclass(frozen=True, slots=True)
class BookingPlace:
    """Where a booking is: its person, whose registration may have been merged, and its session."""

    appointment_id: int
    patient_id: int
    session_id: int
    department_id: int


@dataclass(frozen=True, slots=True)
class Reschedule:
    """A booking and the booking that it replaced."""

    appointment_id: int
    replaced_id: int


async def place_of(tx: Tx, appointment_id: int, account_id: int) -> BookingPlace | None:
    """Return the place of an account's booking, unlocked; None if unknown or another account's."""
    return await tx.record(
        BookingPlace,
        """
        SELECT a.id AS appointment_id, coalesce(p.merged_into, p.id) AS patient_id,
               a.clinic_session_id AS session_id, a.department_id
        FROM appointments a JOIN patients p ON p.id = a.patient_id
        WHERE a.id = %(id)s AND p.account_id = %(account_id)s
        """,
        {"id": appointment_id, "account_id": account_id},
    )


async def save(tx: Tx, reschedule: Reschedule, by: str) -> None:
    """Save which booking took the place of which; `by`: `patient` or `agent`."""
    await tx.do(
        """
        INSERT INTO reschedules (appointment_id, replaced_id, rescheduled_by, rescheduled_at)
        VALUES (%(new)s, %(old)s, %(by)s, %(now)s)
        """,
        {
            "new": reschedule.appointment_id,
            "old": reschedule.replaced_id,
            "by": by,
            "now": tx.now,
        },
    )


async def replaced_by(tx: Tx, appointment_ids: Sequence[int]) -> dict[int, int]:
    """Return the ids of the bookings that these replaced, by the new booking."""
    rows = await tx.rows(
        "SELECT appointment_id, replaced_id FROM reschedules WHERE appointment_id = ANY(%(ids)s)",
        {"ids": list(appointment_ids)},
    )
    return {row[0]: row[1] for row in rows}


async def of_booking(tx: Tx, appointment_id: int) -> tuple[Reschedule | None, Reschedule | None]:
    """Return how a booking came about, and what became of it, by rescheduling."""
    found = await tx.records(
        Reschedule,
        """
        SELECT appointment_id, replaced_id FROM reschedules
        WHERE appointment_id = %(id)s OR replaced_id = %(id)s
        """,
        {"id": appointment_id},
    )
    came = next((one for one in found if one.appointment_id == appointment_id), None)
    went = next((one for one in found if one.replaced_id == appointment_id), None)
    return came, went
