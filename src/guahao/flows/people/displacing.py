"""A checked registration takes an unchecked one's place (RULES.md "Real-name check")."""

from __future__ import annotations

from guahao.rules.cancelling import cancel_deadline
from guahao.store import appointments, messages
from guahao.store.db import Tx
from guahao.store.people import registrations as store
from guahao.store.people.registrations import Registration


async def displace(tx: Tx, old: Registration) -> int:
    """Take a locked unchecked registration off its account; how many bookings were cancelled.

    The account is notified and sees nothing of the person any more. What is booked is cancelled
    while the hospital's deadline allows, so that the places return. Later it stays as it is and
    becomes void: it counts for nobody, and nobody can pick it up.
    """
    live = await store.live_bookings(tx, old.id)
    await appointments.lock_sessions(tx, [session_id for _, session_id in live])
    locked = await appointments.lock_appointments(tx, [id for id, _ in live])
    cancelled = 0
    for booking in locked.values():
        facts = booking.facts
        if facts.status == "booked" and tx.now < cancel_deadline(facts.visit_date, facts.rules):
            await appointments.set_status(tx, booking.id, "cancelled")
            await appointments.return_place(tx, booking.clinic_session_id)
            cancelled += 1
    # A confirmation that waits would give the code to who has lost the person.
    await messages.withdraw(tx, old.id)
    await messages.tell_patients(tx, "displaced", [old.id])
    await store.set_displaced(tx, old.id)
    return cancelled
