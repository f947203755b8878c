"""The staff: adding, logging in with two factors, sessions that end, shutting out.

Every log-in, failed one and change is in the audit trail. Wrong logins, wrong passwords and
accounts that are shut out get one and the same answer, after the same work: failures are counted
and locked by login and network, or by login and a device that has logged in before, whether
anybody has the login or not. So a stranger learns nothing, and locks nobody out.
"""

from __future__ import annotations

import re
import secrets
from base64 import b32encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hmac import compare_digest
from ipaddress import IPv6Network, ip_network

import pyotp

from guahao.flows.kernel import hashing
from guahao.flows.kernel.acting import Acting, acting
from guahao.flows.kernel.hashing import HashingBusyError
from guahao.flows.kernel.passwords import is_guessable
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.accounts import Caller
from guahao.rules.kernel.text import prose, typed
from guahao.rules.staff.staff import HOSPITAL_ROLES, SYSTEM, Role, Staff, Who
from guahao.store.kernel import throttle
from guahao.store.kernel.db import Tx
from guahao.store.people import log_in_failures
from guahao.store.staff import staff as store
from guahao.store.staff.staff import SessionRow, StaffListing, StaffRow

FAILURES_BEFORE_LOCK = 5
FIRST_LOCK = timedelta(minutes=15)  # doubled by every further failure, up to a day
LONGEST_LOCK = timedelta(days=1)
LOG_INS_PER_ADDRESS_HOUR = 100  # a call centre stands behind one address
HALF_SESSION = timedelta(minutes=10)  # between the password and the second factor
FAILURES_FORGOTTEN = timedelta(days=1)
SEEN_EVERY = timedelta(minutes=1)
TOTP_STEP_SECONDS = 30

_HOUR = 3600
_SECRET_BYTES = 20  # 160 bits, as RFC 4226 asks
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{1,39}")
_NAME_LENGTH_MAX = 80
_WORDS = "abcdefghijkmnpqrstuvwxyz23456789"  # nothing that is mistaken for another
_IPV4_NETWORK_BITS = 24
_IPV6_NETWORK_BITS = 48  # what a site gets
_PLATFORM_WORDS = ("guahao", "挂号", "114")


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
    BUSY = "staff_busy"  # too many passwords are being hashed


@dataclass(frozen=True, slots=True)
class NewStaff:
    """Somebody added; the password is told once and changed at the first log-in."""

    id: int
    login: str
    password: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Device:
    """A browser on which members of the staff have logged in with both factors."""

    id: str
    logins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a log-in comes from: an address, and a device where it is known."""

    caller: Caller
    device: Device | None = None

    def knows(self, login: str) -> bool:
        """Return whether this login has been used on this device before."""
        return self.device is not None and login in self.device.logins


@dataclass(frozen=True, slots=True)
class HalfSession:
    """The password was right. What is still to be done, in this order."""

    token: str
    needs_password_change: bool
    needs_enrolment: bool


@dataclass(frozen=True, slots=True)
class LogInRefused:
    """Not logged in: wrong, or too often wrong; then from when on it may be tried again.

    `expired`: the password was right, but temporary and too old. `busy`: nothing was tried.
    """

    retry_from: datetime | None = None
    expired: bool = False
    busy: bool = False


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
    name = prose(name)
    if not _LOGIN.fullmatch(login):
        return StaffRefusal.LOGIN_INVALID
    if not name.isprintable() or not 1 <= len(name) <= _NAME_LENGTH_MAX:
        return StaffRefusal.NAME_INVALID
    password = _temporary_password()
    try:
        hashed = await hashing.KNOWN.hashed(password)
    except HashingBusyError:
        return StaffRefusal.BUSY
    async with acting(platform, by) as act:
        if not await _fits(act.tx, role, hospital_id):
            return StaffRefusal.HOSPITAL_NEEDED
        expires_at = _expiry(platform, act.now)
        id = await store.add(act.tx, login, name, role, hospital_id, hashed, expires_at)
        if id is None:
            return StaffRefusal.LOGIN_TAKEN
        await store.set_access(act.tx, id, by)
        detail = {"login": login, "role": role.value, "hospital_id": hospital_id}
        await act.record("add_staff", ("staff", id), detail=detail)
    return NewStaff(id, login, password, expires_at)


async def _fits(tx: Tx, role: Role, hospital_id: int | None) -> bool:
    if role not in HOSPITAL_ROLES:
        return hospital_id is None
    return hospital_id is not None and await store.hospital_exists(tx, hospital_id)


def _expiry(platform: Platform, now: datetime) -> datetime:
    return now + timedelta(hours=platform.settings.staff_password_hours)


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
    try:
        hashed = await hashing.KNOWN.hashed(password)
    except HashingBusyError:
        return StaffRefusal.BUSY
    async with acting(platform, by) as act:
        found = await store.by_id(act.tx, staff_id, lock=True)
        if found is None:
            return StaffRefusal.UNKNOWN
        expires_at = _expiry(platform, act.now)
        await store.set_password(act.tx, staff_id, hashed, temporary=True, expires_at=expires_at)
        await store.set_access(act.tx, staff_id, by)
        await log_in_failures.forgive_login(act.tx, _login_index(platform, found.login))
        await store.end_sessions_of(act.tx, staff_id)
        await act.record("reset_password", ("staff", staff_id), reason=reason)
    return NewStaff(staff_id, found.login, password, expires_at)


async def reset_second_factor(
    platform: Platform, by: Who, staff_id: int, reason: str = ""
) -> StaffRefusal | None:
    """Forget a lost phone: it is enrolled anew at the next log-in. Every session ends."""
    async with acting(platform, by) as act:
        if await store.by_id(act.tx, staff_id, lock=True) is None:
            return StaffRefusal.UNKNOWN
        await store.set_totp_secret(act.tx, platform.vault, staff_id, None)
        await store.set_access(act.tx, staff_id, by)
        await store.end_sessions_of(act.tx, staff_id)
        await act.record("reset_second_factor", ("staff", staff_id), reason=reason)
    return None


async def disable_staff(
    platform: Platform, by: Who, staff_id: int, reason: str = ""
) -> StaffRefusal | None:
    """Shut somebody out, at once. The last administrator stays."""
    async with acting(platform, by) as act:
        administrators = await store.enabled_administrators(act.tx)
        found = await store.by_id(act.tx, staff_id, lock=True)
        if found is None:
            return StaffRefusal.UNKNOWN
        if found.disabled_at is not None:
            return None
        if found.role is Role.ADMINISTRATOR and administrators <= 1:
            return StaffRefusal.LAST_ADMINISTRATOR
        await store.set_disabled(act.tx, staff_id, act.now)
        await store.end_sessions_of(act.tx, staff_id)
        await act.record("disable_staff", ("staff", staff_id), reason=reason)
    return None


async def enable_staff(platform: Platform, by: Who, staff_id: int) -> StaffRefusal | None:
    """Let somebody in again, with the password and the second factor they had."""
    async with acting(platform, by) as act:
        if await store.by_id(act.tx, staff_id, lock=True) is None:
            return StaffRefusal.UNKNOWN
        await store.set_disabled(act.tx, staff_id, None)
        await store.set_access(act.tx, staff_id, by)
        await act.record("enable_staff", ("staff", staff_id))
    return None


async def change_role(
    platform: Platform, by: Who, staff_id: int, role: Role, hospital_id: int | None
) -> StaffRefusal | None:
    """Another role; whoever is logged in under the old one is logged out."""
    async with acting(platform, by) as act:
        administrators = await store.enabled_administrators(act.tx)
        found = await store.by_id(act.tx, staff_id, lock=True)
        if found is None:
            return StaffRefusal.UNKNOWN
        if not await _fits(act.tx, role, hospital_id):
            return StaffRefusal.HOSPITAL_NEEDED
        leaves = found.role is Role.ADMINISTRATOR and role is not Role.ADMINISTRATOR
        if leaves and found.disabled_at is None and administrators <= 1:
            return StaffRefusal.LAST_ADMINISTRATOR
        await store.set_role(act.tx, staff_id, role, hospital_id)
        await store.set_access(act.tx, staff_id, by)
        await store.end_sessions_of(act.tx, staff_id)
        detail = {"from": found.role.value, "to": role.value, "hospital_id": hospital_id}
        await act.record("change_role", ("staff", staff_id), detail=detail)
    return None


# Logging in -------------------------------------------------------------------------------


async def log_in(
    platform: Platform, login: str, password: str, origin: Origin
) -> HalfSession | LogInRefused:
    """The first factor. A login that nobody has takes the same path and gets the same answers."""
    login = typed(login).lower()
    subject = _subject(platform, login, origin)
    async with platform.db.transaction() as tx:
        retry_from = await _not_before(tx, platform, login, origin)
        found = None if retry_from else await store.by_login(tx, login)
        staff_id = 0 if found is None else found.id
        credentials = await store.credentials_of(tx, platform.vault, staff_id)
    if retry_from is not None:
        return LogInRefused(retry_from)
    stored = hashing.NOBODYS_HASH if credentials is None else credentials.password_hash
    lane = hashing.KNOWN if origin.knows(login) else hashing.STRANGERS
    # Outside of the transaction and of the event loop: it takes a while, on purpose.
    try:
        right = await lane.verifies(stored, password)
        rehash = right and hashing.needs_rehash(stored)
        newer = await lane.hashed(password) if rehash else None
    except HashingBusyError:
        return LogInRefused(busy=True)
    async with platform.db.transaction() as tx:
        # Again, for it may have been locked or changed while the password was verified.
        locked = await log_in_failures.locked_until(tx, subject)
        if locked is not None:
            return LogInRefused(locked)
        now = await store.by_id(tx, staff_id, lock=True)
        credentials = await store.credentials_of(tx, platform.vault, staff_id)
        same = credentials is not None and credentials.password_hash == stored
        if now is None or not (right and same) or now.disabled_at is not None:
            return await _failed(tx, platform, now, login, origin, "log_in_failed")
        if _has_expired(now, tx.now):
            return LogInRefused(expired=True)
        if newer is not None:
            await store.rehash(tx, now.id, newer)
        token = await _open(tx, platform, now.id, verified=False)
        return HalfSession(token, now.password_is_temporary, not now.has_second_factor)


def _subject(platform: Platform, login: str, origin: Origin) -> bytes:
    """What failures of this login are counted by: the known device, or the network."""
    where = _network(origin.caller.address)
    if origin.device is not None and origin.knows(login):
        where = f"device {origin.device.id}"
    return platform.vault.index("staff log-in", f"{login}\0{where}")


def _login_index(platform: Platform, login: str) -> bytes:
    return platform.vault.index("staff log-in", login)


def _network(address: str) -> str:
    """The network that a stranger at this address holds: all of a /24 or of a /48."""
    try:
        network = ip_network(address, strict=False)
    except ValueError:
        return address
    bits = _IPV6_NETWORK_BITS if isinstance(network, IPv6Network) else _IPV4_NETWORK_BITS
    return str(network if network.prefixlen <= bits else network.supernet(new_prefix=bits))


async def _not_before(tx: Tx, platform: Platform, login: str, origin: Origin) -> datetime | None:
    """When the password may be tried, None: now. Not asked is whether anybody has the login."""
    locked = await log_in_failures.locked_until(tx, _subject(platform, login, origin))
    # A flood from the office's own address does not keep out who works there.
    if locked is not None or not origin.caller.limited or origin.knows(login):
        return locked
    subject = platform.vault.index("throttle", origin.caller.address)
    hits = await throttle.hit(tx, "staff_log_in", subject, _HOUR)
    if hits <= LOG_INS_PER_ADDRESS_HOUR:
        return None
    return tx.now + timedelta(seconds=throttle.seconds_left(tx.now, _HOUR))


def _has_expired(found: StaffRow, now: datetime) -> bool:
    expires_at = found.password_expires_at
    return found.password_is_temporary and expires_at is not None and now >= expires_at


async def _failed(
    tx: Tx, platform: Platform, found: StaffRow | None, login: str, origin: Origin, action: str
) -> LogInRefused:
    """Count and record a failure of this login from there, also where nobody has the login."""
    subject, index = _subject(platform, login, origin), _login_index(platform, login)
    failures = await log_in_failures.count(tx, subject, index, tx.now - FAILURES_FORGOTTEN)
    locked_until = _lock_until(tx.now, failures)
    await log_in_failures.lock(tx, subject, locked_until)
    who, id = (SYSTEM, 0) if found is None else (found.staff.who, found.id)
    await Acting(platform, tx, who).record(action, ("staff", id), detail={"failures": failures})
    return LogInRefused(locked_until)


async def _failed_second(
    tx: Tx, platform: Platform, found: StaffRow, origin: Origin, action: str
) -> LogInRefused:
    """Count a failure of somebody who knows the password: over all networks as well."""
    refused = await _failed(tx, platform, found, found.login, origin, action)
    if origin.knows(found.login):
        return refused
    failures = found.failed_log_ins + 1
    locked_until = _lock_until(tx.now, failures)
    await store.count_failure(tx, found.id, failures, locked_until)
    return LogInRefused(max(filter(None, (refused.retry_from, locked_until)), default=None))


async def _locked_second(
    tx: Tx, platform: Platform, found: StaffRow, origin: Origin
) -> datetime | None:
    """Until when no second factor and no change of the password is tried from there."""
    locked = await log_in_failures.locked_until(tx, _subject(platform, found.login, origin))
    if locked is None and not origin.knows(found.login) and _is_locked(found, tx.now):
        return found.locked_until
    return locked


def _lock_until(now: datetime, failures: int) -> datetime | None:
    if failures < FAILURES_BEFORE_LOCK:
        return None
    doubled: timedelta = FIRST_LOCK * 2 ** min(failures - FAILURES_BEFORE_LOCK, 10)
    return now + min(doubled, LONGEST_LOCK)


async def change_password(
    platform: Platform, token: str, old: str, new: str, code: str, origin: Origin
) -> StaffRefusal | LogInRefused | None:
    """One's own password, which also ends its being temporary. Other sessions end.

    Asks for both factors, once a second one is enrolled, and is locked as the log-in is.
    """
    async with platform.db.transaction() as tx:
        opened = await _half_session(tx, platform, token)
        found = None if opened is None else await store.by_id(tx, opened.staff_id)
        if opened is None or found is None:
            return StaffRefusal.NOT_LOGGED_IN
        before = await store.credentials_of(tx, platform.vault, found.id)
        assert before is not None
        locked = await _locked_second(tx, platform, found, origin)
        hospital = await store.hospital_name(tx, found.hospital_id)
    if locked is not None:
        return LogInRefused(locked)
    own = (found.login, found.name, hospital, *re.split(r"[._-]", found.login), *_PLATFORM_WORDS)
    try:
        right = await hashing.KNOWN.verifies(before.password_hash, old)
        weak = len(new) > hashing.PASSWORD_LENGTH_MAX or new == old
        weak = weak or await hashing.KNOWN.run(lambda: is_guessable(new, own))
        hashed = "" if weak or not right else await hashing.KNOWN.hashed(new)
    except HashingBusyError:
        return LogInRefused(busy=True)
    async with platform.db.transaction() as tx:
        now = await store.by_id(tx, found.id, lock=True)
        credentials = await store.credentials_of(tx, platform.vault, found.id)
        # Reset, disabled or logged out while the password was verified: that holds.
        ended = await _half_session(tx, platform, token) is None
        if ended or now is None or credentials is None:
            return StaffRefusal.NOT_LOGGED_IN
        if credentials.password_hash != before.password_hash:
            return StaffRefusal.NOT_LOGGED_IN
        locked = await _locked_second(tx, platform, now, origin)
        if locked is not None:
            return LogInRefused(locked)
        secret = credentials.totp_secret
        step = None if secret is None else _step_of(secret, code, tx.now, now.totp_last_step)
        if not right or (secret is not None and step is None):
            refused = await _failed_second(tx, platform, now, origin, "change_password_failed")
            return StaffRefusal.PASSWORD_WRONG if refused.retry_from is None else refused
        if weak:
            # The code is not used up: the same one may come with a better password.
            return StaffRefusal.PASSWORD_WEAK
        if step is not None:
            await store.accept_totp_step(tx, now.id, step)
        await store.set_password(tx, now.id, hashed, temporary=False)
        await log_in_failures.forgive(tx, _subject(platform, now.login, origin))
        await store.end_sessions_of(tx, now.id, spare=opened.id)
        await Acting(platform, tx, now.staff.who).record("change_password", ("staff", now.id))
    return None


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


async def enrol(
    platform: Platform, token: str, code: str, origin: Origin
) -> Session | LogInRefused | None:
    """Keep the second factor with a first code of it, which logs in; None: begin again."""
    async with platform.db.transaction() as tx:
        found = await _enrolling(tx, platform, token)
        if found is None:
            return None
        locked = await _locked_second(tx, platform, found, origin)
        if locked is not None:
            return LogInRefused(locked)
        secret = _draft_secret(platform, token)
        step = _step_of(secret, code, tx.now, 0)
        if step is None:
            return await _failed_second(tx, platform, found, origin, "second_factor_failed")
        await store.set_totp_secret(tx, platform.vault, found.id, secret)
        await Acting(platform, tx, found.staff.who).record(
            "enrol_second_factor", ("staff", found.id)
        )
        return await _log_in(tx, platform, token, found, step, origin)


async def _enrolling(tx: Tx, platform: Platform, token: str) -> StaffRow | None:
    opened = await _half_session(tx, platform, token)
    found = None if opened is None else await store.by_id(tx, opened.staff_id, lock=True)
    if found is None or found.has_second_factor or found.password_is_temporary:
        return None
    return found if found.disabled_at is None else None


def _draft_secret(platform: Platform, token: str) -> str:
    return b32encode(platform.vault.index("staff enrolment", token)[:_SECRET_BYTES]).decode()


async def show_second_factor(
    platform: Platform, token: str, code: str, origin: Origin
) -> Session | LogInRefused | None:
    """The second factor: a code of now, or of the step before or after, never one twice.

    None: the password is too long ago, or was temporary; log in again.
    """
    async with platform.db.transaction() as tx:
        opened = await _half_session(tx, platform, token)
        found = None if opened is None else await store.by_id(tx, opened.staff_id, lock=True)
        if found is None or found.password_is_temporary or found.disabled_at is not None:
            return None
        locked = await _locked_second(tx, platform, found, origin)
        if locked is not None:
            return LogInRefused(locked)
        credentials = await store.credentials_of(tx, platform.vault, found.id)
        secret = None if credentials is None else credentials.totp_secret
        step = None if secret is None else _step_of(secret, code, tx.now, found.totp_last_step)
        if step is None:
            return await _failed_second(tx, platform, found, origin, "second_factor_failed")
        return await _log_in(tx, platform, token, found, step, origin)


async def _log_in(
    tx: Tx, platform: Platform, token: str, found: StaffRow, step: int, origin: Origin
) -> Session:
    """A session under a new token: who planted the old one has nothing."""
    opened = await store.session_of(tx, platform.vault.indexes("staff session", token))
    assert opened is not None
    await store.end_session(tx, opened.id)
    await store.accept_totp_step(tx, found.id, step)
    await store.count_failure(tx, found.id, 0, None)
    await log_in_failures.forgive(tx, _subject(platform, found.login, origin))
    new = await _open(tx, platform, found.id, verified=True)
    await Acting(platform, tx, found.staff.who).record("log_in", ("staff", found.id))
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
        opened = await store.session_of(tx, platform.vault.indexes("staff session", token))
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
    return HalfSession(token, found.password_is_temporary, not found.has_second_factor)


async def log_out(platform: Platform, token: str) -> None:
    """This session is over, whatever it was."""
    async with platform.db.transaction() as tx:
        opened = await store.session_of(tx, platform.vault.indexes("staff session", token))
        if opened is None:
            return
        await store.end_session(tx, opened.id)
        found = await store.by_id(tx, opened.staff_id)
        assert found is not None
        await Acting(platform, tx, found.staff.who).record("log_out", ("staff", found.id))


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
        await Acting(platform, tx, found.staff.who).record(
            "end_sessions", ("staff", found.id), detail=detail
        )
    return ended


async def end_sessions_of(platform: Platform, by: Who, staff_id: int, reason: str = "") -> int:
    """Log somebody out everywhere; how many sessions were open."""
    async with acting(platform, by) as act:
        ended = await store.end_sessions_of(act.tx, staff_id)
        detail = {"sessions": ended}
        await act.record("end_sessions", ("staff", staff_id), reason=reason, detail=detail)
    return ended


async def _half_session(tx: Tx, platform: Platform, token: str) -> SessionRow | None:
    """The session of a token whose password is recent, or that has both factors."""
    opened = await store.session_of(tx, platform.vault.indexes("staff session", token))
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
