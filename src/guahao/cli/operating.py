"""What an operator runs beside the processes: migrate, doctor, audit, replay."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from guahao import wiring
from guahao.cli.common import CommandError, console
from guahao.flows.staff.trail import TrailHead
from guahao.rules.operations.checks import exit_status
from guahao.settings import Settings, read_settings
from guahao.store.kernel.migrate import Schema, SchemaState
from guahao.tools import doctor as doctor_tool
from guahao.tools.audit import audit as audit_tool
from guahao.tools.audit import trail as trail_tool
from guahao.tools.replay import replay as replay_tool

_PENDING, _NEWER = 3, 4  # exit statuses of `guahao migrate --check`; 2 is every command's error

app = typer.Typer()
audit_app = typer.Typer(help="Recompute everything from the records, or verify the audit trail.")


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
            raise typer.Exit(_print_schema(wiring.schema_state(urls)))
        if urls.owner is None:
            raise CommandError(
                "migrating needs the database's owner: set GUAHAO_DATABASE_OWNER_URL to the owner's"
                " URL, and GUAHAO_DATABASE_URL to that of the application's login, which this"
                " command creates (docs/OPERATING.md)"
            )
        wiring.migrate_database(settings, urls, lambda line: typer.echo(line, err=True))
    typer.echo("The database is up to date.")


def _print_schema(schema: Schema) -> int:
    """Print how the database's schema relates to this program; return the exit status."""
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
    """Say what the rules would have done with these records, in a scratch database."""
    with wiring.owner_url(read_settings(os.environ)) as url:
        replay_tool.run(file, url, capacity=capacity, policy_file=policy, as_json=json)


@app.command()
def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Check this machine and its database, and say what to do.

    Exit status 0: all is well, 1: warnings or checks that could not be made, 2: something failed,
    3: the database cannot be reached. Changes nothing, and ends within seconds in every case.
    """
    checks = wiring.examine(os.environ)
    if json:
        typer.echo(doctor_tool.as_json(checks))
    else:
        doctor_tool.show(checks, console)
    raise typer.Exit(exit_status(checks))


@audit_app.callback(invoke_without_command=True)
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


@audit_app.command("trail")
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


def _noted(text: str | None) -> TrailHead | None:
    if text is None:
        return None
    number, _, digest = text.partition(":")
    try:
        return TrailHead(int(number), bytes.fromhex(digest))
    except ValueError:
        raise CommandError("--head must be NUMBER:HASH, as `guahao audit trail` prints") from None


async def _audit_trail(
    settings: Settings, url: str, noted: TrailHead | None, sink: Path | None, accept: str | None
) -> bool:
    async with wiring.open_platform(settings, url) as platform:
        return await trail_tool.run(platform, noted, sink, accept, console)
