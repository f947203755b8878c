"""Start everything in one place: the database, the demo city, the web and the worker."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import typer
import uvloop

from guahao import wiring
from guahao.cli.common import CommandError, console
from guahao.flows.staff.demo_staff import DEMO_STAFF, add_demo_staff
from guahao.flows.staff.demo_staff import PASSWORD as DEMO_STAFF_PASSWORD
from guahao.processes import ORPHAN_SECONDS, stopping_on_signals, supervise
from guahao.settings import Settings
from guahao.tools.demo import seed as demo_tool
from guahao.tools.demo.draws import add_draws
from guahao.tools.scratch import analyze

_PORT_SECONDS = ORPHAN_SECONDS + 2  # longer than an orphan lives


async def seed_demo_city(
    settings: Settings, url: str, hospitals: int, days: int, patients: int, past_days: int
) -> None:
    """Make the demo city, with its staff, in an empty database."""
    async with wiring.open_platform(settings, url) as platform:
        with demo_tool.shown(console) as progress:
            city = await demo_tool.seed(platform, hospitals, days, patients, progress, past_days)
            await add_draws(platform, progress)
        await add_demo_staff(platform)
        console.print(
            f"Demo city: {city.hospitals} hospitals, {city.clinic_sessions:,} clinic sessions,"
            f" {city.appointments:,} bookings. All of it is invented."
        )


async def _seed_if_empty(settings: Settings, url: str) -> bool:
    """Make the demo city if the database is empty; return whether it was."""
    async with wiring.open_platform(settings, url) as platform:
        empty = await demo_tool.is_empty(platform)
    if empty:
        await seed_demo_city(settings, url, hospitals=146, days=90, patients=20_000, past_days=365)
    async with wiring.open_platform(settings, url) as platform:
        await add_demo_staff(platform)
    return empty


@contextmanager
def prepared_database(settings: Settings) -> Iterator[wiring.DatabaseUrls]:
    """Yield the database's URLs: migrated, and in a demo with a city in it."""
    with wiring.database_urls(settings) as urls:
        if urls.owner is not None:
            wiring.migrate_database(settings, urls)
        if settings.demo and uvloop.run(_seed_if_empty(settings, urls.application)):
            analyze(urls.owner or urls.application)
        yield urls


def run_everything(settings: Settings, urls: wiring.DatabaseUrls, clock_begun: str) -> None:
    """Run the web and the worker until a signal ends them."""
    environ = {
        **os.environ,
        "GUAHAO_DATABASE_URL": urls.application,
        "GUAHAO_CLOCK_BEGUN": clock_begun,
    }
    environ.pop("GUAHAO_DATABASE_OWNER_URL", None)  # web and worker need not know
    with stopping_on_signals():
        supervise(("serve", "worker"), environ, typer.echo, urls.server, lambda: _greet(settings))


def check_port(settings: Settings) -> None:
    """Raise CommandError if the port is taken and stays so.

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
        for login in demo_tool.LOGINS:
            documents = ", ".join(patient.person.id_no for patient in login.patients)
            lines.append(f"  {login.phone.removeprefix('+86')}  {login.shows} ({documents})")
        lines.append(
            f"Staff log in at {base}/staff (invented too); their codes: {base}/demo/staff-codes"
        )
        names = ", ".join(f"{member.login} ({member.role.value})" for member in DEMO_STAFF)
        lines.append(f"  password {DEMO_STAFF_PASSWORD}: {names}")
    for line in lines:
        typer.echo(line)
