"""When a log-in must name a patient's document, and how much work a one-time password costs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_network

LEVEL_MAX = 5


class AccountLoginRefusal(StrEnum):
    """Why a token that is genuine and has not expired lets nobody in."""

    ENDED = "log_in_ended"
    CONFIRM_REQUIRED = "confirm_required"


@dataclass(frozen=True, slots=True)
class NotLetIn:
    """The log-in of whoever asks has ended, or must be confirmed first: nothing was decided."""

    reason: AccountLoginRefusal


@dataclass(frozen=True, slots=True)
class AccountLoginFacts:
    """What is known of an account when its phone has just been proven on a device."""

    has_patients: bool
    last_used_at: datetime
    knows_device: bool


def must_confirm(facts: AccountLoginFacts, now: datetime, after: timedelta) -> bool:
    """Whether the holder of the phone must show that the account's patients are theirs.

    A phone number goes to somebody else some time after its holder gave it up. `after`: unused
    for so long, the account asks on known devices as well.
    """
    is_stale = now - facts.last_used_at >= after
    return facts.has_patients and (is_stale or not facts.knows_device)


@dataclass(frozen=True, slots=True)
class WiderNetwork:
    """A network around a caller's own, and how many callers' worth of requests is normal."""

    network: str
    callers: int


def wider_networks(address: str) -> tuple[WiderNetwork, ...]:
    """The networks of which one customer may hold many: IPv6 /56 and /48, IPv4 /24.

    `address`: an IPv4 address or an IPv6 /64; anything else has none.
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
    """How often the work of a proof doubles, from what was counted and what is normal.

    Nothing below the normal count; one at it, and one more with each doubling of it.
    """
    return max(
        (min(LEVEL_MAX, (hits // normal).bit_length()) for hits, normal in counts), default=0
    )
