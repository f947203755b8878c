"""Taking the number on the visit day (S11), and what hospitals report of attendance."""

from __future__ import annotations

from collections.abc import Sequence

from guahao.flows.attendance.penalties import derive_suspensions
from guahao.flows.kernel.platform import Platform
from guahao.rules.attendance.pickup import decide_pickup
from guahao.rules.kernel.outcomes import PickupRefusal
from guahao.store.attendance import penalties as penalty_store
from guahao.store.booking import appointments as store
from guahao.store.kernel.views import AppointmentView
from guahao.store.messages import messages
from guahao.store.people import registrations
from guahao.store.people.patients import person_indexes


async def pick_up(
    platform: Platform, hospital_id: int, code: str, id_no: str
) -> AppointmentView | PickupRefusal:
    """Hand out the number for code and document; an unknown code is `wrong_person` too."""
    async with platform.db.transaction() as tx:
        appointment_id = await store.appointment_id_by_code(tx, platform.vault, code)
        if appointment_id is None:
            return PickupRefusal.WRONG_PERSON
        locked = await store.lock_appointment(tx, appointment_id, None)
        assert locked is not None
        same_person = locked.is_of(person_indexes(platform.vault, id_no))
        refused = decide_pickup(locked.facts, same_person, hospital_id, tx.now)
        if refused is not None:
            return refused
        await store.set_status(tx, locked.id, "picked_up")
        await registrations.check_by_pick_up(tx, [locked.id])
        return (await store.appointments_by_id(tx, platform.vault, [locked.id]))[locked.id]


async def report_attendance(
    platform: Platform, present: Sequence[int], absent: Sequence[int]
) -> int:
    """What a hospital reports of a finished visit date: who came, who did not.

    Appointment ids; only those still booked or unverified change. Attendance of their
    sessions is then known, suspensions follow. The number of no-shows recorded.
    """
    async with platform.db.transaction() as tx:
        await penalty_store.lock_appointments_persons_and_sessions(tx, [*present, *absent])
        await penalty_store.record_attendance(tx, present, "picked_up")
        await registrations.check_by_pick_up(tx, present)
        no_shows = await penalty_store.record_attendance(tx, absent, "no_show")
        await messages.tell(tx, "no_show", [row.appointment_id for row in no_shows])
        await derive_suspensions(tx, platform, [row.patient_id for row in no_shows])
    return len(no_shows)
