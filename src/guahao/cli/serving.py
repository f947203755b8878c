"""Start the platform or a part of it, and migrate its database."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import time
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
import uvloop
from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings

from guahao import wiring
from guahao.cli.common import CommandError
from guahao.cli.starting import check_port, prepared_database, run_everything
from guahao.processes import end_with
from guahao.settings import read_settings
from guahao.store.kernel.migrate import Schema, SchemaState

_Parent = Annotated[
    int | None, typer.Option(hidden=True, help="The process whose end ends this one.")
]

_CONNECTIONS = 16_384  # of one web process
_BACKLOG = 4096
_OTHER_FILES = 512
_DRAIN_SECONDS = 60
_PENDING, _NEWER = 3, 4  # exit statuses of `guahao migrate --check`; 2 is every command's error

app = typer.Typer()


@app.command()
def up() -> None:
    """Start everything: database, migrations, a demo city when empty, web and worker."""
    settings = read_settings(os.environ)
    wiring.check_extras(settings)
    check_port(settings)
    with prepared_database(settings) as urls:
        run_everything(settings, urls, str(time.time()))


@app.command()
def serve(parent: _Parent = None) -> None:
    """Serve the web (migrate first)."""
    settings = read_settings(os.environ)
    if parent is not None:
        end_with(parent)
    wiring.check_extras(settings)
    check_port(settings)
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
    wiring.check_extras(settings)
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
