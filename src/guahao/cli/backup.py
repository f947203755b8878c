"""`guahao backup`: take, stream, list, verify and restore backups."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import psycopg
import typer
import uvloop
from psycopg.conninfo import conninfo_to_dict
from rich.console import Console
from rich.table import Table

from guahao import wiring
from guahao.backup.archive import FACTS, Archive, ArchiveBusyError, Base, Count, local
from guahao.backup.programs import BackupError, find_programs
from guahao.backup.restoring import Report, end_orphans, recovered, unpack
from guahao.backup.streaming import start_anew, stream
from guahao.backup.taking import Source, same_disk, source_of, take
from guahao.backup.verifying import (
    Live,
    Verdict,
    compare,
    live_or_none,
    look_at_live,
    missing_log,
    restored,
)
from guahao.embedded import EmbeddedServer
from guahao.flows.operations import backups
from guahao.flows.operations.backups import BackupRun
from guahao.processes import stopping_on_signals
from guahao.rules.kernel.limits import CITY_TIME
from guahao.settings import Settings, SettingsError, read_settings
from guahao.store.kernel.connections import connecting, why
from guahao.store.kernel.db import LOGIN_ROLE
from guahao.tools.audit import audit as audit_tool

app = typer.Typer(help="Backups: take, stream, list, verify, restore.", no_args_is_help=True)

SameDisk = Annotated[
    bool, typer.Option("--same-disk", help="Also where the backups share the database's disk.")
]
_KEY = "guahao backup"  # hashed into the fingerprint of the secret key
_console = Console(stderr=True)


@app.command("take")
def take_command(same_disk: SameDisk = False) -> None:
    """Take a base backup, check it, and remove those beyond GUAHAO_BACKUP_GENERATIONS."""
    settings = read_settings(os.environ)
    archive = _archive(settings)
    with (
        stopping_on_signals(),
        _database(settings) as (urls, url),
        archive.locked("take.lock", fcntl.LOCK_EX) as is_free,
    ):
        if not is_free:
            raise BackupError("another `guahao backup take` is running")
        started = datetime.now(UTC)
        try:
            source = source_of(url, settings.postgres_bin)
            _check_disk(settings, archive, source, allowed=same_disk)
            with _progress() as report:
                counts = _counts(settings, urls.application)
                base = take(archive, source, _key(settings), counts, report)
        except (BackupError, psycopg.OperationalError) as error:
            _record(
                settings, urls.application, _run("backup", started, _message_of(error), failed=True)
            )
            raise
        size = base.facts.size_bytes
        typer.echo(f"Backup {base.name}: {_size(size)} in {_seconds(base)}; checksums are right.")
        try:
            for name in archive.prune(settings.backup_generations):
                typer.echo(f"Removed: {name}.")
        except ArchiveBusyError as error:
            typer.echo(f"Careful: {error}.", err=True)
        _warn_of_damaged(archive)
        typer.echo("It holds no keys: keep GUAHAO_SECRET_KEY and the settings elsewhere.")
        detail = f"backup {base.name} in {_seconds(base)}"
        _record(settings, urls.application, _run("backup", started, detail, size=size))


@app.command("stream")
def stream_command(
    same_disk: SameDisk = False,
    anew: Annotated[
        bool,
        typer.Option("--start-anew", help="Set the log so far aside; take a backup right after."),
    ] = False,
) -> None:
    """Stream the write-ahead log into the archive until stopped."""
    settings = read_settings(os.environ)
    archive = _archive(settings)
    url = _backup_url(settings)

    def open_source() -> Source:
        return source_of(url, settings.postgres_bin)

    with (
        archive.locked("stream.lock", fcntl.LOCK_EX) as is_free,
        stopping_on_signals(),
    ):
        if not is_free:
            raise BackupError("another `guahao backup stream` is running")
        if anew:
            start_anew(archive, open_source())
        is_checked = False

        def checked_source() -> Source:
            nonlocal is_checked
            source = open_source()
            if not is_checked:
                _check_disk(settings, archive, source, allowed=same_disk)
            is_checked = True
            return source

        try:
            stream(archive, checked_source, typer.echo)
        except KeyboardInterrupt:
            typer.echo("Stopped; the server keeps the log until it is streamed again.")


@app.command("list")
def list_command(
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the backups, and from when to when can be restored."""
    settings = read_settings(os.environ)
    archive = _archive(settings)
    bases, damaged = archive.bases(), archive.damaged()
    key = _key(settings)
    logs = {base.name: archive.log_since(base) for base in bases}
    if json:
        listed = [
            {
                "name": base.name,
                "finished_at": base.facts.finished_at,
                "size_bytes": base.facts.size_bytes,
                "verified_at": base.facts.verified_at,
                "key_is_ours": base.facts.key == key,
                "log_until": logs[base.name].last,
                "log_missing": logs[base.name].missing,
            }
            for base in bases
        ]
        answer = {"backups": listed, "damaged": damaged}
        typer.echo(msgspec.json.format(msgspec.json.encode(answer), indent=2))
        return
    if not bases and not damaged:
        typer.echo(f"There is no backup in {archive.folder}. Run: guahao backup take")
        return
    table = Table(box=None)
    for column in ("backup", "finished", "size", "verified", "secret key", "log after it"):
        table.add_column(column, no_wrap=True)
    for base in bases:
        log, facts = logs[base.name], base.facts
        table.add_row(
            base.name,
            local(facts.finished_at),
            _size(facts.size_bytes),
            local(facts.verified_at) if facts.verified_at else "never",
            "this one" if facts.key == key else "ANOTHER",
            "none"
            if log.last is None
            else f"to {log.last}"
            if not log.missing
            else f"GAP: {len(log.missing)} segments from {log.missing[0]} on",
        )
    for name in damaged:
        table.add_row(name, "DAMAGED", "", "", "", "")
    Console(width=140).print(table)  # also where it is no terminal
    _warn_of_damaged(archive)


@app.command("prune")
def prune_command(
    keep: Annotated[
        int | None, typer.Option(min=1, help="So many; without it GUAHAO_BACKUP_GENERATIONS.")
    ] = None,
) -> None:
    """Remove the oldest backups and the log that only they need, to make space.

    The newest stay, and the last one that was verified. `guahao backup take` does this as well.
    Exit status 2 while a backup is verified or restored: nothing is removed then.
    """
    settings = read_settings(os.environ)
    archive = _archive(settings)
    removed = archive.prune(keep or settings.backup_generations)
    for name in removed:
        typer.echo(f"Removed: {name}.")
    left = shutil.disk_usage(archive.folder)
    _warn_of_damaged(archive)
    typer.echo(f"{len(archive.bases())} backups stay; {_size(left.free)} of the disk are free.")


@app.command("verify")
def verify_command(
    to: Annotated[str, typer.Option(help="A time such as 2026-12-01T14:59, or latest.")] = "now",
    name: Annotated[
        str | None, typer.Option("--backup", help="One of the list; else the last.")
    ] = None,
) -> None:
    """Restore the last backup into a scratch server, audit and compare it, and remove it.

    Without --to it is restored to this moment, so that everything booked so far must be there.
    Exit status 1 where something is wrong.
    """
    settings = read_settings(os.environ)
    archive = _archive(settings)
    with (
        stopping_on_signals(),
        _database(settings, may_be_away=True) as (urls, url),
        # Each removes the scratch folders that it finds.
        archive.locked("verify.lock", fcntl.LOCK_EX) as is_free,
    ):
        if not is_free:
            raise BackupError("another `guahao backup verify` is running")
        started, verdict = datetime.now(UTC), None
        end_orphans()
        try:
            with archive.reading(), _progress() as report:
                verdict = _verify(settings, archive, urls.application, url, to, name, report)
            faults = verdict.faults
            detail = verdict.detail()
        except BackupError as error:
            faults, detail = [str(error)], str(error)
        target = None if verdict is None else verdict.target
        run = _run("verify", started, detail, target=target, failed=bool(faults))
        _record(settings, urls.application, run)
    for fault in faults:
        typer.echo(f"WRONG: {fault}.", err=True)
    if verdict is not None:
        _print_verdict(verdict)
    if faults:
        raise typer.Exit(1)


@app.command("restore")
def restore_command(
    into: Annotated[Path, typer.Option(help="An empty folder: the new data directory.")],
    to: Annotated[str, typer.Option(help="A time such as 2026-12-01T14:59, or latest.")],
    name: Annotated[
        str | None, typer.Option("--backup", help="One of the list; else the last before --to.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Restore a data directory to a time, or to the latest; the running database stays as it is."""
    settings = read_settings(os.environ)
    archive, target = _archive(settings), _moment(to)
    base = archive.base_for(target, name)
    log = archive.log_since(base)
    end_orphans()
    into = _checked_target(archive, into)
    programs = find_programs(base.facts.major, settings.postgres_bin)
    _print_plan(archive, base, target, into)
    if base.facts.key != _key(settings):
        typer.echo(
            "CAREFUL: this GUAHAO_SECRET_KEY is not the one that the backup was written with;"
            " names, documents and phones will not open with it (docs/operators/lost-key.md)."
        )
    if log.missing:
        if target is None:
            raise BackupError(missing_log(log))
        typer.echo(f"CAREFUL: {missing_log(log)}.")
    if not yes:
        typer.confirm("Restore?", abort=True)
    existed, begun = into.exists(), time.monotonic()
    try:
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BackupError(f"{into} cannot be created: {error.strerror}") from error
    try:
        with stopping_on_signals(), archive.reading(), _progress() as report:
            if not base.path.is_dir():
                raise BackupError(f"the backup {base.name} was removed meanwhile; choose again")
            unpack(base, programs, into, report)
            user = backups_superuser(settings)
            with recovered(
                programs, into, log, target, report, user=user, database="postgres"
            ) as recovery:
                reached = recovery.commit_at
    except BaseException:
        shutil.rmtree(into)
        if existed:
            into.mkdir(mode=0o700)
        raise
    when = "the end of the backup" if reached is None else local(reached)
    seconds = time.monotonic() - begun
    typer.echo(
        f"Restored in {seconds:.0f} s into {into}. The last booking or change in it: {when}."
    )
    typer.echo(_next_steps(settings))


def backups_superuser(settings: Settings) -> str:
    """Return a login that every restored cluster has: the embedded server's, or the backup's."""
    user = conninfo_to_dict(_backup_url(settings)).get("user")
    return str(user or "postgres")


def _next_steps(settings: Settings) -> str:
    where = (
        f"Move it to {settings.data_dir / 'postgres' / 'data'} (the old one out of the way), then"
        " start guahao"
        if settings.database_url is None
        else "Stop the old server, start PostgreSQL on this folder (docs/operators/restore.md),"
        " then guahao"
    )
    return (
        f"Next: 1. {where}.\n"
        "      2. guahao audit; guahao audit trail --accept REASON\n"
        "      3. guahao backup stream --start-anew (a restored server begins a log of its own)\n"
        "      4. guahao backup take"
    )


def _checked_target(archive: Archive, into: Path) -> Path:
    """Return the folder that `into` names or links to; raise BackupError if it is unusable."""
    into = into.expanduser().resolve()
    if into.is_relative_to(archive.folder.resolve()):
        raise BackupError(f"{into} lies among the backups; name a folder elsewhere")
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise BackupError(f"{into} is not empty; name a new folder, and move it afterwards")
    return into


def _print_plan(archive: Archive, base: Base, target: datetime | None, into: Path) -> None:
    until = "everything that is in the archive" if target is None else local(target)
    typer.echo(
        f"From {archive.folder}: the backup {base.name} ({_size(base.facts.size_bytes)}) and the"
        f" log after it, up to {until}.\nInto {into}"
        f" ({_size(base.facts.unpacked_bytes)} and the log). The running database is not touched."
    )


# Verifying ------------------------------------------------------------------------------------


def _verify(
    settings: Settings,
    archive: Archive,
    application: str,
    url: str,
    to: str,
    name: str | None,
    report: Report,
) -> Verdict:
    live: Live | None = None
    target = None if to == "now" else _moment(to)
    if to == "now" and (archive.has_log() or settings.backup_restore_command is not None):
        report("comparing with the platform's database")
        live = live_or_none(lambda: look_at_live(url, lambda: _counts(settings, application)))
        target = None if live is None else live.moment
    base = archive.base_for(target, name)
    verdict = Verdict(base, target)
    if to == "now" and live is None:
        verdict.notes.append(
            "the platform's database is away: not compared with it"
            if archive.has_log()
            else "there is no log in the archive: what is booked after the backup would be lost"
            " (guahao backup stream)"
        )
    if live is not None and live.behind:
        verdict.faults.append(live.behind)
        verdict.target = None
    if base.facts.key != _key(settings):
        verdict.faults.append(
            "GUAHAO_SECRET_KEY is not the one that the backup was written with, so that nobody's"
            " name or document opens"
        )
    programs = find_programs(base.facts.major, settings.postgres_bin)
    parameters = conninfo_to_dict(application)
    login = (str(parameters.get("user") or LOGIN_ROLE), base.facts.database)
    with restored(
        archive,
        programs,
        verdict,
        login,
        report,
        scratch=settings.backup_scratch_dir,
        command=settings.backup_restore_command,
    ) as recovery:
        found = _counts(settings, recovery.url)
        compare(verdict, live, found, recovery)
        for fault in uvloop.run(_audit(settings, recovery.url, report)):
            verdict.faults.append(fault)
    if not verdict.faults:
        archive.note_verified(base, datetime.now(UTC))
    return verdict


async def _audit(settings: Settings, url: str, report: Report) -> list[str]:
    async with wiring.open_platform(settings, url) as platform:
        result = await audit_tool.audit(platform, lambda check: report(f"audit: {check}"))
    return [
        f"audit: {finding.name} does not hold for {finding.disagreements:,} ({finding.says})"
        for finding in result.findings
        if finding.disagreements
    ]


def _print_verdict(verdict: Verdict) -> None:
    facts = verdict.base.facts
    until = "all of the archive" if verdict.target is None else local(verdict.target)
    typer.echo(
        f"Backup {verdict.base.name}, restored to {until} in {verdict.restore_seconds:.1f} s"
        f" ({_size(facts.unpacked_bytes)}), audited and removed after"
        f" {verdict.total_seconds:.1f} s."
    )
    for note in verdict.notes:
        typer.echo(f"Note: {note}.")
    if not verdict.faults:
        typer.echo("Right: nothing is missing, the keys open it, the audit is clean.")


# What all need --------------------------------------------------------------------------------


def _archive(settings: Settings) -> Archive:
    if settings.backup_dir is None:
        raise SettingsError("set GUAHAO_BACKUP_DIR to the folder for backups, on another disk")
    archive = Archive(settings.backup_dir)
    archive.create()
    return archive


def _backup_url(settings: Settings) -> str:
    if settings.backup_url is not None:
        return settings.backup_url
    if settings.database_url is None:
        return EmbeddedServer(settings.data_dir / "postgres").url("guahao")
    owner = settings.database_owner_url or settings.database_url
    if settings.demo:
        return owner
    raise SettingsError(
        "set GUAHAO_BACKUP_URL to a login with REPLICATION, which guahao migrate creates"
        " (docs/operators/restore.md)"
    )


@contextmanager
def _database(
    settings: Settings, *, may_be_away: bool = False
) -> Iterator[tuple[wiring.DatabaseUrls, str]]:
    """Yield the platform's URLs and the backup's, with the embedded server running."""
    url = _backup_url(settings)
    data = settings.data_dir / "postgres" / "data"
    if may_be_away and settings.database_url is None and not data.exists():
        # Nothing to compare with; a server would be made anew where one was lost.
        yield wiring.DatabaseUrls(url, url), url
        return
    with wiring.database_urls(settings) as urls:
        yield urls, url


def _check_disk(settings: Settings, archive: Archive, source: Source, *, allowed: bool) -> None:
    is_same = same_disk(archive, source)
    if is_same is None and not settings.demo and not allowed:
        typer.echo(
            f"Whether {archive.folder} lies on the database's own disk is not known: the login of"
            " GUAHAO_BACKUP_URL may not read data_directory (GRANT pg_read_all_settings).",
            err=True,
        )
    if not is_same or allowed:
        return
    sentence = (
        f"{archive.folder} lies on the database's own disk, and would be lost with it: set"
        " GUAHAO_BACKUP_DIR to a folder of another disk or machine"
    )
    if not settings.demo:
        raise BackupError(f"{sentence}, or say --same-disk")
    typer.echo(f"Careful: {sentence}.", err=True)


def _warn_of_damaged(archive: Archive) -> None:
    for name in archive.damaged():
        folder = archive.folder / "base" / name
        typer.echo(
            f"Careful: the backup {name} is damaged: its {FACTS} cannot be read. It counts for"
            f" nothing, and no command removes it. Look at the disk, then remove {folder}.",
            err=True,
        )


def _counts(settings: Settings, url: str) -> Mapping[str, Count]:
    async def count() -> dict[str, Count]:
        async with wiring.open_platform(settings, url) as platform:
            found = await backups.count_rows(platform)
        return {table: Count(*numbers) for table, numbers in found.items()}

    return uvloop.run(count())


def _record(settings: Settings, url: str, run: BackupRun) -> None:
    """Record a run in the platform's database, or print that it does not answer."""

    async def record() -> None:
        async with wiring.open_platform(settings, url) as platform:
            await backups.record_run(platform, run)

    try:
        psycopg.connect(connecting(url)).close()  # fails soon where nobody answers
        uvloop.run(record())
    except psycopg.Error as error:
        typer.echo(f"The run could not be recorded in the database: {why(error)}", err=True)


def _message_of(error: Exception) -> str:
    return str(error) if isinstance(error, BackupError) else why(error)


def _run(
    kind: backups.Kind,
    started: datetime,
    detail: str,
    *,
    failed: bool = False,
    target: datetime | None = None,
    size: int | None = None,
) -> BackupRun:
    outcome: backups.Outcome = "failed" if failed else "ok"
    return BackupRun(kind, started, datetime.now(UTC), outcome, detail[:2000], target, size)


def _key(settings: Settings) -> str:
    """Return a fingerprint of the secret key, which does not reveal the key."""
    return wiring.vault_of(settings).index("backup", _KEY).hex()[:16]


def _moment(text: str) -> datetime | None:
    if text == "latest":
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BackupError("--to must be a time such as 2026-12-01T14:59:00, or latest") from None
    return moment.replace(tzinfo=CITY_TIME) if moment.tzinfo is None else moment


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Yield a function that shows the current step, if there is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with _console.status("") as status:
        yield status.update


def _size(count: float) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"  # noqa: PLR2004


def _seconds(base: Base) -> str:
    return f"{(base.facts.finished_at - base.facts.started_at).total_seconds():.1f} s"
