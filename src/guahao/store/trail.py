"""The audit trail: who did or saw what, when and why; append-only and chained."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from guahao.rules.limits import CITY_TIME
from guahao.rules.staff import Who
from guahao.store.db import Tx
from guahao.store.vault import Vault


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the trail. `detail` is JSON text of ids, numbers and words, before and after."""

    seq: int
    at: datetime
    who: Who
    hospital_id: int | None
    action: str
    subject_kind: str | None
    subject_id: int | None
    reason: str
    detail: str

    def hash_after(self, previous: bytes, key: bytes) -> bytes:
        """The row's link in the chain: 32 bytes that hold all of it and what came before."""
        facts = (
            *(self.seq, self.at.astimezone(CITY_TIME).isoformat(timespec="microseconds")),
            *(self.who.kind, self.who.id, self.who.name, self.hospital_id),
            *(self.action, self.subject_kind, self.subject_id, self.reason, self.detail),
        )
        return hmac.digest(key, previous + msgspec.json.encode(facts), "sha256")


def trail_key(vault: Vault) -> bytes:
    """What the chain is keyed with; who has the database alone cannot forge it."""
    return vault.key_for("audit trail")


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
    head = await tx.row("SELECT seq, hash FROM audit_trail_head FOR UPDATE")
    assert head is not None
    previous = bytes(head[1])
    kind, id = subject or (None, None)
    text = msgspec.json.encode(detail or {}).decode()
    whose = who.hospital_id if hospital_id is None else hospital_id
    entry = Entry(head[0] + 1, tx.now, who, whose, action, kind, id, reason, text)
    link = entry.hash_after(previous, trail_key(vault))
    await tx.do(
        """
        INSERT INTO audit_trail (seq, at, who_kind, who_id, who_name, hospital_id, action,
                                 subject_kind, subject_id, reason, detail, previous_hash, hash)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            *(entry.seq, entry.at, who.kind, who.id, who.name, whose, action),
            *(kind, id, reason, text, previous, link),
        ),
    )
    await tx.do("UPDATE audit_trail_head SET seq = %s, hash = %s", (entry.seq, link))
    return entry.seq
