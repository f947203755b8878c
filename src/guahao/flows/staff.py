"""The staff: adding, logging in with two factors, sessions that end, shutting out.

Every log-in, failed one and change is in the audit trail. Wrong logins, wrong passwords
and accounts that are shut out get one and the same answer, after the same work.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hmac import compare_digest

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from guahao.flows.accounts import Caller
from guahao.flows.platform import Platform
from guahao.rules.staff import HOSPITAL_ROLES, Role, Staff, Who
from guahao.store import staff as store
from guahao.store import throttle, trail
from guahao.store.db import Tx
from guahao.store.staff import SessionRow, StaffListing, StaffRow

PASSWORD_LENGTH_MIN = 12
PASSWORD_LENGTH_MAX = 200
FAILURES_BEFORE_LOCK = 5
FIRST_LOCK = timedelta(minutes=15)  # doubled by every further failure, up to a day
LONGEST_LOCK = timedelta(days=1)
LOG_INS_PER_ADDRESS_HOUR = 100  # a call centre stands behind one address
HALF_SESSION = timedelta(minutes=10)  # between the password and the second factor
SEEN_EVERY = timedelta(minutes=1)
TOTP_STEP_SECONDS = 30

_HOUR = 3600
_SECRET_BYTES = 20  # 160 bits, as RFC 4226 asks
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{1,39}")
_NAME_LENGTH_MAX = 80
_WORDS = "abcdefghijkmnpqrstuvwxyz23456789"  # nothing that is mistaken for another
_hasher = PasswordHasher()
# What a log-in without an account is verified against: the same work for everybody.
_NOBODYS_HASH = _hasher.hash(secrets.token_urlsafe(16))


class StaffRefusal(StrEnum):
    """Why a member of the staff is not added or changed."""

    LOGIN_INVALID = "staff_login_invalid"
    LOGIN_TAKEN = "staff_login_taken"
    NAME_INVALID = "staff_name_invalid"
    HOSPITAL_NEEDED = "staff_hospital_needed"
    UNKNOWN = "staff_unknown"
    LAST_ADMINISTRATOR = "staff_last_administrator"
    PASSWORD_WRONG = "staff_password_wrong"  # noqa: S105 - a word, not a password
    PASSWORD_WEAK = "staff_password_weak"  # noqa: S105
    NOT_LOGGED_IN = "staff_not_logged_in"


@dataclass(frozen=True, slots=True)
class NewStaff:
    """Somebody added; the password is told once and changed at the first log-in."""

    id: int
    login: str
    password: str


@dataclass(frozen=True, slots=True)
class HalfSession:
    """The password was right. What is still to be done, in this order."""

    token: str
    needs_password_change: bool
    needs_enrolment: bool


@dataclass(frozen=True, slots=True)
class LogInRefused:
    """Not logged in: wrong, or too often wrong; then from when on it may be tried again."""

    retry_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """Both factors were shown; the token is a new one."""

    token: str
    staff: Staff


# Adding and changing ----------------------------------------------------------------------


async def add_staff(
    platform: Platform, by: Who, login: str, name: str, role: Role, hospital_id: int | None
) -> NewStaff | StaffRefusal:
    """A new member with a temporary password. Clerks and schedulers belong to a hospital."""
    name = name.strip()
    if not _LOGIN.fullmatch(login):
        return StaffRefusal.LOGIN_INVALID
    if not name.isprintable() or not 1 <= len(name) <= _NAME_LENGTH_MAX:
        return StaffRefusal.NAME_INVALID
    password = _temporary_password()
    hashed = await asyncio.to_thread(_hasher.hash, password)
    async with platform.db.transaction() as tx:
        if not await _fits(tx, role, hospital_id):
            return StaffRefusal.HOSPITAL_NEEDED
        id = await store.add(tx, login, name, role, hospital_id, hashed)
        if id is None:
            return StaffRefusal.LOGIN_TAKEN
        detail = {"login": login, "role": role.value, "hospital_id": hospital_id}
        await _record(tx, platform, by, "add_staff", id, detail)
    return NewStaff(id, login, password)


async def _fits(tx: Tx, role: Role, hospital_id: int | None) -> bool:
    if role not in HOSPITAL_ROLES:
        return hospital_id is None
    return hospital_id is not None and await store.hospital_exists(tx, hospital_id)


def _temporary_password() -> str:
    groups = ("".join(secrets.choice(_WORDS) for _ in range(4)) for _ in range(4))
    return "-".join(groups)


async def list_staff(platform: Platform) -> list[StaffListing]:
    """Everybody, by hospital, role and login."""
    async with platform.db.transaction() as tx:
        return await store.listed(tx)


async def staff_id_of(platform: Platform, login: str) -> int | None:
    """The id of a login, for the operator's commands."""
    async with platform.db.transaction() as tx:
        found = await store.by_login(tx, login)
    return None if found is None else found.id


async def hospital_id_of(platform: Platform, code: str) -> int | None:
    """The hospital of a code, for the operator's commands."""
    async with platform.db.transaction() as tx:
        return await store.hospital_id_of(tx, code)


async def reset_password(
    platform: Platform, by: Who, staff_id: int, reason: str = ""
) -> NewStaff | StaffRefusal:
    """A new temporary password; every session ends."""
    password = _temporary_password()
    hashed = await asyncio.to_thread(_hasher.hash, password)
    async with platform.db.transaction() as tx:
        found = await store.by_id(tx, staff_id, lock=True)
        if found is None:
            return StaffRefusal.UNKNOWN
        await store.set_password(tx, staff_id, hashed, temporary=True)
        await store.end_sessions_of(tx, staff_id)
        await _record(tx, platform, by, "reset_password", staff_id, reason=reason)
    return NewStaff(staff_id, found.login, password)


async def reset_second_factor(
    platform: Platform, by: Who, staff_id: int, reason: str = ""
) -> StaffRefusal | None:
    """Forget a lost phone: it is enrolled anew at the next log-in. Every session ends."""
    async with platform.db.transaction() as tx:
        if await store.by_id(tx, staff_id, lock=True) is None:
            return StaffRefusal.UNKNOWN
        await store.set_totp_secret(tx, platform.vault, staff_id, None)
        await store.end_sessions_of(tx, staff_id)
        await _record(tx, platform, by, "reset_second_factor", staff_id, reason=reason)
    return None


async def disable_staff(
    platform: Platform, by: Who, staff_id: int, reason: str = ""
) -> StaffRefusal | None:
    """Shut somebody out, at once. The last administrator stays."""
    async with platform.db.transaction() as tx:
        administrators = await store.enabled_administrators(tx)
        found = await store.by_id(tx, staff_id, lock=True)
        if found is None:
            return StaffRefusal.UNKNOWN
        if found.disabled_at is not None:
            return None
        if found.role is Role.ADMINISTRATOR and administrators <= 1:
            return StaffRefusal.LAST_ADMINISTRATOR
        await store.set_disabled(tx, staff_id, tx.now)
        await store.end_sessions_of(tx, staff_id)
        await _record(tx, platform, by, "disable_staff", staff_id, reason=reason)
    return None


async def enable_staff(platform: Platform, by: Who, staff_id: int) -> StaffRefusal | None:
    """Let somebody in again, with the password and the second factor they had."""
    async with platform.db.transaction() as tx:
        if await store.by_id(tx, staff_id, lock=True) is None:
            return StaffRefusal.UNKNOWN
        await store.set_disabled(tx, staff_id, None)
        await _record(tx, platform, by, "enable_staff", staff_id)
    return None


async def change_role(
    platform: Platform, by: Who, staff_id: int, role: Role, hospital_id: int | None
) -> StaffRefusal | None:
    """Another role; whoever is logged in under the old one is logged out."""
    async with platform.db.transaction() as tx:
        administrators = await store.enabled_administrators(tx)
        found = await store.by_id(tx, staff_id, lock=True)
        if found is None:
            return StaffRefusal.UNKNOWN
        if not await _fits(tx, role, hospital_id):
            return StaffRefusal.HOSPITAL_NEEDED
        leaves = found.role is Role.ADMINISTRATOR and role is not Role.ADMINISTRATOR
        if leaves and found.disabled_at is None and administrators <= 1:
            return StaffRefusal.LAST_ADMINISTRATOR
        await store.set_role(tx, staff_id, role, hospital_id)
        await store.end_sessions_of(tx, staff_id)
        detail = {"from": found.role.value, "to": role.value, "hospital_id": hospital_id}
        await _record(tx, platform, by, "change_role", staff_id, detail)
    return None


# Logging in -------------------------------------------------------------------------------


async def log_in(
    platform: Platform, login: str, password: str, caller: Caller
) -> HalfSession | LogInRefused:
    """The first factor. Failures are counted by account and by address, in the database."""
    retry_from = await _too_many_from(platform, caller)
    if retry_from is not None:
        return LogInRefused(retry_from)
    async with platform.db.transaction() as tx:
        found = await store.by_login(tx, login.strip().lower())
    kept = _NOBODYS_HASH if found is None else found.password_hash
    # Outside of the transaction and of the event loop: it takes a while, on purpose.
    right = await asyncio.to_thread(_verifies, kept, password)
    if found is None:
        return LogInRefused()
    async with platform.db.transaction() as tx:
        return await _first_factor(tx, platform, found, password, right=right)


async def _too_many_from(platform: Platform, caller: Caller) -> datetime | None:
    if not caller.limited:
        return None
    async with platform.db.transaction() as tx:
        subject = platform.vault.index("throttle", caller.address)
        hits = await throttle.hit(tx, "staff_log_in", subject, _HOUR)
        if hits <= LOG_INS_PER_ADDRESS_HOUR:
            return None
        return tx.now + timedelta(seconds=throttle.seconds_left(tx.now, _HOUR))


async def _first_factor(
    tx: Tx, platform: Platform, before: StaffRow, password: str, *, right: bool
) -> HalfSession | LogInRefused:
    found = await store.by_id(tx, before.id, lock=True)
    assert found is not None
    if found.locked_until is not None and tx.now < found.locked_until:
        return LogInRefused(found.locked_until)
    # Changed while it was verified: neither password counts.
    right = right and found.password_hash == before.password_hash
    if not right or found.disabled_at is not None:
        return await _failed(tx, platform, found, "log_in_failed")
    if _hasher.check_needs_rehash(found.password_hash):
        await store.rehash(tx, found.id, _hasher.hash(password))
    token = await _open(tx, platform, found.id, verified=False)
    return HalfSession(token, found.password_is_temporary, found.totp_secret_enc is None)


async def _failed(tx: Tx, platform: Platform, found: StaffRow, action: str) -> LogInRefused:
    failures = found.failed_log_ins + 1
    locked_until = _lock_until(tx.now, failures)
    await store.count_failure(tx, found.id, failures, locked_until)
    await _record(tx, platform, found.staff.who, action, found.id, {"failures": failures})
    return LogInRefused(locked_until)


def _lock_until(now: datetime, failures: int) -> datetime | None:
    if failures < FAILURES_BEFORE_LOCK:
        return None
    doubled: timedelta = FIRST_LOCK * 2 ** min(failures - FAILURES_BEFORE_LOCK, 10)
    return now + min(doubled, LONGEST_LOCK)


async def change_password(
    platform: Platform, token: str, old: str, new: str
) -> StaffRefusal | None:
    """One's own password, which also ends its being temporary. Other sessions end."""
    async with platform.db.transaction() as tx:
        opened = await _half_session(tx, platform, token)
        found = None if opened is None else await store.by_id(tx, opened.staff_id)
    if opened is None or found is None:
        return StaffRefusal.NOT_LOGGED_IN
    if not await asyncio.to_thread(_verifies, found.password_hash, old):
        async with platform.db.transaction() as tx:
            locked = await store.by_id(tx, found.id, lock=True)
            assert locked is not None
            await _failed(tx, platform, locked, "change_password_failed")
        return StaffRefusal.PASSWORD_WRONG
    if not _is_strong(new, found.login) or new == old:
        return StaffRefusal.PASSWORD_WEAK
    hashed = await asyncio.to_thread(_hasher.hash, new)
    async with platform.db.transaction() as tx:
        kept = await store.by_id(tx, found.id, lock=True)
        # Reset, shut out or logged out while it was verified: that holds.
        ended = await _half_session(tx, platform, token) is None
        if ended or kept is None or kept.password_hash != found.password_hash:
            return StaffRefusal.NOT_LOGGED_IN
        await store.set_password(tx, found.id, hashed, temporary=False)
        await store.end_sessions_of(tx, found.id, spare=opened.id)
        await _record(tx, platform, found.staff.who, "change_password", found.id)
    return None


def _is_strong(password: str, login: str) -> bool:
    long = PASSWORD_LENGTH_MIN <= len(password) <= PASSWORD_LENGTH_MAX
    return long and login not in password.lower() and len(set(password)) >= PASSWORD_LENGTH_MIN // 2


async def enrolment_uri(platform: Platform, token: str) -> str | None:
    """What the authenticator's QR code holds, where none is enrolled yet; the same for a token.

    The secret is drawn from the token, so that showing the page again shows it again, and it
    is kept only once a code of it was entered.
    """
    async with platform.db.transaction() as tx:
        found = await _enrolling(tx, platform, token)
    if found is None:
        return None
    secret = _draft_secret(platform, token)
    return pyotp.TOTP(secret).provisioning_uri(name=found.login, issuer_name="guahao")


async def enrol(platform: Platform, token: str, code: str) -> Session | LogInRefused | None:
    """Keep the second factor with a first code of it, which logs in; None: begin again."""
    async with platform.db.transaction() as tx:
        found = await _enrolling(tx, platform, token)
        if found is None:
            return None
        secret = _draft_secret(platform, token)
        step = _step_of(secret, code, tx.now, 0)
        if step is None:
            return await _failed(tx, platform, found, "second_factor_failed")
        await store.set_totp_secret(tx, platform.vault, found.id, secret)
        await _record(tx, platform, found.staff.who, "enrol_second_factor", found.id)
        return await _log_in(tx, platform, token, found, step)


async def _enrolling(tx: Tx, platform: Platform, token: str) -> StaffRow | None:
    opened = await _half_session(tx, platform, token)
    found = None if opened is None else await store.by_id(tx, opened.staff_id, lock=True)
    if found is None or found.totp_secret_enc is not None or found.password_is_temporary:
        return None
    return found if found.disabled_at is None and not _is_locked(found, tx.now) else None


def _draft_secret(platform: Platform, token: str) -> str:
    return b32encode(platform.vault.index("staff enrolment", token)[:_SECRET_BYTES]).decode()


async def show_second_factor(
    platform: Platform, token: str, code: str
) -> Session | LogInRefused | None:
    """The second factor: a code of now, or of the step before or after, never one twice.

    None: the password is too long ago, or was temporary; log in again.
    """
    async with platform.db.transaction() as tx:
        opened = await _half_session(tx, platform, token)
        found = None if opened is None else await store.by_id(tx, opened.staff_id, lock=True)
        if found is None or found.password_is_temporary or found.disabled_at is not None:
            return None
        if _is_locked(found, tx.now):
            return LogInRefused(found.locked_until)
        secret = found.totp_secret(platform.vault)
        step = None if secret is None else _step_of(secret, code, tx.now, found.totp_last_step)
        if step is None:
            return await _failed(tx, platform, found, "second_factor_failed")
        return await _log_in(tx, platform, token, found, step)


async def _log_in(tx: Tx, platform: Platform, token: str, found: StaffRow, step: int) -> Session:
    """A session under a new token: who planted the old one has nothing."""
    opened = await store.session_of(tx, _index(platform, token))
    assert opened is not None
    await store.end_session(tx, opened.id)
    await store.accept_totp_step(tx, found.id, step)
    await store.count_failure(tx, found.id, 0, None)
    new = await _open(tx, platform, found.id, verified=True)
    await _record(tx, platform, found.staff.who, "log_in", found.id)
    return Session(new, found.staff)


def _step_of(secret: str, code: str, now: datetime, last_step: int) -> int | None:
    """The time step of a code that may be used now, or None."""
    digits = "".join(code.split())
    current = int(now.timestamp()) // TOTP_STEP_SECONDS
    totp = pyotp.TOTP(secret)
    found = None
    for step in (current - 1, current, current + 1):
        expected = totp.at(step * TOTP_STEP_SECONDS)
        if compare_digest(expected.encode(), digits.encode()) and step > last_step:
            found = step
    return found


# Sessions ---------------------------------------------------------------------------------


async def staff_of_session(platform: Platform, token: str) -> Staff | None:
    """Who is logged in with both factors; None where nobody is, or not any more.

    A session ends after a while without use, and in any case after a shift; with the member's
    being shut out; with a change of role or password.
    """
    async with platform.db.transaction() as tx:
        opened = await store.session_of(tx, _index(platform, token))
        if opened is None or opened.verified_at is None or _is_over(opened, tx.now, platform):
            return None
        found = await store.by_id(tx, opened.staff_id)
        if found is None or found.disabled_at is not None or found.password_is_temporary:
            return None
        if tx.now - opened.seen_at >= SEEN_EVERY:
            await store.see_session(tx, opened.id)
        return found.staff


async def half_session(platform: Platform, token: str) -> HalfSession | None:
    """What is still to be done after the password; None where it is to be given again."""
    async with platform.db.transaction() as tx:
        opened = await _half_session(tx, platform, token)
        found = None if opened is None else await store.by_id(tx, opened.staff_id)
    if found is None:
        return None
    return HalfSession(token, found.password_is_temporary, found.totp_secret_enc is None)


async def log_out(platform: Platform, token: str) -> None:
    """This session is over, whatever it was."""
    async with platform.db.transaction() as tx:
        opened = await store.session_of(tx, _index(platform, token))
        if opened is None:
            return
        await store.end_session(tx, opened.id)
        found = await store.by_id(tx, opened.staff_id)
        assert found is not None
        await _record(tx, platform, found.staff.who, "log_out", found.id)


async def own_sessions(platform: Platform, token: str) -> list[tuple[SessionRow, bool]]:
    """One's open sessions, newest first, and which of them this is."""
    async with platform.db.transaction() as tx:
        opened = await _half_session(tx, platform, token)
        if opened is None or opened.verified_at is None:
            return []
        found = await store.sessions_of(tx, opened.staff_id)
        live = [one for one in found if not _is_over(one, tx.now, platform)]
        return [(one, one.id == opened.id) for one in live]


async def end_other_sessions(platform: Platform, token: str) -> int:
    """Log oneself out everywhere but here; how many sessions were open."""
    async with platform.db.transaction() as tx:
        opened = await _half_session(tx, platform, token)
        if opened is None or opened.verified_at is None:
            return 0
        found = await store.by_id(tx, opened.staff_id)
        assert found is not None
        ended = await store.end_sessions_of(tx, found.id, spare=opened.id)
        detail = {"sessions": ended}
        await _record(tx, platform, found.staff.who, "end_sessions", found.id, detail)
    return ended


async def end_sessions_of(platform: Platform, by: Who, staff_id: int, reason: str = "") -> int:
    """Log somebody out everywhere; how many sessions were open."""
    async with platform.db.transaction() as tx:
        ended = await store.end_sessions_of(tx, staff_id)
        detail = {"sessions": ended}
        await _record(tx, platform, by, "end_sessions", staff_id, detail, reason=reason)
    return ended


async def _half_session(tx: Tx, platform: Platform, token: str) -> SessionRow | None:
    """The session of a token whose password is recent, or that has both factors."""
    opened = await store.session_of(tx, _index(platform, token))
    if opened is None or _is_over(opened, tx.now, platform):
        return None
    fresh = tx.now - opened.created_at < HALF_SESSION
    return opened if opened.verified_at is not None or fresh else None


def _is_over(opened: SessionRow, now: datetime, platform: Platform) -> bool:
    settings = platform.settings
    idle = timedelta(minutes=settings.staff_idle_minutes)
    shift = timedelta(hours=settings.staff_absolute_hours)
    return now - opened.seen_at >= idle or now - opened.created_at >= shift


def _is_locked(found: StaffRow, now: datetime) -> bool:
    return found.locked_until is not None and now < found.locked_until


async def _open(tx: Tx, platform: Platform, staff_id: int, *, verified: bool) -> str:
    token = secrets.token_urlsafe(32)
    await store.open_session(tx, staff_id, _index(platform, token), verified=verified)
    return token


def _index(platform: Platform, token: str) -> bytes:
    return platform.vault.index("staff session", token)


def _verifies(kept: str, password: str) -> bool:
    if len(password) > PASSWORD_LENGTH_MAX:
        return False
    try:
        return _hasher.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False


async def _record(
    tx: Tx,
    platform: Platform,
    by: Who,
    action: str,
    staff_id: int,
    detail: Mapping[str, object] | None = None,
    *,
    reason: str = "",
) -> None:
    subject = ("staff", staff_id)
    await trail.record(tx, platform.vault, by, action, subject, detail=detail, reason=reason)
