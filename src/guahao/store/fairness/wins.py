"""Bookings that were won in draws, which their patients may decline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from guahao.rules.fairness.declining import Win
from guahao.store.kernel.db import Tx
from guahao.store.kernel.records import columns


@dataclass(frozen=True, slots=True, kw_only=True)
class WonBooking(Win):
    """A win with its booking, its draw, and the application while that is remembered."""

    appointment_id: int
    draw_id: int
    application_id: int | None


async def of_appointments(tx: Tx, appointment_ids: Sequence[int]) -> dict[int, WonBooking]:
    """Return the wins among these bookings, by the booking's id."""
    rows = await tx.records(
        WonBooking,
        f"""
        SELECT {columns(WonBooking)} FROM wins WHERE appointment_id = ANY(%(ids)s::bigint[])
        """,
        {"ids": list(appointment_ids)},
    )
    return {row.appointment_id: row for row in rows}


async def of_appointment(tx: Tx, appointment_id: int) -> WonBooking | None:
    """Return how a booking was won; None if it was not won in a draw."""
    return (await of_appointments(tx, [appointment_id])).get(appointment_id)


async def set_declined(tx: Tx, appointment_id: int) -> None:
    """Record that a locked booking is declined; three of these pause a person's applications."""
    await tx.do(
        "UPDATE wins SET declined_at = %(now)s WHERE appointment_id = %(id)s",
        {"now": tx.now, "id": appointment_id},
    )
