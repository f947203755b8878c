"""The command `guahao`: every group of commands, and what becomes of an error."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import psycopg
import typer
from typer.core import TyperGroup
from typer.main import get_group

from guahao.errors import OperatorError
from guahao.store.kernel.connections import why

# Where each command stands, in the order of the help. A command imports only its own module:
# the bench, the demo and the web cost seconds that `guahao doctor` need not wait for.
COMMANDS = {
    "up": "serving",
    "serve": "serving",
    "worker": "serving",
    "migrate": "operating",
    "replay": "operating",
    "doctor": "operating",
}
GROUPS = {
    "demo": "demo:app",
    "wechat": "integration:wechat_app",
    "audit": "operating:audit_app",
    "staff": "staff:app",
    "hospital-client": "integration:clients_app",
    "hospitals": "imports:hospitals_app",
    "sessions": "imports:sessions_app",
    "hospital-webhook": "integration:webhooks_app",
    "keys": "keys:app",
    "privacy": "privacy:app",
    "backup": "backup:app",
    "deploy": "deploy:app",
    "fairness": "fairness:app",
    "bench": "bench:app",
}


class LazyGroup(TyperGroup):
    """Commands whose modules are imported when they are asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - typer's signature
        """Return the names of all commands, in the order of the help."""
        return [*COMMANDS, *GROUPS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command or a group of them; None where there is none of this name."""
        if cmd_name in COMMANDS:
            app = import_module(f"guahao.cli.{COMMANDS[cmd_name]}").app
            return get_group(app).get_command(ctx, cmd_name)
        if cmd_name in GROUPS:
            module, _, name = GROUPS[cmd_name].partition(":")
            # A group also where it has one command, unlike what typer makes of a whole app.
            group = get_group(getattr(import_module(f"guahao.cli.{module}"), name))
            group.name = cmd_name
            return group
        return None


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # personal data has no business on a terminal
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"guahao {version('guahao')}")
        raise typer.Exit


@app.callback()
def guahao(
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Say which version this is."
        ),
    ] = False,
) -> None:
    """guahao (挂号): a city's appointment-registration platform."""


def main() -> None:
    """Run a command; what an operator can mend is one sentence and exit status 2."""
    try:
        app()
    except OperatorError as error:
        typer.echo(f"guahao: {error}", err=True)
        sys.exit(2)
    except psycopg.OperationalError as error:
        typer.echo(
            f"guahao: the database does not answer: {why(error)}\nCheck GUAHAO_DATABASE_URL"
            " and whether the server runs.",
            err=True,
        )
        sys.exit(2)
