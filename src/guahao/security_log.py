"""The security log: attempts on citizens' accounts, a JSON line for each event.

It is separate from the process's log, so that an operator can send it to a system that detects
attacks and choose its retention. A line holds ids, a route and keyed hashes: equal phones and
addresses have equal hashes, but a reader of the log learns neither. Input of callers is never
written.
"""

from __future__ import annotations

import hmac
import json
import logging
import sys
import time
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any, cast

from litestar.types import Scope
from prometheus_client import Counter

from guahao.store.kernel.vault import Vault

_HASH_BYTES = 16
_SUBJECTS_MAX = 10_000
# The key of a request's notes in its scope.
_EVENT = "guahao.security_event"
_CODE = "guahao.refused"
_ABOUT = "guahao.about"
# A separate logger: the level and handlers of the process's log do not apply.
_logger = logging.getLogger("guahao.security")
_logger.propagate = False
_logger.setLevel(logging.INFO)


class SecurityEvent(StrEnum):
    """The kinds of events."""

    OTP_WRONG = "otp_wrong"  # a wrong one-time password
    CODE_WRONG = "code_wrong"  # an identification code with the wrong document
    DOCUMENT_WRONG = "document_wrong"  # not the document of a patient of the account
    FOREIGN_ID = "foreign_id"  # a record of another account, or an unknown record
    TOKEN_INVALID = "token_invalid"  # noqa: S105 - a word; an access token that we did not issue
    THROTTLED = "throttled"
    PROOF_FAILED = "proof_failed"  # the proof of work is wrong, missing or used before
    FORM_FORGED = "form_forged"  # a form without our CSRF token
    SIGNATURE_WRONG = "signature_wrong"  # a callback with a wrong signature
    CALLER_NOT_VERIFIED = "caller_not_verified"  # a caller's wrong answer to the hotline's agent
    PICK_UP_REFUSED = "pick_up_refused"  # a code and a document that do not match, at the window
    STAFF_LOG_IN_FAILED = "staff_log_in_failed"
    STAFF_SECOND_FACTOR_FAILED = "staff_second_factor_failed"


_events = Counter(
    "guahao_security_events", "Sign-ins, codes and forms that were refused", ["event"]
)
_counters = {kind: _events.labels(kind.value) for kind in SecurityEvent}

# Refusals that are security events in every router.
_BY_CODE = {
    "otp_wrong": SecurityEvent.OTP_WRONG,
    "otp_throttled": SecurityEvent.THROTTLED,
    "confirm_wrong": SecurityEvent.DOCUMENT_WRONG,
    "confirm_throttled": SecurityEvent.THROTTLED,
    "refresh_invalid": SecurityEvent.TOKEN_INVALID,
    "lookup_throttled": SecurityEvent.THROTTLED,
    "too_many_requests": SecurityEvent.THROTTLED,
    "too_many_bookings": SecurityEvent.THROTTLED,
    "too_many_registrations": SecurityEvent.THROTTLED,
    "unknown_appointment": SecurityEvent.FOREIGN_ID,
    "not_your_patient": SecurityEvent.FOREIGN_ID,
    "token_invalid": SecurityEvent.TOKEN_INVALID,
    "form_not_ours": SecurityEvent.FORM_FORGED,
}


def set_up(path: Path | None) -> None:
    """Send the log to a file, which may be rotated by renaming it, or to standard error."""
    for handler in list(_logger.handlers):
        _logger.removeHandler(handler)
        handler.close()
    chosen: logging.Handler
    if path is None:
        chosen = logging.StreamHandler(sys.stderr)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        chosen = WatchedFileHandler(path, encoding="utf-8")
    chosen.setFormatter(logging.Formatter("%(message)s"))
    _logger.addHandler(chosen)


def event(
    kind: SecurityEvent,
    vault: Vault,
    *,
    phone: str | None = None,
    address: str | None = None,
    login: str | None = None,
    route: str | None = None,
    code: str | None = None,
    **ids: int | None,
) -> None:
    """Write an event. `phone` (E.164), the caller's `address` and the staff's `login` are hashed.

    `route` is the route's template, never the path; `code` is the refusal's. `ids`: ids of our
    own records only (`account_id=7`).
    """
    _counters[kind].inc()
    if kind is SecurityEvent.THROTTLED and _repeats.has(f"{address} {phone} {route}"):
        return
    hashed = {"phone": phone, "address": address, "login": login}
    line = {
        "log": "security",
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "event": kind.value,
        "route": route,
        "code": code,
        **{f"{name}_hash": keyed_hash(vault, name, text) for name, text in hashed.items() if text},
        **{name: int(id) for name, id in ids.items() if id is not None},
    }
    told = {name: value for name, value in line.items() if value is not None}
    _logger.info(json.dumps(told, ensure_ascii=True))


class _Repeats:
    """The throttled callers logged in this minute, so that a flood does not fill the disk."""

    def __init__(self) -> None:
        self._minute = 0
        self._subjects: set[str] = set()

    def has(self, subject: str) -> bool:
        minute = int(time.monotonic() // 60)
        if minute != self._minute or len(self._subjects) >= _SUBJECTS_MAX:
            self._minute, self._subjects = minute, set()
        known = subject in self._subjects
        self._subjects.add(subject)
        return known


_repeats = _Repeats()


def keyed_hash(vault: Vault, name: str, text: str) -> str:
    """Return the hash by which the log names a phone, an address or a login."""
    digest = hmac.digest(_key(vault), f"{name}\0{text}".encode(), "sha256")
    return digest[:_HASH_BYTES].hex()


@lru_cache(4)
def _key(vault: Vault) -> bytes:
    return vault.key_for("security log")


# For routers --------------------------------------------------------------------------------


def about(scope: Scope, **facts: str | int | None) -> None:
    """Note whom a request concerns (`phone`, `account_id`, …), in case it becomes an event."""
    _noted(scope).setdefault(_ABOUT, {}).update(facts)


def refused(scope: Scope, code: str) -> None:
    """Note the refusal that a request ends with; the front logs it if it is an event."""
    if code in _BY_CODE:
        noted = _noted(scope)
        noted.setdefault(_EVENT, _BY_CODE[code])
        noted[_CODE] = code


def note(scope: Scope, kind: SecurityEvent) -> None:
    """Note an event that the refusal's code does not show, or that has no refusal."""
    _noted(scope)[_EVENT] = kind


def log_noted(scope: Scope, vault: Vault, address: str, route: str) -> None:
    """Log the notes of an answered request."""
    noted = _noted(scope)
    event(
        noted[_EVENT],
        vault,
        address=address,
        route=route,
        code=noted.get(_CODE),
        **noted.get(_ABOUT, {}),
    )


def is_noted(scope: Scope) -> bool:
    """Return whether there is something to log."""
    return _EVENT in scope


def _noted(scope: Scope) -> dict[str, Any]:
    return cast("dict[str, Any]", scope)
