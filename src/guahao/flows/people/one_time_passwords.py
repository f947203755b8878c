"""Prove a phone by a one-time password (S2): send it, and compare what was typed.

A password belongs to the request that asked for it: only the holder of the request's id can
guess it, so that a stranger's requests and guesses neither void nor exhaust it. Bulk requests
make the proof of work harder before anything is refused (docs/decisions/0022).
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from guahao.flows.kernel.platform import Platform
from guahao.rules.kernel.networks import SHARED_FACTOR, is_within
from guahao.rules.kernel.outcomes import Refused, Throttled
from guahao.rules.kernel.text import compact
from guahao.rules.people.identity import valid_phone
from guahao.rules.people.logins import (
    AccountLoginRefusal,
    ProofRequired,
    WiderNetwork,
    proof_level,
    wider_networks,
)
from guahao.store.kernel import throttle
from guahao.store.kernel.db import Tx
from guahao.store.messages import messages
from guahao.store.people import accounts as store
from guahao.store.people import proofs

OTP_DIGITS = 6
OTP_VALID = timedelta(minutes=5)
OTP_TRIES = 5

_HOUR = 3600  # seconds
_MINUTE = 60  # seconds
# A wide network is refused from so many times the normal count; below, its proofs are harder.
_WIDE_MAX = 16
# Beyond its normal number of SMS an hour, a phone gets as many again for 8 times the work.
_PHONE_MAX = 2
_PHONE_LEVEL = 3
_REQUEST_BYTES = 18


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request comes from. Not limited by address: the loopback in demo mode."""

    address: str
    limited: bool


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof of work by the visitor's browser or app, needed before we send a password.

    `challenge`: the solved challenge, verified by the caller and valid until `expires_at`.
    `level`: how often its work was doubled.
    """

    challenge: str
    expires_at: datetime
    level: int = 0


@dataclass(frozen=True, slots=True)
class OtpSent:
    """A password was sent; only the requester may know `request_id`."""

    request_id: str


@dataclass(frozen=True, slots=True)
class _Limit:
    """At most `most` tries of a subject in a window of so many seconds."""

    scope: str
    subject: str
    most: int
    window_seconds: int = _HOUR


async def request_otp(
    platform: Platform,
    phone: str,
    caller: Caller,
    language: str,
    *,
    proof: Proof | None = None,
    device: str | None = None,
) -> OtpSent | Refused[AccountLoginRefusal] | Throttled:
    """Send a phone a one-time password by SMS.

    `language` (zh, en) is the message's. `device`: the secret of the caller's device, if any; a
    device on which this phone was logged in before has an allowance of its own, so that nobody
    else can use it up. The answer does not reveal whether the phone is known.
    """
    e164 = valid_phone(phone)
    if e164 is None:
        return Refused(AccountLoginRefusal.PHONE_INVALID)
    vault = platform.vault
    async with platform.db.transaction() as tx:
        request_id = _request_id(platform, e164, proof)
        if proof is not None and not await proofs.use(
            tx, vault.index("proof", proof.challenge), proof.expires_at
        ):
            return OtpSent(request_id)  # the same form once more: it was sent the first time
        refused = await _refused(tx, platform, e164, caller, proof, device)
        if refused is not None:
            if proof is not None:
                await proofs.give_back(tx, vault.index("proof", proof.challenge))
            return refused
        await _send(tx, platform, e164, request_id, caller, language)
    return OtpSent(request_id)


def _request_id(platform: Platform, e164: str, proof: Proof | None) -> str:
    """Return a random id; the same for the same proof, so that a form may be sent twice."""
    if proof is None:
        return secrets.token_urlsafe(_REQUEST_BYTES)
    index = platform.vault.index("otp request of proof", f"{e164} {proof.challenge}")
    return index[:_REQUEST_BYTES].hex()


async def _refused(
    tx: Tx, platform: Platform, e164: str, caller: Caller, proof: Proof | None, device: str | None
) -> Throttled | ProofRequired | None:
    """Count the request; return why it is refused, if it is."""
    settings, vault = platform.settings, platform.vault
    phone_index = vault.index("phone", e164)
    if device is not None and await store.knows_device(
        tx, phone_index, vault.indexes("own device", device)
    ):
        own = _Limit("otp_device", f"{e164} {device}", settings.otp_per_phone_hour)
        return await _counted(tx, platform, [own])
    level = await _level(tx, platform, e164, caller)
    if proof is None:
        # Requests without a proof have their own counters: they must not make it harder for others.
        if level or await _counted(tx, platform, _unproven_limits(platform, caller)):
            return ProofRequired(level=level)
    elif proof.level < level:
        return ProofRequired(level=level)
    return await _counted(tx, platform, _sending_limits(platform, e164, caller))


async def _level(tx: Tx, platform: Platform, e164: str, caller: Caller) -> int:
    """Return how hard the proof must be, from the load of this network and of the city."""
    settings, index = platform.settings, platform.vault.index
    counts = [await _of_city(tx, platform)]
    if caller.limited:
        counts += await _of_networks(tx, platform, caller)
    # The same for every phone: a level that depended on the account would reveal who has an
    # account. Known devices of registered phones have their own allowance and need no proof.
    level = proof_level(counts)
    sent = await throttle.hits(tx, "otp_phone", index("throttle", e164), _HOUR)
    return max(level, _PHONE_LEVEL if sent >= settings.otp_per_phone_hour else 0)


async def _of_city(tx: Tx, platform: Platform) -> tuple[int, int]:
    """Return this minute's passwords sent or wrong guesses, if more, and the normal count."""
    nobody, normal = platform.vault.index("throttle", ""), platform.settings.otp_total_minute
    sent = await throttle.hits(tx, "otp_total", nobody, _MINUTE)
    wrong = await throttle.hits(tx, "otp_wrong_total", nobody, _MINUTE)
    return max(sent, wrong), normal


async def _of_networks(tx: Tx, platform: Platform, caller: Caller) -> list[tuple[int, int]]:
    """Return this hour's wrong guesses and SMS of networks around, each with the normal count."""
    index, normal = platform.vault.index, _per_address(platform, caller)
    here = index("throttle", caller.address)
    counts = [(await throttle.hits(tx, "otp_wrong_address", here, _HOUR), normal * OTP_TRIES)]
    for wide in _networks_around(platform, caller):
        subject = index("throttle", wide.network)
        counts.append(
            (await throttle.hits(tx, "otp_network", subject, _HOUR), normal * wide.callers)
        )
    return counts


async def level_for(platform: Platform, caller: Caller) -> int:
    """Return how hard a challenge must be while its phone is not yet known."""
    async with platform.db.transaction() as tx:
        counts = [await _of_city(tx, platform)]
        if caller.limited:
            counts += await _of_networks(tx, platform, caller)
        return proof_level(counts)


async def _send(
    tx: Tx, platform: Platform, e164: str, request_id: str, caller: Caller, language: str
) -> None:
    otp = f"{secrets.randbelow(10**OTP_DIGITS):0{OTP_DIGITS}d}"
    index, expires_at = platform.vault.index, tx.now + OTP_VALID
    await store.add_otp(
        tx,
        index("phone", e164),
        index("otp request", request_id),
        index("otp network", caller.address),
        _otp_index(platform, e164, otp),
        OTP_TRIES,
        expires_at,
    )
    await messages.notify_phone(tx, platform.vault, "otp", e164, language, otp, expires_at)


async def proves(
    tx: Tx, platform: Platform, e164: str, otp: str, request_id: str | None, caller: Caller
) -> bool | Throttled:
    """Return whether this is the password of the request; it is valid once, for five tries.

    Without a request id (older clients), use the newest requested from the same network.
    Always commit, also after a wrong guess: it counts.
    """
    index, per_address = platform.vault.index, _per_address(platform, caller)
    phone_index, here = index("phone", e164), index("throttle", caller.address)
    guesses = _Limit("otp_blind", caller.address, per_address * OTP_TRIES)
    if request_id is None and caller.limited:
        sent = await throttle.hits(tx, guesses.scope, here, _HOUR)
        if sent >= guesses.most:
            return Throttled(retry_after_seconds=throttle.seconds_left(tx.now, _HOUR))
    if request_id is None:
        network = index("otp network", caller.address)
        kept = await store.take_try_of_newest(tx, phone_index, network)
    else:
        kept = await store.take_try(tx, phone_index, index("otp request", request_id))
    if kept is not None and hmac.compare_digest(
        kept.otp_index, _otp_index(platform, e164, compact(otp))
    ):
        await store.use_up(tx, kept.id)
        return True
    if caller.limited and (kept is None or request_id is None):
        # No password was tried, or no request was named: count it for this address only.
        return await _counted(tx, platform, [guesses]) or False
    if kept is not None:
        await throttle.hit(tx, "otp_wrong_address", here, _HOUR)
        await throttle.hit(tx, "otp_wrong_total", index("throttle", ""), _MINUTE)
    return False


def _otp_index(platform: Platform, e164: str, otp: str) -> bytes:
    return platform.vault.index("otp", f"{e164} {otp}")


def _is_shared(platform: Platform, caller: Caller) -> bool:
    return is_within(caller.address, platform.settings.shared_networks)


def _per_address(platform: Platform, caller: Caller) -> int:
    """Return how many passwords an hour this address may request."""
    most = platform.settings.otp_per_address_hour
    return most * SHARED_FACTOR if _is_shared(platform, caller) else most


def _networks_around(platform: Platform, caller: Caller) -> tuple[WiderNetwork, ...]:
    """Return the networks that are counted with this address; none around a shared network."""
    return () if _is_shared(platform, caller) else wider_networks(caller.address)


# The narrowest subject an attacker can exhaust comes first, so that a flood from one address
# uses up neither the phone's allowance nor everybody's. The same order everywhere: hits lock.


def _unproven_limits(platform: Platform, caller: Caller) -> list[_Limit]:
    most = platform.settings
    limits = [_Limit("otp_unproven_total", "", most.otp_unproven_total_minute, _MINUTE)]
    if caller.limited:
        of_address = most.otp_unproven_per_address_hour
        if _is_shared(platform, caller):
            of_address *= SHARED_FACTOR
        limits.insert(0, _Limit("otp_unproven_address", caller.address, of_address))
    return limits


def _sending_limits(platform: Platform, e164: str, caller: Caller) -> list[_Limit]:
    """Return the limits for sending. The city's total never refuses: it makes the proof harder."""
    most = platform.settings
    limits = [
        _Limit("otp_phone", e164, most.otp_per_phone_hour * _PHONE_MAX),
        _Limit("otp_total", "", 2**31 - 1, _MINUTE),
    ]
    if caller.limited:
        per_address = _per_address(platform, caller)
        of_networks = [
            _Limit("otp_network", wide.network, per_address * wide.callers * _WIDE_MAX)
            for wide in _networks_around(platform, caller)
        ]
        own = _Limit("otp_address", caller.address, per_address)
        limits = [own, *of_networks, *limits]
    return limits


async def _counted(tx: Tx, platform: Platform, limits: list[_Limit]) -> Throttled | None:
    """Count a try against each limit in turn; refuse at the first that is exceeded."""
    for limit in limits:
        subject = platform.vault.index("throttle", limit.subject)
        if await throttle.hit(tx, limit.scope, subject, limit.window_seconds) > limit.most:
            seconds = throttle.seconds_left(tx.now, limit.window_seconds)
            return Throttled(retry_after_seconds=seconds)
    return None
