"""The audit trail of the demo's past: what its staff did, chained like any other entry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from guahao.rules.staff.staff import Who
from guahao.store.kernel.db import Tx
from guahao.store.kernel.vault import Vault
from guahao.store.staff import trail
from guahao.tools.demo import past_queries, queries


@dataclass(frozen=True, slots=True)
class Act:
    """An entry before it has a place in the chain."""

    at: datetime
    who: Who
    action: str
    subject: tuple[str, int] | None = None
    reason: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    hospital_id: int | None = None


async def append(tx: Tx, vault: Vault, acts: Iterable[Act]) -> int:
    """Append acts in the order of their time; how many. The trail has been begun already."""
    last, genuine = await trail.lock_head(tx, vault)
    assert genuine
    keys = await trail.trail_keys(tx, vault)
    # One key serves all entries to come.
    key, sealing = keys.chain_key(last.seq + 1), keys.vault(last.seq + 1)
    seq, previous = last.seq, last.hash
    rows = []
    for act in sorted(acts, key=lambda act: act.at):
        seq += 1
        sealed = sealing.seal("audit_trail", "reason", seq, act.reason) if act.reason else b""
        text = msgspec.json.encode(act.detail).decode()
        whose = act.who.hospital_id if act.hospital_id is None else act.hospital_id
        kind, id = act.subject or (None, None)
        entry = trail.TrailEntry(seq, act.at, act.who, whose, act.action, kind, id, sealed, text)
        link = entry.hash_after(previous, key)
        who = (act.who.kind, act.who.id, act.who.name)
        rows.append((seq, act.at, *who, whose, act.action, kind, id, sealed, text, previous, link))
        previous = link
    await queries.copy(tx, "audit_trail", rows)
    head = trail.TrailHead(seq, previous)
    await past_queries.set_trail_head(tx, head, trail.head_mac(keys, head))
    return len(rows)
