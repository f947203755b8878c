"""Restore: unpack a base backup, and let PostgreSQL replay the archived log, or part of it."""

from __future__ import annotations

import fcntl
import gzip
import os
import re
import shlex
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

import psutil
import psycopg
from psycopg.conninfo import make_conninfo

from guahao.backup.archive import Base, Wal, local
from guahao.backup.programs import BackupError, Programs, last_line
from guahao.embedded import end_programs_in
from guahao.processes import interrupted_later
from guahao.store.operations.backups import replayed

Report = Callable[[str], None]  # called with the progress
_PORT = "5432"  # of the socket's name; nothing listens on TCP
_STOP_SECONDS = 300
_PRIVATE, _LOCK, _CONFIG = "guahao-restore-", "lock", "postgresql.conf"
_RESTORED = re.compile(r'restored log file "([0-9A-F]{24})')
_HBA = "local all all trust\n"  # any client of the socket, in a private folder


@dataclass(frozen=True, slots=True)
class Recovery:
    """A restored, running server on a private socket. `commit_at`: its last commit."""

    url: str
    position: str | None
    commit_at: datetime | None


def check_files(base: Base, programs: Programs, folder: Path) -> None:
    """Compare unpacked files with the manifest that PostgreSQL wrote for the backup."""
    try:
        programs.run("pg_verifybackup", "--quiet", "--exit-on-error", str(folder), folder=folder)
    except BackupError as error:
        raise BackupError(_damaged(base.name, str(error))) from error


def unpack(base: Base, programs: Programs, folder: Path, report: Report) -> None:
    """Unpack a base backup into an empty folder, and check every file's checksum.

    Raises BackupError if the backup is damaged or the disk is full.
    """
    needed, free = base.facts.unpacked_bytes, shutil.disk_usage(folder).free
    if needed > free:
        raise BackupError(
            f"{folder} needs {needed / 1e9:.1f} GB, and its disk has {free / 1e9:.1f} GB left"
        )
    folder.chmod(0o700)
    done = 0
    try:
        for name, into in (("base", folder), ("pg_wal", folder / "pg_wal")):
            into.mkdir(mode=0o700, exist_ok=True)
            # Not "r|gz", which reads only the first of pg_basebackup's gzip members.
            with (
                gzip.open(base.path / f"{name}.tar.gz") as file,
                tarfile.open(fileobj=file, mode="r|") as tar,
            ):
                for member in tar:
                    _extract(tar, member, into)
                    done += member.size
                    report(f"unpacking: {done * 100 // max(needed, 1)} %")
        shutil.copyfile(base.path / "backup_manifest", folder / "backup_manifest")
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, FileNotFoundError) as error:
        raise BackupError(_damaged(base.name, str(error))) from error
    except OSError as error:
        raise BackupError(f"{folder} cannot be written: {error.strerror}") from error
    give_all(programs, folder)
    report("comparing checksums")
    check_files(base, programs, folder)


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, into: Path) -> None:
    """Write a file or folder below `into`; raise TarError for anything else."""
    path = PurePosixPath(member.name)
    if not (member.isreg() or member.isdir()) or path.is_absolute() or ".." in path.parts:
        raise tarfile.TarError(f"{member.name} does not belong into a backup")
    if hasattr(tarfile, "data_filter"):
        tar.extract(member, into, filter="data")
    else:  # Debian 12 has Python 3.11.2; filters came with 3.11.4
        tar.extract(member, into)


def give_all(programs: Programs, folder: Path) -> None:
    """Make the programs' user the owner of a folder and its content, closed to others."""
    for path in (folder, *folder.rglob("*")):
        programs.give(path)
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)


def _damaged(name: str, why: str) -> str:
    return (
        f"the backup {name} is damaged ({why}). Restore another (guahao backup list, then"
        " guahao backup restore --backup NAME), and take a new one at once"
    )


@contextmanager
def recovered(
    programs: Programs,
    folder: Path,
    wal: Wal | None,
    target: datetime | None,
    report: Report,
    *,
    user: str,
    database: str,
    durable: bool = True,
) -> Iterator[Recovery]:
    """Run a server on a restored folder, once it has replayed the log; stop it at the end.

    `wal`: None if the folder's own settings say how the log is restored. `target`: None for the
    whole log. Nobody else can reach the server. Raises BackupError if it cannot reach the target.
    """
    with _private_folder() as place:
        (place / "pg_hba.conf").write_text(_HBA)
        (place / _CONFIG).write_text("")
        for path in (place, place / "pg_hba.conf", place / _CONFIG):
            programs.give(path)
        (folder / "standby.signal").unlink(missing_ok=True)
        (folder / "recovery.signal").touch(mode=0o600)
        programs.give(folder / "recovery.signal")
        settings = _settings(place, wal, target, durable=durable)
        arguments = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        log = place / "log"
        url = make_conninfo("", host=str(place), port=_PORT, user=user, dbname=database)
        process = None
        try:
            with interrupted_later():
                process = programs.start(
                    "postgres", "-D", str(folder), *arguments, folder=folder, log=log
                )
            yield _wait(process, url, log, report)
            process.send_signal(signal.SIGINT)  # a fast shutdown, with a checkpoint
            if process.wait(_STOP_SECONDS) != 0:
                raise BackupError(f"the restored server did not stop: {last_line(_text(log))}")
        finally:
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGQUIT)
                process.wait(_STOP_SECONDS)


@contextmanager
def _private_folder() -> Iterator[Path]:
    """Create the folder of a restored server's socket and settings, locked while we run."""
    with tempfile.TemporaryDirectory(prefix=_PRIVATE) as private:
        place = Path(private)
        draft = place / "lock.new"
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            draft.rename(place / _LOCK)  # from now on a sweep finds it locked
            yield place
        finally:
            os.close(descriptor)


def end_orphans() -> None:
    """End the servers of killed verifications and restores, and remove their folders."""
    for place in Path(tempfile.gettempdir()).glob(f"{_PRIVATE}*"):
        if place.is_symlink():
            continue
        try:
            # As root, ignore folders of other users, who cannot have made root's lock.
            descriptor = os.open(place / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            if os.fstat(descriptor).st_uid != os.geteuid():
                continue
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            for data in _data_folders(place):
                end_programs_in(data)
            shutil.rmtree(place, ignore_errors=True)
        finally:
            os.close(descriptor)


def _data_folders(place: Path) -> list[Path]:
    """Return the data folders of the servers with settings in this folder."""
    setting = f"config_file={place / _CONFIG}"
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if process.name() == "postgres" and setting in process.cmdline():
                found.append(Path(process.cwd()))
    return found


def _settings(
    place: Path, wal: Wal | None, target: datetime | None, *, durable: bool
) -> Mapping[str, str]:
    """Return the server's settings, which win over those of the folder on its command line."""
    settings = {
        "config_file": str(place / _CONFIG),
        "hba_file": str(place / "pg_hba.conf"),
        "ident_file": "",
        "listen_addresses": "",
        "unix_socket_directories": str(place),
        "unix_socket_permissions": "0700",
        "port": _PORT,
        "ssl": "off",
        "logging_collector": "off",
        "log_destination": "stderr",
        "log_min_messages": "log",
        "lc_messages": "C",
        "shared_preload_libraries": "",
        "shared_buffers": "256MB",
        "max_wal_size": "8GB",
        "autovacuum": "off",
        # Archives nothing, waits for no standby, and follows no primary.
        "archive_mode": "off",
        "synchronous_standby_names": "",
        "primary_conninfo": "",
        "primary_slot_name": "",
        # Without queries during recovery a smaller max_connections than the primary's will do.
        "hot_standby": "off",
        "fsync": "on" if durable else "off",
    }
    if wal is not None:
        settings |= {
            "restore_command": restore_command(wal.folders),
            "recovery_target": "",
            "recovery_target_lsn": "",
            "recovery_target_name": "",
            "recovery_target_xid": "",
            "recovery_target_time": "" if target is None else target.isoformat(sep=" "),
            "recovery_target_timeline": "latest",
            "recovery_target_action": "promote",
        }
    return settings


def restore_command(folders: tuple[Path, ...]) -> str:
    """Return PostgreSQL's restore_command: copy a finished segment, or the unfinished last one.

    A status above 125 ends the recovery, because a missing folder is not the end of the log.
    """
    words = " ".join(shlex.quote(str(folder)).replace("%", "%%") for folder in folders)
    return (
        f"for d in {words}; do test -d $d || exit 200;"
        ' for f in "$d/%f" "$d/%f.partial"; do'
        ' if test -f "$f"; then cp "$f" "%p" && exit 0; exit 201; fi; done; done; exit 1'
    )


def _wait(process: subprocess.Popen[str], url: str, log: Path, report: Report) -> Recovery:
    """Wait for the end of the recovery, and report the progress in the server's log."""
    read = 0
    while process.poll() is None:
        found = _RESTORED.findall(_text(log)[read:])
        if found:
            report(f"replayed the log up to {found[-1]}")
        try:
            position, commit_at, is_recovering = replayed(url)
        except psycopg.OperationalError:
            is_recovering = True
        else:
            if not is_recovering:
                return Recovery(url, position, commit_at)
        time.sleep(0.1)
    raise BackupError(_why_it_ended(_text(log)))


def _why_it_ended(log: str) -> str:
    """Return a sentence for a recovery that ended without a server."""
    reached = re.findall(r"last completed transaction was at log time ([^\n]+)", log)
    if "recovery ended before configured recovery target was reached" in log:
        end = f"; the last commit in it is of {_in_city_time(reached[-1])}" if reached else ""
        return (
            f"the archived log ends before that time{end}. Restore to an earlier time, or to"
            " `latest` for all that there is"
        )
    fatal = re.findall(r"(?:FATAL|PANIC|ERROR): +([^\n]+)", log)
    if "No space left on device" in log:
        return "the disk became full while the log was replayed; nothing was restored"
    why = fatal[-1] if fatal else last_line(log)
    return f"PostgreSQL could not recover the backup: {why}"


def _in_city_time(text: str) -> str:
    """Return a time of PostgreSQL's log (2026-12-01 06:59:00.123+00) as an operator types it."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return text
    return text if moment.tzinfo is None else local(moment)


def _text(log: Path) -> str:
    try:
        return log.read_text(errors="replace")
    except FileNotFoundError:
        return ""
