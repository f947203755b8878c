"""Hospitals' information systems: adding, rotating, disabling, letting in by a secret.

A secret is 256 random bits, shown once; only an HMAC of it is saved. It cannot be guessed, so a
slow hash would only cost time; a reader of the database gains nothing without the key.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.accounts import Caller
from guahao.rules.integration.clients import (
    AccessRefusal,
    Client,
    ClientClaims,
    ClientRefusal,
    Scope,
    decide_addition,
    decide_admission,
    decide_change,
    decide_proof,
    decide_rotation,
    thumbprint,
)
from guahao.rules.kernel.outcomes import DONE, Done, Refused, Throttled
from guahao.rules.kernel.text import prose
from guahao.rules.staff.staff import Who
from guahao.store.integration import clients as store
from guahao.store.integration.clients import ApiCallOutcome, ClientListing, LoggedCall
from guahao.store.kernel import throttle
from guahao.store.kernel.db import Tx
from guahao.store.staff import staff as staff_store

OVERLAP_HOURS = 24  # the older secret lives so long after a rotation, where nothing else is said
WRONG_SECRETS_PER_ADDRESS_HOUR = 60
CALLS_A_PAGE = 100

_SECRET_BYTES = 32
_MINUTE, _HOUR = 60, 3600


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret, shown this once; when the one before it expires, where there was one."""

    id: int
    client_id: str
    secret: str
    older_until: datetime | None


@dataclass(frozen=True, slots=True)
class ProvenClient:
    """A client whose secret was right; its tokens live no longer than the secret."""

    client: Client
    secret_id: int


@dataclass(frozen=True, slots=True)
class NotAdmitted(Refused[AccessRefusal]):
    """Not let in; `client`: the one that the credentials seem to be of, None if nobody's."""

    client: Client | None = None


@dataclass(frozen=True, slots=True)
class TooManyCalls(Throttled):
    """The client's hospital has made too many calls in this minute."""

    client: Client = field(kw_only=True)


# Adding and changing ----------------------------------------------------------------------


async def add_client(
    platform: Platform,
    by: Who,
    hospital_id: int,
    name: str,
    scopes: Collection[Scope],
    certificate: str = "",
) -> NewSecret | Refused[ClientRefusal]:
    """Add a client of a hospital; return its first secret. `certificate`: its SHA-256, or empty."""
    name = prose(name)
    async with acting(platform, by) as act:
        exists = await staff_store.hospital_exists(act.tx, hospital_id)
        refusal = decide_addition(name, scopes, certificate, hospital_exists=exists)
        if refusal is not None:
            return Refused(refusal)
        client_id, pinned = f"hc_{secrets.token_hex(8)}", thumbprint(certificate)
        id = await store.add(act.tx, client_id, hospital_id, name, scopes, pinned)
        secret = await _new_secret(act.tx, platform, id, client_id, 0)
        detail = {"client_id": client_id, "scopes": sorted(scopes), "pinned": bool(pinned)}
        await act.record(
            "add_hospital_client", ("hospital_client", id), detail=detail, hospital_id=hospital_id
        )
        return secret


async def _new_secret(
    tx: Tx, platform: Platform, id: int, client_id: str, overlap_hours: int
) -> NewSecret:
    secret = f"hs_{secrets.token_urlsafe(_SECRET_BYTES)}"
    until = tx.now + timedelta(hours=overlap_hours)
    index = platform.vault.index("hospital client secret", secret)
    older = await store.replace_secret(tx, id, index, until)
    return NewSecret(id, client_id, secret, older)


async def rotate(
    platform: Platform, by: Who, id: int, overlap_hours: int = OVERLAP_HOURS, reason: str = ""
) -> NewSecret | Refused[ClientRefusal]:
    """Give a client another secret; the one before it lives for the overlap, 0 ends it at once.

    Tokens that were got with an expired secret expire with it.
    """
    async with acting(platform, by) as act:
        found = await store.by_id(act.tx, id, lock=True)
        refusal = decide_rotation(overlap_hours, exists=found is not None)
        if refusal is not None:
            return Refused(refusal)
        assert found is not None
        new = await _new_secret(act.tx, platform, id, found.client.client_id, overlap_hours)
        await act.record(
            "rotate_hospital_client",
            ("hospital_client", id),
            reason=reason,
            detail={"overlap_hours": overlap_hours},
            hospital_id=found.client.own_hospital_id,
        )
        return new


async def change(
    platform: Platform, by: Who, id: int, scopes: Collection[Scope], certificate: str
) -> Done | Refused[ClientRefusal]:
    """Set other scopes and another pinned certificate (empty: none).

    Both hold for tokens that were issued before, too.
    """
    async with acting(platform, by) as act:
        found = await store.by_id(act.tx, id, lock=True)
        refusal = decide_change(scopes, certificate, exists=found is not None)
        if refusal is not None:
            return Refused(refusal)
        assert found is not None
        pinned = thumbprint(certificate)
        await store.change(act.tx, id, scopes, pinned)
        detail = {
            "before": {"scopes": sorted(found.client.scopes), "pinned": bool(found.thumbprint)},
            "after": {"scopes": sorted(scopes), "pinned": bool(pinned)},
        }
        await act.record(
            "change_hospital_client",
            ("hospital_client", id),
            detail=detail,
            hospital_id=found.client.own_hospital_id,
        )
    return DONE


async def set_disabled(
    platform: Platform, by: Who, id: int, *, disabled: bool, reason: str = ""
) -> Done | Refused[ClientRefusal]:
    """Disable a client with its tokens from its next call on, or enable it again."""
    async with acting(platform, by) as act:
        found = await store.by_id(act.tx, id, lock=True)
        if found is None:
            return Refused(ClientRefusal.UNKNOWN)
        await store.set_disabled(act.tx, id, act.now if disabled else None)
        action = "disable_hospital_client" if disabled else "enable_hospital_client"
        await act.record(
            action,
            ("hospital_client", id),
            reason=reason,
            hospital_id=found.client.own_hospital_id,
        )
    return DONE


async def list_clients(platform: Platform) -> list[ClientListing]:
    """Return all clients, by hospital."""
    async with platform.db.transaction() as tx:
        return await store.listed(tx)


async def one_client(platform: Platform, id: int) -> ClientListing | None:
    """Return a client, or None."""
    async with platform.db.transaction() as tx:
        found = await store.listed(tx, id)
    return found[0] if found else None


async def id_of(platform: Platform, client_id: str) -> int | None:
    """Return our id of a client by its public name, or None."""
    async with platform.db.transaction() as tx:
        found = await store.by_client_id(tx, client_id)
    return None if found is None else found.client.id


# Letting in -------------------------------------------------------------------------------


async def prove(
    platform: Platform, client_id: str, secret: str, certificate: str | None, caller: Caller
) -> ProvenClient | NotAdmitted | Throttled:
    """Check a client's secret and certificate.

    Wrong secrets are counted by the caller's address, never by the client: nobody may lock a
    hospital out by knowing its client's name.
    """
    async with platform.db.transaction() as tx:
        subject = platform.vault.index("throttle", caller.address)
        counter = ("hospital_secret", subject, _HOUR)
        if await throttle.hit(tx, *counter) > WRONG_SECRETS_PER_ADDRESS_HOUR and caller.limited:
            return Throttled(retry_after_seconds=throttle.seconds_left(tx.now, _HOUR))
        found = await store.by_client_id(tx, client_id)
        saved = None
        if found is not None:
            indexes = platform.vault.indexes("hospital client secret", secret)
            saved = await store.secret(tx, found.client.id, indexes)
        refusal = decide_proof(found, saved, certificate, tx.now)
        if refusal is not None:
            return NotAdmitted(refusal, client=None if found is None else found.client)
        assert found is not None
        assert saved is not None
        await throttle.forgive(tx, *counter)
        return ProvenClient(found.client, saved.id)


async def admit(
    platform: Platform, claims: ClientClaims, scope: Scope | None, certificate: str | None
) -> Client | NotAdmitted | TooManyCalls:
    """Return the client that may make this call with a token of these claims.

    Looked up at every call. `scope` None: any serves.
    """
    async with platform.db.transaction() as tx:
        found, secret = await store.with_secret(tx, claims.id, claims.secret_id)
        refusal = decide_admission(found, secret, claims, scope, certificate, tx.now)
        if refusal is not None:
            return NotAdmitted(refusal, client=None if found is None else found.client)
        assert found is not None
        client = found.client
        subject = platform.vault.index("throttle", f"hospital {client.own_hospital_id}")
        most = platform.settings.hospital_calls_per_minute
        if await throttle.hit(tx, "hospital_calls", subject, _MINUTE) > most:
            seconds = throttle.seconds_left(tx.now, _MINUTE)
            return TooManyCalls(client=client, retry_after_seconds=seconds)
        return client


# The log of calls -------------------------------------------------------------------------


async def save_call(platform: Platform, client: Client, outcome: ApiCallOutcome) -> None:
    """Save that a client called, or tried to."""
    async with platform.db.transaction() as tx:
        await store.save_call(tx, client, outcome)


async def list_calls(
    platform: Platform, hospital_id: int, before: int | None, limit: int = CALLS_A_PAGE
) -> tuple[list[LoggedCall], int | None]:
    """Return a page of a hospital's calls, newest first, and where the next page begins."""
    async with platform.db.transaction(hospital_id=hospital_id) as tx:
        found = await store.calls(tx, hospital_id, before, limit + 1)
    page = found[:limit]
    return page, page[-1].id if len(found) > limit else None
