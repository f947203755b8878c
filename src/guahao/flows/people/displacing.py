"""A checked registration takes another's place (RULES.md "Real-name check")."""

from __future__ import annotations

from dataclasses import dataclass

from guahao.flows.fairness.applications import end_of_patients
from guahao.flows.fairness.returning import returning_places
from guahao.flows.kernel.platform import Platform
from guahao.rules.attendance.pickup import pickup_deadline
from guahao.rules.fairness.returning import Cause
from guahao.store.booking import appointments
from guahao.store.kernel.db import Tx
from guahao.store.messages import messages
from guahao.store.people import registrations as store


@dataclass(frozen=True, slots=True)
class DisplacedRegistrations:
    """Registrations that were taken off their accounts, with these, and what was cancelled."""

    accounts: dict[int, int | None]
    cancelled: int


async def displace_registrations(
    tx: Tx, platform: Platform, patient_id: int
) -> DisplacedRegistrations:
    """Take a locked registration, and what is merged into it, off their accounts.

    The accounts are notified and see nothing of the person any more. What is booked is cancelled,
    unless its pick-up is over: nobody can come for it, the hospital must not expect the person,
    and no list, feed or record of the hospital may say that the person is a patient there.
    """
    accounts = await store.accounts_of_person(tx, patient_id)
    ids = list(accounts)
    live = await store.live_bookings(tx, ids)
    await appointments.lock_sessions(tx, [session_id for _, session_id in live])
    locked = await appointments.lock_appointments(tx, [id for id, _ in live])
    cancelled = 0
    for booking in locked.values():
        facts = booking.facts
        until = pickup_deadline(facts.visit_date, facts.period, facts.rules)
        if facts.status == "booked" and tx.now < until:
            await appointments.set_status(tx, booking.id, "cancelled")
            session_id = booking.clinic_session_id
            async with returning_places(tx, platform, [session_id], Cause.DISPLACED):
                await appointments.return_place(tx, session_id)
            cancelled += 1
    # A confirmation that waits would give the code to who has lost the person.
    for id in ids:
        await messages.withdraw(tx, id)
    await messages.notify_patients(tx, "displaced", ids)
    await store.take_off_accounts(tx, ids)
    await end_of_patients(tx, ids)
    return DisplacedRegistrations(accounts, cancelled)
