"""Backups and verified restores, each recorded when it has ended."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from psycopg.rows import class_row

from guahao.store.kernel.db import Tx

Kind = Literal["backup", "verify"]
Outcome = Literal["ok", "failed"]


@dataclass(frozen=True, slots=True)
class BackupRun:
    """A backup, or the verification of one, that has ended.

    `target_time`: of a verification, the point in time that was restored. `detail`: for an
    operator, without personal data.
    """

    kind: Kind
    started_at: datetime
    finished_at: datetime
    outcome: Outcome
    detail: str = ""
    target_time: datetime | None = None
    size_bytes: int | None = None


async def record(tx: Tx, run: BackupRun) -> int:
    """Record a run that has ended; its id."""
    row = await tx.row(
        """
        INSERT INTO backup_runs
            (kind, started_at, finished_at, outcome, detail, target_time, size_bytes)
        VALUES (%(kind)s, %(started_at)s, %(finished_at)s, %(outcome)s, %(detail)s,
                %(target_time)s, %(size_bytes)s)
        RETURNING id
        """,
        asdict(run),
    )
    assert row is not None
    return int(row[0])


async def latest(tx: Tx, kind: Kind, outcome: Outcome | None = None) -> BackupRun | None:
    """Return the run of a kind that ended last, with this outcome where it is given; or None."""
    async with tx.conn.cursor(row_factory=class_row(BackupRun)) as cursor:
        await cursor.execute(
            """
            SELECT kind, started_at, finished_at, outcome, detail, target_time, size_bytes
            FROM backup_runs
            WHERE kind = %(kind)s AND (%(outcome)s::text IS NULL OR outcome = %(outcome)s)
            ORDER BY finished_at DESC, id DESC LIMIT 1
            """,
            {"kind": kind, "outcome": outcome},
        )
        return await cursor.fetchone()
