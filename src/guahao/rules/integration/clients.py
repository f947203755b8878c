"""A hospital's information system as a client: who it is, what it may do, what it may be called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from guahao.rules.staff.staff import Who

_THUMBPRINT = re.compile(r"[0-9a-f]{64}")


class Scope(StrEnum):
    """What a client may do."""

    SUPPLY = "supply"  # publish departments and sessions, change places, stop
    BOOKINGS = "bookings"  # read the bookings made there, with the persons in full
    ATTENDANCE = "attendance"  # hand out numbers, say who came, close a session


@dataclass(frozen=True, slots=True)
class Client:
    """A client that has proven itself. `client_id` is its public name, `id` our own."""

    id: int
    client_id: str
    own_hospital_id: int
    scopes: frozenset[Scope]

    @property
    def who(self) -> Who:
        """Itself, as the audit trail names it."""
        return Who("client", self.id, self.client_id, self.own_hospital_id)


def thumbprint(text: str) -> str | None:
    """A certificate's SHA-256 as 64 hex digits; None where it is none. Colons may part them."""
    digits = text.strip().replace(":", "").lower()
    return digits if _THUMBPRINT.fullmatch(digits) else None
