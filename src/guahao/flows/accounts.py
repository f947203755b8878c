"""A phone is proven by a one-time password, and is then an account (S2, S3)."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from guahao.flows.platform import Platform
from guahao.rules.identity import valid_phone
from guahao.rules.kernel.text import compact
from guahao.store import accounts as store
from guahao.store import messages, patients, proofs, throttle
from guahao.store.db import Tx
from guahao.store.views import PatientView

OTP_DIGITS = 6
OTP_VALID = timedelta(minutes=5)
OTP_TRIES = 5

_HOUR = 3600  # seconds
_MINUTE = 60  # seconds


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request comes from. Not limited by address: the loopback in demo mode."""

    address: str
    limited: bool


@dataclass(frozen=True, slots=True)
class InvalidPhone:
    """Not a mobile number that an SMS of ours reaches."""


@dataclass(frozen=True, slots=True)
class OtpWrong:
    """Not this phone's one-time password, or used, expired or guessed at too often."""


@dataclass(frozen=True, slots=True)
class Throttled:
    """Too often, from here, for this phone or altogether; seconds until it may pass."""

    retry_after_seconds: int


@dataclass(frozen=True, slots=True)
class Proof:
    """Work that a visitor's browser did before a one-time password is sent.

    `challenge` is what it solved, verified by the caller; it serves until `expires_at`.
    """

    challenge: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ProofUsed:
    """This very proof was handed in before: the same form once more."""


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account for its owner's eyes: the phone as +86 and eleven digits, in the clear."""

    id: int
    phone: str
    patients: list[PatientView]


@dataclass(frozen=True, slots=True)
class _Limit:
    """At most `most` tries of a subject in a window of so many seconds."""

    scope: str
    subject: str
    most: int
    window_seconds: int


async def request_otp(
    platform: Platform, phone: str, caller: Caller, language: str
) -> InvalidPhone | Throttled | None:
    """Send a phone a new one-time password by SMS; whatever it had before is void.

    `language` (zh, en) is the message's. The answer never says whether the phone is known.
    """
    e164 = valid_phone(phone)
    if e164 is None:
        return InvalidPhone()
    async with platform.db.transaction() as tx:
        return await _send_otp(tx, platform, e164, caller, language)


async def request_otp_with_proof(
    platform: Platform, phone: str, caller: Caller, language: str, proof: Proof | None
) -> InvalidPhone | Throttled | ProofUsed | None:
    """The same for a visitor whose browser did some work first.

    One that cannot is served, too, but its address may ask less often, and all such
    together are limited: a machine gains nothing by leaving the proof out.
    """
    e164 = valid_phone(phone)
    if e164 is None:
        return InvalidPhone()
    async with platform.db.transaction() as tx:
        if proof is None:
            throttled = await _throttled(tx, platform, _unproven_limits(platform, caller))
            return throttled or await _send_otp(tx, platform, e164, caller, language)
        index = platform.vault.index("proof", proof.challenge)
        if not await proofs.use(tx, index, proof.expires_at):
            return ProofUsed()
        throttled = await _send_otp(tx, platform, e164, caller, language)
        if throttled:
            await proofs.give_back(tx, index)
        return throttled


async def open_account(
    platform: Platform, phone: str, otp: str, caller: Caller, language: str
) -> int | OtpWrong | Throttled | InvalidPhone:
    """The account of whoever holds the phone; made at the first proof.

    A password opens once, and bears five tries. The account speaks `language` from now on.
    """
    e164 = valid_phone(phone)
    if e164 is None:
        return InvalidPhone()
    limits = _guessing_limits(platform, e164, caller)
    async with platform.db.transaction() as tx:
        throttled = await _throttled(tx, platform, limits)
        if throttled:
            return throttled
        kept = await store.take_try(tx, platform.vault.index("phone", e164))
        given = _otp_index(platform, e164, compact(otp))
        if kept is None or not hmac.compare_digest(kept.otp_index, given):
            return OtpWrong()
        await store.use_up(tx, kept.id)
        await _forgive(tx, platform, limits)
        return await store.find_or_add(tx, platform.vault, e164, language)


async def account(platform: Platform, account_id: int) -> AccountView | None:
    """An account with its patients, or None where there is no such account."""
    async with platform.db.transaction() as tx:
        phone = await store.phone_of(tx, platform.vault, account_id)
        if phone is None:
            return None
        own = await patients.of_account(tx, platform.vault, account_id)
        return AccountView(account_id, phone, own)


async def _send_otp(
    tx: Tx, platform: Platform, e164: str, caller: Caller, language: str
) -> Throttled | None:
    throttled = await _throttled(tx, platform, _sending_limits(platform, e164, caller))
    if throttled:
        return throttled
    otp = f"{secrets.randbelow(10**OTP_DIGITS):0{OTP_DIGITS}d}"
    expires_at = tx.now + OTP_VALID
    phone_index = platform.vault.index("phone", e164)
    await store.replace_otp(tx, phone_index, _otp_index(platform, e164, otp), OTP_TRIES, expires_at)
    await messages.tell_phone(tx, platform.vault, "otp", e164, language, otp, expires_at)
    return None


def _otp_index(platform: Platform, e164: str, otp: str) -> bytes:
    return platform.vault.index("otp", f"{e164} {otp}")


# The narrowest subject an attacker can exhaust comes first, so that a flood from one address
# uses up neither the phone's allowance nor everybody's. The same order everywhere: hits lock.


def _unproven_limits(platform: Platform, caller: Caller) -> list[_Limit]:
    most = platform.settings
    limits = [_Limit("otp_unproven_total", "", most.otp_unproven_total_minute, _MINUTE)]
    if caller.limited:
        of_address = most.otp_unproven_per_address_hour
        limits.insert(0, _Limit("otp_unproven_address", caller.address, of_address, _HOUR))
    return limits


def _sending_limits(platform: Platform, e164: str, caller: Caller) -> list[_Limit]:
    most = platform.settings
    limits = [
        _Limit("otp_phone", e164, most.otp_per_phone_hour, _HOUR),
        _Limit("otp_total", "", most.otp_total_minute, _MINUTE),
    ]
    if caller.limited:
        limits.insert(0, _Limit("otp_address", caller.address, most.otp_per_address_hour, _HOUR))
    return limits


def _guessing_limits(platform: Platform, e164: str, caller: Caller) -> list[_Limit]:
    """As many wrong guesses as all the passwords of an hour would bear."""
    most = platform.settings
    limits = [_Limit("otp_try_phone", e164, most.otp_per_phone_hour * OTP_TRIES, _HOUR)]
    if caller.limited:
        tries = most.otp_per_address_hour * OTP_TRIES
        limits.insert(0, _Limit("otp_try_address", caller.address, tries, _HOUR))
    return limits


async def _throttled(tx: Tx, platform: Platform, limits: list[_Limit]) -> Throttled | None:
    """Count a try against each limit in turn; the first that is passed refuses."""
    for limit in limits:
        subject = platform.vault.index("throttle", limit.subject)
        if await throttle.hit(tx, limit.scope, subject, limit.window_seconds) > limit.most:
            return Throttled(throttle.seconds_left(tx.now, limit.window_seconds))
    return None


async def _forgive(tx: Tx, platform: Platform, limits: list[_Limit]) -> None:
    """Only wrong guesses count: take back what a right one was counted."""
    for limit in limits:
        subject = platform.vault.index("throttle", limit.subject)
        await throttle.forgive(tx, limit.scope, subject, limit.window_seconds)
