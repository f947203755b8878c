"""Record backups in the platform's database, and count what a restored one must hold."""

from __future__ import annotations

from guahao.flows.kernel.platform import Platform
from guahao.store.operations import backup_runs, backups
from guahao.store.operations.backup_runs import BackupRun, Kind, Outcome

__all__ = ["BackupRun", "Kind", "Outcome", "count_rows", "record_run"]


async def count_rows(platform: Platform) -> dict[str, tuple[int, int]]:
    """Return rows and highest id of each table that only grows."""
    async with platform.db.transaction() as tx:
        return await backups.counts(tx)


async def record_run(platform: Platform, run: BackupRun) -> None:
    """Record a backup, or a verification, that has ended."""
    async with platform.db.transaction() as tx:
        await backup_runs.record(tx, run)
