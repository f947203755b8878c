"""When an event is sent again, when the circuit to a hospital opens, and when to give up."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

# The kinds of events: an appointment's new status, or that it is booked again.
KINDS = ("booked", "cancelled", "stopped", "restored", "picked_up", "no_show", "unverified")
GIVE_UP_AFTER = timedelta(days=7)
FAILURES_UNTIL_OPEN = 5
SECRET_OVERLAP = timedelta(hours=24)
URL_LENGTH_MAX = 500

_FIRST_WAIT = timedelta(seconds=10)
_LONGEST_WAIT = timedelta(hours=1)
_FIRST_PROBE = timedelta(seconds=30)
_LONGEST_PROBE = timedelta(minutes=15)
_SPREAD = 0.2
_MOST_DOUBLINGS = 20
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


class Undelivered(StrEnum):
    """Why an event was not delivered, where neither the hospital nor the network says so."""

    NO_ANSWER = "no_answer"
    FORBIDDEN_ADDRESS = "forbidden_address"
    WAITS = "waits_for_an_earlier_event"
    TOO_OLD = "too_old"


class WebhookRefusal(StrEnum):
    """Why a hospital's webhook is not set, or not changed, in order of precedence."""

    BAD_URL = "webhook_bad_url"
    NOT_HTTPS = "webhook_not_https"
    NO_KINDS = "webhook_no_kinds"
    UNKNOWN = "webhook_unknown"


def decide_webhook(
    url: str, kinds: Collection[str], *, hospital_exists: bool, demo: bool
) -> WebhookRefusal | None:
    """Return why a hospital is not sent events of these kinds there."""
    refusal = check_url(url, demo=demo)
    if refusal is not None:
        return refusal
    if not kinds or not set(kinds) <= set(KINDS):
        return WebhookRefusal.NO_KINDS
    return None if hospital_exists else WebhookRefusal.UNKNOWN


def check_url(url: str, *, demo: bool) -> WebhookRefusal | None:
    """Return why events are not sent there: only https, in a demo http on this machine, too.

    Where its host leads is checked when something is sent.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return WebhookRefusal.BAD_URL
    plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= URL_LENGTH_MAX
    if not plain or not host or port == 0 or "@" in parts.netloc or parts.fragment:
        return WebhookRefusal.BAD_URL
    if parts.scheme == "https" or (parts.scheme == "http" and demo and host in _LOCAL_HOSTS):
        return None
    return WebhookRefusal.NOT_HTTPS


def retry_wait(attempts: int, chance: float) -> timedelta:
    """Return how long to wait after so many attempts; `chance`, 0 to 1, spreads it by a fifth."""
    return _spread(_doubled(_FIRST_WAIT, _LONGEST_WAIT, attempts - 1), chance)


def probe_wait(failures_in_row: int, chance: float) -> timedelta | None:
    """Return how long to send a hospital nothing after so many failures in a row; None: go on."""
    if failures_in_row < FAILURES_UNTIL_OPEN:
        return None
    doublings = failures_in_row - FAILURES_UNTIL_OPEN
    return _spread(_doubled(_FIRST_PROBE, _LONGEST_PROBE, doublings), chance)


def is_hopeless(due_since: datetime, now: datetime) -> bool:
    """Return whether an event has been tried for long enough to give up."""
    return now - due_since >= GIVE_UP_AFTER


def _doubled(first: timedelta, longest: timedelta, times: int) -> timedelta:
    return min(first * (1 << min(max(times, 0), _MOST_DOUBLINGS)), longest)


def _spread(wait: timedelta, chance: float) -> timedelta:
    return wait * (1 - _SPREAD + 2 * _SPREAD * chance)
