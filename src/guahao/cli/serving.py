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
from guahao.cli.starting import check_port, prepared_database, run_everything
from guahao.processes import end_with
from guahao.settings import read_settings

_Parent = Annotated[
    int | None, typer.Option(hidden=True, help="The process whose end ends this one.")
]

_CONNECTIONS = 16_384  # of one web process
_BACKLOG = 4096
_OTHER_FILES = 512
_DRAIN_SECONDS = 60

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
    # Here, where its processes are forked from: no other command needs the pages.
    import guahao.web_process  # noqa: F401, PLC0415

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
            "guahao.web_process:create_app",
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
    from guahao.worker_process import work  # noqa: PLC0415 - no other command sends anything

    settings = read_settings(os.environ)
    if parent is not None:
        end_with(parent)
    wiring.check_extras(settings)
    with wiring.application_url(settings) as url:
        uvloop.run(work(settings, url))
