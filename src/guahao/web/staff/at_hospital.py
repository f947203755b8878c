"""Pages of a hospital's own affairs: for its staff, and for administrators of any hospital.

The same page stands under two addresses: /staff/schedule for a hospital's own scheduler, and
/staff/hospitals/{hospital_id} for administrators, who act for the hospital that is named.
"""

from __future__ import annotations

from dataclasses import dataclass

from guahao.flows.hospitals import hospitals
from guahao.rules.hospitals.hospitals import HospitalRecord
from guahao.rules.staff.staff import HOSPITAL_ROLES, Role, Staff
from guahao.web.http.reading import ProblemError, read_id
from guahao.web.staff.page import Handler, StaffPage, StaffRoute

OWN = "/staff/schedule"
ANY = "/staff/hospitals/{hospital_id}"


@dataclass(frozen=True, slots=True)
class HospitalContext:
    """The hospital of a page, who acts there, and the address its pages begin with.

    `hospital` None: their own, which the page need not name.
    """

    staff: Staff
    address: str
    hospital: HospitalRecord | None


async def place_of(page: StaffPage) -> HospitalContext:
    """Return the hospital of its staff, or that of an administrator's path."""
    if page.staff.role in HOSPITAL_ROLES:
        return HospitalContext(page.staff, OWN, None)
    id = read_id(page.request, "hospital_id", "not_found")
    found = await hospitals.one(page.services.platform, id)
    if found is None:
        raise ProblemError("not_found")
    return HospitalContext(page.staff.acting_for(id), ANY.format(hospital_id=id), found)


def at_both(method: str, path: str, handler: Handler) -> tuple[StaffRoute, StaffRoute]:
    """Return the scheduler's route to a page and the administrators'."""
    assert method in ("GET", "POST")
    return (
        StaffRoute(method, OWN + path, handler, frozenset({Role.SCHEDULER})),  # type: ignore[arg-type]
        StaffRoute(method, ANY + path, handler, frozenset({Role.ADMINISTRATOR})),  # type: ignore[arg-type]
    )
