"""Decline a place that was won in a draw, without the hotline (RULES.md "Cancel")."""

from __future__ import annotations

from guahao.flows.fairness.returning import returning_places
from guahao.flows.kernel.acting import Acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.fairness.declining import DeclineRefusal, decide_decline
from guahao.rules.fairness.returning import Cause
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.staff.staff import SYSTEM
from guahao.store.booking import appointments
from guahao.store.fairness import wins
from guahao.store.fairness.wins import WonBooking
from guahao.store.kernel.views import AppointmentView
from guahao.store.messages import messages


async def decline(
    platform: Platform, account_id: int, appointment_id: int
) -> AppointmentView | Refused[DeclineRefusal]:
    """Decline a won booking at its patient's own request; the place goes to the next draw."""
    async with platform.db.transaction() as tx:
        locked = await appointments.lock_appointment(tx, appointment_id, account_id)
        if locked is None:
            return Refused(DeclineRefusal.UNKNOWN)
        win = await wins.of_appointment(tx, appointment_id)
        refused = decide_decline(locked.facts, win, tx.now)
        if refused is not None:
            return refused
        await appointments.set_status(tx, appointment_id, "cancelled")
        await wins.set_declined(tx, appointment_id)
        async with returning_places(tx, platform, [locked.clinic_session_id], Cause.DECLINED):
            await appointments.return_place(tx, locked.clinic_session_id)
        await messages.notify(tx, "cancelled", [appointment_id])
        found = await appointments.appointments_by_id(tx, platform.vault, [appointment_id])
        await Acting(platform, tx, SYSTEM).record(
            "decline_appointment",
            ("appointment", appointment_id),
            detail={"account": account_id},
            hospital_id=locked.facts.hospital_id,
        )
    return found[appointment_id]


async def win_of(platform: Platform, booking: AppointmentView) -> WonBooking | None:
    """Return how an account's own booking was won; None if it was not won in a draw."""
    async with platform.db.transaction() as tx:
        return await wins.of_appointment(tx, booking.id)
