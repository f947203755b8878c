"""Log-ins of citizens: begun by a proof of the phone, confirmed, refreshed, ended (S2).

Every request asks the database whether its log-in has ended, so that the log-in stops working
with the commit that ends it (docs/decisions/0022).
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from guahao.flows.kernel.platform import Platform
from guahao.flows.people import one_time_passwords
from guahao.flows.people.one_time_passwords import Caller
from guahao.rules.kernel.outcomes import Refused, Throttled
from guahao.rules.people.identity import valid_phone
from guahao.rules.people.logins import AccountLoginFacts, AccountLoginRefusal, must_confirm
from guahao.store.kernel import throttle
from guahao.store.kernel.db import Tx
from guahao.store.messages import wechat
from guahao.store.people import accounts, patients
from guahao.store.people import logins as store
from guahao.store.people.logins import Login

# A page's log-in holds for half a day, a program's as long as it is refreshed.
LASTS = {
    "web": timedelta(hours=12),
    "wechat": timedelta(hours=12),
    "api": timedelta(days=90),
}
REFRESH_WITHIN = timedelta(days=30)
# A client whose connection broke sends its refresh token again at once.
_REFRESHED_AGAIN_WITHIN = timedelta(seconds=30)
DEVICES_KEPT = timedelta(days=400)  # longer than a browser keeps the cookie

_WRONG_A_DAY = 5  # documents guessed at one account
_WRONG_AN_HOUR = 20  # from one address
_HOUR, _DAY = 3600, 86400

Channel = Literal["web", "wechat", "api"]


@dataclass(frozen=True, slots=True)
class Device:
    """The device of a log-in: a label that its owner recognizes, and its own secret.

    `secret`: None for a new device, which then gets a secret.
    """

    label: str
    secret: str | None = None


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A log-in that has begun. Not `confirmed`: it shows nothing yet.

    `device` is the secret by which the device is known the next time.
    """

    account_id: int
    login_id: int
    confirmed: bool
    device: str


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The log-in continues; only the refresh token of this number is valid now."""

    account_id: int
    login_id: int
    number: int


async def log_in(
    platform: Platform,
    phone: str,
    otp: str,
    request_id: str | None,
    caller: Caller,
    language: str,
    channel: Channel,
    device: Device,
) -> LoggedIn | Refused[AccountLoginRefusal] | Throttled:
    """Log in the person who proves the phone; create its account at the first proof.

    The account's messages are in `language` from now on.
    """
    e164 = valid_phone(phone)
    if e164 is None:
        return Refused(AccountLoginRefusal.PHONE_INVALID)
    async with platform.db.transaction() as tx:
        proven = await one_time_passwords.proves(tx, platform, e164, otp, request_id, caller)
        if isinstance(proven, Throttled):
            return proven
        if not proven:
            return Refused(AccountLoginRefusal.OTP_WRONG)
        account_id = await accounts.find_or_add(tx, platform.vault, e164, language)
        return await _begin(tx, platform, account_id, channel, device)


async def log_in_bound(platform: Platform, account_id: int, device: Device) -> LoggedIn:
    """Log in a user of WeChat who is bound to the account: the binding is a known device."""
    async with platform.db.transaction() as tx:
        return await _begin(tx, platform, account_id, "wechat", device, knows_device=True)


async def _begin(
    tx: Tx,
    platform: Platform,
    account_id: int,
    channel: Channel,
    device: Device,
    *,
    knows_device: bool = False,
) -> LoggedIn:
    secret = device.secret or secrets.token_urlsafe(24)
    device_index = platform.vault.index("own device", secret)
    facts = await store.facts(tx, account_id, platform.vault.indexes("own device", secret))
    if knows_device:
        facts = AccountLoginFacts(facts.has_patients, facts.last_used_at, knows_device=True)
    after = timedelta(days=platform.settings.confirm_after_days)
    confirmed = not must_confirm(facts, tx.now, after)
    login_id = await store.begin(
        tx,
        account_id,
        channel,
        device.label,
        device_index,
        tx.now + LASTS[channel],
        confirmed=confirmed,
    )
    if channel == "api":
        await store.set_refresh(tx, login_id, 1)
    if confirmed:
        await store.note_account_use(tx, account_id)
        await store.remember_device(tx, account_id, device_index)
    return LoggedIn(account_id, login_id, confirmed, secret)


async def current(platform: Platform, account_id: int, login_id: int) -> Login | None:
    """Return the log-in that a token names and record its use; None if it has ended."""
    async with platform.db.transaction() as tx:
        found = await store.live(tx, login_id)
        if found is None or found.account_id != account_id:
            return None
        if tx.now - found.last_seen_at >= store.SEEN_EVERY:
            await store.note_use(tx, found)
        return found


# Confirming -------------------------------------------------------------------------------------


async def confirm(
    platform: Platform, login_id: int, id_no: str, caller: Caller
) -> int | Refused[AccountLoginRefusal] | Throttled:
    """Confirm a log-in by the document of a patient of the account; return the account's id.

    Count each try before comparing, and release it if it was right.
    """
    async with platform.db.transaction() as tx:
        found = await store.lock_live(tx, login_id)
        if found is None:
            return Refused(AccountLoginRefusal.ENDED)
        if found.confirmed:
            return found.account_id
        keyed = platform.vault.index
        limits = [("confirm_account", f"account {found.account_id}", _DAY, _WRONG_A_DAY)]
        if caller.limited:
            limits.insert(0, ("confirm_address", caller.address, _HOUR, _WRONG_AN_HOUR))
        for scope, subject, window, most in limits:
            if await throttle.hit(tx, scope, keyed("throttle", subject), window) > most:
                seconds = throttle.seconds_left(tx.now, window)
                return Throttled(retry_after_seconds=seconds)
        given = patients.person_indexes(platform.vault, id_no)
        known = await store.person_indexes(tx, found.account_id)
        pairs = [(index, own) for index in given for own in known]
        if not any([hmac.compare_digest(*pair) for pair in pairs]):  # noqa: C419 - constant time: no early exit
            return Refused(AccountLoginRefusal.DOCUMENT_WRONG)
        for scope, subject, window, _ in limits:
            await throttle.forgive(tx, scope, keyed("throttle", subject), window)
        await store.confirm(tx, found.id)
        await store.note_account_use(tx, found.account_id)
        if found.device_index is not None:
            await store.remember_device(tx, found.account_id, found.device_index)
        return found.account_id


async def start_over(
    platform: Platform, login_id: int, language: str, device: Device
) -> LoggedIn | Refused[AccountLoginRefusal]:
    """Give the phone's new holder an account of their own: the patients are not theirs.

    The former account keeps its patients and their bookings, loses the phone, its log-ins and
    its WeChat user; its persons are served with their documents, at the window and by the
    hotline. Allowed only once in a while: otherwise a phone could register new patients without
    limit (S3). For the same reason a restriction for abuse stays with the phone until staff lift
    it.
    """
    async with platform.db.transaction() as tx:
        found = await store.lock_live(tx, login_id)
        if found is None:
            return Refused(AccountLoginRefusal.ENDED)
        if found.confirmed:
            return Refused(AccountLoginRefusal.NEW_HOLDER_CONFIRMED)
        former = found.account_id
        await accounts.lock_account(tx, former)
        since = await accounts.followed_since(tx, former)
        after = timedelta(days=platform.settings.confirm_after_days)
        if since is not None and tx.now - since < after:
            return Refused(AccountLoginRefusal.NEW_HOLDER_TOO_SOON)
        phone = await accounts.phone_of(tx, platform.vault, former)
        if not phone:
            return Refused(AccountLoginRefusal.ENDED)
        await end_logins(tx, former, "new_holder")
        await accounts.detach_phone(tx, former)
        account_id = await accounts.find_or_add(tx, platform.vault, phone, language)
        await accounts.set_follows(tx, account_id, former)
        channel: Channel = "api" if found.channel == "api" else "web"
        return await _begin(tx, platform, account_id, channel, device)


# Refreshing -------------------------------------------------------------------------------------


async def refresh(
    platform: Platform, login_id: int, number: int
) -> Refreshed | Refused[AccountLoginRefusal]:
    """Exchange the refresh token of this number for the next.

    A token that was exchanged before has been copied: the log-in ends. The last token is
    accepted again for a short time, for a client that did not receive the answer.
    """
    async with platform.db.transaction() as tx:
        found = await store.lock_live(tx, login_id)
        if found is None:
            return Refused(AccountLoginRefusal.ENDED)
        if number == found.refresh_number:
            await store.set_refresh(tx, found.id, number + 1)
            await store.note_use(tx, found)
            return Refreshed(found.account_id, found.id, number + 1)
        is_again = (
            number == found.refresh_number - 1
            and found.refreshed_at is not None
            and tx.now - found.refreshed_at < _REFRESHED_AGAIN_WITHIN
        )
        if is_again:
            return Refreshed(found.account_id, found.id, found.refresh_number)
        await store.end(tx, found.account_id, found.id, "reused")
        return Refused(AccountLoginRefusal.ENDED)


# Ending -----------------------------------------------------------------------------------------


async def live_logins(platform: Platform, account_id: int) -> list[Login]:
    """Return the account's open log-ins, the last used first."""
    async with platform.db.transaction() as tx:
        return await store.live_of_account(tx, account_id)


async def log_out(platform: Platform, account_id: int, login_id: int) -> None:
    """End the log-in with which its holder logs out; do nothing if it has ended already."""
    async with platform.db.transaction() as tx:
        await store.end(tx, account_id, login_id, "logged_out")


async def end_login(platform: Platform, account_id: int, login_id: int) -> bool:
    """End a log-in on another device; return whether it was the account's and still open."""
    async with platform.db.transaction() as tx:
        return await store.end(tx, account_id, login_id, "ended_by_owner")


async def log_out_everywhere(platform: Platform, account_id: int) -> None:
    """End all log-ins of the account, and its WeChat binding.

    Forget its devices as well: each must name a document at its next log-in.
    """
    async with platform.db.transaction() as tx:
        await end_logins(tx, account_id, "everywhere")


async def end_logins(
    tx: Tx, account_id: int, reason: Literal["moved", "new_holder", "staff", "everywhere"]
) -> None:
    """End all log-ins of an account and its WeChat binding, and forget its devices.

    Call it when a person or the phone is taken from the account: its next log-in must prove the
    phone and name a patient's document.
    """
    await store.end_all(tx, account_id, reason)
    await store.forget_devices(tx, account_id)
    await wechat.unbind(tx, account_id)


async def purge(tx: Tx) -> None:
    """Delete log-ins that ended long ago, and devices that nobody uses."""
    await store.purge(tx)
    await store.purge_devices(tx, tx.now - DEVICES_KEPT)


def refresh_expiry(now: datetime) -> datetime:
    """Return until when a refresh token issued now can be exchanged."""
    return now + REFRESH_WITHIN
