"""A stopped clinic whose patient is offered a place a week later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from tests.city import THURSDAY, ask
from tests.supply import at

from guahao.flows.kernel.platform import Platform
from guahao.flows.supply import stops
from guahao.flows.supply.replacing import Offered, offer
from guahao.rules.booking.replacing import PlacesOffered
from guahao.rules.staff.staff import Role, Staff
from guahao.store.supply.stops import StopScope

NEXT_WEEK = THURSDAY + timedelta(days=7)
UNTIL = at("2026-12-04T18:00")


@dataclass(frozen=True)
class Replaced:
    """The stop of a booking's session, and the session in which a place can be offered."""

    platform: Platform
    by: Staff
    stop_id: int
    session_id: int

    async def offer(self) -> None:
        """Offer an added place there."""
        places = [PlacesOffered(self.session_id, 1, 0)]
        offered = await offer(self.platform, self.by, self.stop_id, places, UNTIL)
        assert offered == Offered(1, 0), offered


async def stop_clinic(platform: Platform, session_id: int) -> Replaced:
    """Stop a session of Thursday; a like session of the next week goes on."""
    [[hospital_id, later]] = await ask(
        platform,
        """
        INSERT INTO clinic_sessions (hospital_id, department_id, title, specialty, visit_date,
                                     period, starts_at, ends_at, fee_fen, capacity, booked)
        SELECT hospital_id, department_id, title, specialty, %s, period, starts_at, ends_at,
               fee_fen, capacity, 0
        FROM clinic_sessions WHERE id = %s RETURNING hospital_id, id
        """,
        *(NEXT_WEEK, session_id),
    )
    by = Staff(7, "scheduler", Role.SCHEDULER, hospital_id)
    stop_id = await stops.stop(
        platform, by, StopScope(THURSDAY, THURSDAY, session_id=session_id), "病"
    )
    assert isinstance(stop_id, int), stop_id
    return Replaced(platform, by, stop_id, later)
