"""Delete rows past their retention, in batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from guahao.store.kernel.db import Tx


@dataclass(frozen=True, slots=True)
class OldRows:
    """The table of a kind of rows, and the condition for old rows, which takes the moment."""

    table: str
    key: str
    old: str


OLD_ROWS: Mapping[str, OldRows] = {
    # Messages that wait to be sent are given up long before.
    "messages": OldRows("messages", "id", "changed_at < %s AND state <> 'queued'"),
    "outbox": OldRows("outbox", "id", "sent_at < %s"),
    "calls": OldRows("calls", "id", "opened_at < %s"),
    "call_tasks": OldRows("call_tasks", "id", "closed_at < %s"),
    "hospital_calls": OldRows("hospital_calls", "id", "at < %s"),
}
AT_ONCE = 5000


async def delete_old(tx: Tx, kind: str, before: datetime) -> int:
    """Delete a batch of old rows of a kind, skipping locked rows; return how many."""
    rows = OLD_ROWS[kind]
    batch = f"SELECT {rows.key} FROM {rows.table} WHERE {rows.old} LIMIT {AT_ONCE}"
    if kind == "calls":
        await tx.do(f"DELETE FROM call_questions WHERE call_id IN ({batch})", (before,))
    return await tx.do(
        f"DELETE FROM {rows.table} WHERE {rows.key} IN ({batch} FOR UPDATE SKIP LOCKED)", (before,)
    )


async def overdue(tx: Tx, kind: str, before: datetime, limit: int) -> list[int]:
    """Return the ids of rows of a kind that should have been deleted."""
    rows = OLD_ROWS[kind]
    found = await tx.rows(
        f"SELECT {rows.key} FROM {rows.table} WHERE {rows.old} ORDER BY 1 LIMIT %s",
        (before, limit),
    )
    return [row[0] for row in found]
