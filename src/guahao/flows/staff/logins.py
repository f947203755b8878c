"""Log-ins of the staff: two factors, log-ins that end, failures that lock.

Every log-in and failed one is in the audit trail. Wrong logins, wrong passwords and disabled
accounts get one and the same answer, after the same work: failures are counted and locked by login
and network, or by login and a device that has logged in before, whether anybody has the login or
not. So a stranger learns nothing, and locks nobody out.
"""

from __future__ import annotations

import re
import secrets
from base64 import b32encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest
from ipaddress import IPv6Network, ip_network

import pyotp

from guahao.flows.kernel import hashing
from guahao.flows.kernel.acting import Acting
from guahao.flows.kernel.hashing import HashingBusyError
from guahao.flows.kernel.passwords import is_guessable
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.accounts import Caller
from guahao.rules.kernel.outcomes import DONE, Done, Refused
from guahao.rules.kernel.text import typed
from guahao.rules.staff.logins import (
    FAILURES_FORGOTTEN,
    LoginRefusal,
    PasswordFacts,
    decide_login,
    is_over,
    is_usable,
    lock_until,
)
from guahao.rules.staff.members import StaffRefusal, decide_password
from guahao.rules.staff.staff import SYSTEM, Staff
from guahao.store.kernel import throttle
from guahao.store.kernel.db import Tx
from guahao.store.people import login_failures
from guahao.store.staff import staff as store
from guahao.store.staff.staff import LoginRow, StaffRow

LOGINS_PER_ADDRESS_HOUR = 100  # a call centre stands behind one address
SEEN_EVERY = timedelta(minutes=1)
TOTP_STEP_SECONDS = 30

_HOUR = 3600
_SECRET_BYTES = 20  # 160 bits, as RFC 4226 asks
_IPV4_NETWORK_BITS = 24
_IPV6_NETWORK_BITS = 48  # what a site gets
_PLATFORM_WORDS = ("guahao", "挂号", "114")


@dataclass(frozen=True, slots=True)
class StaffDevice:
    """A browser on which members of the staff have logged in with both factors."""

    id: str
    logins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a log-in comes from: an address, and a device where it is known."""

    caller: Caller
    device: StaffDevice | None = None

    def knows(self, login: str) -> bool:
        """Return whether this login has been used on this device before."""
        return self.device is not None and login in self.device.logins


@dataclass(frozen=True, slots=True)
class HalfLogin:
    """The password was right. What is still to be done, in this order."""

    token: str
    needs_password_change: bool
    needs_enrolment: bool


@dataclass(frozen=True, slots=True)
class StaffLogin:
    """Both factors were shown; the token is a new one."""

    token: str
    staff: Staff


async def log_in(
    platform: Platform, login: str, password: str, origin: Origin
) -> HalfLogin | Refused[LoginRefusal]:
    """Take the first factor. An unknown login takes the same path and gets the same answers."""
    login = typed(login).lower()
    subject = _subject(platform, login, origin)
    async with platform.db.transaction() as tx:
        retry_from = await _not_before(tx, platform, login, origin)
        found = None if retry_from else await store.by_login(tx, login)
        staff_id = 0 if found is None else found.id
        credentials = await store.credentials_of(tx, platform.vault, staff_id)
    if retry_from is not None:
        return Refused(LoginRefusal.LOCKED, retry_from)
    stored = hashing.nobodys_hash() if credentials is None else credentials.password_hash
    lane = hashing.KNOWN if origin.knows(login) else hashing.STRANGERS
    # Outside of the transaction and of the event loop: it takes a while, on purpose.
    try:
        right = await lane.verifies(stored, password)
        rehash = right and hashing.needs_rehash(stored)
        newer = await lane.hashed(password) if rehash else None
    except HashingBusyError:
        return Refused(LoginRefusal.BUSY)
    async with platform.db.transaction() as tx:
        # Again, for it may have been locked or changed while the password was verified.
        locked = await login_failures.locked_until(tx, subject)
        now = await store.by_id(tx, staff_id, lock=True)
        credentials = await store.credentials_of(tx, platform.vault, staff_id)
        same = credentials is not None and credentials.password_hash == stored
        is_temporary = now is not None and now.password_is_temporary
        facts = PasswordFacts(
            locked_until=locked,
            is_member=now is not None and now.disabled_at is None,
            right=right and same,
            temporary_until=now.password_expires_at if now and is_temporary else None,
        )
        refusal = decide_login(facts, tx.now)
        if refusal is LoginRefusal.WRONG:
            return await _failed(tx, platform, now, login, origin, "log_in_failed")
        if refusal is not None:
            return Refused(refusal, locked)
        assert now is not None
        if newer is not None:
            await store.rehash(tx, now.id, newer)
        token = await _begin(tx, platform, now.id, verified=False)
        return HalfLogin(token, now.password_is_temporary, not now.has_second_factor)


def _subject(platform: Platform, login: str, origin: Origin) -> bytes:
    """Return what failures of this login are counted by: the known device, or the network."""
    where = _network(origin.caller.address)
    if origin.device is not None and origin.knows(login):
        where = f"device {origin.device.id}"
    return platform.vault.index("staff log-in", f"{login}\0{where}")


def _network(address: str) -> str:
    """Return the network that a stranger at this address holds: all of a /24 or of a /48."""
    try:
        network = ip_network(address, strict=False)
    except ValueError:
        return address
    bits = _IPV6_NETWORK_BITS if isinstance(network, IPv6Network) else _IPV4_NETWORK_BITS
    return str(network if network.prefixlen <= bits else network.supernet(new_prefix=bits))


async def _not_before(tx: Tx, platform: Platform, login: str, origin: Origin) -> datetime | None:
    """Return when the password may be tried, None: now; the same whether the login exists."""
    locked = await login_failures.locked_until(tx, _subject(platform, login, origin))
    # A flood from the office's own address does not keep out those who work there.
    if locked is not None or not origin.caller.limited or origin.knows(login):
        return locked
    subject = platform.vault.index("throttle", origin.caller.address)
    hits = await throttle.hit(tx, "staff_log_in", subject, _HOUR)
    if hits <= LOGINS_PER_ADDRESS_HOUR:
        return None
    return tx.now + timedelta(seconds=throttle.seconds_left(tx.now, _HOUR))


async def _failed(
    tx: Tx, platform: Platform, found: StaffRow | None, login: str, origin: Origin, action: str
) -> Refused[LoginRefusal]:
    """Count and record a failure of this login from there, also where nobody has the login."""
    subject, index = _subject(platform, login, origin), platform.vault.index("staff log-in", login)
    failures = await login_failures.count(tx, subject, index, tx.now - FAILURES_FORGOTTEN)
    locked_until = lock_until(failures, tx.now)
    await login_failures.lock(tx, subject, locked_until)
    who, id = (SYSTEM, 0) if found is None else (found.staff.who, found.id)
    await Acting(platform, tx, who).record(action, ("staff", id), detail={"failures": failures})
    return Refused(LoginRefusal.LOCKED if locked_until else LoginRefusal.WRONG, locked_until)


async def _failed_second(
    tx: Tx, platform: Platform, found: StaffRow, origin: Origin, action: str
) -> Refused[LoginRefusal]:
    """Count a failure of somebody who knows the password: over all networks as well."""
    refused = await _failed(tx, platform, found, found.login, origin, action)
    if origin.knows(found.login):
        return refused
    failures = found.failed_log_ins + 1
    locked_until = lock_until(failures, tx.now)
    await store.count_failure(tx, found.id, failures, locked_until)
    until = max(filter(None, (refused.retry_from, locked_until)), default=None)
    return Refused(LoginRefusal.LOCKED if until else LoginRefusal.WRONG, until)


async def _locked_second(
    tx: Tx, platform: Platform, found: StaffRow, origin: Origin
) -> datetime | None:
    """Return until when no second factor and no change of the password is tried from there."""
    locked = await login_failures.locked_until(tx, _subject(platform, found.login, origin))
    own = found.locked_until
    if locked is None and not origin.knows(found.login) and own is not None and tx.now < own:
        return own
    return locked


async def change_password(
    platform: Platform, token: str, old: str, new: str, code: str, origin: Origin
) -> Done | Refused[StaffRefusal | LoginRefusal]:
    """Change a member's own password, which is temporary no more. Their other log-ins end.

    Asks for both factors, once a second one is enrolled, and is locked as the log-in is.
    """
    async with platform.db.transaction() as tx:
        opened = await _usable_login(tx, platform, token)
        found = None if opened is None else await store.by_id(tx, opened.staff_id)
        if opened is None or found is None:
            return Refused(StaffRefusal.NOT_LOGGED_IN)
        before = await store.credentials_of(tx, platform.vault, found.id)
        assert before is not None
        locked = await _locked_second(tx, platform, found, origin)
        hospital = await store.hospital_name(tx, found.hospital_id)
    if locked is not None:
        return Refused(LoginRefusal.LOCKED, locked)
    own = (found.login, found.name, hospital, *re.split(r"[._-]", found.login), *_PLATFORM_WORDS)
    try:
        right = await hashing.KNOWN.verifies(before.password_hash, old)
        weak = len(new) > hashing.PASSWORD_LENGTH_MAX or new == old
        weak = weak or await hashing.KNOWN.run(lambda: is_guessable(new, own))
        hashed = "" if weak or not right else await hashing.KNOWN.hashed(new)
    except HashingBusyError:
        return Refused(LoginRefusal.BUSY)
    async with platform.db.transaction() as tx:
        now = await store.by_id(tx, found.id, lock=True)
        credentials = await store.credentials_of(tx, platform.vault, found.id)
        # Reset, disabled or logged out while the password was verified: that holds.
        goes_on = await _usable_login(tx, platform, token) is not None
        same = credentials is not None and credentials.password_hash == before.password_hash
        if now is None or credentials is None or not (goes_on and same):
            return Refused(StaffRefusal.NOT_LOGGED_IN)
        locked = await _locked_second(tx, platform, now, origin)
        if locked is not None:
            return Refused(LoginRefusal.LOCKED, locked)
        secret = credentials.totp_secret
        step = None if secret is None else _step_of(secret, code, tx.now, now.totp_last_step)
        right = right and (secret is None or step is not None)
        # A weak password does not use the code up: it may come again with a better one.
        refusal = decide_password(logged_in=True, right=right, weak=weak)
        if refusal is StaffRefusal.PASSWORD_WRONG:
            failed = await _failed_second(tx, platform, now, origin, "change_password_failed")
            return Refused(refusal) if failed.retry_from is None else failed
        if refusal is not None:
            return Refused(refusal)
        if step is not None:
            await store.accept_totp_step(tx, now.id, step)
        await store.set_password(tx, now.id, hashed, temporary=False)
        await login_failures.forgive(tx, _subject(platform, now.login, origin))
        await store.end_logins_of(tx, now.id, spare=opened.id)
        await Acting(platform, tx, now.staff.who).record("change_password", ("staff", now.id))
    return DONE


async def enrolment_uri(platform: Platform, token: str) -> str | None:
    """Return what the authenticator's QR code holds; None where one is enrolled already.

    The secret is derived from the token, so that the page shows the same one again, and it is
    stored only once a code of it was entered.
    """
    async with platform.db.transaction() as tx:
        found = await _enrolling(tx, platform, token)
    if found is None:
        return None
    secret = _draft_secret(platform, token)
    return pyotp.TOTP(secret).provisioning_uri(name=found.login, issuer_name="guahao")


async def enrol(
    platform: Platform, token: str, code: str, origin: Origin
) -> StaffLogin | Refused[LoginRefusal]:
    """Store the second factor with a first code of it, which logs in."""
    async with platform.db.transaction() as tx:
        found = await _enrolling(tx, platform, token)
        if found is None:
            return Refused(LoginRefusal.BEGIN_AGAIN)
        locked = await _locked_second(tx, platform, found, origin)
        if locked is not None:
            return Refused(LoginRefusal.LOCKED, locked)
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
    opened = await _usable_login(tx, platform, token)
    found = None if opened is None else await store.by_id(tx, opened.staff_id, lock=True)
    if found is None or found.has_second_factor or found.password_is_temporary:
        return None
    return found if found.disabled_at is None else None


def _draft_secret(platform: Platform, token: str) -> str:
    return b32encode(platform.vault.index("staff enrolment", token)[:_SECRET_BYTES]).decode()


async def show_second_factor(
    platform: Platform, token: str, code: str, origin: Origin
) -> StaffLogin | Refused[LoginRefusal]:
    """Take the second factor: a code of now, or of the step before or after, never twice."""
    async with platform.db.transaction() as tx:
        opened = await _usable_login(tx, platform, token)
        found = None if opened is None else await store.by_id(tx, opened.staff_id, lock=True)
        if found is None or found.password_is_temporary or found.disabled_at is not None:
            return Refused(LoginRefusal.BEGIN_AGAIN)
        locked = await _locked_second(tx, platform, found, origin)
        if locked is not None:
            return Refused(LoginRefusal.LOCKED, locked)
        credentials = await store.credentials_of(tx, platform.vault, found.id)
        secret = None if credentials is None else credentials.totp_secret
        step = None if secret is None else _step_of(secret, code, tx.now, found.totp_last_step)
        if step is None:
            return await _failed_second(tx, platform, found, origin, "second_factor_failed")
        return await _log_in(tx, platform, token, found, step, origin)


async def _log_in(
    tx: Tx, platform: Platform, token: str, found: StaffRow, step: int, origin: Origin
) -> StaffLogin:
    """Begin a log-in under a new token: an attacker who planted the old one has nothing."""
    opened = await store.login_of(tx, platform.vault.indexes("staff session", token))
    assert opened is not None
    await store.end_login(tx, opened.id)
    await store.accept_totp_step(tx, found.id, step)
    await store.count_failure(tx, found.id, 0, None)
    await login_failures.forgive(tx, _subject(platform, found.login, origin))
    new = await _begin(tx, platform, found.id, verified=True)
    await Acting(platform, tx, found.staff.who).record("log_in", ("staff", found.id))
    return StaffLogin(new, found.staff)


def _step_of(secret: str, code: str, now: datetime, last_step: int) -> int | None:
    """Return the time step of a code that may be used now, or None."""
    digits = "".join(code.split())
    current = int(now.timestamp()) // TOTP_STEP_SECONDS
    totp = pyotp.TOTP(secret)
    found = None
    for step in (current - 1, current, current + 1):
        expected = totp.at(step * TOTP_STEP_SECONDS)
        if compare_digest(expected.encode(), digits.encode()) and step > last_step:
            found = step
    return found


# Log-ins ----------------------------------------------------------------------------------


async def staff_of_login(platform: Platform, token: str) -> Staff | None:
    """Return the member who is logged in with both factors; None where nobody is any more.

    A log-in ends after a while without use, and in any case after a shift; when the member is
    disabled; when their role or password changes.
    """
    async with platform.db.transaction() as tx:
        login = await store.login_of(tx, platform.vault.indexes("staff session", token))
        if login is None or login.verified_at is None or is_over(login, tx.now, *_spans(platform)):
            return None
        member = await store.by_id(tx, login.staff_id)
        if member is None or member.disabled_at is not None or member.password_is_temporary:
            return None
        if tx.now - login.seen_at >= SEEN_EVERY:
            await store.note_use(tx, login.id)
        return member.staff


async def half_login(platform: Platform, token: str) -> HalfLogin | None:
    """Return what is still to be done after the password; None where it is to be given again."""
    async with platform.db.transaction() as tx:
        login = await _usable_login(tx, platform, token)
        member = None if login is None else await store.by_id(tx, login.staff_id)
    if member is None:
        return None
    return HalfLogin(token, member.password_is_temporary, not member.has_second_factor)


async def log_out(platform: Platform, token: str) -> None:
    """End this log-in, with one factor or both."""
    async with platform.db.transaction() as tx:
        login = await store.login_of(tx, platform.vault.indexes("staff session", token))
        if login is None:
            return
        await store.end_login(tx, login.id)
        member = await store.by_id(tx, login.staff_id)
        assert member is not None
        await Acting(platform, tx, member.staff.who).record("log_out", ("staff", member.id))


async def own_logins(platform: Platform, token: str) -> list[tuple[LoginRow, bool]]:
    """Return the member's open log-ins, newest first, and which of them this is."""
    async with platform.db.transaction() as tx:
        here = await _usable_login(tx, platform, token)
        if here is None or here.verified_at is None:
            return []
        logins = await store.logins_of(tx, here.staff_id)
        return [
            (login, login.id == here.id)
            for login in logins
            if not is_over(login, tx.now, *_spans(platform))
        ]


async def end_other_logins(platform: Platform, token: str) -> int:
    """Log a member out everywhere but here; return how many log-ins were open."""
    async with platform.db.transaction() as tx:
        here = await _usable_login(tx, platform, token)
        if here is None or here.verified_at is None:
            return 0
        member = await store.by_id(tx, here.staff_id)
        assert member is not None
        ended = await store.end_logins_of(tx, member.id, spare=here.id)
        act = Acting(platform, tx, member.staff.who)
        await act.record("end_sessions", ("staff", member.id), detail={"sessions": ended})
    return ended


async def _usable_login(tx: Tx, platform: Platform, token: str) -> LoginRow | None:
    """Return the log-in of a token whose password is recent, or that has both factors."""
    login = await store.login_of(tx, platform.vault.indexes("staff session", token))
    return login if login and is_usable(login, tx.now, *_spans(platform)) else None


def _spans(platform: Platform) -> tuple[timedelta, timedelta]:
    """Return how long a log-in lasts unused, and at all."""
    settings = platform.settings
    return (
        timedelta(minutes=settings.staff_idle_minutes),
        timedelta(hours=settings.staff_absolute_hours),
    )


async def _begin(tx: Tx, platform: Platform, staff_id: int, *, verified: bool) -> str:
    token = secrets.token_urlsafe(32)
    index = platform.vault.index("staff session", token)
    await store.begin_login(tx, staff_id, index, verified=verified)
    return token
