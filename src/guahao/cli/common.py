"""What several groups of commands need."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from guahao import wiring
from guahao.errors import OperatorError
from guahao.flows.kernel.platform import Platform
from guahao.flows.staff import staff as staff_flows
from guahao.settings import read_settings

Reason = Annotated[str, typer.Option(help="Why; the audit trail keeps it.")]

console = Console()


class CommandError(OperatorError):
    """An error that the operator can correct; the message says how."""


def on_the_platform(work: Callable[[Platform], Awaitable[None]]) -> None:
    """Run an operator's work on the platform, whose database is migrated first where possible."""
    settings = read_settings(os.environ)

    async def run(url: str) -> None:
        async with wiring.open_platform(settings, url) as platform:
            await work(platform)

    with wiring.application_url(settings, migrated=True) as url:
        uvloop.run(run(url))


async def hospital_id_of(platform: Platform, code: str) -> int:
    """Return the id of the hospital with this code; raise CommandError if there is none."""
    id = await staff_flows.hospital_id_of(platform, code)
    if id is None:
        raise CommandError(f"there is no hospital with the code {code}")
    return id
