"""The public log of draws: lines that are never changed, each with the hash of all before it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from guahao.rules.fairness.log import link, signed_head
from guahao.rules.kernel.limits import CITY_TIME
from guahao.store.kernel.db import Tx, hexed, recordset
from guahao.store.kernel.vault import Vault

PUBLIC_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class LogHead:
    """The end of the log, and the key that signs it as the log's last `key` line says."""

    seq: int
    hash: bytes
    public_key: bytes | None


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of the log. `hash`: of this line and all before it."""

    seq: int
    line: str
    hash: bytes


_HEAD = "SELECT seq, hash, public_key FROM fairness_log_head"


def _key(vault: Vault) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(vault.key_for("fairness log"))


def public_key(vault: Vault) -> bytes:
    """Return the key by which everybody can check the signature of the log's head."""
    return _key(vault).public_key().public_bytes_raw()


def signature(vault: Vault, seq: int, last: bytes) -> bytes:
    """Return the platform's signature of a head of the log (Ed25519)."""
    return _key(vault).sign(signed_head(seq, last))


def is_signed(key: bytes, seq: int, last: bytes, signed: bytes) -> bool:
    """Return whether a head of the log was signed by a key."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signed, signed_head(seq, last))
    except InvalidSignature:
        return False
    return True


async def append(tx: Tx, vault: Vault, draw_id: int, lines: Iterable[str]) -> None:
    """Append what a step of a draw publishes, each line with the time of the transaction.

    Call it last in a transaction: it locks the end of the log until the commit.
    """
    await _append(tx, vault, [(draw_id, f"draw {draw_id} {line}") for line in lines])


async def name_key(tx: Tx, vault: Vault) -> None:
    """Append the key that signs from now on, where the platform's secret key is another."""
    if (await head(tx)).public_key != public_key(vault):
        await _append(tx, vault, [])


async def _append(tx: Tx, vault: Vault, texts: list[tuple[int | None, str]]) -> None:
    last = await tx.record(LogHead, f"{_HEAD} FOR UPDATE")
    assert last is not None
    key = public_key(vault)
    if last.public_key != key:
        texts.insert(0, (None, f"key {key.hex()}"))
    if not texts:
        return
    seq, digest, rows = last.seq, last.hash, []
    at = tx.now.astimezone(CITY_TIME).isoformat(timespec="seconds")
    for draw_id, text in texts:
        line = f"{at} {text}"
        seq, digest = seq + 1, link(digest, seq + 1, line)
        rows.append({"seq": seq, "draw_id": draw_id, "line": line, "hash": hexed(digest)})
    await tx.do(
        """
        INSERT INTO fairness_log (seq, draw_id, line, hash)
        SELECT seq, draw_id, line, hash
        FROM json_to_recordset(%(rows)s::json)
            AS n (seq bigint, draw_id bigint, line text, hash bytea)
        """,
        {"rows": recordset(rows)},
    )
    await tx.do(
        "UPDATE fairness_log_head SET seq = %(seq)s, hash = %(hash)s, public_key = %(key)s",
        {"seq": seq, "hash": digest, "key": key},
    )


async def head(tx: Tx) -> LogHead:
    """Return the end of the log."""
    found = await tx.record(LogHead, _HEAD)
    assert found is not None
    return found


async def lines_after(tx: Tx, seq: int, limit: int) -> list[LogLine]:
    """Return the lines that follow a line of the log."""
    return await tx.records(
        LogLine,
        """
        SELECT seq, line, hash FROM fairness_log WHERE seq > %(seq)s ORDER BY seq LIMIT %(limit)s
        """,
        {"seq": seq, "limit": limit},
    )


async def hash_of(tx: Tx, seq: int) -> bytes | None:
    """Return the hash of a line, or of the beginning (0); None if there is no such line."""
    row = await tx.row("SELECT hash FROM fairness_log WHERE seq = %(seq)s", {"seq": seq})
    return None if row is None else row[0]
