"""The audit trail: who did or saw what, when and why; append-only and chained."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec

from guahao.rules.kernel.limits import CITY_TIME
from guahao.rules.staff.staff import Who
from guahao.store.kernel.db import Tx
from guahao.store.kernel.vault import Vault, VaultError


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the trail. `detail` is JSON text of ids, numbers and words, before and after.

    `reason` is empty in what only verifies the chain, which holds `reason_enc`.
    """

    seq: int
    at: datetime
    who: Who
    hospital_id: int | None
    action: str
    subject_kind: str | None
    subject_id: int | None
    reason_enc: bytes
    detail: str
    reason: str = ""

    def hash_after(self, previous: bytes, key: bytes) -> bytes:
        """The row's link in the chain: 32 bytes that hold all of it and what came before."""
        facts = (
            *(self.seq, self.at.astimezone(CITY_TIME).isoformat(timespec="microseconds")),
            *(self.who.kind, self.who.id, self.who.name, self.hospital_id),
            *(self.action, self.subject_kind, self.subject_id, self.reason_enc.hex(), self.detail),
        )
        return hmac.digest(key, previous + msgspec.json.encode(facts), "sha256")


class TrailKeys:
    """The trail's own keys: the chain is keyed and its reasons are encrypted with them.

    They are kept encrypted with the platform's key, so that who has the database alone cannot
    forge the chain, and a new platform key changes no entry.
    """

    def __init__(self, vaults: Sequence[tuple[int, Vault | None]]) -> None:
        self._vaults = vaults  # by the first entry that each serves, the latest first

    def vault(self, seq: int) -> Vault:
        """Return the vault of an entry; raises VaultError where there is none."""
        for first_seq, vault in self._vaults:
            if first_seq <= seq and vault is not None:
                return vault
            if first_seq <= seq:
                break
        raise VaultError(f"entry {seq} of the audit trail has no key")

    def chain_key(self, seq: int) -> bytes:
        """Return what the entry's link is keyed with."""
        return self.vault(seq).key_for("audit trail")

    def reason(self, seq: int, sealed: bytes) -> str:
        """Return an entry's reason in the clear; empty where none was given."""
        return self.vault(seq).open("audit_trail", "reason", seq, sealed) if sealed else ""


_vault_of = lru_cache(64)(Vault)


async def trail_keys(tx: Tx, vault: Vault) -> TrailKeys:
    """Open all keys of the trail."""
    rows = await tx.rows("SELECT first_seq, key_enc FROM trail_keys ORDER BY first_seq DESC")
    opened: list[tuple[int, Vault | None]] = []
    for seq, sealed in rows:
        try:
            opened.append((seq, _vault_of(vault.open("trail_keys", "key", seq, sealed))))
        except VaultError:  # somebody without the platform's key wrote it: its entries do not hold
            opened.append((seq, None))
    return TrailKeys(opened)


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain. `broken_at`: from which entry on it was found touched, if it was."""

    seq: int
    hash: bytes
    broken_at: int | None = None

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash.hex()}"


def head_mac(keys: TrailKeys, head: Head) -> bytes:
    """What proves that this platform wrote the head; raises VaultError without its key."""
    facts = (head.seq, head.hash.hex(), head.broken_at)
    key = keys.vault(max(head.seq, 1)).key_for("audit trail head")
    return hmac.digest(key, msgspec.json.encode(facts), "sha256")


async def begin_key(tx: Tx, vault: Vault) -> None:
    """Draw a new key for the entries after the last one."""
    seq = (await lock_head(tx, vault))[0].seq + 1
    await tx.do(
        "INSERT INTO trail_keys (first_seq, key_enc) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        (seq, vault.seal("trail_keys", "key", seq, secrets.token_hex(32))),
    )


async def record(
    tx: Tx,
    vault: Vault,
    who: Who,
    action: str,
    subject: tuple[str, int] | None = None,
    *,
    reason: str = "",
    detail: Mapping[str, Any] | None = None,
    hospital_id: int | None = None,
) -> int:
    """Append one entry, in the transaction of what it tells of; its number.

    `action`: a verb and a noun in lower case (`cancel_appointment`). `subject`: the kind
    and id of the record (`("appointment", 7)`). `detail`: ids, numbers and words only, no
    personal data. `hospital_id`: whose records they are, where `who` is the city's. Call it
    last in a transaction: it locks the end of the chain until the commit, and with that
    comes after persons, sessions and appointments in the order of locks.
    """
    last, genuine = await lock_head(tx, vault)
    seq, previous, broken_at = last.seq + 1, last.hash, last.broken_at
    if not genuine and broken_at is None:
        # Somebody has touched the end. What is appended now must not hide that.
        broken_at = seq
    if await tx.row("SELECT FROM trail_keys LIMIT 1") is None:
        await begin_key(tx, vault)
    keys = await trail_keys(tx, vault)
    sealed = keys.vault(seq).seal("audit_trail", "reason", seq, reason) if reason else b""
    kind, id = subject or (None, None)
    text = msgspec.json.encode(detail or {}).decode()
    whose = who.hospital_id if hospital_id is None else hospital_id
    entry = Entry(seq, tx.now, who, whose, action, kind, id, sealed, text)
    link = entry.hash_after(previous, keys.chain_key(seq))
    await tx.do(
        """
        INSERT INTO audit_trail (seq, at, who_kind, who_id, who_name, hospital_id, action,
                                 subject_kind, subject_id, reason_enc, detail, previous_hash, hash)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            *(entry.seq, entry.at, who.kind, who.id, who.name, whose, action),
            *(kind, id, sealed, text, previous, link),
        ),
    )
    await _put_head(tx, keys, Head(seq, link, broken_at))
    return seq


async def lock_head(tx: Tx, vault: Vault) -> tuple[Head, bool]:
    """Lock the end of the chain until the commit; the end, and whether the platform wrote it."""
    row = await tx.row("SELECT seq, hash, broken_at, mac FROM audit_trail_head FOR UPDATE")
    assert row is not None
    return await _judged(tx, vault, row)


async def _judged(tx: Tx, vault: Vault, row: Sequence[Any]) -> tuple[Head, bool]:
    """A head and whether the platform wrote it.

    An empty one is the platform's only before the first entry: while the trail has no key, and
    there is no staff but what this transaction adds.
    """
    head = Head(row[0], bytes(row[1]), row[2])
    if row[3] is not None:
        try:
            mac = head_mac(await trail_keys(tx, vault), head)
        except VaultError:
            return head, False
        return head, hmac.compare_digest(bytes(row[3]), mac)
    if head != Head(0, b""):
        return head, False
    # A hospital's role sees its own staff only, and no system column of theirs.
    async with tx.as_platform():
        [[begun]] = await tx.rows(
            """
            SELECT EXISTS (SELECT FROM trail_keys)
                OR EXISTS (SELECT FROM staff
                           WHERE xmin <> coalesce(pg_current_xact_id_if_assigned()::xid, '0'::xid))
            """
        )
    return head, not begun


async def _put_head(tx: Tx, keys: TrailKeys, head: Head) -> None:
    await tx.do(
        "UPDATE audit_trail_head SET seq = %s, hash = %s, broken_at = %s, mac = %s",
        (head.seq, head.hash, head.broken_at, head_mac(keys, head)),
    )


async def accept(tx: Tx, vault: Vault) -> None:
    """Take the head as it is for ours; the caller records by whom and why."""
    last, _ = await lock_head(tx, vault)
    if await tx.row("SELECT FROM trail_keys LIMIT 1") is None:
        await begin_key(tx, vault)
    keys = await trail_keys(tx, vault)
    await _put_head(tx, keys, Head(last.seq, last.hash))


# Reading ----------------------------------------------------------------------------------

_COLUMNS = """
    seq, at, who_kind, who_id, who_name, hospital_id, action, subject_kind, subject_id,
    reason_enc, detail
"""


_AT_ONCE_MAX = 10_000  # transactions of the staff; far more than connections


@dataclass(frozen=True, slots=True)
class Link:
    """An entry with its place in the chain."""

    entry: Entry
    previous_hash: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries a reader looks for; None: any. Dates are of the city, both included."""

    before: int | None = None  # the sequence number below which a page begins
    first: date | None = None
    last: date | None = None
    who: str | None = None
    action: str | None = None
    subject_id: int | None = None


async def one_snapshot(tx: Tx) -> None:
    """Let this transaction see one moment only; the first statement of it."""
    await tx.do("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


async def head(tx: Tx, vault: Vault) -> tuple[Head, bool]:
    """The end of the chain, and whether the platform wrote it."""
    row = await tx.row("SELECT seq, hash, broken_at, mac FROM audit_trail_head")
    assert row is not None
    return await _judged(tx, vault, row)


async def last_link(tx: Tx) -> tuple[int, bytes]:
    """The number and the hash of the last entry that is there; 0 where there is none."""
    row = await tx.row("SELECT seq, hash FROM audit_trail ORDER BY seq DESC LIMIT 1")
    return (0, b"") if row is None else (row[0], bytes(row[1]))


async def hash_of(tx: Tx, seq: int) -> bytes | None:
    """The hash of an entry."""
    row = await tx.row("SELECT hash FROM audit_trail WHERE seq = %s", (seq,))
    return None if row is None else bytes(row[0])


async def links_after(tx: Tx, seq: int, limit: int) -> list[Link]:
    """The next entries of the chain, as they are kept."""
    rows = await tx.rows(
        f"""
        SELECT {_COLUMNS}, previous_hash, hash FROM audit_trail
        WHERE seq > %s ORDER BY seq LIMIT %s
        """,
        (seq, limit),
    )
    return [Link(_entry(row), bytes(row[11]), bytes(row[12])) for row in rows]


async def listed(tx: Tx, vault: Vault, wanted: Wanted, limit: int) -> list[Entry]:
    """The newest entries that match, newest first."""
    asked = [(text, value) for text, value in _conditions(wanted) if value is not None]
    where = " AND ".join(["true", *(text for text, _ in asked)])
    rows = await tx.rows(
        f"SELECT {_COLUMNS} FROM audit_trail WHERE {where} ORDER BY seq DESC LIMIT %s",
        (*(value for _, value in asked), limit),
    )
    keys = await trail_keys(tx, vault)
    entries = [_entry(row) for row in rows]
    return [replace(entry, reason=keys.reason(entry.seq, entry.reason_enc)) for entry in entries]


def _conditions(wanted: Wanted) -> list[tuple[str, object]]:
    """Only those that are asked for, so that each finds its index.

    A date also bounds the numbers: otherwise a search for a week of last year reads all that
    came since. Entries may be numbered in another order than their transactions began, so the
    bound leaves room for as many as run at once.
    """
    last = wanted.last
    after = None if last is None or last == date.max else last + timedelta(days=1)
    begins = "SELECT seq FROM audit_trail WHERE at >= %s::date ORDER BY at LIMIT 1"
    return [
        ("seq < %s", wanted.before),
        ("at >= %s::date", wanted.first),
        (f"seq >= coalesce(({begins}), 0) - {_AT_ONCE_MAX}", wanted.first),
        ("at < %s::date", after),
        (f"seq <= coalesce(({begins}), 9223372036854000000) + {_AT_ONCE_MAX}", after),
        ("who_name = %s", wanted.who),
        ("action = %s", wanted.action),
        ("subject_id = %s", wanted.subject_id),
    ]


def _entry(row: Sequence[Any]) -> Entry:
    who = Who(row[2], row[3], row[4])
    return Entry(row[0], row[1], who, *row[5:11])
