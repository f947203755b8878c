"""Hospitals' information systems: adding, rotating, shutting out, letting in by a secret.

A secret is 256 random bits, told once; what is kept is an HMAC of it. Nobody guesses one, so
a slow hash would only cost time; who reads the database gains nothing without the key.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.accounts import Caller, Throttled
from guahao.rules.integration.clients import Client, Scope, thumbprint
from guahao.rules.kernel.text import prose
from guahao.rules.staff.staff import Who
from guahao.store.integration import clients as store
from guahao.store.integration.clients import CallRow, ClientListing, ClientRow, NotedCall
from guahao.store.kernel import throttle
from guahao.store.kernel.db import Tx
from guahao.store.staff import staff as staff_store

OVERLAP_HOURS = 24  # the older secret lives so long after a rotation, where nothing else is said
OVERLAP_HOURS_MAX = 30 * 24
WRONG_SECRETS_PER_ADDRESS_HOUR = 60
CALLS_A_PAGE = 100

_SECRET_BYTES = 32
_NAME_LENGTH_MAX = 80
_MINUTE, _HOUR = 60, 3600


class ClientRefusal(StrEnum):
    """Why a client is not added or changed."""

    HOSPITAL_UNKNOWN = "client_hospital_unknown"
    NAME_INVALID = "client_name_invalid"
    SCOPES_NEEDED = "client_scopes_needed"
    THUMBPRINT_INVALID = "client_thumbprint_invalid"
    OVERLAP_INVALID = "client_overlap_invalid"
    UNKNOWN = "client_unknown"


class NotLetIn(StrEnum):
    """What is the matter with credentials; the log of calls says it to the hospital."""

    SECRET_WRONG = "secret_wrong"  # noqa: S105 - words, no secrets
    SECRET_EXPIRED = "secret_expired"  # noqa: S105
    DISABLED = "client_disabled"
    CERTIFICATE_WRONG = "certificate_wrong"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105
    SCOPE_MISSING = "scope_missing"


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret, told this once; when the one before it ends, where there was one."""

    id: int
    client_id: str
    secret: str
    older_until: datetime | None


@dataclass(frozen=True, slots=True)
class Proven:
    """A client whose secret was right; its tokens live no longer than the secret."""

    client: Client
    secret_id: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Not let in, and why; `client`: whose credentials they seem to be, None if nobody's."""

    why: NotLetIn
    client: Client | None


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token of ours says: our id of the client, of its secret, and the scopes."""

    id: int
    secret_id: int
    scopes: frozenset[str]
    expired: bool


# Adding and changing ----------------------------------------------------------------------


async def add_client(
    platform: Platform,
    by: Who,
    hospital_id: int,
    name: str,
    scopes: Collection[Scope],
    certificate: str = "",
) -> NewSecret | ClientRefusal:
    """A client of a hospital with its first secret. `certificate`: its SHA-256, or empty."""
    name = prose(name)
    if not name.isprintable() or not 1 <= len(name) <= _NAME_LENGTH_MAX:
        return ClientRefusal.NAME_INVALID
    pinned = _pinned(scopes, certificate)
    if isinstance(pinned, ClientRefusal):
        return pinned
    async with acting(platform, by) as act:
        if not await staff_store.hospital_exists(act.tx, hospital_id):
            return ClientRefusal.HOSPITAL_UNKNOWN
        client_id = f"hc_{secrets.token_hex(8)}"
        id = await store.add(act.tx, client_id, hospital_id, name, scopes, pinned or None)
        secret = await _new_secret(act.tx, platform, id, client_id, 0)
        detail = {"client_id": client_id, "scopes": sorted(scopes), "pinned": bool(pinned)}
        await act.record(
            "add_hospital_client", ("hospital_client", id), detail=detail, hospital_id=hospital_id
        )
        return secret


def _pinned(scopes: Collection[Scope], certificate: str) -> str | ClientRefusal:
    """The thumbprint, empty where none is asked for; refused where something is wrong."""
    if not scopes:
        return ClientRefusal.SCOPES_NEEDED
    if not certificate.strip():
        return ""
    return thumbprint(certificate) or ClientRefusal.THUMBPRINT_INVALID


async def _new_secret(
    tx: Tx, platform: Platform, id: int, client_id: str, overlap_hours: int
) -> NewSecret:
    secret = f"hs_{secrets.token_urlsafe(_SECRET_BYTES)}"
    until = tx.now + timedelta(hours=overlap_hours)
    older = await store.replace_secret(tx, id, _index(platform, secret), until)
    return NewSecret(id, client_id, secret, older)


async def rotate(
    platform: Platform, by: Who, id: int, overlap_hours: int = OVERLAP_HOURS, reason: str = ""
) -> NewSecret | ClientRefusal:
    """Another secret; the one before it lives for the overlap, 0 ends it at once.

    What an ended secret had got tokens for ends with it.
    """
    if not 0 <= overlap_hours <= OVERLAP_HOURS_MAX:
        return ClientRefusal.OVERLAP_INVALID
    async with acting(platform, by) as act:
        found = await store.by_id(act.tx, id, lock=True)
        if found is None:
            return ClientRefusal.UNKNOWN
        new = await _new_secret(act.tx, platform, id, found.client.client_id, overlap_hours)
        detail = {"overlap_hours": overlap_hours}
        hospital_id = found.client.own_hospital_id
        await act.record(
            "rotate_hospital_client",
            ("hospital_client", id),
            reason=reason,
            detail=detail,
            hospital_id=hospital_id,
        )
        return new


async def change(
    platform: Platform, by: Who, id: int, scopes: Collection[Scope], certificate: str
) -> ClientRefusal | None:
    """Other scopes, another pinned certificate (empty: none); holds for tokens already issued."""
    pinned = _pinned(scopes, certificate)
    if isinstance(pinned, ClientRefusal):
        return pinned
    async with acting(platform, by) as act:
        found = await store.by_id(act.tx, id, lock=True)
        if found is None:
            return ClientRefusal.UNKNOWN
        await store.change(act.tx, id, scopes, pinned or None)
        detail = {
            "before": {"scopes": sorted(found.client.scopes), "pinned": bool(found.thumbprint)},
            "after": {"scopes": sorted(scopes), "pinned": bool(pinned)},
        }
        hospital_id = found.client.own_hospital_id
        await act.record(
            "change_hospital_client",
            ("hospital_client", id),
            detail=detail,
            hospital_id=hospital_id,
        )
    return None


async def set_disabled(
    platform: Platform, by: Who, id: int, *, disabled: bool, reason: str = ""
) -> ClientRefusal | None:
    """Shut a client out, its tokens too, from its next call on; or let it in again."""
    async with acting(platform, by) as act:
        found = await store.by_id(act.tx, id, lock=True)
        if found is None:
            return ClientRefusal.UNKNOWN
        await store.set_disabled(act.tx, id, act.now if disabled else None)
        action = "disable_hospital_client" if disabled else "enable_hospital_client"
        hospital_id = found.client.own_hospital_id
        await act.record(action, ("hospital_client", id), reason=reason, hospital_id=hospital_id)
    return None


async def list_clients(platform: Platform) -> list[ClientListing]:
    """All clients, by hospital."""
    async with platform.db.transaction() as tx:
        return await store.listed(tx)


async def one_client(platform: Platform, id: int) -> ClientListing | None:
    """A client, or None."""
    async with platform.db.transaction() as tx:
        found = await store.listed(tx, id)
    return found[0] if found else None


async def id_of(platform: Platform, client_id: str) -> int | None:
    """Our id of a client by its public name."""
    async with platform.db.transaction() as tx:
        found = await store.by_client_id(tx, client_id)
    return None if found is None else found.client.id


# Letting in -------------------------------------------------------------------------------


async def prove(
    platform: Platform, client_id: str, secret: str, certificate: str | None, caller: Caller
) -> Proven | Refused | Throttled:
    """Whether secret and certificate are this client's.

    Wrong tries are counted by the caller's address, never by the client: whoever knows a
    client's name must not be able to lock its hospital out.
    """
    async with platform.db.transaction() as tx:
        subject = platform.vault.index("throttle", caller.address)
        counter = ("hospital_secret", subject, _HOUR)
        if await throttle.hit(tx, *counter) > WRONG_SECRETS_PER_ADDRESS_HOUR and caller.limited:
            return Throttled(throttle.seconds_left(tx.now, _HOUR))
        found = await store.by_client_id(tx, client_id)
        if found is None:
            return Refused(NotLetIn.SECRET_WRONG, None)
        proven = await _prove(tx, platform, found, secret, certificate)
        if isinstance(proven, Proven):
            await throttle.forgive(tx, *counter)
        return proven


async def _prove(
    tx: Tx, platform: Platform, found: ClientRow, secret: str, certificate: str | None
) -> Proven | Refused:
    known = await store.secret(
        tx, found.client.id, platform.vault.indexes("hospital client secret", secret)
    )
    if known is None:
        return Refused(NotLetIn.SECRET_WRONG, found.client)
    if not known.is_live(tx.now):
        return Refused(NotLetIn.SECRET_EXPIRED, found.client)
    why = _shut_out(found, certificate)
    return Proven(found.client, known.id) if why is None else Refused(why, found.client)


def _shut_out(found: ClientRow, certificate: str | None) -> NotLetIn | None:
    if found.disabled_at is not None:
        return NotLetIn.DISABLED
    if found.thumbprint is not None and certificate != found.thumbprint:
        return NotLetIn.CERTIFICATE_WRONG
    return None


async def admit(
    platform: Platform, claims: Claims, scope: Scope | None, certificate: str | None
) -> Client | Refused | tuple[Client, Throttled]:
    """Who may make this call with a token of these claims; looked up at every call.

    `scope` None: any. Too many calls of the hospital's in this minute: Throttled.
    """
    async with platform.db.transaction() as tx:
        found = await store.by_live_secret(tx, claims.id, claims.secret_id)
        if found is None:
            ended = await store.by_id(tx, claims.id)
            return Refused(NotLetIn.SECRET_EXPIRED, None if ended is None else ended.client)
        client = found.client
        why = NotLetIn.TOKEN_EXPIRED if claims.expired else _shut_out(found, certificate)
        if why is not None:
            return Refused(why, client)
        if scope is not None and not (scope in claims.scopes and scope in client.scopes):
            return Refused(NotLetIn.SCOPE_MISSING, client)
        subject = platform.vault.index("throttle", f"hospital {client.own_hospital_id}")
        most = platform.settings.hospital_calls_per_minute
        if await throttle.hit(tx, "hospital_calls", subject, _MINUTE) > most:
            return client, Throttled(throttle.seconds_left(tx.now, _MINUTE))
        return client


# The log of calls -------------------------------------------------------------------------


async def note_call(platform: Platform, client: Client, one: NotedCall) -> None:
    """Keep that a client called, or tried to."""
    async with platform.db.transaction() as tx:
        await store.note_call(tx, client, one)


async def list_calls(
    platform: Platform, hospital_id: int, before: int | None, limit: int = CALLS_A_PAGE
) -> tuple[list[CallRow], int | None]:
    """A page of a hospital's calls, newest first, and where the next page begins."""
    async with platform.db.transaction(hospital_id=hospital_id) as tx:
        found = await store.calls(tx, hospital_id, before, limit + 1)
    page = found[:limit]
    return page, page[-1].id if len(found) > limit else None


def _index(platform: Platform, secret: str) -> bytes:
    return platform.vault.index("hospital client secret", secret)
