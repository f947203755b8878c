"""What is broken here is this test's own: its server, its processes, its ports.

The long form (`make faults`, or GUAHAO_FAULTS_LONG=1) ends with a table of figures.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from tests.databases import with_database

from guahao.embedded import EmbeddedServer
from guahao.store.kernel.migrate import migrate


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder, so that they can be left out."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.faults)


LONG_FORM = "GUAHAO_FAULTS_LONG" in os.environ
ROUNDS = int(os.environ.get("GUAHAO_FAULTS_ROUNDS", "3")) if LONG_FORM else 1
_FIGURES = "figures of a fault"


@dataclass(frozen=True)
class Figures:
    """What a fault, repeated in rounds, did to those who were booking."""

    fault: str
    rounds: int
    acknowledged: int
    lost: int
    doubled: int
    longest_wait_seconds: float  # for an answer of any kind
    first_booking_seconds: float | None  # after the fault; the longest of the rounds
    result: str = "as promised"


Record = Callable[[Figures], None]


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Record:
    """Note the figures of a fault for the table at the end."""

    def note(figures: Figures) -> None:
        request.node.user_properties.append((_FIGURES, asdict(figures)))

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of figures, and write it where GUAHAO_FAULTS_FIGURES says."""
    found = [
        Figures(**value) if report.passed else replace(Figures(**value), result="FAILED")
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        for name, value in report.user_properties
        if name == _FIGURES and report.when == "call"
    ]
    if not found:
        return
    heads = (
        *("fault", "rounds", "acknowledged", "lost", "doubled", "longest wait for an answer"),
        *("first booking after", "result"),
    )
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for figures in found:
        after = figures.first_booking_seconds
        cells = (
            *(figures.fault, figures.rounds, figures.acknowledged, figures.lost),
            *(figures.doubled, f"{figures.longest_wait_seconds:.1f} s"),
            *("" if after is None else f"{after:.1f} s", figures.result),
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    terminalreporter.section("figures")
    terminalreporter.write_line("\n".join(lines))
    if file := os.environ.get("GUAHAO_FAULTS_FIGURES"):
        Path(file).write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="session")
def mortal_server() -> Iterator[EmbeddedServer]:
    """A server that tests may stop and kill, with a migrated database named `guahao`."""
    parent = Path(tempfile.mkdtemp(prefix="guahao-faults-"))
    server = EmbeddedServer(parent / "postgres")  # durable: what it has committed, it keeps
    server.start()
    migrate(server.ensure_database("guahao"))
    yield server
    server.stop()
    shutil.rmtree(parent)


@pytest.fixture
def mortal_url(mortal_server: EmbeddedServer, request: pytest.FixtureRequest) -> str:
    """URL of a migrated, empty database of this test alone on the mortal server."""

    mortal_server.start()
    name = f"t{abs(hash(request.node.nodeid))}"
    with psycopg.connect(mortal_server.url("postgres"), autocommit=True) as conn:
        for statement in (
            "DROP DATABASE IF EXISTS {} WITH (FORCE)",
            "CREATE DATABASE {} TEMPLATE guahao",
        ):
            conn.execute(sql.SQL(statement).format(sql.Identifier(name)))
    return with_database(mortal_server.url("postgres"), name)
