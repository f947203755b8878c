"""Hospitals' information systems: clients, their secrets, and the log of their calls."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from guahao.rules.integration.clients import Client, SavedClient, SavedSecret, Scope
from guahao.store.kernel.db import Tx
from guahao.store.kernel.records import columns, parameters, take

_CLIENT = """
    SELECT c.id, c.client_id, c.hospital_id, c.scopes, c.certificate_thumbprint, c.disabled_at
    FROM hospital_clients c
"""
_LISTING = """
    SELECT c.id, c.client_id, h.id AS hospital_id, h.code AS hospital_code,
           h.name AS hospital_name, h.name_en AS hospital_name_en, c.name, c.scopes,
           c.certificate_thumbprint AS thumbprint, c.created_at, c.disabled_at,
           (SELECT max(k.created_at) FROM hospital_client_secrets k
            WHERE k.hospital_client_id = c.id AND k.expires_at IS NULL) AS secret_since,
           (SELECT max(k.expires_at) FROM hospital_client_secrets k
            WHERE k.hospital_client_id = c.id AND k.expires_at > %(now)s) AS older_until,
           (SELECT l.at FROM hospital_calls l
            WHERE l.hospital_id = c.hospital_id AND l.client_id = c.client_id
            ORDER BY l.id DESC LIMIT 1) AS called_at
    FROM hospital_clients c JOIN hospitals h ON h.id = c.hospital_id
    WHERE c.id = coalesce(%(id)s, c.id) ORDER BY h.code, c.id
"""


@dataclass(frozen=True, slots=True)
class ClientListing:
    """A client as administrators see it. `older_until`: the overlap of a rotation."""

    id: int
    client_id: str
    hospital_id: int
    hospital_code: str
    hospital_name: str
    hospital_name_en: str
    name: str
    scopes: list[str]
    thumbprint: str | None
    created_at: datetime
    disabled_at: datetime | None
    secret_since: datetime | None
    older_until: datetime | None
    called_at: datetime | None


@dataclass(frozen=True, slots=True)
class ApiCallOutcome:
    """What is saved of a call. `why`: the code of its problem; items carried out, refused."""

    call: str
    status: int
    why: str
    items_ok: int
    items_failed: int
    duration_ms: int
    request_id: str


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """A call of a client's, or a refused attempt."""

    id: int
    at: datetime
    client_id: str
    outcome: ApiCallOutcome


async def add(
    tx: Tx,
    client_id: str,
    hospital_id: int,
    name: str,
    scopes: Collection[Scope],
    thumbprint: str | None,
) -> int:
    """Add a client without a secret; return its id."""
    row = await tx.row(
        """
        INSERT INTO hospital_clients (client_id, hospital_id, name, scopes,
                                      certificate_thumbprint, created_at)
        VALUES (%(client_id)s, %(hospital_id)s, %(name)s, %(scopes)s, %(thumbprint)s, %(now)s)
        RETURNING id
        """,
        {
            "client_id": client_id,
            "hospital_id": hospital_id,
            "name": name,
            "scopes": sorted(scopes),
            "thumbprint": thumbprint,
            "now": tx.now,
        },
    )
    assert row is not None
    return int(row[0])


async def by_id(tx: Tx, id: int, *, lock: bool = False) -> SavedClient | None:
    """Return the client, or None."""
    tail = "FOR NO KEY UPDATE" if lock else ""
    return await tx.record(_client, f"{_CLIENT} WHERE c.id = %(id)s {tail}", {"id": id})


async def by_client_id(tx: Tx, client_id: str) -> SavedClient | None:
    """Return the client of this public name, or None."""
    return await tx.record(
        _client, f"{_CLIENT} WHERE c.client_id = %(client_id)s", {"client_id": client_id}
    )


def _client(
    *,
    id: int,
    client_id: str,
    hospital_id: int,
    scopes: Sequence[str],
    certificate_thumbprint: str | None,
    disabled_at: datetime | None,
) -> SavedClient:
    client = Client(id, client_id, hospital_id, frozenset(map(Scope, scopes)))
    return SavedClient(client, certificate_thumbprint, disabled_at)


async def listed(tx: Tx, id: int | None = None) -> list[ClientListing]:
    """Return all clients by hospital, or the one with this id."""
    return await tx.records(ClientListing, _LISTING, {"now": tx.now, "id": id})


async def set_disabled(tx: Tx, id: int, disabled_at: datetime | None) -> None:
    """Disable a client, or enable it again."""
    await tx.do(
        "UPDATE hospital_clients SET disabled_at = %(disabled_at)s WHERE id = %(id)s",
        {"disabled_at": disabled_at, "id": id},
    )


async def change(tx: Tx, id: int, scopes: Collection[Scope], thumbprint: str | None) -> None:
    """Set what a client may do, and with which certificate."""
    await tx.do(
        """
        UPDATE hospital_clients SET scopes = %(scopes)s, certificate_thumbprint = %(thumbprint)s
        WHERE id = %(id)s
        """,
        {"scopes": sorted(scopes), "thumbprint": thumbprint, "id": id},
    )


# Secrets ----------------------------------------------------------------------------------


async def secret(tx: Tx, id: int, secret_indexes: list[bytes]) -> SavedSecret | None:
    """Return the client's secret with this HMAC, expired or not, or None."""
    row = await tx.secret_row(
        """
        SELECT id, expires_at FROM hospital_client_secrets
        WHERE hospital_client_id = %(id)s AND secret_index = ANY(%(indexes)s::bytea[])
        """,
        {"id": id, "indexes": secret_indexes},
    )
    if row is None:
        return None
    secret_id, expires_at = row
    # The secret is not stored, so a new key reaches its HMAC when the client comes next.
    await tx.do_secret(
        """
        UPDATE hospital_client_secrets SET secret_index = %(index)s
        WHERE id = %(id)s AND secret_index <> %(index)s
        """,
        {"index": secret_indexes[0], "id": secret_id},
    )
    return SavedSecret(secret_id, expires_at)


async def with_secret(
    tx: Tx, id: int, secret_id: int
) -> tuple[SavedClient | None, SavedSecret | None]:
    """Return the client and this secret of its, expired or not, each or None."""
    found = await tx.record(
        _client_with_secret,
        f"""
        SELECT client.*, k.id AS secret_id, k.expires_at FROM ({_CLIENT} WHERE c.id = %(id)s) client
        LEFT JOIN hospital_client_secrets k
               ON k.hospital_client_id = client.id AND k.id = %(secret_id)s
        """,
        {"id": id, "secret_id": secret_id},
    )
    return found or (None, None)


def _client_with_secret(
    *, secret_id: int | None, expires_at: datetime | None, **row: Any
) -> tuple[SavedClient, SavedSecret | None]:
    secret = None if secret_id is None else SavedSecret(secret_id, expires_at)
    return _client(**row), secret


async def replace_secret(
    tx: Tx, id: int, secret_index: bytes, older_until: datetime
) -> datetime | None:
    """Add a secret. The one before it lives until then, all older ones expire at once.

    Return when the one before expires, or None where there was none.
    """
    await tx.do(
        """
        UPDATE hospital_client_secrets SET expires_at = %(now)s
        WHERE hospital_client_id = %(id)s AND expires_at > %(now)s
        """,
        {"now": tx.now, "id": id},
    )
    older = await tx.do(
        """
        UPDATE hospital_client_secrets SET expires_at = %(until)s
        WHERE hospital_client_id = %(id)s AND expires_at IS NULL
        """,
        {"until": older_until, "id": id},
    )
    await tx.do_secret(
        """
        INSERT INTO hospital_client_secrets (hospital_client_id, secret_index, created_at)
        VALUES (%(id)s, %(index)s, %(now)s)
        """,
        {"id": id, "index": secret_index, "now": tx.now},
    )
    return older_until if older else None


# The log of calls -------------------------------------------------------------------------


async def save_call(tx: Tx, client: Client, outcome: ApiCallOutcome) -> None:
    """Save that a client called."""
    await tx.do(
        f"""
        INSERT INTO hospital_calls (at, hospital_id, client_id, {columns(ApiCallOutcome)})
        VALUES (%(at)s, %(hospital_id)s, %(client_id)s, {parameters(ApiCallOutcome)})
        """,
        {
            "at": tx.now,
            "hospital_id": client.own_hospital_id,
            "client_id": client.client_id,
            **asdict(outcome),
        },
    )


async def calls(tx: Tx, hospital_id: int, before: int | None, limit: int) -> list[LoggedCall]:
    """Return a hospital's calls with a number below `before`, newest first."""
    return await tx.records(
        _logged_call,
        f"""
        SELECT id, at, client_id, {columns(ApiCallOutcome)}
        FROM hospital_calls
        WHERE hospital_id = %(hospital_id)s
          AND id < coalesce(%(before)s, 9223372036854775807)
        ORDER BY id DESC LIMIT %(limit)s
        """,
        {"hospital_id": hospital_id, "before": before, "limit": limit},
    )


def _logged_call(**row: Any) -> LoggedCall:
    return LoggedCall(outcome=take(ApiCallOutcome, row), **row)
