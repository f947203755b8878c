"""The commands of an operator."""

from __future__ import annotations

import asyncio
import errno
import multiprocessing
import os
import resource
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import msgspec
import psycopg
import typer
import uvloop
from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from rich.console import Console

from guahao import cli_backup, trail_sinks, wiring
from guahao.backup.programs import BackupError
from guahao.clock import city_clock
from guahao.deploy import command as deploy_command
from guahao.deploy.answers import AnswersError
from guahao.embedded import EmbeddedServerError
from guahao.flows.integration import clients as client_flows
from guahao.flows.integration import webhooks
from guahao.flows.integration.clients import (
    OVERLAP_HOURS,
    OVERLAP_HOURS_MAX,
    ClientRefusal,
    NewSecret,
)
from guahao.flows.integration.webhooks import WebhookSet
from guahao.flows.kernel.platform import Platform
from guahao.flows.kernel.rotation import rotate
from guahao.flows.people.privacy import records as privacy_flows
from guahao.flows.staff import staff as staff_flows
from guahao.flows.staff.demo_staff import DEMO_STAFF, add_demo_staff
from guahao.flows.staff.demo_staff import PASSWORD as DEMO_STAFF_PASSWORD
from guahao.flows.staff.staff import NewStaff, StaffRefusal
from guahao.flows.staff.trail import Head, accept_trail, trail_head, verify_trail
from guahao.flows.supply.open_supply import all_hospitals
from guahao.processes import (
    ORPHAN_SECONDS,
    PartError,
    end_with,
    stopping_on_signals,
    supervise,
)
from guahao.rules.integration.clients import Scope
from guahao.rules.integration.pushing import KINDS, WebhookRefusal
from guahao.rules.operations.checks import exit_status
from guahao.rules.staff.staff import SYSTEM, Role
from guahao.settings import Settings, SettingsError, read_settings
from guahao.store.kernel.connections import why
from guahao.store.kernel.db import ClockError, RolesError
from guahao.store.kernel.migrate import MigrationError, Schema, SchemaState
from guahao.tools import doctor as doctor_tool
from guahao.tools import hospital_caller
from guahao.tools import hospital_import as hospital_import_tool
from guahao.tools import session_import as session_import_tool
from guahao.tools.audit import audit as audit_tool
from guahao.tools.bench import desk as bench_desk
from guahao.tools.bench import feed as bench_feed
from guahao.tools.bench import http as bench_http
from guahao.tools.bench import read as bench_read
from guahao.tools.bench import rush as bench_rush
from guahao.tools.bench.serving import BenchError
from guahao.tools.demo import seed as demo_tool
from guahao.tools.replay import replay as replay_tool
from guahao.tools.scratch import ScratchDatabaseError, analyze
from guahao.tools.stand_ins import hospital as hospital_stand_in
from guahao.tools.stand_ins import wechat as wechat_stand_in
from guahao.web.words.sheet_words import say_cell, say_file
from guahao.wechat.api import UnreachableError, WeChatError

_WEBHOOK_ADVICE = {
    WebhookRefusal.UNKNOWN: "there is no such hospital, or it has no webhook",
    WebhookRefusal.BAD_URL: "the address must be like https://his.example.cn/guahao/events",
    WebhookRefusal.NOT_HTTPS: "the address must begin with https://",
    WebhookRefusal.NO_KINDS: f"the kinds are {', '.join(KINDS)}",
}

app = typer.Typer(
    help="guahao (挂号): a city's appointment-registration platform.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # personal data has no business on a terminal
)
demo = typer.Typer(help="Invented data for trying the platform.", no_args_is_help=True)
app.add_typer(demo, name="demo")
wechat = typer.Typer(help="The Official Account on WeChat.", no_args_is_help=True)
app.add_typer(wechat, name="wechat")
audit = typer.Typer(help="Recompute everything from the records, or verify the audit trail.")
app.add_typer(audit, name="audit")
staff = typer.Typer(help="The members of the staff.", no_args_is_help=True)
app.add_typer(staff, name="staff")
hospital_client = typer.Typer(
    help="The information systems of hospitals (HIS) that call the platform.", no_args_is_help=True
)
app.add_typer(hospital_client, name="hospital-client")
hospitals = typer.Typer(help="The directory of hospitals.", no_args_is_help=True)
app.add_typer(hospitals, name="hospitals")
sessions = typer.Typer(help="Clinic sessions and weekly timetables.", no_args_is_help=True)
app.add_typer(sessions, name="sessions")
webhook = typer.Typer(help="Telling hospitals of their bookings.", no_args_is_help=True)
app.add_typer(webhook, name="hospital-webhook")
keys = typer.Typer(help="The platform's secret key.", no_args_is_help=True)
app.add_typer(keys, name="keys")
privacy = typer.Typer(help="A person's own data: a copy of it, erasing it.", no_args_is_help=True)
app.add_typer(privacy, name="privacy")
app.add_typer(cli_backup.app, name="backup")
deploy = typer.Typer(help="The files with which a city runs the platform.", no_args_is_help=True)
app.add_typer(deploy, name="deploy")
bench = typer.Typer(help="Speed, measured side by side in one run.", no_args_is_help=True)
app.add_typer(bench, name="bench")

Reason = Annotated[str, typer.Option(help="Why; the audit trail keeps it.")]

_Parent = Annotated[
    int | None, typer.Option(hidden=True, help="The process whose end ends this one.")
]

_console = Console()
_SENTENCES = session_import_tool.Sentences(
    lambda word: say_file(word, "en"), lambda fault: say_cell(fault, "en")
)
_CONNECTIONS = 16_384  # of one web process
_BACKLOG = 4096
_OTHER_FILES = 512
_DRAIN_SECONDS = 60
_PORT_SECONDS = ORPHAN_SECONDS + 2  # longer than an orphan lives
_PENDING, _NEWER = 3, 4  # exit statuses of `guahao migrate --check`; 2 is every command's error
_STAND_IN = "HIS stand-in"  # what its client is called


_TRAIL_ADVICE = {
    "missing": "An entry was deleted or moved.",
    "changed": "An entry is not what was written.",
    "cut": "Entries at the end were deleted.",
    "head_forged": "The end of the chain was not written by this platform.",
    "emptied": "All entries were deleted.",
    "rolled_back": "The chain is whole but ends before what was sent out: a backup was restored,"
    " or its end was cut. After a restore: guahao audit trail --accept REASON.",
    "other_past": "This is not the chain whose head was sent out or noted.",
    "other_key": "This GUAHAO_SECRET_KEY is not the one that the trail was written with.",
}


class CommandError(Exception):
    """What an operator can mend; the message says how."""


def main() -> None:
    """Run a command; what an operator can mend is one sentence and exit status 2."""
    try:
        app()
    except (
        CommandError,
        PartError,
        AnswersError,
        SettingsError,
        MigrationError,
        RolesError,
        ClockError,
        EmbeddedServerError,
        BackupError,
        demo_tool.DemoError,
        ScratchDatabaseError,
        replay_tool.ReplayError,
        BenchError,
        trail_sinks.SinkError,
        UnreachableError,
        WeChatError,
    ) as error:
        typer.echo(f"guahao: {error}", err=True)
        sys.exit(2)
    except psycopg.OperationalError as error:
        typer.echo(
            f"guahao: the database does not answer: {why(error)}\nCheck GUAHAO_DATABASE_URL"
            " and whether the server runs.",
            err=True,
        )
        sys.exit(2)


@app.command()
def up() -> None:
    """Start everything: database, migrations, a demo city when empty, web and worker."""
    settings = read_settings(os.environ)
    _check_port(settings)
    with _database(settings) as urls:
        _run_everything(settings, urls, str(time.time()))


@app.command()
def serve(parent: _Parent = None) -> None:
    """Serve the web (migrate first)."""
    settings = read_settings(os.environ)
    if parent is not None:
        end_with(parent)
    _check_port(settings)
    _raise_open_files()
    with (
        wiring.application_url(settings) as url,
        TemporaryDirectory(prefix="guahao-metrics-") as metrics,
    ):
        os.environ["GUAHAO_DATABASE_URL"] = url
        # For all processes, and for one that is started again.
        os.environ.setdefault("GUAHAO_CLOCK_BEGUN", str(time.time()))
        asyncio.run(wiring.check_database(settings, url))
        if settings.web_workers > 1:
            # One /metrics for all processes; it has to be there before they import anything.
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics
            multiprocessing.set_start_method("spawn")
        Granian(
            "guahao.wiring:create_app",
            factory=True,
            address=settings.host,
            port=settings.port,
            interface=Interfaces.ASGI,
            workers=settings.web_workers,
            loop=Loops.uvloop,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(header_read_timeout=settings.header_seconds * 1000),
            # Connections that a process holds at once. A silent one costs a few KB until its
            # headers time out; at the default of 1,024 so many of them stop the process.
            backlog=_BACKLOG,
            backpressure=_CONNECTIONS,
            websockets=False,
            log_access=False,
            respawn_failed_workers=True,
            workers_kill_timeout=_DRAIN_SECONDS,
        ).serve()


def _raise_open_files() -> None:
    """Allow as many open files as the system lets us, for a flood of connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _CONNECTIONS + _OTHER_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@app.command()
def worker(parent: _Parent = None) -> None:
    """Send messages, void what was not picked up, roll timetables forward."""
    settings = read_settings(os.environ)
    if parent is not None:
        end_with(parent)
    with wiring.application_url(settings) as url:
        uvloop.run(wiring.work(settings, url))


@app.command("migrate")
def migrate_command(
    check: Annotated[
        bool,
        typer.Option(
            help="Only say how the database lies to this version: exit status 0 up to date,"
            f" {_PENDING} migrations are pending, {_NEWER} the database is newer."
        ),
    ] = False,
) -> None:
    """Bring the database to the schema of this version, while bookings go on."""
    settings = read_settings(os.environ)
    with wiring.database_urls(settings) as urls:
        if check:
            raise typer.Exit(_say_schema(wiring.schema_state(urls)))
        if urls.owner is None:
            raise CommandError(
                "migrating needs the database's owner: set GUAHAO_DATABASE_OWNER_URL to the owner's"
                " URL, and GUAHAO_DATABASE_URL to that of the application's login, which this"
                " command creates (docs/OPERATING.md)"
            )
        wiring.migrate_database(settings, urls, lambda told: typer.echo(told, err=True))
    typer.echo("The database is up to date.")


def _say_schema(schema: Schema) -> int:
    """Print how a database's schema lies to this program; the exit status that says it."""
    match schema.state:
        case SchemaState.UP_TO_DATE:
            typer.echo(f"The database is up to date ({schema.revision}).")
            return 0
        case SchemaState.PENDING:
            at = schema.revision or "nothing"
            typer.echo(f"Pending after {at}: {', '.join(schema.pending)}. Run: guahao migrate")
            return _PENDING
        case SchemaState.NEWER:
            typer.echo(f"The database is newer than this program ({schema.revision}).")
            return _NEWER


@deploy.command("init")
def deploy_init(  # noqa: PLR0917 - typer passes them by name
    out: Annotated[Path, typer.Option(help="The folder to write, or that of an earlier run.")],
    answers: Annotated[
        Path | None, typer.Option(help="A TOML file of answers, instead of options.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="The host name that people type.")] = None,
    machines: Annotated[
        str | None,
        typer.Option(help="web1=10.0.0.1 or web1=10.0.0.1,web2=10.0.0.2,web3=10.0.0.3"),
    ] = None,
    database: Annotated[
        str | None, typer.Option(help="Which machines hold the database; without it, all.")
    ] = None,
    web: Annotated[str | None, typer.Option(help="Which serve the web.")] = None,
    worker: Annotated[str | None, typer.Option(help="Which run the worker.")] = None,
    virtual_address: Annotated[
        str | None, typer.Option(help="An address that keepalived moves between the web machines.")
    ] = None,
    postgresql: Annotated[
        int | None, typer.Option(help="PostgreSQL's major version in the distribution.")
    ] = None,
    memory_gb: Annotated[
        int | None, typer.Option(help="Memory of a machine with a database.")
    ] = None,
    web_processes: Annotated[
        int | None, typer.Option(help="Web processes on each machine that serves the web.")
    ] = None,
    monitoring: Annotated[
        str | None, typer.Option(help="The address of Prometheus, which alone reads the metrics.")
    ] = None,
    hotline: Annotated[
        str | None, typer.Option(help="The number that people call; without it, 114.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite what you edited in the folder.")
    ] = False,
) -> None:
    """Write everything that is copied to a city's machines: one machine, or three and more.

    Run it again after changing an answer: secrets stay, and what changed is shown.
    """
    given = {
        "public_host": host,
        "machines": machines,
        "virtual_address": virtual_address,
        "postgresql": postgresql,
        "memory_gb": memory_gb,
        "web_processes": web_processes,
        "monitoring": monitoring,
        "hotline": hotline,
    }
    found = deploy_command.gather(
        out,
        answers,
        given,
        {"database": database, "web": web, "worker": worker},
        _ask if deploy_command.is_terminal() else None,
    )
    changes = deploy_command.living_changes(found, out)
    written = deploy_command.write(found, out, force=force, now=datetime.now(UTC))
    deploy_command.report(written, out, typer.echo, changes)


def _ask(question: str, default: str | None) -> str:
    return str(typer.prompt(question, default=default))


@demo.command()
def seed(
    hospitals: Annotated[int, typer.Option(min=1, max=1000)] = 146,
    days: Annotated[int, typer.Option(min=1, max=92)] = 90,
    patients: Annotated[int, typer.Option(min=0, max=1_000_000)] = 20_000,
) -> None:
    """Make the invented demo city in an empty database."""
    settings = read_settings(os.environ)
    with wiring.application_url(settings, migrated=True) as url:
        uvloop.run(_seed(settings, url, hospitals, days, patients))


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="A .csv of records, or a .zip with one.")],
    capacity: Annotated[
        int | None, typer.Option(min=0, help="Places a session; without it, for everybody.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="TOML or JSON with other numbers of the law.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """What would the rules have done with these records? In a scratch database."""
    with wiring.owner_url(read_settings(os.environ)) as url:
        replay_tool.run(file, url, capacity=capacity, policy_file=policy, as_json=json)


@app.command()
def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Check this machine and its database, and say what to do.

    Exit status 0: all is well, 1: warnings or checks that could not be made, 2: something failed,
    3: the database cannot be reached. Changes nothing, and ends within seconds whatever is broken.
    """
    checks = wiring.examine(os.environ)
    if json:
        typer.echo(doctor_tool.as_json(checks))
    else:
        doctor_tool.show(checks, _console)
    raise typer.Exit(exit_status(checks))


@audit.callback(invoke_without_command=True)
def audit_records(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Recompute everything from the records; exit status 1 if anything disagrees."""
    if context.invoked_subcommand is not None:
        return
    settings = read_settings(os.environ)
    with wiring.application_url(settings) as url:
        clean = uvloop.run(_audit(settings, url, as_json=json))
    raise typer.Exit(0 if clean else 1)


async def _audit(settings: Settings, url: str, *, as_json: bool) -> bool:
    async with wiring.open_platform(settings, url) as platform:
        return await audit_tool.run(platform, as_json=as_json)


@audit.command("trail")
def audit_trail(
    head: Annotated[
        str | None, typer.Option(help="An earlier head, NUMBER:HASH, noted outside the database.")
    ] = None,
    sink: Annotated[
        Path | None,
        typer.Option(help="A file with heads that were sent out; without it GUAHAO_TRAIL_FILE."),
    ] = None,
    accept: Annotated[
        str | None,
        typer.Option(help="Take the trail as it is, for this reason: a backup was restored."),
    ] = None,
) -> None:
    """Verify the audit trail's chain; exit status 1 where it was touched.

    Compares with the last head that was sent out (--sink), or with one that was noted (--head).
    After a backup was restored the trail is behind that head: verify it, then accept it with a
    reason, which the trail keeps.
    """
    settings = read_settings(os.environ)
    with wiring.application_url(settings, migrated=True) as url:
        holds = uvloop.run(
            _audit_trail(settings, url, _noted(head), sink or settings.trail_file, accept)
        )
    raise typer.Exit(0 if holds else 1)


def _noted(text: str | None) -> Head | None:
    if text is None:
        return None
    number, _, digest = text.partition(":")
    try:
        return Head(int(number), bytes.fromhex(digest))
    except ValueError:
        raise CommandError("--head must be NUMBER:HASH, as `guahao audit trail` prints") from None


async def _audit_trail(
    settings: Settings, url: str, noted: Head | None, sink: Path | None, accept: str | None
) -> bool:
    async with wiring.open_platform(settings, url) as platform:
        sent = trail_sinks.Noted() if sink is None else trail_sinks.last_noted(sink, platform.vault)
        if sink is not None and sent.head is None:
            typer.echo(f"{sink} holds no head that was sent with this secret key.", err=True)
        elif sent.head is not None:
            typer.echo(f"Last sent out: entry {sent.head.seq:,}, {sent.at:%Y-%m-%d %H:%M} UTC.")
        if accept is not None:
            await accept_trail(platform, SYSTEM, accept, noted or sent.head)
            head = await trail_head(platform)
            assert head is not None
            trail_sinks.send(settings, platform.vault, head)
            noted, sent = None, trail_sinks.Noted(head)
        with _console.status("Verifying the audit trail ...") as status:
            verdict = await verify_trail(
                platform,
                noted or sent.head,
                lambda done, of: status.update(f"{done:,} of {of:,} entries"),
            )
    if sent.forged:
        typer.echo(f"{sent.forged} lines at the end of {sink} were not sent by this platform.")
    if not verdict.holds:
        why = _TRAIL_ADVICE.get(verdict.why or "", "")
        typer.echo(f"Touched from entry {verdict.broken_at} on: {verdict.why}. {why}", err=True)
        return False
    typer.echo(f"{verdict.entries:,} entries, none touched. Head, to be noted elsewhere:")
    typer.echo(str(verdict.head))
    return not sent.forged


@staff.command("add")
def staff_add(
    login: str,
    name: Annotated[str, typer.Option()],
    role: Annotated[Role, typer.Option()],
    hospital: Annotated[str | None, typer.Option(help="The code of a clerk's hospital.")] = None,
) -> None:
    """Add a member; prints a temporary password, once."""

    async def add(platform: Platform) -> None:
        hospital_id = None if hospital is None else await _hospital(platform, hospital)
        _tell_password(
            await staff_flows.add_staff(platform, SYSTEM, login, name, role, hospital_id)
        )

    _on_the_platform(add)


@sessions.command("import")
def sessions_import(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Excel or CSV.")],
    hospital: Annotated[
        str | None, typer.Option(help="The hospital's code; without it, a column names them.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and show alone.")] = False,
    include_hidden: Annotated[
        bool,
        typer.Option("--include-hidden", help="Also hidden sheets, hidden and filtered rows."),
    ] = False,
) -> None:
    """Import sessions or weekly timetables, all or nothing; exit status 1 if a cell is wrong."""
    right, content = False, file.read_bytes()

    async def work(platform: Platform) -> None:
        nonlocal right
        hospital_id = None if hospital is None else await _hospital(platform, hospital)
        right = await session_import_tool.run(
            platform,
            file.name,
            content,
            hospital_id,
            _SENTENCES,
            _console,
            dry_run=dry_run,
            include_hidden=include_hidden,
        )

    _on_the_platform(work)
    raise typer.Exit(0 if right else 1)


@hospitals.command("import")
def hospitals_import(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Excel or CSV.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and show alone.")] = False,
    include_hidden: Annotated[
        bool,
        typer.Option("--include-hidden", help="Also hidden sheets, hidden and filtered rows."),
    ] = False,
) -> None:
    """Import hospitals by their codes, all or nothing; exit status 1 if a cell is wrong."""
    right, content = False, file.read_bytes()

    async def work(platform: Platform) -> None:
        nonlocal right
        right = await hospital_import_tool.run(
            platform,
            file.name,
            content,
            _SENTENCES,
            _console,
            dry_run=dry_run,
            include_hidden=include_hidden,
        )

    _on_the_platform(work)
    raise typer.Exit(0 if right else 1)


async def _hospital(platform: Platform, code: str) -> int:
    id = await staff_flows.hospital_id_of(platform, code)
    if id is None:
        raise CommandError(f"there is no hospital with the code {code}")
    return id


@staff.command("list")
def staff_list() -> None:
    """Everybody, with role, hospital and state."""

    async def show(platform: Platform) -> None:
        for one in await staff_flows.list_staff(platform):
            state = "disabled" if one.disabled_at else ""
            _console.print(one.login, one.role.value, one.hospital_name or "-", state)

    _on_the_platform(show)


@keys.command("rotate")
def keys_rotate() -> None:
    """Replace old keys' ciphertexts and HMACs by GUAHAO_SECRET_KEY's, while the platform runs.

    You can interrupt it and start it again. Exit status 1 where a row could not be rotated.
    """
    failed: dict[str, list[int]] = {}

    async def work(platform: Platform) -> None:
        done = await rotate(
            platform, lambda name, count, total: _console.print(f"{name}: {count:,} of {total:,}")
        )
        failed.update(done.failed)
        _console.print(f"Rotated: {done.values:,} values.")
        for name, ids in done.failed.items():
            _console.print(f"{name}: not rotated, rows {', '.join(map(str, ids[:20]))}")
        if done.erased_persons:
            _console.print(
                f"{done.erased_persons:,} erased persons are still recognized by the old key alone:"
                f" keep it in GUAHAO_SECRET_KEYS_OLD until {done.erased_until}, when the nightly"
                " job has dropped the last of them. Without it, an erased person who registers"
                " again begins anew, without their no-shows."
            )

    _on_the_platform(work)
    raise typer.Exit(1 if failed else 0)


_Phone = Annotated[str, typer.Argument(help="The phone of the account; not with --person.")]
_Person = Annotated[
    bool,
    typer.Option(
        "--person",
        help="Ask for a document instead: a person on a shared account, or on none any more.",
    ),
]


@privacy.command("export")
def privacy_export(
    out: Annotated[Path, typer.Option("--out", help="A new file, readable by you alone.")],
    phone: _Phone = "",
    person: _Person = False,
) -> None:
    """Write everything that is stored of a phone's account, or of a person, to a JSON file."""

    async def write(platform: Platform) -> None:
        whose = await _whose(platform, phone, person)
        data = await privacy_flows.export(platform, whose, SYSTEM)
        if data is None:
            raise CommandError(_NOBODY)
        try:
            handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise CommandError(f"cannot write {out}: {error.strerror}") from None
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(data), indent=2))
        typer.echo(f"Written to {out}. Hand it over to the person alone, then delete it.")

    _on_the_platform(write)


@privacy.command("erase")
def privacy_erase(
    reason: Annotated[str, typer.Option(help="Why: it is kept in the audit trail.")],
    phone: _Phone = "",
    person: _Person = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase names and documents of a phone's account, or of a person; it cannot be undone."""
    if not reason.strip():
        raise CommandError("--reason is empty: say why, the audit trail keeps it")

    async def erase(platform: Platform) -> None:
        whose = await _whose(platform, phone, person)
        if not yes:
            typer.confirm("Erase this for good?", abort=True)
        outcome = await privacy_flows.erase(platform, whose, SYSTEM, reason)
        match outcome:
            case privacy_flows.Erased(account_id=None, persons=registrations):
                typer.echo(f"Erased: {registrations} registrations. Bookings stay, unnamed.")
            case privacy_flows.Erased(persons=registrations):
                typer.echo(
                    f"Erased: the phone, and {registrations} registrations. Bookings stay, unnamed."
                )
            case privacy_flows.ErasureRefusal.LIVE_BOOKING:
                raise CommandError(
                    "not erased: a booking is live; cancel it, or wait for the visit to be over"
                )
            case privacy_flows.ErasureRefusal.SUSPENDED:
                raise CommandError("not erased: suspended or restricted; wait until that is over")
            case privacy_flows.ErasureRefusal.CHANGED_MEANWHILE:
                raise CommandError("not erased: a registration changed just now; try again")
            case privacy_flows.ErasureRefusal.UNKNOWN:
                raise CommandError(_NOBODY)

    _on_the_platform(erase)


_NOBODY = "no account has this phone, or nobody is registered with this document"


async def _whose(platform: Platform, phone: str, person: bool) -> privacy_flows.Whose:
    """Return the account of the phone, or the person of a document, which is asked for: an
    argument would stay in the shell's history.
    """
    if person == bool(phone):
        raise CommandError("give either a phone or --person")
    found: privacy_flows.Whose | None
    if person:
        id_type = typer.prompt("Type of the document (01 resident ID, 03 passport, …)")
        found = await privacy_flows.person_of_document(
            platform, id_type, typer.prompt("Number of the document")
        )
    else:
        found = await privacy_flows.account_of_phone(platform, phone)
    if found is None:
        raise CommandError(_NOBODY)
    return found


@staff.command("reset")
def staff_reset(login: str, reason: Reason = "") -> None:
    """A new temporary password, and a second factor to be enrolled anew."""

    async def reset(platform: Platform) -> None:
        id = await _member(platform, login)
        await staff_flows.reset_second_factor(platform, SYSTEM, id)
        _tell_password(await staff_flows.reset_password(platform, SYSTEM, id, reason))

    _on_the_platform(reset)


@staff.command("disable")
def staff_disable(login: str, reason: Reason = "") -> None:
    """Shut somebody out, at once."""

    async def disable(platform: Platform) -> None:
        id = await _member(platform, login)
        refused = await staff_flows.disable_staff(platform, SYSTEM, id, reason)
        if refused is not None:
            raise CommandError(f"not disabled: {refused.value.replace('_', ' ')}")
        typer.echo(f"{login} is shut out.")

    _on_the_platform(disable)


async def _member(platform: Platform, login: str) -> int:
    id = await staff_flows.staff_id_of(platform, login)
    if id is None:
        raise CommandError(f"nobody has the login {login}")
    return id


def _tell_password(outcome: NewStaff | StaffRefusal) -> None:
    if isinstance(outcome, StaffRefusal):
        raise CommandError(f"not done: {outcome.value.replace('_', ' ')}")
    typer.echo(f"{outcome.login}: temporary password {outcome.password}")
    until = outcome.expires_at.isoformat(timespec="minutes")
    typer.echo(f"It is shown this once and holds until {until}.")
    typer.echo("The first log-in asks for a new one and an authenticator.")


@hospital_client.command("add")
def hospital_client_add(
    hospital: Annotated[str, typer.Argument(help="The hospital's code.")],
    name: Annotated[str, typer.Option(help="What the system is called.")],
    scope: Annotated[list[Scope], typer.Option(help="What it may do; more than once for more.")],
    certificate: Annotated[
        str, typer.Option(help="SHA-256 of the only certificate it may come with.")
    ] = "",
) -> None:
    """Add a client of a hospital; prints its secret, once."""

    async def add(platform: Platform) -> None:
        hospital_id = await staff_flows.hospital_id_of(platform, hospital)
        if hospital_id is None:
            raise CommandError(f"there is no hospital with the code {hospital}")
        scopes = frozenset(scope)
        _tell_secret(
            await client_flows.add_client(platform, SYSTEM, hospital_id, name, scopes, certificate)
        )

    _on_the_platform(add)


@hospital_client.command("list")
def hospital_client_list() -> None:
    """Every client, with hospital, scopes and state."""

    async def show(platform: Platform) -> None:
        for one in await client_flows.list_clients(platform):
            state = "  disabled" if one.disabled_at else ""
            scopes = ",".join(one.scopes)
            typer.echo(f"{one.client_id}  {one.hospital_code}  {scopes}  {one.name}{state}")

    _on_the_platform(show)


@hospital_client.command("rotate")
def hospital_client_rotate(
    client_id: str,
    overlap_hours: Annotated[
        int, typer.Option(min=0, max=OVERLAP_HOURS_MAX, help="The older secret lives so long.")
    ] = OVERLAP_HOURS,
    reason: Reason = "",
) -> None:
    """Another secret, printed once; the one before it lives for the overlap."""

    async def rotate(platform: Platform) -> None:
        id = await _client(platform, client_id)
        _tell_secret(await client_flows.rotate(platform, SYSTEM, id, overlap_hours, reason))

    _on_the_platform(rotate)


@hospital_client.command("disable")
def hospital_client_disable(client_id: str, reason: Reason = "") -> None:
    """Shut a client out, with the tokens it has, from its next call on."""

    async def disable(platform: Platform) -> None:
        id = await _client(platform, client_id)
        await client_flows.set_disabled(platform, SYSTEM, id, disabled=True, reason=reason)
        typer.echo(f"{client_id} is shut out.")

    _on_the_platform(disable)


async def _client(platform: Platform, client_id: str) -> int:
    id = await client_flows.id_of(platform, client_id)
    if id is None:
        raise CommandError(f"there is no client {client_id}; `guahao hospital-client list` has all")
    return id


def _tell_secret(outcome: NewSecret | ClientRefusal) -> None:
    if isinstance(outcome, ClientRefusal):
        raise CommandError(f"not done: {outcome.value.replace('_', ' ')}")
    typer.echo(f"client_id      {outcome.client_id}")
    typer.echo(f"client_secret  {outcome.secret}")
    typer.echo("The secret is shown this once; give it to the hospital by a way that is safe.")
    if outcome.older_until is not None:
        typer.echo(f"The secret before it ends at {outcome.older_until:%Y-%m-%d %H:%M}.")


def _on_the_platform(work: Callable[[Platform], Awaitable[None]]) -> None:
    """Run one piece of an operator's work on a migrated database."""
    settings = read_settings(os.environ)

    async def run(url: str) -> None:
        async with wiring.open_platform(settings, url) as platform:
            await work(platform)

    with wiring.application_url(settings, migrated=True) as url:
        uvloop.run(run(url))


@webhook.command("set")
def webhook_set(
    hospital: Annotated[str, typer.Argument(help="The hospital's code.")],
    url: Annotated[str, typer.Argument(help="Where its system takes events: https://…")],
    kind: Annotated[
        list[str] | None, typer.Option(help=f"Of {', '.join(KINDS)}; without it, all.")
    ] = None,
) -> None:
    """Tell a hospital there; prints the secret that signs, once, where it is new."""

    async def put(platform: Platform) -> None:
        id = await _hospital(platform, hospital)
        made = await webhooks.set_webhook(platform, SYSTEM, id, url, kind or KINDS)
        _tell_webhook(hospital, made)

    _on_the_platform(put)


@webhook.command("rotate")
def webhook_rotate(hospital: str, reason: Reason = "") -> None:
    """A new secret at once; for 24 hours the one before signs as well."""

    async def rotate(platform: Platform) -> None:
        id = await _hospital(platform, hospital)
        _tell_webhook(hospital, await webhooks.rotate_secret(platform, SYSTEM, id, reason))

    _on_the_platform(rotate)


@webhook.command("on")
def webhook_on(hospital: str) -> None:
    """Push again, from where it was switched off."""
    _switch_webhook(hospital, on=True)


@webhook.command("off")
def webhook_off(hospital: str, reason: Reason = "") -> None:
    """Push nothing; what happens meanwhile is kept for a week."""
    _switch_webhook(hospital, on=False, reason=reason)


def _switch_webhook(hospital: str, *, on: bool, reason: str = "") -> None:
    async def switch(platform: Platform) -> None:
        id = await _hospital(platform, hospital)
        if await webhooks.switch(platform, SYSTEM, id, on=on, reason=reason) is not None:
            raise CommandError(f"{hospital} has no webhook; set one first")
        typer.echo(f"{hospital}: {'on' if on else 'off'}")

    _on_the_platform(switch)


@webhook.command("list")
def webhook_list() -> None:
    """Every webhook: where, on or off, what waits, what is dead, and what went wrong last."""

    async def show(platform: Platform) -> None:
        for one in await webhooks.standings(platform):
            state = "on" if one.enabled else "off"
            if one.probe_at is not None:
                state = f"not answering, asked again at {one.probe_at:%H:%M:%S}"
            counts = f"{one.delivered:,} delivered, {one.waiting:,} waiting, {one.dead:,} dead"
            _console.print(f"{one.code} {one.url} {state}; {counts} {one.error}", highlight=False)

    _on_the_platform(show)


@webhook.command("resend")
def webhook_resend(hospital: str) -> None:
    """Send a hospital's dead letters again, all of them."""

    async def resend(platform: Platform) -> None:
        id = await _hospital(platform, hospital)
        count = await webhooks.send_again(platform, SYSTEM, id)
        typer.echo(f"{count:,} events are on their way again.")

    _on_the_platform(resend)


def _tell_webhook(hospital: str, made: WebhookSet | WebhookRefusal) -> None:
    if isinstance(made, WebhookRefusal):
        raise CommandError(f"not done: {_WEBHOOK_ADVICE[made]}")
    if made.secret is None:
        typer.echo(f"{hospital}: set; its secret stays.")
        return
    typer.echo(f"{hospital}: secret {made.secret}")
    typer.echo("It is shown this once. docs/WEBHOOKS.md says how a receiver checks with it.")


@bench.command("desk")
def bench_desk_command() -> None:
    """The booking desk in this process, beside pgbench."""
    settings = read_settings(os.environ)
    with wiring.owner_url(settings) as url:
        bench_desk.run(url, settings, _console)


@bench.command("http")
def bench_http_command() -> None:
    """The whole HTTP stack under wrk, beside pgbench."""
    settings = read_settings(os.environ)
    with wiring.owner_url(settings) as url:
        bench_http.run(url, wiring.token_issuer, _console)


@bench.command("feed")
def bench_feed_command() -> None:
    """A hospital publishes 10,000 sessions in one call, again, and changed."""
    settings = read_settings(os.environ)
    with wiring.owner_url(settings) as url:
        bench_feed.run(url, _console)


@bench.command("rush")
def bench_rush_command() -> None:
    """Many callers for few places over HTTP, at one web process and at two; none sold twice."""
    settings = read_settings(os.environ)
    with wiring.owner_url(settings) as url:
        bench_rush.run(url, wiring.token_issuer, _console)


@bench.command("read")
def bench_read_command(
    bookings: Annotated[int, typer.Option(min=1_000_000, help="How many there are.")] = 1_000_000,
) -> None:
    """Searches and pages in a city with a million bookings, each from request to answer."""
    settings = read_settings(os.environ)
    with wiring.owner_url(settings) as url:
        bench_read.run(url, wiring.token_issuer, bookings, _console)


async def _seed(settings: Settings, url: str, hospitals: int, days: int, patients: int) -> None:
    async with wiring.open_platform(settings, url) as platform:
        with demo_tool.shown(_console) as progress:
            city = await demo_tool.seed(platform, hospitals, days, patients, progress)
        await add_demo_staff(platform)
        _console.print(
            f"Demo city: {city.hospitals} hospitals, {city.clinic_sessions:,} clinic sessions,"
            f" {city.appointments:,} bookings. All of it is invented."
        )


async def _seed_if_empty(settings: Settings, url: str) -> bool:
    """Make the demo city in an empty database; whether it was empty."""
    async with wiring.open_platform(settings, url) as platform:
        empty = await demo_tool.is_empty(platform)
    if empty:
        await _seed(settings, url, hospitals=146, days=90, patients=20_000)
    async with wiring.open_platform(settings, url) as platform:
        await add_demo_staff(platform)
    return empty


@contextmanager
def _database(settings: Settings) -> Iterator[wiring.DatabaseUrls]:
    """Yield the database's URLs: migrated, and in a demo with a city in it."""
    with wiring.database_urls(settings) as urls:
        if urls.owner is not None:
            wiring.migrate_database(settings, urls)
        if settings.demo and uvloop.run(_seed_if_empty(settings, urls.application)):
            analyze(urls.owner or urls.application)
        yield urls


def _run_everything(settings: Settings, urls: wiring.DatabaseUrls, clock_begun: str) -> None:
    environ = {
        **os.environ,
        "GUAHAO_DATABASE_URL": urls.application,
        "GUAHAO_CLOCK_BEGUN": clock_begun,
    }
    environ.pop("GUAHAO_DATABASE_OWNER_URL", None)  # web and worker need not know
    with stopping_on_signals():
        supervise(("serve", "worker"), environ, typer.echo, urls.server, lambda: _greet(settings))


def _check_port(settings: Settings) -> None:
    """Raise CommandError where the port is taken, and stays so.

    The web process of a command that was killed notices it, and takes a moment to end.
    """
    last = time.monotonic() + _PORT_SECONDS
    while True:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.host, settings.port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() > last:
                    raise CommandError(
                        f"cannot listen on {settings.host}:{settings.port} ({error.strerror});"
                        " is guahao running already? Choose another with GUAHAO_PORT"
                    ) from None
            else:
                return
        time.sleep(0.2)


def _greet(settings: Settings) -> None:
    base = f"http://{settings.host}:{settings.port}"
    lines = [f"guahao ({settings.mode}): {base}   API: {base}/schema   Ctrl-C stops it."]
    if settings.demo:
        lines.append(f"Messages that would be sent (one-time passwords too): {base}/demo/outbox")
        lines.append("Demo logins, all invented; the one-time password is in the outbox:")
        lines += [_login(login) for login in demo_tool.LOGINS]
        lines.append(
            f"Staff log in at {base}/staff (invented too); their codes: {base}/demo/staff-codes"
        )
        names = ", ".join(f"{one.login} ({one.role.value})" for one in DEMO_STAFF)
        lines.append(f"  password {DEMO_STAFF_PASSWORD}: {names}")
    for line in lines:
        typer.echo(line)


def _login(login: demo_tool.DemoLogin) -> str:
    phone = login.phone.removeprefix("+86")
    documents = ", ".join(patient.person.id_no for patient in login.patients)
    return f"  {phone}  {login.shows} ({documents})"


@wechat.command("menu")
def wechat_menu() -> None:
    """Make the account's menu, or make it anew: book, my registrations, help."""
    settings = read_settings(os.environ)
    if settings.wechat_appid is None:
        raise CommandError("there is no Official Account: set GUAHAO_WECHAT_APPID and the others")
    with wiring.application_url(settings, migrated=True) as url:
        uvloop.run(wiring.create_wechat_menu(settings, url))
    typer.echo("The menu is made; WeChat shows it to new followers at once, to others in a day.")


@demo.command("wechat")
def demo_wechat(port: Annotated[int, typer.Option(min=1, max=65535)] = 8010) -> None:
    """Start everything, and a stand-in of WeChat with an Official Account and a phone."""
    begun = str(time.time())
    with wechat_stand_in.serving(wechat_stand_in.demo(), port) as stand_in:
        os.environ.update(wechat_stand_in.environ(stand_in))
        settings = read_settings({**os.environ, "GUAHAO_CLOCK_BEGUN": begun})
        _check_port(settings)
        clock = city_clock(settings.clock_start, settings.clock_begun)
        stand_in.clock = lambda: clock().timestamp()
        stand_in.callback_url = f"{settings.public_base}/wechat"
        with _database(settings) as urls:
            uvloop.run(wiring.create_wechat_menu(settings, urls.application))
            typer.echo(
                f"A phone with WeChat, to follow the account and write to it: {stand_in.url}"
            )
            _run_everything(settings, urls, begun)


@demo.command("hospital")
def demo_hospital(
    hospital: Annotated[
        str | None, typer.Option(help="Its code; without it, the city's first.")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8020,
    down: Annotated[bool, typer.Option("--down", help="Breaks every connection.")] = False,
    slow: Annotated[float, typer.Option(min=0, max=600, help="Seconds before an answer.")] = 0,
    lose: Annotated[float, typer.Option(min=0, max=1, help="Share of lost answers.")] = 0,
    twice: Annotated[float, typer.Option(min=0, max=1, help="Share done twice.")] = 0,
    reorder: Annotated[bool, typer.Option("--reorder", help="Enters out of order.")] = False,
    lie: Annotated[float, typer.Option(min=0, max=1, help="Share of lies.")] = 0,
) -> None:
    """Start everything, and a stand-in of one hospital's own system, told by webhook."""
    settings = read_settings(os.environ)
    if not settings.demo:
        raise CommandError("a stand-in of a hospital is for the demo: set GUAHAO_MODE=demo")
    _check_port(settings)
    begun = str(time.time())
    clock = city_clock(settings.clock_start, float(begun))
    manners = hospital_stand_in.Manners(down, slow, lose, twice, reorder, lie)
    stand_in = hospital_stand_in.StandIn(clock=lambda: clock().timestamp(), manners=manners)
    with hospital_stand_in.serving(stand_in, port) as address, _database(settings) as urls:
        name = uvloop.run(
            _connect_stand_in(settings, urls.application, hospital, stand_in, address)
        )
        typer.echo(f"The system of {name}, its book, its manners and its calls: {address}/")
        _run_everything(settings, urls, begun)


async def _connect_stand_in(
    settings: Settings,
    url: str,
    code: str | None,
    stand_in: hospital_stand_in.StandIn,
    address: str,
) -> str:
    """Have the hospital told at the stand-in, with a secret that it knows; its name."""
    async with wiring.open_platform(settings, url) as platform:
        everyone = {one.id: one.name for one in await all_hospitals(platform)}
        id = next(iter(everyone)) if code is None else await _hospital(platform, code)
        events = address + hospital_stand_in.EVENTS_PATH
        made = await webhooks.set_webhook(platform, SYSTEM, id, events, KINDS)
        if isinstance(made, WebhookSet) and made.secret is None:
            made = await webhooks.rotate_secret(platform, SYSTEM, id)
        if isinstance(made, WebhookRefusal):
            raise CommandError(f"not done: {_WEBHOOK_ADVICE[made]}")
        stand_in.verifier.secrets = [made.secret or ""]
        client = await _stand_in_client(platform, id)
        stand_in.actions = hospital_caller.actions(
            stand_in, settings.public_base, (client.client_id, client.secret), platform.db.clock
        )
    return everyone[id]


async def _stand_in_client(platform: Platform, hospital_id: int) -> NewSecret:
    """The stand-in's client: the one of an earlier start with a new secret, or a new one."""
    for one in await client_flows.list_clients(platform):
        if (one.hospital_id, one.name) == (hospital_id, _STAND_IN) and one.disabled_at is None:
            made = await client_flows.rotate(platform, SYSTEM, one.id, 0)
            break
    else:
        made = await client_flows.add_client(
            platform, SYSTEM, hospital_id, _STAND_IN, frozenset(Scope)
        )
    if isinstance(made, ClientRefusal):
        raise CommandError(f"not done: {made.value.replace('_', ' ')}")
    return made
