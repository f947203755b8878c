"""Record in one call who came on a visit date and who did not, in all hospitals (S16)."""

from __future__ import annotations

from collections.abc import Sequence

from guahao.flows.attendance.penalties import derive_suspensions
from guahao.flows.kernel.platform import Platform
from guahao.store.attendance import penalties as penalty_store
from guahao.store.messages import messages
from guahao.store.people import registrations


async def report_attendance(
    platform: Platform, present: Sequence[int], absent: Sequence[int]
) -> int:
    """Record the attendance of a finished visit date; return the number of no-shows recorded.

    Appointment ids; only those still booked or unverified change. Attendance of their
    sessions is then known, suspensions follow.
    """
    async with platform.db.transaction() as tx:
        await penalty_store.lock_appointments_persons_and_sessions(tx, [*present, *absent])
        await penalty_store.record_attendance(tx, present, "picked_up")
        await registrations.check_by_pick_up(tx, present)
        no_shows = await penalty_store.record_attendance(tx, absent, "no_show")
        await messages.notify(tx, "no_show", [row.appointment_id for row in no_shows])
        await derive_suspensions(tx, platform, [row.patient_id for row in no_shows])
    return len(no_shows)
