"""Rotate the platform's secret key: replace every ciphertext and HMAC, batch by batch.

A test compares these lists with the catalogue, so that no column is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from guahao.rules.kernel.retention import ERASED_NAME, ERASED_NUMBER
from guahao.rules.kernel.text import name_key
from guahao.rules.people.documents import canonical_person
from guahao.store.kernel.db import Tx
from guahao.store.kernel.secrets import as_reader_of
from guahao.store.kernel.vault import Vault, VaultError

AT_ONCE = 500
ERASED = (ERASED_NAME, ERASED_NUMBER)


@dataclass(frozen=True, slots=True)
class Index:
    """An HMAC of an encrypted column's content."""

    column: str
    purpose: str
    text: Callable[[str], str] = str


@dataclass(frozen=True, slots=True)
class Sealed:
    """An encrypted column: its table and key, the name it is bound to, and its HMACs."""

    table: str
    column: str
    indexes: tuple[Index, ...] = ()
    key: str = "id"
    bound_to: str = ""

    @property
    def name(self) -> str:
        """Return the column's name in the associated data of the ciphertext."""
        return self.bound_to or self.column.removesuffix("_enc")


SEALED: Sequence[Sealed] = (
    Sealed("accounts", "phone_enc", (Index("phone_index", "phone"),)),
    Sealed("patients", "name_enc", (Index("name_index", "name", name_key),)),
    Sealed(
        "patients",
        "id_no_enc",
        (Index("id_no_index", "id_no"), Index("person_index", "person", canonical_person)),
    ),
    Sealed("appointments", "code_enc", (Index("code_index", "code"),)),
    Sealed("messages", "to_enc"),
    Sealed("messages", "body_enc"),
    Sealed("outbox", "to_enc", (Index("to_index", "phone"),)),
    Sealed("outbox", "text_enc"),
    Sealed("wechat_users", "openid_enc", (Index("openid_index", "openid"),)),
    Sealed("wechat_access_tokens", "token_enc"),
    Sealed("staff", "totp_secret_enc"),
    Sealed("stops", "reason_enc"),
    Sealed("no_show_excuses", "reason_enc"),
    Sealed("reconciliation_differences", "note_enc"),
    Sealed("account_reviews", "reason_enc"),
    Sealed("calls", "note_enc"),
    Sealed("moves", "phone_enc"),
    Sealed("moves", "name_enc"),
    Sealed("moves", "id_no_enc"),
    Sealed("moves", "reason_enc"),
    Sealed("privacy_requests", "reason_enc"),
    Sealed("privacy_requests", "decision_reason_enc"),
    Sealed("hospital_webhooks", "secret_enc", key="hospital_id"),
    Sealed("hospital_webhooks", "previous_secret_enc", key="hospital_id", bound_to="secret"),
    Sealed("draws", "secret_enc"),
    Sealed("trail_keys", "key_enc", key="first_seq"),
)
# Encrypted with the trail's own keys, or deleted within the hour.
NOT_ROTATED = {("audit_trail", "reason_enc"), ("sent_forms", "answer_enc")}
# HMACs of content that is not stored: they expire, or are replaced on their owner's next visit.
EXPIRING = {
    ("one_time_passwords", "phone_index"),
    ("one_time_passwords", "otp_index"),
    ("one_time_passwords", "request_index"),
    ("one_time_passwords", "network_index"),
    ("log_ins", "device_index"),
    ("known_devices", "device_index"),
    ("wechat_seen", "key_index"),
    ("staff_sessions", "token_index"),
    ("staff_devices", "device_index"),
    ("staff_log_in_failures", "login_index"),
    ("hospital_client_secrets", "secret_index"),
    ("calls", "code_index"),
    ("moves", "code_index"),
}


async def left(tx: Tx, sealed: Sealed, key_id: int) -> int:
    """Count the rows that an old key encrypted."""
    async with as_reader_of(tx, sealed.table, sealed.column):
        row = await tx.row(f"SELECT count(*) FROM {sealed.table} WHERE {_old(sealed)}", (key_id,))
    assert row is not None
    return int(row[0])


async def next_old(tx: Tx, sealed: Sealed, key_id: int, after: int) -> int | None:
    """Return the key of the first row above `after` that an old key encrypted."""
    next_key = (
        f"SELECT min({sealed.key}) FROM {sealed.table} WHERE {_old(sealed)} AND {sealed.key} > %s"
    )
    async with as_reader_of(tx, sealed.table, sealed.column):
        row = await tx.row(next_key, (key_id, after))
    return None if row is None else row[0]


async def rotate_batch(
    tx: Tx, vault: Vault, sealed: Sealed, after: int, limit: int = AT_ONCE
) -> tuple[int | None, list[int]]:
    """Encrypt the next rows above `after` with the current key, locked in the order of their keys.

    Return the last key of the batch, or None if it is empty, and the rows that no key decrypts.
    """
    async with as_reader_of(tx, sealed.table, sealed.column):
        return await _rotate_batch(tx, vault, sealed, after, limit)


async def _rotate_batch(
    tx: Tx, vault: Vault, sealed: Sealed, after: int, limit: int
) -> tuple[int | None, list[int]]:
    rows = await tx.rows(
        f"""
        SELECT {sealed.key}, {sealed.column} FROM {sealed.table}
        WHERE {_old(sealed)} AND {sealed.key} > %s
        ORDER BY {sealed.key} LIMIT {limit} FOR NO KEY UPDATE
        """,
        (vault.key_id, after),
    )
    if not rows:
        return None, []
    texts: dict[int, str] = {}
    unopened = []
    for id, box in rows:
        try:
            texts[id] = vault.open(sealed.table, sealed.name, id, box)
        except VaultError:
            unopened.append(id)
    columns: list[list[object]] = [
        list(texts),
        [vault.seal(sealed.table, sealed.name, id, text) for id, text in texts.items()],
    ]
    sets, names = [f"{sealed.column} = n.sealed"], ["id", "sealed"]
    for number, index in enumerate(sealed.indexes):
        columns.append(
            [
                # The HMAC of an erased person is of a document that is no longer stored.
                None if text in ERASED else vault.index(index.purpose, index.text(text))
                for text in texts.values()
            ]
        )
        sets.append(
            f"{index.column} = CASE WHEN t.{index.column} IS NOT NULL"
            f" THEN coalesce(n.new{number}, t.{index.column}) END"
        )
        names.append(f"new{number}")
    arrays = ", ".join(["%s::bigint[]", *["%s::bytea[]"] * (len(columns) - 1)])
    await tx.do(
        f"""
        UPDATE {sealed.table} t SET {", ".join(sets)}
        FROM unnest({arrays}) n ({", ".join(names)}) WHERE t.{sealed.key} = n.id
        """,
        tuple(columns),
    )
    return int(rows[-1][0]), unopened


def _old(sealed: Sealed) -> str:
    return f"length({sealed.column}) > 0 AND get_byte({sealed.column}, 0) <> %s"
