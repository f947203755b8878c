"""A person's own data by the privacy law (PIPL): when it is handed out or erased."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

TRIES_A_DAY = 5
EXPORTS_A_DAY = 5


class ProofRefusal(StrEnum):
    """Why the owner's data is neither copied nor erased, in order of precedence."""

    TOO_OFTEN = "own_data_too_often"
    WRONG = "own_data_wrong"
    UNKNOWN = "own_data_unknown"  # the account is gone


class ErasureRefusal(StrEnum):
    """Why a person's data is not erased now, in order of precedence."""

    UNKNOWN = "unknown"
    CHANGED_MEANWHILE = "changed_meanwhile"
    LIVE_BOOKING = "live_booking"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class ErasureFacts:
    """A data subject: the account's restriction for abuse, and how its persons stand."""

    restricted_until: date | None
    live_bookings: bool
    suspended: bool


def decide_proof(tries: int, *, right: bool) -> ProofRefusal | None:
    """Return why a document number proves nothing; `tries`: today's, including this."""
    if tries > TRIES_A_DAY:
        return ProofRefusal.TOO_OFTEN
    return None if right else ProofRefusal.WRONG


def decide_own_export(exports: int) -> ProofRefusal | None:
    """Return why no copy is handed out; `exports`: today's, including this."""
    return ProofRefusal.TOO_OFTEN if exports > EXPORTS_A_DAY else None


def decide_erasure(facts: ErasureFacts, today: date) -> ErasureRefusal | None:
    """Return why nothing is erased, None where everything is.

    A booking must be over first. A suspension and a restriction for abuse must end first:
    otherwise people could escape them by erasing their data.
    """
    is_restricted = facts.restricted_until is not None and facts.restricted_until > today
    if is_restricted:
        return ErasureRefusal.SUSPENDED
    if facts.live_bookings:
        return ErasureRefusal.LIVE_BOOKING
    return ErasureRefusal.SUSPENDED if facts.suspended else None


def decide_subject(seen: object, locked: object) -> ErasureRefusal | None:
    """Return why a data subject is not erased as it was seen before it was locked; None: unknown.

    A request does not erase what was moved or registered after the person saw their data.
    """
    if seen is None or locked is None:
        return ErasureRefusal.UNKNOWN
    return None if seen == locked else ErasureRefusal.CHANGED_MEANWHILE
