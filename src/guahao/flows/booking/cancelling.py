"""Cancel a booking: its place goes back to the supply, its limits are freed (S14)."""

from __future__ import annotations

from guahao.flows.kernel.platform import Platform
from guahao.rules.booking.cancelling import decide_cancel
from guahao.rules.kernel.outcomes import CancelRefusal
from guahao.store.booking import appointments as store
from guahao.store.kernel.db import Tx
from guahao.store.kernel.views import AppointmentView
from guahao.store.messages import messages


async def cancel(
    platform: Platform, account_id: int, appointment_id: int
) -> AppointmentView | CancelRefusal | None:
    """The patient's own request; None if unknown or another account's."""
    async with platform.db.transaction() as tx:
        return await cancel_locked(tx, platform, appointment_id, account_id, "patient")


async def cancel_for_caller(
    platform: Platform, appointment_id: int
) -> AppointmentView | CancelRefusal | None:
    """The hotline's agent, for a caller already verified; None if unknown."""
    async with platform.db.transaction() as tx:
        return await cancel_locked(tx, platform, appointment_id, None, "agent")


async def cancel_locked(
    tx: Tx, platform: Platform, appointment_id: int, account_id: int | None, by: str
) -> AppointmentView | CancelRefusal | None:
    """Cancel within a transaction that has locked nothing of bookings yet.

    `account_id`: whose it must be; None for anybody's. `by`: `patient` or `agent`.
    """
    locked = await store.lock_appointment(tx, appointment_id, account_id)
    if locked is None:
        return None
    policies = await platform.policies.read(tx)
    policy = policies.for_cancelling(locked.booked_on, tx.now.date())
    refused = decide_cancel(locked.facts, by, tx.now, policy)
    if refused is not None:
        return refused
    await store.set_status(tx, locked.id, "cancelled")
    await store.return_place(tx, locked.clinic_session_id)
    await messages.tell(tx, "cancelled", [locked.id])
    return (await store.appointments_by_id(tx, platform.vault, [locked.id]))[locked.id]
