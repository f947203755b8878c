"""Verify the last backup: restore it beside the platform, audit, compare, and remove it."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psycopg

from guahao.backup.archive import Archive, Base, Count, Wal, lsn, remove
from guahao.backup.programs import BackupError, Programs, failure, last_line
from guahao.backup.restoring import Recovery, Report, give_all, recovered, unpack
from guahao.backup.streaming import SLOT
from guahao.embedded import end_programs_in
from guahao.store.operations.backups import log_position, mark_log, slot_of

_CATCH_UP_SECONDS = 30
_INACTIVE_SECONDS = 5  # a sound stream restarts within a second


@dataclass(frozen=True, slots=True)
class Live:
    """The platform's database at the moment to which a verification restores."""

    moment: datetime
    position: str
    before: Mapping[str, Count]
    after: Mapping[str, Count]
    behind: str = ""  # the log that did not reach the archive in time


@dataclass(slots=True)
class Verdict:
    """The result of a verification; `faults` are sentences, empty if all is well."""

    base: Base
    target: datetime | None
    restore_seconds: float = 0.0
    total_seconds: float = 0.0
    commit_at: datetime | None = None
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def detail(self) -> str:
        """Return the outcome in one line, without personal data."""
        size = self.base.facts.unpacked_bytes / 1e9
        told = [
            f"backup {self.base.name}",
            f"restored in {self.restore_seconds:.1f} s ({size:.2f} GB)",
            f"verified in {self.total_seconds:.1f} s",
            *self.faults,
            *self.notes,
        ]
        return "; ".join(told)


def look_at_live(url: str, count: Callable[[], Mapping[str, Count]]) -> Live:
    """Choose now as the moment to restore; earlier commits have to be in the archive."""
    log_position(url)  # fails soon without an answer, while `count` retries for long
    before = count()
    position, moment = log_position(url)
    end = mark_log(url)
    after = count()
    begun = seen = time.monotonic()
    while True:
        slot, now = slot_of(url, SLOT), time.monotonic()
        if slot is not None and slot.flushed is not None and lsn(slot.flushed) >= lsn(end):
            return Live(moment, position, before, after)
        seen = now if slot is not None and slot.active else seen
        if now > min(begun + _CATCH_UP_SECONDS, seen + _INACTIVE_SECONDS):
            why = "" if slot is not None and slot.active else " (guahao backup stream does not run)"
            behind = f"the archive does not get the log of now{why}"
            return Live(moment, position, before, after, behind)
        time.sleep(0.1)


def compare(verdict: Verdict, live: Live | None, found: Mapping[str, Count], at: Recovery) -> None:
    """Record what the restored database lacks."""
    for table, told in verdict.base.facts.counts.items():
        has = found[table]
        if has.rows < told.rows or has.last < told.last:
            verdict.faults.append(
                f"{table} has {has.rows:,} rows, and had {told.rows:,} when the backup was taken"
            )
    if live is None:
        return
    for table, least in live.before.items():
        has, most = found[table], live.after[table]
        if has.rows < least.rows or has.last < least.last:
            verdict.faults.append(
                f"{least.rows - has.rows:,} of {least.rows:,} rows of {table} are lost"
            )
        elif has.rows > most.rows:
            verdict.faults.append(f"{has.rows - most.rows:,} rows of {table} are too many")
    if at.position is None or lsn(at.position) < lsn(live.position):
        verdict.faults.append(
            f"the restore ends at {at.position} of the log, and {live.position} was committed"
        )


@contextmanager
def restored(
    archive: Archive,
    programs: Programs,
    verdict: Verdict,
    login: tuple[str, str],
    report: Report,
    *,
    scratch: Path | None = None,
    command: str | None = None,
) -> Iterator[Recovery]:
    """Yield a scratch server with the backup restored to the verdict's target; remove it after.

    `login`: user and database. `command`: restores in our stead (GUAHAO_BACKUP_RESTORE_COMMAND).
    """
    begun = time.monotonic()
    user, database = login
    parent = scratch or archive.folder
    with _scratch_folder(parent, programs) as folder:
        wal: Wal | None = None
        if command is None:
            wal = archive.log_since(verdict.base)
            if wal.missing:
                raise BackupError(missing_log(wal))
            unpack(verdict.base, programs, folder, report)
        else:
            _restore_by(command, folder, verdict.target)
            give_all(programs, folder)
        with recovered(
            programs,
            folder,
            wal,
            verdict.target,
            report,
            user=user,
            database=database,
            durable=False,
        ) as recovery:
            verdict.restore_seconds = time.monotonic() - begun
            verdict.commit_at = recovery.commit_at
            yield recovery
    verdict.total_seconds = time.monotonic() - begun


def missing_log(wal: Wal) -> str:
    """Return a sentence for a gap in the archived log."""
    shown = ", ".join(wal.missing[:3]) + (", …" if len(wal.missing) > 3 else "")  # noqa: PLR2004
    return (
        f"the archived log has a gap: {len(wal.missing)} segments are missing or cut short"
        f" ({shown}). What was booked after it can be restored from a later backup only: run"
        " guahao backup take now"
    )


@contextmanager
def _scratch_folder(parent: Path, programs: Programs) -> Iterator[Path]:
    for left in parent.glob("guahao-scratch-*"):  # of a killed verification
        end_programs_in(left)
        with suppress(OSError):
            remove(left)
    try:
        folder = Path(tempfile.mkdtemp(prefix="guahao-scratch-", dir=parent))
    except OSError as error:
        raise BackupError(failure("guahao", str(error), parent)) from error
    try:
        programs.give(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _restore_by(command: str, folder: Path, target: datetime | None) -> None:
    """Restore by another tool, whose command line has {folder} and {time}."""
    moment = "" if target is None else target.isoformat(sep=" ")
    words = [
        word.replace("{folder}", str(folder)).replace("{time}", moment)
        for word in shlex.split(command)
    ]
    try:
        ended = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError as error:
        raise BackupError(f"GUAHAO_BACKUP_RESTORE_COMMAND cannot be run: {error}") from error
    if ended.returncode != 0:
        said = last_line(ended.stderr or ended.stdout)
        raise BackupError(f"GUAHAO_BACKUP_RESTORE_COMMAND failed ({ended.returncode}): {said}")


def live_or_none(look: Callable[[], Live]) -> Live | None:
    """Return the platform's database now; None if it is away, as when restores are needed."""
    try:
        return look()
    except psycopg.OperationalError:
        return None
