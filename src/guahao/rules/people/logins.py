"""When a log-in must name a patient's document, and how much work a one-time password costs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_network

from guahao.rules.kernel.outcomes import Refused

LEVEL_MAX = 5


class AccountLoginRefusal(StrEnum):
    """Why a log-in does not begin, is not confirmed, or does not serve; the API's codes."""

    PHONE_INVALID = "phone_invalid"
    PROOF_REQUIRED = "proof_required"
    OTP_WRONG = "otp_wrong"
    DOCUMENT_WRONG = "confirm_wrong"
    NEW_HOLDER_CONFIRMED = "new_holder_confirmed"
    NEW_HOLDER_TOO_SOON = "new_holder_too_soon"
    ENDED = "log_in_ended"
    CONFIRM_REQUIRED = "confirm_required"


@dataclass(frozen=True, slots=True)
class ProofRequired(Refused[AccountLoginRefusal]):
    """Nothing is sent without a proof of work of at least this level."""

    reason: AccountLoginRefusal = AccountLoginRefusal.PROOF_REQUIRED
    level: int = 0


@dataclass(frozen=True, slots=True)
class LoginRefused:
    """The caller's log-in has ended or must be confirmed first: the desk decided nothing."""

    reason: AccountLoginRefusal


@dataclass(frozen=True, slots=True)
class AccountLoginFacts:
    """An account whose phone has just been proven on a device."""

    has_patients: bool
    last_used_at: datetime
    knows_device: bool


def must_confirm(facts: AccountLoginFacts, now: datetime, after: timedelta) -> bool:
    """Return whether the phone's holder must show that the account's patients are theirs.

    Operators reassign phone numbers. `after`: an account that was not used for so long asks on
    known devices as well.
    """
    is_stale = now - facts.last_used_at >= after
    return facts.has_patients and (is_stale or not facts.knows_device)


@dataclass(frozen=True, slots=True)
class WiderNetwork:
    """A network that contains the caller's, and as how many callers it normally counts."""

    network: str
    callers: int


def wider_networks(address: str) -> tuple[WiderNetwork, ...]:
    """Return the larger networks that a single customer may hold: IPv6 /56 and /48, IPv4 /24.

    `address`: an IPv4 address or an IPv6 /64; return none for anything else.
    """
    try:
        own = ip_network(address)
    except ValueError:
        return ()
    sizes = ((24, 8),) if own.version == 4 else ((56, 4), (48, 16))  # noqa: PLR2004 - IP's
    return tuple(
        WiderNetwork(str(own.supernet(new_prefix=bits)), callers) for bits, callers in sizes
    )


def proof_level(counts: Iterable[tuple[int, int]]) -> int:
    """Return how often the work of a proof doubles, from pairs of actual and normal counts.

    0 below the normal count, 1 at it, and 1 more with each doubling of it.
    """
    return max(
        (min(LEVEL_MAX, (hits // normal).bit_length()) for hits, normal in counts), default=0
    )
