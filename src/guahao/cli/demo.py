"""`guahao demo`: invented data, and stand-ins of other parties' systems."""

from __future__ import annotations

import os
import time
from typing import Annotated, assert_never

import typer
import uvloop

from guahao import wiring
from guahao.cli.common import CommandError, hospital_id_of
from guahao.cli.integration import refused_client, refused_webhook
from guahao.cli.starting import check_port, prepared_database, run_everything, seed_demo_city
from guahao.clock import city_clock
from guahao.flows.supply.open_supply import all_hospitals
from guahao.rules.integration.clients import ClientRefusal
from guahao.rules.integration.pushing import WebhookRefusal
from guahao.rules.kernel.outcomes import Done, Refused
from guahao.settings import Settings, read_settings
from guahao.tools import hospital_caller
from guahao.tools.stand_ins import hospital as hospital_stand_in
from guahao.tools.stand_ins import wechat as wechat_stand_in

app = typer.Typer(help="Invented data for trying the platform.", no_args_is_help=True)


@app.command()
def seed(
    hospitals: Annotated[int, typer.Option(min=1, max=1000)] = 146,
    days: Annotated[int, typer.Option(min=1, max=92)] = 90,
    patients: Annotated[int, typer.Option(min=0, max=1_000_000)] = 20_000,
    past_days: Annotated[
        int, typer.Option(min=0, max=365, help="How long people have booked; 0: no past.")
    ] = 365,
) -> None:
    """Make the invented demo city in an empty database."""
    settings = read_settings(os.environ)
    with wiring.application_url(settings, migrated=True) as url:
        uvloop.run(seed_demo_city(settings, url, hospitals, days, patients, past_days))


@app.command("wechat")
def demo_wechat(port: Annotated[int, typer.Option(min=1, max=65535)] = 8010) -> None:
    """Start everything, and a stand-in of WeChat with an Official Account and a phone."""
    # As in `guahao wechat menu`: no other command needs what the worker is made of.
    from guahao.worker_process import create_wechat_menu  # noqa: PLC0415

    begun = str(time.time())
    with wechat_stand_in.serving(wechat_stand_in.demo(), port) as stand_in:
        os.environ.update(wechat_stand_in.environ(stand_in))
        settings = read_settings({**os.environ, "GUAHAO_CLOCK_BEGUN": begun})
        check_port(settings)
        clock = city_clock(settings.clock_start, settings.clock_begun)
        stand_in.clock = lambda: clock().timestamp()
        stand_in.callback_url = f"{settings.public_base}/wechat"
        with prepared_database(settings) as urls:
            uvloop.run(create_wechat_menu(settings, urls.application))
            typer.echo(
                f"A phone with WeChat, to follow the account and write to it: {stand_in.url}"
            )
            run_everything(settings, urls, begun)


@app.command("hospital")
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
    check_port(settings)
    begun = str(time.time())
    clock = city_clock(settings.clock_start, float(begun))
    behaviour = hospital_stand_in.Behaviour(down, slow, lose, twice, reorder, lie)
    stand_in = hospital_stand_in.StandIn(clock=lambda: clock().timestamp(), behaviour=behaviour)
    with hospital_stand_in.serving(stand_in, port) as address, prepared_database(settings) as urls:
        name = uvloop.run(
            _connect_stand_in(settings, urls.application, hospital, stand_in, address)
        )
        typer.echo(f"The system of {name}, its book, its behaviour and its calls: {address}/")
        run_everything(settings, urls, begun)


async def _connect_stand_in(
    settings: Settings,
    url: str,
    code: str | None,
    stand_in: hospital_stand_in.StandIn,
    address: str,
) -> str:
    """Connect the stand-in with a hospital, by default the city's first; return its name."""
    async with wiring.open_platform(settings, url) as platform:
        names = {hospital.id: hospital.name for hospital in await all_hospitals(platform)}
        id = next(iter(names)) if code is None else await hospital_id_of(platform, code)
        outcome = await hospital_caller.connect(platform, stand_in, id, address)
    match outcome:
        case Done():
            return names[id]
        case Refused(reason):
            match reason:
                case WebhookRefusal():
                    raise refused_webhook(reason)
                case ClientRefusal():
                    raise refused_client(reason)
        case never:
            assert_never(never)
