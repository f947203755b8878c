"""Hospitals' information systems: clients, their secrets, and the log of their calls."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from guahao.rules.integration.clients import Client, Scope
from guahao.store.kernel.db import Tx

_COLUMNS = "c.id, c.client_id, c.hospital_id, c.scopes, c.certificate_thumbprint, c.disabled_at"


@dataclass(frozen=True, slots=True)
class ClientRow:
    """A client; `thumbprint` is None where no certificate is asked for."""

    client: Client
    thumbprint: str | None
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class SecretRow:
    """A secret of a client's; `expires_at` is None for the newest."""

    id: int
    expires_at: datetime | None

    def is_live(self, at: datetime) -> bool:
        """Whether it still opens."""
        return self.expires_at is None or at < self.expires_at


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
class NotedCall:
    """What is kept of a call. `why`: the code of its problem; items carried out, refused."""

    call: str
    status: int
    why: str
    items_ok: int
    items_failed: int
    duration_ms: int
    request_id: str


@dataclass(frozen=True, slots=True)
class CallRow:
    """One call of a client's, or a refused try."""

    id: int
    at: datetime
    client_id: str
    noted: NotedCall


async def add(
    tx: Tx,
    client_id: str,
    hospital_id: int,
    name: str,
    scopes: Collection[Scope],
    thumbprint: str | None,
) -> int:
    """A client without a secret yet; its id."""
    row = await tx.row(
        """
        INSERT INTO hospital_clients (client_id, hospital_id, name, scopes,
                                      certificate_thumbprint, created_at)
        VALUES (%s, %s, %s, %s, %s, %s) RETURNING id
        """,
        (client_id, hospital_id, name, sorted(scopes), thumbprint, tx.now),
    )
    assert row is not None
    return int(row[0])


async def by_id(tx: Tx, id: int, *, lock: bool = False) -> ClientRow | None:
    """The client, or None."""
    tail = "FOR NO KEY UPDATE" if lock else ""
    row = await tx.row(f"SELECT {_COLUMNS} FROM hospital_clients c WHERE c.id = %s {tail}", (id,))
    return None if row is None else _row(row)


async def by_client_id(tx: Tx, client_id: str) -> ClientRow | None:
    """The client of this public name, or None."""
    row = await tx.row(
        f"SELECT {_COLUMNS} FROM hospital_clients c WHERE c.client_id = %s", (client_id,)
    )
    return None if row is None else _row(row)


async def by_live_secret(tx: Tx, id: int, secret_id: int) -> ClientRow | None:
    """The client while this secret of its has not ended, or None."""
    row = await tx.row(
        f"""
        SELECT {_COLUMNS} FROM hospital_clients c
        JOIN hospital_client_secrets k ON k.hospital_client_id = c.id
        WHERE c.id = %s AND k.id = %s AND (k.expires_at IS NULL OR k.expires_at > %s)
        """,
        (id, secret_id, tx.now),
    )
    return None if row is None else _row(row)


async def listed(tx: Tx, id: int | None = None) -> list[ClientListing]:
    """All clients, by hospital; or the one with this id."""
    rows = await tx.rows(
        """
        SELECT c.id, c.client_id, h.id, h.code, h.name, h.name_en, c.name, c.scopes,
               c.certificate_thumbprint, c.created_at, c.disabled_at,
               (SELECT max(k.created_at) FROM hospital_client_secrets k
                WHERE k.hospital_client_id = c.id AND k.expires_at IS NULL),
               (SELECT max(k.expires_at) FROM hospital_client_secrets k
                WHERE k.hospital_client_id = c.id AND k.expires_at > %s),
               (SELECT l.at FROM hospital_calls l
                WHERE l.hospital_id = c.hospital_id AND l.client_id = c.client_id
                ORDER BY l.id DESC LIMIT 1)
        FROM hospital_clients c JOIN hospitals h ON h.id = c.hospital_id
        WHERE c.id = coalesce(%s, c.id) ORDER BY h.code, c.id
        """,
        (tx.now, id),
    )
    return [ClientListing(*row) for row in rows]


async def set_disabled(tx: Tx, id: int, disabled_at: datetime | None) -> None:
    """Shut a client out, or let it in again."""
    await tx.do("UPDATE hospital_clients SET disabled_at = %s WHERE id = %s", (disabled_at, id))


async def change(tx: Tx, id: int, scopes: Collection[Scope], thumbprint: str | None) -> None:
    """What it may do, and with which certificate."""
    await tx.do(
        "UPDATE hospital_clients SET scopes = %s, certificate_thumbprint = %s WHERE id = %s",
        (sorted(scopes), thumbprint, id),
    )


# Secrets ----------------------------------------------------------------------------------


async def secret(tx: Tx, id: int, secret_indexes: list[bytes]) -> SecretRow | None:
    """The client's secret with this HMAC, ended or not; None where it has none such."""
    row = await tx.secret_row(
        """
        SELECT id, expires_at FROM hospital_client_secrets
        WHERE hospital_client_id = %s AND secret_index = ANY(%s::bytea[])
        """,
        (id, secret_indexes),
    )
    if row is None:
        return None
    # The secret is not stored, so a new key reaches its HMAC when the client comes next.
    await tx.do_secret(
        "UPDATE hospital_client_secrets SET secret_index = %s WHERE id = %s AND secret_index <> %s",
        (secret_indexes[0], row[0], secret_indexes[0]),
    )
    return SecretRow(*row)


async def replace_secret(
    tx: Tx, id: int, secret_index: bytes, older_until: datetime
) -> datetime | None:
    """Add a secret. The one before it lives until then, all older ones end at once.

    When the older one ends, or None where there was none.
    """
    await tx.do(
        """
        UPDATE hospital_client_secrets SET expires_at = %s
        WHERE hospital_client_id = %s AND expires_at > %s
        """,
        (tx.now, id, tx.now),
    )
    older = await tx.do(
        """
        UPDATE hospital_client_secrets SET expires_at = %s
        WHERE hospital_client_id = %s AND expires_at IS NULL
        """,
        (older_until, id),
    )
    await tx.do_secret(
        """
        INSERT INTO hospital_client_secrets (hospital_client_id, secret_index, created_at)
        VALUES (%s, %s, %s)
        """,
        (id, secret_index, tx.now),
    )
    return older_until if older else None


# The log of calls -------------------------------------------------------------------------


async def note_call(tx: Tx, client: Client, one: NotedCall) -> None:
    """Keep that a client called."""
    await tx.do(
        """
        INSERT INTO hospital_calls (at, hospital_id, client_id, call, status, why, items_ok,
                                    items_failed, duration_ms, request_id)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            *(tx.now, client.own_hospital_id, client.client_id, one.call, one.status, one.why),
            *(one.items_ok, one.items_failed, one.duration_ms, one.request_id),
        ),
    )


async def calls(tx: Tx, hospital_id: int, before: int | None, limit: int) -> list[CallRow]:
    """A hospital's calls, newest first; those with a number below `before`."""
    rows = await tx.rows(
        """
        SELECT id, at, client_id, call, status, why, items_ok, items_failed, duration_ms,
               request_id
        FROM hospital_calls
        WHERE hospital_id = %s AND id < coalesce(%s, 9223372036854775807)
        ORDER BY id DESC LIMIT %s
        """,
        (hospital_id, before, limit),
    )
    return [CallRow(*[*row[:3], NotedCall(*row[3:])]) for row in rows]


def _row(row: Sequence[Any]) -> ClientRow:
    client = Client(row[0], row[1], row[2], frozenset(map(Scope, row[3])))
    return ClientRow(client, row[4], row[5])
