"""`guahao deploy`: the files with which a city runs the platform."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from guahao.deploy import command as deploy_command

app = typer.Typer(help="The files with which a city runs the platform.", no_args_is_help=True)


@app.command("init")
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
        int | None, typer.Option(help="Web processes on each machine of the web; one is apart.")
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
