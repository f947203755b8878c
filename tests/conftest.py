"""A real PostgreSQL for every test that asks for one: a migrated database, cloned per test."""

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

import guahao
from guahao.embedded import EmbeddedServer
from guahao.store.migrate import migrate

# For `python -m guahao` in a process of its own: the very code that is tested here.
SOURCES = str(Path(guahao.__file__).parents[1])


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays: it would walk through every module at each test."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """URL of a superuser's database on a server for tests: GUAHAO_TEST_DATABASE_URL or our own."""
    given = os.environ.get("GUAHAO_TEST_DATABASE_URL")
    if given:
        yield given
        return
    # Not pytest's folder: the server's user needs to pass through the parents.
    parent = Path(tempfile.mkdtemp(prefix="guahao-tests-"))
    server = EmbeddedServer(parent / "postgres", durable=False)
    server.start()
    yield server.url("postgres")
    server.stop()
    shutil.rmtree(parent)


@pytest.fixture(scope="session")
def template_database(server_url: str) -> Iterator[str]:
    """Name of a migrated, empty database that nobody is connected to."""
    name = f"guahao_template_{uuid4().hex}"
    _execute(server_url, "CREATE DATABASE {}", name)
    migrate(with_database(server_url, name))
    yield name
    _execute(server_url, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
def empty_database_url(server_url: str) -> Iterator[str]:
    """URL of a database without anything in it, as its owner; dropped afterwards."""
    name = f"guahao_empty_{uuid4().hex}"
    _execute(server_url, "CREATE DATABASE {}", name)
    yield with_database(server_url, name)
    _execute(server_url, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture(scope="session")
def used_databases(server_url: str) -> Iterator[list[str]]:
    """Names of databases whose tests have ended; dropped at the end of the session."""
    names: list[str] = []
    yield names
    _drop(server_url, names)


@pytest.fixture
def database_url(
    server_url: str, template_database: str, used_databases: list[str]
) -> Iterator[str]:
    """URL of a migrated, empty database of this test alone, as its owner; dropped afterwards."""
    # Only now: at the end of its test PostgreSQL waits 100 ms for connections that are closing.
    _drop(server_url, used_databases)
    name = f"guahao_test_{uuid4().hex}"
    # By way of the log: copied as files, each clone waits for a checkpoint of all that the tests
    # before it wrote, which takes three times as long.
    clone = "CREATE DATABASE {} TEMPLATE {} STRATEGY WAL_LOG"
    _execute(server_url, clone, name, template_database)
    yield with_database(server_url, name)
    used_databases.append(name)


def _drop(server_url: str, names: list[str]) -> None:
    while names:
        _execute(server_url, "DROP DATABASE {} WITH (FORCE)", names.pop())


def with_database(url: str, database: str) -> str:
    """The URL of another database on the same server."""
    return urlsplit(url)._replace(path="/" + quote(database, safe="")).geturl()


def _execute(server_url: str, statement: str, *names: str) -> None:
    query = sql.SQL(statement).format(*map(sql.Identifier, names))
    with psycopg.connect(server_url, autocommit=True) as conn:
        conn.execute(query)
