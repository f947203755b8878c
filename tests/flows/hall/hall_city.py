"""A clinic session on its day, with people who booked it."""

from __future__ import annotations

from dataclasses import dataclass

from tests.city import (
    Clock,
    add_account,
    add_appointment,
    add_patient,
    add_session,
    ask,
    resident_id,
)
from tests.supply import at

from guahao.flows.attendance.window import hand_out
from guahao.flows.kernel.platform import Platform
from guahao.rules.staff.staff import Role, Staff
from guahao.store.kernel.views import AppointmentView

VISIT = at("2026-12-03 08:20")


@dataclass
class Clinic:
    """A session, its hospital's clerk, and its bookings in the order in which they were made."""

    platform: Platform
    session_id: int
    hospital_id: int
    clerk: Staff
    bookings: list[int]

    async def pick_up(self, *places: int) -> None:
        """Pick up the bookings at these places of the order of booking, counted from 1."""
        for place in places:
            taken = await hand_out(self.platform, self.clerk, f"{place:08d}", resident_id(place))
            assert isinstance(taken, AppointmentView), taken

    async def numbers(self) -> dict[int, int | None]:
        """The numbers of those who are here, by the place of their booking."""
        rows = await ask(
            self.platform,
            """
            SELECT appointment_id, number FROM queue_entries
            WHERE clinic_session_id = %s AND state <> 'expected'
            """,
            self.session_id,
        )
        return {self.bookings.index(id) + 1: number for id, number in rows}


async def add_clinic(platform: Platform, clock: Clock, people: int = 4) -> Clinic:
    """A clinic of today, booked by so many."""
    session_id = await add_session(platform)
    [[hospital_id]] = await ask(
        platform, "SELECT hospital_id FROM clinic_sessions WHERE id = %s", session_id
    )
    bookings = []
    for number in range(1, people + 1):
        patient = await add_patient(platform, await add_account(platform, number), number)
        bookings.append(await add_appointment(platform, patient.id, session_id, f"{number:08d}"))
    await ask(platform, "UPDATE clinic_sessions SET booked = %s RETURNING id", people)
    clock.now = VISIT
    clerk = Staff(1, "clerk", Role.CLERK, hospital_id)
    return Clinic(platform, session_id, hospital_id, clerk, bookings)
