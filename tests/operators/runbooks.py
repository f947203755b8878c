"""Runbooks as commands: what docs/operators/*.md asks an operator to type.

A fence ```console holds commands behind "$ ", continued by a backslash at the end of the line;
the other lines show what they print. They are run in order, in one shell (test_runbooks.py). Behind
`console` may stand:

    machines    needs systemd, root or several machines: only checked (`complaints`)
    exit=N      each command of the block ends with this status
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import typer
from typer.core import TyperGroup

from guahao.cli import app

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "operators"
_FENCE = re.compile(r"^( *)```([^\n`]*)$")
_SHELLS = {"bash", "sh", "shell", "shell-session"}  # whose commands nobody would run
_OPERATORS = frozenset("|&;()<>\n")
# Programs of a city's machines which a machine for tests may lack.
PROGRAMS = {
    *("apt-get", "chown", "chronyc", "curl", "df", "docker", "du", "etcdctl", "haproxy"),
    *("install", "sudoedit"),
    *("journalctl", "mount", "nginx", "patronictl", "pg_ctl", "pg_lsclusters", "pgbackrest"),
    *(
        "podman",
        "psql",
        "promtool",
        "sudo",
        "systemctl",
        "systemd-analyze",
        "systemd-run",
        "timedatectl",
    ),
}
_BUILTINS = {"cd", "test", "[", "export", "true", "false", "wait", "kill", "set", "echo", "."}
_REPOSITORY = re.compile(r"^(?:\./)?(?:deploy|docs|migrations|requirements|src|tests)/[^*]+$")
_UNIT = re.compile(r"^(guahao-[\w-]+)(@?)[\w-]*(\.(?:service|timer|target|socket))?$")


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a runbook."""

    file: str
    line: int
    text: str
    on_machines: bool = False
    status: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


class RunbookError(Exception):
    """A runbook that cannot be read as commands."""


def commands_of(path: Path) -> list[Command]:
    """Return the commands of a runbook, in order."""
    found: list[Command] = []
    info: list[str] | None = None
    lines = iter(enumerate(path.read_text(encoding="utf-8").splitlines(), 1))
    for number, line in lines:
        fence = _FENCE.match(line)
        if fence is not None:
            info = fence[2].split() if info is None else None
            if info and info[0] in _SHELLS:
                raise RunbookError(f"{path.name}:{number}: write ```console, which is run")
            continue
        text = line.strip()
        if not info or info[0] != "console" or not text.startswith("$ "):
            continue
        text = text.removeprefix("$ ")
        while text.endswith("\\"):
            text = text[:-1] + next(lines)[1].strip()
        found.append(_command(path.name, number, text, info[1:]))
    return found


def _command(file: str, line: int, text: str, words: list[str]) -> Command:
    on_machines, status = False, 0
    for word in words:
        if word == "machines":
            on_machines = True
        elif word.startswith("exit="):
            status = int(word.removeprefix("exit="))
        else:
            raise RunbookError(f"{file}:{line}: ```console does not know {word!r}")
    return Command(file, line, text, on_machines, status)


def complaints(command: Command) -> Iterator[str]:
    """What is wrong with a command that cannot be run here: its program, options, files."""
    for words in _simple_commands(command.text):
        program, *arguments = words
        if program == "guahao":
            yield from _unknown_options(arguments)
        elif (
            program not in _BUILTINS
            and program not in PROGRAMS
            and shutil.which(program) is None
            and not program.startswith(("/", "$", "deploy/", "./deploy/"))
        ):
            yield f"there is no program {program}"
        for word in words:
            yield from _missing_files(word)
            if program in ("systemctl", "journalctl"):
                yield from _missing_units(word)


def _simple_commands(text: str) -> Iterator[list[str]]:
    """The commands of a line, without pipes, redirections, assignments and sudo."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    skipped = False
    for word in [*lexer, ";"]:
        if skipped:
            skipped = False
        elif set(word) <= _OPERATORS:
            skipped = word[0] in "<>" or word.endswith((">", ">&"))
            if not skipped:
                if stripped := _without_prefix(words):
                    yield stripped
                words = []
        else:
            words.append(word)


def _without_prefix(words: list[str]) -> list[str]:
    while words:
        if re.match(r"^\w+=", words[0]):
            words = words[1:]
        elif words[0] in ("sudo", "env", "then", "do", "if", "while", "!"):
            words = words[1:]
            while words and words[0].startswith("-"):
                words = words[2:] if words[0] in ("-u", "-g") else words[1:]
        else:
            break
    return words


def _unknown_options(arguments: list[str]) -> Iterator[str]:
    """What `guahao … --help` does not show."""
    command = typer.main.get_command(app)
    path = "guahao"
    for argument in arguments:
        name, _, _ = argument.partition("=")
        if name.startswith("-") and name != "-":
            known = {
                option
                for parameter in command.params
                for option in (*parameter.opts, *parameter.secondary_opts)
            }
            if name not in known | {"--help"}:
                yield f"{path} has no option {name}"
        elif isinstance(command, TyperGroup):
            path = f"{path} {argument}"
            inner = command.get_command(typer.Context(command), argument)
            if inner is None:
                yield f"there is no command {path}"
                return
            command = inner
    if isinstance(command, TyperGroup) and not command.invoke_without_command:
        yield f"{path} needs one of its commands"


def _missing_files(word: str) -> Iterator[str]:
    if _REPOSITORY.match(word) and not (ROOT / word).exists():
        yield f"there is no {word}"


def _missing_units(word: str) -> Iterator[str]:
    unit = _UNIT.match(word)
    if unit is not None:
        name = f"{unit[1]}{unit[2]}{unit[3] or '.service'}"
        if not any(True for _ in (ROOT / "deploy").rglob(name)):
            yield f"deploy/ has no unit {name}"
