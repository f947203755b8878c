"""The command line: every command is found, and none imports what it does not need."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
import typer
from tests.acceptance.processes import environment, guahao
from typer.testing import CliRunner

from guahao.cli import app
from guahao.cli.commands import COMMANDS, GROUPS

ROOT = Path(__file__).parents[2]
# Seconds of the processor, which an operator's command need not spend.
HEAVY = ("guahao.web", "guahao.tools.bench", "guahao.tools.demo", "granian", "fhir", "litestar")
LISTED = """
import json, sys
from guahao.cli import main
sys.argv = ["guahao", *sys.argv[1:], "--help"]
try:
    main()
except SystemExit:
    print()
    print(json.dumps(sorted(sys.modules)))
"""


def test_the_help_shows_every_command() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    assert [name for name in (*COMMANDS, *GROUPS) if f" {name} " not in shown] == []


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    shown = CliRunner().invoke(app, ["--version"])
    assert (shown.exit_code, shown.output) == (0, f"guahao {project['version']}\n")


@pytest.mark.parametrize("module", sorted({*COMMANDS.values()}))
def test_every_command_of_a_module_is_listed(module: str) -> None:
    commands = typer.main.get_group(import_module(f"guahao.cli.{module}").app).commands
    assert {*commands} == {name for name, of in COMMANDS.items() if of == module}


@pytest.mark.parametrize("group", GROUPS)
def test_every_group_has_commands(group: str) -> None:
    shown = CliRunner().invoke(app, [group, "--help"])
    assert shown.exit_code == 0
    assert f" {group} [OPTIONS] COMMAND [ARGS]..." in shown.output


def test_an_unknown_command_is_named() -> None:
    refused = CliRunner().invoke(app, ["begin"])
    assert refused.exit_code == 2
    assert "No such command 'begin'" in refused.output


@pytest.mark.parametrize(
    "command", ["doctor", "migrate", "backup", "staff", "keys", "hospital-client"]
)
def test_a_command_imports_no_pages(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LISTED, command], capture_output=True, check=True, text=True
    )
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert "guahao.cli.commands" in loaded
    heavy = tuple(f"{name}." for name in HEAVY)
    assert [name for name in loaded if f"{name}.".startswith(heavy)] == []


def test_wechat_that_is_away_is_one_sentence(database_url: str, tmp_path: Path) -> None:
    account = {
        "GUAHAO_WECHAT_APPID": "wx0123456789abcdef",
        "GUAHAO_WECHAT_SECRET": "secret",
        "GUAHAO_WECHAT_TOKEN": "token",
        "GUAHAO_WECHAT_API_BASE": "http://127.0.0.1:1",
    }
    refused = guahao("wechat", "menu", env=environment(database_url, tmp_path, **account))
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1] == "guahao: WeChat gave no answer that can be read"
    assert "Traceback" not in refused.stderr
