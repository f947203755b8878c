"""Cancel a booking: its place goes back to the supply, its limits are freed (S14)."""

from __future__ import annotations

from dataclasses import dataclass

from guahao.flows.fairness.returning import returning_places
from guahao.flows.kernel.platform import Platform
from guahao.rules.booking.cancelling import decide_cancel
from guahao.rules.fairness.returning import Cause
from guahao.rules.kernel.outcomes import CancelRefusal, Refused
from guahao.store.booking import appointments as store
from guahao.store.booking.appointments import LockedAppointment
from guahao.store.kernel.db import Tx
from guahao.store.kernel.views import AppointmentView
from guahao.store.messages import messages


@dataclass(frozen=True, slots=True)
class NotCancelled(Refused[CancelRefusal]):
    """The booking stays as it is. `booking`: None where it is unknown, or another account's."""

    booking: AppointmentView | None = None


async def cancel(
    platform: Platform, account_id: int, appointment_id: int
) -> AppointmentView | NotCancelled:
    """Cancel at the patient's own request."""
    async with platform.db.transaction() as tx:
        policies = await platform.policies.read(tx)
        locked = await store.lock_appointment(tx, appointment_id, account_id)
        today = tx.now.date()
        policy = policies.for_cancelling(locked.booked_on if locked else today, today)
        refusal = decide_cancel(locked.facts if locked else None, "patient", tx.now, policy)
        if refusal is not None:
            return await not_cancelled(tx, platform, refusal, locked)
        assert locked is not None
        return await save_cancelled(tx, platform, locked)


async def not_cancelled(
    tx: Tx, platform: Platform, refusal: CancelRefusal, locked: LockedAppointment | None
) -> NotCancelled:
    """Return a refusal with its booking, whose status and deadline the answer may name."""
    if locked is None:
        return NotCancelled(refusal)
    views = await store.appointments_by_id(tx, platform.vault, [locked.id])
    return NotCancelled(refusal, booking=views[locked.id])


async def save_cancelled(
    tx: Tx, platform: Platform, locked: LockedAppointment, cause: Cause = Cause.CANCELLED
) -> AppointmentView:
    """Save that a locked booking is cancelled, and notify its patient; the decision is made."""
    await store.set_status(tx, locked.id, "cancelled")
    async with returning_places(tx, platform, [locked.clinic_session_id], cause):
        await store.return_place(tx, locked.clinic_session_id)
    await messages.notify(tx, "cancelled", [locked.id])
    return (await store.appointments_by_id(tx, platform.vault, [locked.id]))[locked.id]
