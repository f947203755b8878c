"""The command `guahao`: every group of commands, and what becomes of an error."""

from __future__ import annotations

import sys

import psycopg
import typer

from guahao import trail_sinks
from guahao.backup.programs import BackupError
from guahao.cli import (
    backup,
    demo,
    deploy,
    fairness,
    imports,
    integration,
    keys,
    privacy,
    serving,
    staff,
    tools,
)
from guahao.cli.common import CommandError
from guahao.deploy.answers import AnswersError
from guahao.embedded import EmbeddedServerError
from guahao.processes import PartError
from guahao.settings import SettingsError
from guahao.store.kernel.connections import why
from guahao.store.kernel.db import ClockError, RolesError
from guahao.store.kernel.migrate import MigrationError
from guahao.tools.bench.serving import BenchError
from guahao.tools.demo.seed import DemoError
from guahao.tools.replay.replay import ReplayError
from guahao.tools.scratch import ScratchDatabaseError
from guahao.wechat.api import UnreachableError, WeChatError

app = typer.Typer(
    help="guahao (挂号): a city's appointment-registration platform.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # personal data has no business on a terminal
)
app.add_typer(serving.app)
app.add_typer(tools.app)
app.add_typer(demo.app, name="demo")
app.add_typer(integration.wechat_app, name="wechat")
app.add_typer(tools.audit_app, name="audit")
app.add_typer(staff.app, name="staff")
app.add_typer(integration.clients_app, name="hospital-client")
app.add_typer(imports.hospitals_app, name="hospitals")
app.add_typer(imports.sessions_app, name="sessions")
app.add_typer(integration.webhooks_app, name="hospital-webhook")
app.add_typer(keys.app, name="keys")
app.add_typer(privacy.app, name="privacy")
app.add_typer(backup.app, name="backup")
app.add_typer(deploy.app, name="deploy")
app.add_typer(fairness.app, name="fairness")
app.add_typer(tools.bench_app, name="bench")


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
        DemoError,
        ScratchDatabaseError,
        ReplayError,
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
