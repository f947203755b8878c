"""Export or erasure of a person's data by two members of staff (PIPL 45, 47).

The first files a request and may withdraw it, the second approves or declines it. Both may
download an approved export for OFFERED_FOR, at most DOWNLOADS times.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from guahao.rules.staff.staff import Staff, is_independent

OFFERED_FOR = timedelta(hours=24)
DOWNLOADS = 3
OPEN_FOR = timedelta(days=30)
LOOK_UPS_AN_HOUR = 20


class RequestRefusal(StrEnum):
    """Why nothing was filed, decided or handed out, in order of precedence."""

    REASON_NEEDED = "privacy_reason_needed"
    TOO_MANY = "privacy_too_many"
    UNKNOWN_PERSON = "privacy_unknown_person"
    ALREADY_WAITING = "privacy_already_waiting"
    UNKNOWN_REQUEST = "privacy_unknown_request"
    OVER = "privacy_over"
    OWN_REQUEST = "privacy_own_request"
    NOT_INDEPENDENT = "privacy_not_independent"
    NOT_OWN_REQUEST = "privacy_not_own_request"
    NOT_OFFERED = "privacy_not_offered"


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What is decided by: who filed it and when, and what came of it."""

    kind: str
    state: str
    staff_id: int
    created_at: datetime
    decided_by: int | None
    decided_at: datetime | None
    downloads: int


def decide_filing(look_ups: int, *, is_theirs: bool) -> RequestRefusal | None:
    """Return why no request is filed, None where it is.

    `look_ups`: the member's in this hour, including this. `is_theirs`: the document is
    registered under the name that was given.
    """
    if look_ups > LOOK_UPS_AN_HOUR:
        return RequestRefusal.TOO_MANY
    return None if is_theirs else RequestRefusal.UNKNOWN_PERSON


def is_open(request: RequestFacts, now: datetime) -> bool:
    """Return whether a request may still be decided: it waits, filed less than OPEN_FOR ago."""
    return request.state == "waiting" and now < request.created_at + OPEN_FOR


def is_offered(request: RequestFacts, staff_id: int, now: datetime) -> bool:
    """Return whether this member of staff may download the request's export now."""
    return (
        request.kind == "export"
        and request.state == "approved"
        and staff_id in (request.staff_id, request.decided_by)
        and request.decided_at is not None
        and now < request.decided_at + OFFERED_FOR
        and request.downloads < DOWNLOADS
    )


def refuse_decision(
    request: RequestFacts, by: Staff, now: datetime, *, withdraws: bool
) -> RequestRefusal | None:
    """Return why this member of staff may not withdraw a request, or decide it; None if they may.

    Only the member who filed a request withdraws it, and only another, independent one decides it.
    """
    if not is_open(request, now):
        return RequestRefusal.OVER
    is_own = request.staff_id == by.id
    if withdraws and not is_own:
        return RequestRefusal.NOT_OWN_REQUEST
    if is_own and not withdraws:
        return RequestRefusal.OWN_REQUEST
    if not withdraws and not is_independent(by, request.staff_id, now):
        return RequestRefusal.NOT_INDEPENDENT
    return None
