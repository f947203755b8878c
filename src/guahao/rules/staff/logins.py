"""Log-ins of the staff: when one is refused, locked or over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

FAILURES_BEFORE_LOCK = 5
FIRST_LOCK = timedelta(minutes=15)  # doubled by every further failure, up to a day
LONGEST_LOCK = timedelta(days=1)
FAILURES_FORGOTTEN = timedelta(days=1)
HALF_LOGIN = timedelta(minutes=10)  # between the password and the second factor


class LoginRefusal(StrEnum):
    """Why a member of the staff is not logged in, in order of precedence."""

    BEGIN_AGAIN = "staff_login_begin_again"  # the password is too long ago, or was reset since
    LOCKED = "staff_login_locked"  # too often wrong; the refusal says until when
    BUSY = "staff_login_busy"  # too many passwords are being hashed: nothing was tried
    WRONG = "staff_login_wrong"
    EXPIRED = "staff_login_expired"  # the password was right, but temporary and too old


@dataclass(frozen=True, slots=True)
class PasswordFacts:
    """A password that was compared, with its member as they are now.

    `is_member`: somebody has the login and is not disabled. `right`: the password fits and was
    not changed since. `temporary_until`: of a temporary password.
    """

    locked_until: datetime | None
    is_member: bool
    right: bool
    temporary_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginFacts:
    """A log-in as far as it decides whether it goes on; `verified_at`: by both factors."""

    verified_at: datetime | None
    created_at: datetime
    seen_at: datetime


def decide_login(facts: PasswordFacts, now: datetime) -> LoginRefusal | None:
    """Return why the password opens nothing, None where the second factor comes next.

    An unknown login, a wrong password and a disabled member have one answer.
    """
    if facts.locked_until is not None:
        return LoginRefusal.LOCKED
    if not (facts.is_member and facts.right):
        return LoginRefusal.WRONG
    until = facts.temporary_until
    return LoginRefusal.EXPIRED if until is not None and now >= until else None


def lock_until(failures: int, now: datetime) -> datetime | None:
    """Return until when nothing is tried after so many failures, None where it may be."""
    if failures < FAILURES_BEFORE_LOCK:
        return None
    doubled: timedelta = FIRST_LOCK * 2 ** min(failures - FAILURES_BEFORE_LOCK, 10)
    return now + min(doubled, LONGEST_LOCK)


def is_over(login: LoginFacts, now: datetime, idle: timedelta, shift: timedelta) -> bool:
    """Return whether a log-in has ended: unused for `idle`, or begun a `shift` ago."""
    return now - login.seen_at >= idle or now - login.created_at >= shift


def is_usable(login: LoginFacts, now: datetime, idle: timedelta, shift: timedelta) -> bool:
    """Return whether a log-in has both factors, or a password so recent that it waits for them."""
    is_fresh = now - login.created_at < HALF_LOGIN
    return not is_over(login, now, idle, shift) and (login.verified_at is not None or is_fresh)
