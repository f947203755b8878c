"""`guahao wechat`: the Official Account on WeChat."""

from __future__ import annotations

import os

import typer
import uvloop

from guahao import wiring
from guahao.cli.common import CommandError
from guahao.settings import read_settings

app = typer.Typer(help="The Official Account on WeChat.", no_args_is_help=True)


@app.command("menu")
def wechat_menu() -> None:
    """Make the account's menu, or make it anew: book, my registrations, help."""
    settings = read_settings(os.environ)
    if settings.wechat_appid is None:
        raise CommandError("there is no Official Account: set GUAHAO_WECHAT_APPID and the others")
    with wiring.application_url(settings, migrated=True) as url:
        uvloop.run(wiring.create_wechat_menu(settings, url))
    typer.echo("The menu is made; WeChat shows it to new followers at once, to others in a day.")
