"""Take a base backup by pg_basebackup, and publish it after checking by pg_verifybackup."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict

from guahao.backup.archive import Archive, Base, Count, Facts, lsn, remove
from guahao.backup.programs import (
    BackupError,
    Programs,
    failure,
    find_programs,
    without_password,
)
from guahao.backup.restoring import Report, unpack
from guahao.processes import interrupted_later
from guahao.store.kernel.connections import why
from guahao.store.operations.backups import ServerFacts, server_facts

VERIFIES_TAR_SINCE = 18  # pg_verifybackup; earlier versions read unpacked files only
_LOCAL_HOSTS = ("", "localhost", "127.0.0.1", "::1")


class _Range(msgspec.Struct):
    timeline: int = msgspec.field(name="Timeline")
    start: str = msgspec.field(name="Start-LSN")


class _File(msgspec.Struct):
    size: int = msgspec.field(name="Size")


class _Manifest(msgspec.Struct):
    files: list[_File] = msgspec.field(name="Files")
    ranges: list[_Range] = msgspec.field(name="WAL-Ranges")


@dataclass(frozen=True, slots=True)
class Source:
    """The server to back up."""

    url: str
    server: ServerFacts
    programs: Programs


class UnreachableServerError(BackupError):
    """The server does not answer, which may pass by itself."""


def source_of(url: str, programs_folder: Path | None) -> Source:
    """Query the server and find its programs; raise BackupError if any is missing."""
    without_password(url)  # raises if it is malformed
    try:
        server = server_facts(url)
    except psycopg.OperationalError as error:
        raise UnreachableServerError(
            f"the database server does not answer the backup's login: {why(error)}"
        ) from error
    return Source(url, server, find_programs(server.version // 10_000, programs_folder))


def same_disk(archive: Archive, source: Source) -> bool | None:
    """Return whether the backups are on the database's disk; None if that is unknown."""
    hosts = str(conninfo_to_dict(source.url).get("host") or "").split(",")
    if not all(host in _LOCAL_HOSTS or host.startswith("/") for host in hosts):
        return False  # on another machine
    if source.server.data_directory is None:
        return None
    try:
        data = Path(source.server.data_directory).stat()
    except OSError:
        return None
    return data.st_dev == archive.folder.stat().st_dev


def take(
    archive: Archive, source: Source, key: str, counts: Mapping[str, Count], report: Report
) -> Base:
    """Take a base backup; an unfinished attempt never looks like a backup.

    `counts`: counted before it begins, so that each restore of it has at least as many rows.
    """
    started = datetime.now(UTC)
    partial = None
    try:
        with interrupted_later():
            partial = archive.begin(started)
        source.programs.give(partial)
        source.programs.give(partial.parent)
        source.programs.give(archive.folder)
        _copy(partial, source, report)
        manifest = msgspec.json.decode((partial / "backup_manifest").read_bytes(), type=_Manifest)
        facts = Facts(
            started_at=started,
            finished_at=datetime.now(UTC),
            server=source.server.version_text,
            major=source.programs.major,
            system=source.server.system,
            database=source.server.database,
            timeline=manifest.ranges[-1].timeline,
            start_lsn=lsn(manifest.ranges[0].start),
            segment_bytes=source.server.segment_bytes,
            size_bytes=sum(path.stat().st_size for path in partial.iterdir()),
            unpacked_bytes=sum(file.size for file in manifest.files),
            key=key,
            counts=counts,
        )
        report("comparing checksums")
        _verify(partial, facts, source.programs)
        return archive.finish(partial, facts)
    except BaseException as error:
        if partial is not None:
            with suppress(OSError):  # the next backup removes it
                remove(partial)
        if isinstance(error, OSError):
            raise BackupError(failure("guahao", str(error), archive.folder)) from error
        raise


def _copy(partial: Path, source: Source, report: Report) -> None:
    conninfo, environ = without_password(source.url)
    shows = sys.stderr.isatty()
    report("copying the server's files")
    source.programs.run(
        "pg_basebackup",
        *("--pgdata", str(partial), "--format", "tar", "--compress", "client-gzip:1"),
        *("--wal-method", "stream", "--checkpoint", "fast", "--label", "guahao"),
        *("--manifest-checksums", "SHA256", "--no-password", "--dbname", conninfo),
        *(["--progress"] if shows else []),
        folder=partial,
        environ=environ,
        shows=shows,
    )
    others = [path.name for path in partial.glob("[0-9]*.tar.gz")]
    if others:
        raise BackupError(
            "the server has tablespaces, which guahao does not use and does not back up: move what"
            " lies in them to pg_default, or back up with pgBackRest (docs/operators/restore.md)"
        )


def _verify(partial: Path, facts: Facts, programs: Programs) -> None:
    if programs.major >= VERIFIES_TAR_SINCE:
        # Tar files of the log cannot be parsed here; restores and `guahao backup verify` check it.
        programs.run(
            *("pg_verifybackup", "--quiet", "--exit-on-error", "--no-parse-wal"),
            *("--format", "tar", str(partial)),
            folder=partial,
        )
        return
    check = partial / "check"
    check.mkdir(mode=0o700)
    unpack(Base(partial.name, partial, facts), programs, check, lambda _: None)
    shutil.rmtree(check)
