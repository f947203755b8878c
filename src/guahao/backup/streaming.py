"""Stream the write-ahead log into the archive, by a supervised pg_receivewal."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable
from datetime import UTC, datetime

import psycopg

from guahao.backup.archive import Archive
from guahao.backup.programs import BackupError, failure, without_password
from guahao.backup.taking import Source, UnreachableServerError
from guahao.embedded import end_programs_in
from guahao.processes import Backoff, interrupted_later
from guahao.store.kernel.connections import why
from guahao.store.operations.backups import drop_slot, slot_of

SLOT = "guahao_backup"
Say = Callable[[str], None]
_STOP_SECONDS = 30
_ANEW = (
    "The archive has a gap that cannot be filled. Set it aside and begin anew with"
    " `guahao backup stream --start-anew`, and take a base backup at once: `guahao backup take`"
)


def start_anew(archive: Archive, source: Source) -> None:
    """Set the archived log aside, and drop the server's replication slot."""
    drop_slot(source.url, SLOT)
    archive.start_anew(datetime.now(UTC))


def stream(archive: Archive, open_source: Callable[[], Source], say: Say) -> None:
    """Stream until KeyboardInterrupt; restart, with back-off, when it ends.

    Raises BackupError if continuing would silently lose part of the log.
    """
    end_programs_in(archive.wal, "pg_receivewal")  # of a killed stream, which holds the slot
    waits = Backoff(0.2, 15.0)
    while True:
        try:
            source = open_source()
            _check_slot(archive, source)
            reason = _receive(archive, source, say)
        except psycopg.Error as error:
            reason = why(error).split("\n", 1)[0]
        except UnreachableServerError as error:
            reason = str(error).strip().split("\n", 1)[0]
        except _TransientError as error:
            reason = str(error)
        wait = waits.next()
        say(f"The log is not streamed: {reason}. Again in {wait:.1f} s.")
        threading.Event().wait(wait)


class _TransientError(Exception):
    """A fault that may pass by itself."""


def _check_slot(archive: Archive, source: Source) -> None:
    bases = archive.bases()
    if bases and bases[-1].facts.system != source.server.system:
        raise BackupError(
            f"{archive.folder} holds the backups of another database cluster; set"
            " GUAHAO_BACKUP_DIR to a folder of its own for this one"
        )
    slot = slot_of(source.url, SLOT)
    if slot is not None and slot.wal_status == "lost":
        raise BackupError(
            f"the server has thrown away log that the archive lacks (its slot {SLOT} is lost)."
            f" {_ANEW}"
        )


def _receive(archive: Archive, source: Source, say: Say) -> str:
    """Run pg_receivewal to its end, and return why it ended."""
    conninfo, environ = without_password(source.url)
    programs, folder = source.programs, archive.wal
    folder.mkdir(mode=0o700, exist_ok=True)
    for path in (archive.folder, folder):
        programs.give(path)
    common = ("--no-password", "--dbname", conninfo, "--slot", SLOT)
    try:
        programs.run(
            *("pg_receivewal", "--create-slot", "--if-not-exists", *common),
            folder=folder,
            environ=environ,
        )
    except BackupError as error:
        raise _TransientError(str(error)) from error
    process = None
    try:
        with interrupted_later():
            process = programs.start(
                *("pg_receivewal", "--directory", str(folder), "--synchronous", "--no-loop"),
                *("--status-interval", "1", *common),
                folder=folder,
                environ=environ,
            )
        say(f"Streaming the log of PostgreSQL {source.server.version_text} into {folder}.")
        _, errors = process.communicate()
    except BaseException:
        if process is not None:
            _stop(process)
        raise
    if "has already been removed" in errors:
        raise BackupError(f"the server no longer has the log that comes next. {_ANEW}")
    if "not in this server's history" in errors or "ahead of the WAL flush position" in errors:
        raise BackupError(
            f"the server does not continue the archived log: it was restored to an earlier time,"
            f" or is another. {_ANEW}"
        )
    return failure("pg_receivewal", errors, folder)


def _stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
