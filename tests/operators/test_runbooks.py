"""Each command of the runbooks in docs/operators is run, or checked where it cannot be.

A runbook whose commands need more than a demo city has a module of its name in prepared/, with a
function `prepare(workplace)`: a context manager that sets what the runbook names in the
workplace's environment, and starts what it needs.
"""

from __future__ import annotations

import importlib
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from tests.operators.runbooks import FOLDER, RunbookError, commands_of, complaints
from tests.operators.workplace import Workplace

RUNBOOKS = sorted(path.stem for path in FOLDER.glob("*.md"))


def prepared(name: str, workplace: Workplace) -> AbstractContextManager[None]:
    module = name.replace("-", "_").lower()
    if not (Path(__file__).parent / "prepared" / f"{module}.py").is_file():
        return nullcontext()
    found = importlib.import_module(f"tests.operators.prepared.{module}")
    context: AbstractContextManager[None] = found.prepare(workplace)
    return context


@pytest.mark.parametrize("name", RUNBOOKS)
def test_commands_for_the_city_s_machines_exist(name: str) -> None:
    commands = [one for one in commands_of(FOLDER / f"{name}.md") if one.on_machines]
    assert [f"{one}: {wrong}" for one in commands for wrong in complaints(one)] == []


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in RUNBOOKS
        if not all(command.on_machines for command in commands_of(FOLDER / f"{name}.md"))
    ],
)
def test_a_runbook_works_from_its_first_command_to_its_last(
    name: str, workplace: Workplace
) -> None:
    commands = [one for one in commands_of(FOLDER / f"{name}.md") if not one.on_machines]
    with prepared(name, workplace):
        workplace.follow(commands)


# The runner itself ------------------------------------------------------------------------------


def written(folder: Path, text: str) -> Path:
    path = folder / "sample.md"
    path.write_text(text, encoding="utf-8")
    return path


def test_commands_are_read_from_console_fences_alone(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "```console\n$ one \\\n    two\nits output\n```\n\n```text\n$ three\n```\n"
        "1. Then\n\n   ```console machines exit=3\n   $ four\n   ```\n",
    )
    first, second = commands_of(path)
    assert (first.line, first.text, first.status) == (2, "one two", 0)
    assert (second.text, second.on_machines, second.status) == ("four", True, 3)


@pytest.mark.parametrize("fence", ["bash", "console machine"])
def test_a_fence_that_would_not_be_run_is_refused(fence: str, tmp_path: Path) -> None:
    with pytest.raises(RunbookError):
        commands_of(written(tmp_path, f"```{fence}\n$ one\n```\n"))


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("sudo -u guahao GUAHAO_MODE=demo guahao audit trail --head 1:ab", 0),
        ("guahao audit --json | tee audit.json && systemctl status nginx", 0),
        ("guahao migrate --check=yes", 0),
        ("guahao migrate --cheek", 1),
        ("guahao audit tail", 1),
        ("guahao keys", 1),
        ("guahao keys turn", 1),
        ("sudo -u guahao no-such-program < /dev/null", 1),
        ("install -m 600 docs/no-such-file /etc/guahao", 1),
        ("systemctl restart guahao-web@8001 guahao-worker guahao-doctor.timer", 0),
        ("sudo systemctl restart guahao-wob@8001 guahao-worker.timer", 2),
        ("cat docs/SETTINGS.md > /tmp/no-such-file", 0),
    ],
)
def test_a_command_that_is_not_run_is_checked(text: str, wrong: int, tmp_path: Path) -> None:
    [command] = commands_of(written(tmp_path, f"```console machines\n$ {text}\n```\n"))
    assert len(list(complaints(command))) == wrong


def test_the_first_command_that_fails_is_named(workplace: Workplace, tmp_path: Path) -> None:
    path = written(tmp_path, "```console\n$ here=1\n$ test $here = 1\n$ guahao no\n$ true\n```\n")
    with pytest.raises(AssertionError, match=r"sample.md:4: guahao no\n[^@]*@@@[^@]*@@@[^@]*@@@"):
        workplace.follow(commands_of(path))
