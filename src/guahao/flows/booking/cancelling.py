"""Cancel a booking: its place goes back to the supply, its limits are freed (S14)."""

from __future__ import annotations

from guahao.flows.fairness.returning import returning_places
from guahao.flows.kernel.platform import Platform
from guahao.rules.booking.cancelling import decide_cancel
from guahao.rules.fairness.returning import Cause
from guahao.rules.kernel.outcomes import CancelRefusal
from guahao.store.booking import appointments as store
from guahao.store.booking.appointments import LockedAppointment
from guahao.store.kernel.db import Tx
from guahao.store.kernel.views import AppointmentView
from guahao.store.messages import messages


async def cancel(
    platform: Platform, account_id: int, appointment_id: int
) -> AppointmentView | CancelRefusal | None:
    """Cancel at the patient's own request; None if unknown or another account's."""
    async with platform.db.transaction() as tx:
        policies = await platform.policies.read(tx)
        locked = await store.lock_appointment(tx, appointment_id, account_id)
        if locked is None:
            return None
        policy = policies.for_cancelling(locked.booked_on, tx.now.date())
        refusal = decide_cancel(locked.facts, "patient", tx.now, policy)
        if refusal is not None:
            return refusal
        return await save_cancelled(tx, platform, locked)


async def save_cancelled(
    tx: Tx, platform: Platform, locked: LockedAppointment, cause: Cause = Cause.CANCELLED
) -> AppointmentView:
    """Save that a locked booking is cancelled, and notify its patient; the decision is made."""
    await store.set_status(tx, locked.id, "cancelled")
    async with returning_places(tx, platform, [locked.clinic_session_id], cause):
        await store.return_place(tx, locked.clinic_session_id)
    await messages.notify(tx, "cancelled", [locked.id])
    return (await store.appointments_by_id(tx, platform.vault, [locked.id]))[locked.id]
