"""The audit trail: who did or read what, when and why; append-only and chained."""

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
class TrailEntry:
    """An entry of the trail. `detail`: JSON text of ids, numbers and words, before and after.

    `reason` stays empty where only the chain is verified: the links hold `reason_enc`.
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
        """Return the entry's link in the chain: a 32-byte MAC over it and the previous link."""
        facts = (
            *(self.seq, self.at.astimezone(CITY_TIME).isoformat(timespec="microseconds")),
            *(self.who.kind, self.who.id, self.who.name, self.hospital_id),
            *(self.action, self.subject_kind, self.subject_id, self.reason_enc.hex(), self.detail),
        )
        return hmac.digest(key, previous + msgspec.json.encode(facts), "sha256")


class TrailKeys:
    """The trail's own keys: the chain is keyed and its reasons are encrypted with them.

    They are stored encrypted with the platform's key. So the database alone is not enough to
    forge the chain, and a new platform key changes no entry.
    """

    def __init__(self, vaults: Sequence[tuple[int, Vault | None]]) -> None:
        self._vaults = vaults  # by the first entry of each, the latest first

    def vault(self, seq: int) -> Vault:
        """Return the vault of an entry; raises VaultError where there is none."""
        for first_seq, vault in self._vaults:
            if first_seq <= seq and vault is not None:
                return vault
            if first_seq <= seq:
                break
        raise VaultError(f"entry {seq} of the audit trail has no key")

    def chain_key(self, seq: int) -> bytes:
        """Return the key of the entry's link."""
        return self.vault(seq).key_for("audit trail")

    def reason(self, seq: int, sealed: bytes) -> str:
        """Return an entry's reason in plain text; empty where none was given."""
        return self.vault(seq).open("audit_trail", "reason", seq, sealed) if sealed else ""


_vault_of = lru_cache(64)(Vault)


async def trail_keys(tx: Tx, vault: Vault) -> TrailKeys:
    """Open all keys of the trail."""
    rows = await tx.rows("SELECT first_seq, key_enc FROM trail_keys ORDER BY first_seq DESC")
    opened: list[tuple[int, Vault | None]] = []
    for seq, sealed in rows:
        try:
            opened.append((seq, _vault_of(vault.open("trail_keys", "key", seq, sealed))))
        except VaultError:  # written without the platform's key: its entries are not valid
            opened.append((seq, None))
    return TrailKeys(opened)


@dataclass(frozen=True, slots=True)
class TrailHead:
    """The end of the chain. `broken_at`: the first entry at which it was found altered, if any."""

    seq: int
    hash: bytes
    broken_at: int | None = None

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash.hex()}"


def head_mac(keys: TrailKeys, head: TrailHead) -> bytes:
    """Return the MAC by which this platform signs a head; raise VaultError without its key."""
    facts = (head.seq, head.hash.hex(), head.broken_at)
    key = keys.vault(max(head.seq, 1)).key_for("audit trail head")
    return hmac.digest(key, msgspec.json.encode(facts), "sha256")


async def begin_key(tx: Tx, vault: Vault) -> None:
    """Draw a new key for the entries after the last one."""
    seq = (await lock_head(tx, vault))[0].seq + 1
    await tx.do(
        """
        INSERT INTO trail_keys (first_seq, key_enc) VALUES (%(first_seq)s, %(key_enc)s)
        ON CONFLICT DO NOTHING
        """,
        {
            "first_seq": seq,
            "key_enc": vault.seal("trail_keys", "key", seq, secrets.token_hex(32)),
        },
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
    """Append an entry in the transaction of the change that it records; return its number.

    `action`: a verb and a noun in lower case (`cancel_appointment`). `subject`: the kind
    and id of the record (`("appointment", 7)`). `detail`: ids, numbers and words only, no
    personal data. `hospital_id`: the hospital concerned, where `who` belongs to none. Call it
    last in a transaction: it locks the end of the chain until the commit, and so comes
    after persons, sessions and appointments in the order of locks.
    """
    last, genuine = await lock_head(tx, vault)
    seq, previous, broken_at = last.seq + 1, last.hash, last.broken_at
    if not genuine and broken_at is None:
        # The end was altered from outside: the entries that follow must not hide that.
        broken_at = seq
    if await tx.row("SELECT FROM trail_keys LIMIT 1") is None:
        await begin_key(tx, vault)
    keys = await trail_keys(tx, vault)
    sealed = keys.vault(seq).seal("audit_trail", "reason", seq, reason) if reason else b""
    kind, id = subject or (None, None)
    text = msgspec.json.encode(detail or {}).decode()
    hospital_id = who.hospital_id if hospital_id is None else hospital_id
    entry = TrailEntry(seq, tx.now, who, hospital_id, action, kind, id, sealed, text)
    link = entry.hash_after(previous, keys.chain_key(seq))
    await tx.do(
        """
        INSERT INTO audit_trail (seq, at, who_kind, who_id, who_name, hospital_id, action,
                                 subject_kind, subject_id, reason_enc, detail, previous_hash, hash)
        VALUES (%(seq)s, %(at)s, %(who_kind)s, %(who_id)s, %(who_name)s, %(hospital_id)s,
                %(action)s, %(subject_kind)s, %(subject_id)s, %(reason_enc)s, %(detail)s,
                %(previous_hash)s, %(hash)s)
        """,
        {
            "seq": entry.seq,
            "at": entry.at,
            "who_kind": who.kind,
            "who_id": who.id,
            "who_name": who.name,
            "hospital_id": hospital_id,
            "action": action,
            "subject_kind": kind,
            "subject_id": id,
            "reason_enc": sealed,
            "detail": text,
            "previous_hash": previous,
            "hash": link,
        },
    )
    await _put_head(tx, keys, TrailHead(seq, link, broken_at))
    return seq


@dataclass(frozen=True, slots=True)
class _HeadRow:
    """The stored head; `mac`: the platform's signature, None before the first entry."""

    seq: int
    hash: bytes
    broken_at: int | None
    mac: bytes | None


_HEAD = "SELECT seq, hash, broken_at, mac FROM audit_trail_head"


async def lock_head(tx: Tx, vault: Vault) -> tuple[TrailHead, bool]:
    """Lock the end of the chain until the commit; return it, and whether the platform wrote it."""
    row = await tx.record(_HeadRow, f"{_HEAD} FOR UPDATE")
    assert row is not None
    return await _judged(tx, vault, row)


async def _judged(tx: Tx, vault: Vault, row: _HeadRow) -> tuple[TrailHead, bool]:
    """Return the head and whether the platform wrote it.

    An empty head is the platform's only before the first entry: while the trail has no key, and
    there is no staff but what this transaction adds.
    """
    head = TrailHead(row.seq, row.hash, row.broken_at)
    if row.mac is not None:
        try:
            mac = head_mac(await trail_keys(tx, vault), head)
        except VaultError:
            return head, False
        return head, hmac.compare_digest(row.mac, mac)
    if head != TrailHead(0, b""):
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


async def _put_head(tx: Tx, keys: TrailKeys, head: TrailHead) -> None:
    await tx.do(
        """
        UPDATE audit_trail_head
        SET seq = %(seq)s, hash = %(hash)s, broken_at = %(broken_at)s, mac = %(mac)s
        """,
        {
            "seq": head.seq,
            "hash": head.hash,
            "broken_at": head.broken_at,
            "mac": head_mac(keys, head),
        },
    )


async def accept(tx: Tx, vault: Vault) -> None:
    """Sign the head as it stands; the caller records who accepted it and why."""
    last, _ = await lock_head(tx, vault)
    if await tx.row("SELECT FROM trail_keys LIMIT 1") is None:
        await begin_key(tx, vault)
    keys = await trail_keys(tx, vault)
    await _put_head(tx, keys, TrailHead(last.seq, last.hash))


# Reading ----------------------------------------------------------------------------------

_COLUMNS = """
    seq, at, who_kind, who_id, who_name, hospital_id, action, subject_kind, subject_id,
    reason_enc, detail
"""


_AT_ONCE_MAX = 10_000  # transactions of the staff; far more than connections


@dataclass(frozen=True, slots=True)
class ChainLink:
    """An entry with its place in the chain."""

    entry: TrailEntry
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
    subject_kind: str | None = None
    hospital_id: int | None = None


async def set_snapshot(tx: Tx) -> None:
    """Let all statements of this transaction read a single snapshot; call it first."""
    await tx.do("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


async def head(tx: Tx, vault: Vault) -> tuple[TrailHead, bool]:
    """Return the end of the chain, and whether the platform wrote it."""
    row = await tx.record(_HeadRow, _HEAD)
    assert row is not None
    return await _judged(tx, vault, row)


async def last_link(tx: Tx) -> tuple[int, bytes]:
    """Return the number and the hash of the last entry; 0 and no hash in an empty trail."""
    row = await tx.row("SELECT seq, hash FROM audit_trail ORDER BY seq DESC LIMIT 1")
    if row is None:
        return 0, b""
    seq, link = row
    return seq, link


async def hash_of(tx: Tx, seq: int) -> bytes | None:
    """Return the hash of an entry; None if there is no such entry."""
    row = await tx.row("SELECT hash FROM audit_trail WHERE seq = %(seq)s", {"seq": seq})
    return None if row is None else row[0]


async def links_after(tx: Tx, seq: int, limit: int) -> list[ChainLink]:
    """Return the next entries of the chain, their reasons still encrypted."""
    return await tx.records(
        _link,
        f"""
        SELECT {_COLUMNS}, previous_hash, hash FROM audit_trail
        WHERE seq > %(seq)s ORDER BY seq LIMIT %(limit)s
        """,
        {"seq": seq, "limit": limit},
    )


async def listed(tx: Tx, vault: Vault, wanted: Wanted, limit: int) -> list[TrailEntry]:
    """Return the newest entries that match, newest first."""
    last = wanted.last
    params = {
        "before": wanted.before,
        "first": wanted.first,
        "after": None if last is None or last == date.max else last + timedelta(days=1),
        "who": wanted.who,
        "action": wanted.action,
        "subject_id": wanted.subject_id,
        "subject_kind": wanted.subject_kind,
        "hospital_id": wanted.hospital_id,
    }
    # Only the conditions that are asked for, so that each uses its index.
    asked = (_CONDITIONS[name] for name, value in params.items() if value is not None)
    entries = await tx.records(
        _entry,
        f"""
        SELECT {_COLUMNS} FROM audit_trail WHERE {" AND ".join(["true", *asked])}
        ORDER BY seq DESC LIMIT %(limit)s
        """,
        {**params, "limit": limit},
    )
    keys = await trail_keys(tx, vault)
    return [replace(entry, reason=keys.reason(entry.seq, entry.reason_enc)) for entry in entries]


# A date also bounds the numbers: otherwise a search for a week of last year reads all later
# entries. Entries may be numbered in another order than their transactions began, so the bound
# leaves room for as many as run at once.
_CONDITIONS = {
    "before": "seq < %(before)s",
    "first": f"""
        at >= %(first)s::date
        AND seq >= coalesce((SELECT seq FROM audit_trail WHERE at >= %(first)s::date
                             ORDER BY at LIMIT 1), 0) - {_AT_ONCE_MAX}
    """,
    "after": f"""
        at < %(after)s::date
        AND seq <= coalesce((SELECT seq FROM audit_trail WHERE at >= %(after)s::date
                             ORDER BY at LIMIT 1), 9223372036854000000) + {_AT_ONCE_MAX}
    """,
    "who": "who_name = %(who)s",
    "action": "action = %(action)s",
    "subject_id": "subject_id = %(subject_id)s",
    "subject_kind": "subject_kind = %(subject_kind)s",
    "hospital_id": "hospital_id = %(hospital_id)s",
}


def _entry(
    *,
    who_kind: str,
    who_id: int,
    who_name: str,
    **columns: Any,
) -> TrailEntry:
    return TrailEntry(who=Who(who_kind, who_id, who_name), **columns)


def _link(*, previous_hash: bytes, hash: bytes, **columns: Any) -> ChainLink:  # noqa: A002
    return ChainLink(_entry(**columns), previous_hash, hash)
