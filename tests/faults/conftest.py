"""What is broken here is this test's own: its server, its processes, its ports."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from tests.databases import with_database

from guahao.embedded import EmbeddedServer
from guahao.store.migrate import migrate


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder, so that they can be left out."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.faults)


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
