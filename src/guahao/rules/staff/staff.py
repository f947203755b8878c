"""Who works behind the counter, and what each role may do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol


class Role(StrEnum):
    """What a member of the staff does; a role says which pages open."""

    AGENT = "agent"  # 114 call centre
    SUPERVISOR = "supervisor"  # of agents; may excuse a no-show
    CLERK = "clerk"  # at a hospital's window
    SCHEDULER = "scheduler"  # of a hospital's clinic sessions
    ADMINISTRATOR = "administrator"  # of the platform
    AUDITOR = "auditor"  # reads the trail and the reports, changes nothing


# These belong to one hospital and see that one only; the others see all of the city.
HOSPITAL_ROLES = frozenset({Role.CLERK, Role.SCHEDULER})
CALL_CENTRE_ROLES = frozenset({Role.AGENT, Role.SUPERVISOR})


# Time for others to see in the audit trail who was let in.
SECOND_AFTER = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Who:
    """Who did something, for the audit trail. `kind`: `staff`, `client` or `system`.

    `hospital_id`: whose hospital's staff or client; None for the city's own.
    """

    kind: str
    id: int
    name: str
    hospital_id: int | None = None


SYSTEM = Who("system", 0, "guahao")


class OfHospital(Protocol):
    """Who works for one hospital: a member of its staff, or its information system."""

    @property
    def who(self) -> Who:
        """Return the person as the audit trail names them."""

    @property
    def own_hospital_id(self) -> int:
        """Return the hospital whose rows alone they see."""


@dataclass(frozen=True, slots=True)
class Staff:
    """A member of the staff who has shown both factors. `login` is the name to log in with."""

    id: int
    login: str
    role: Role
    hospital_id: int | None = None
    # Which member last added, reset or enabled them, or gave them their role, and when; None:
    # nobody but the operator by the command line.
    access_by: int | None = None
    access_at: datetime | None = None
    # Of the hospital whose staff they are, for the head of their pages; with its campus.
    hospital_name: str = ""
    hospital_name_en: str = ""

    @property
    def who(self) -> Who:
        """Return the person as the audit trail names them."""
        return Who("staff", self.id, self.login, self.hospital_id)

    def acting_for(self, hospital_id: int) -> Staff:
        """Return an administrator who does what a hospital's own staff may do there.

        From here on they work, as those do, under the rows of that hospital alone.
        """
        assert self.role is Role.ADMINISTRATOR
        return replace(self, hospital_id=hospital_id)

    @property
    def own_hospital_id(self) -> int:
        """Return the hospital whose rows alone they see.

        A mistake of ours for anybody else.
        """
        assert self.hospital_id is not None
        return self.hospital_id


def is_independent(second: Staff, first_id: int, now: datetime) -> bool:
    """Return whether a member may approve what another has asked for.

    No member whom the first one has added, reset, enabled or given the role, and none for whom any
    member did so within SECOND_AFTER: otherwise an administrator alone could provide both.
    The approvals of RULES.md "Phone" and of the privacy law (PIPL 45, 47). `now`: of the approval.
    """
    if second.access_by is None or second.access_at is None:
        return True
    return second.access_by != first_id and now >= second.access_at + SECOND_AFTER
