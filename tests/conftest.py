"""A real PostgreSQL for every test that asks for one, with a migrated database."""

import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest
import structlog
from argon2 import PasswordHasher
from httpx._config import create_ssl_context
from hypothesis import settings
from tests.databases import ReusedDatabase, execute, with_database
from tests.web import applications

import guahao
from guahao.embedded import EmbeddedServer
from guahao.flows.kernel import hashing
from guahao.store.kernel.migrate import migrate

# For `python -m guahao` in a process of its own: the very code that is tested here.
SOURCES = str(Path(guahao.__file__).parents[1])
SERVERS = {"server_url", "server", "mortal_server", "commands"}  # fixtures
PRODUCTION_HASHER = hashing._hasher

# A slow machine is not a fault. The law's tests have a profile of their own (tests/rules).
settings.register_profile("unhurried", settings.default, deadline=None)
settings.load_profile("unhurried")


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays: it would walk through every module at each test."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks for a server, so that `make check` can leave it out."""
    for item in items:
        if isinstance(item, pytest.Function) and SERVERS & {*item.fixturenames}:
            item.add_marker(pytest.mark.database)


@pytest.fixture(scope="session", autouse=True)
def quick_hashing() -> Iterator[None]:
    """Hash passwords with the least work that Argon2 allows: 10 µs instead of 100 ms."""
    with pytest.MonkeyPatch.context() as patch:
        _hash_with(patch, PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_applications() -> Iterator[None]:
    """Make the routes of alike applications once, not for each test."""
    with pytest.MonkeyPatch.context() as patch:
        if "guahao.web.app" in sys.modules:  # which takes seconds to import
            patch.setattr("guahao.web.app.Litestar", applications.create)
            patch.setattr("guahao.web.app._RouterOfOneApp", applications.handlers_alone)
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_clients() -> Iterator[None]:
    """Read the authorities' certificates once, not for each client: 60 ms, and no TLS is spoken."""
    with pytest.MonkeyPatch.context() as patch:
        name = "httpx._transports.default.create_ssl_context"
        patch.setattr(name, cache(create_ssl_context))
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_tracebacks() -> Iterator[None]:
    """Log an exception with its frames alone: to show what each of their variables is takes 1 s.

    A test of hundreds of exceptions took minutes, in which the other requests timed out.
    """
    *before, _ = structlog.get_config()["processors"]
    plain = structlog.dev.ConsoleRenderer(
        colors=False, exception_formatter=structlog.dev.plain_traceback
    )
    structlog.configure(processors=[*before, plain])
    yield
    structlog.reset_defaults()


@pytest.fixture
def production_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords as in production, for tests of its slowness."""
    _hash_with(monkeypatch, PRODUCTION_HASHER)


def _hash_with(patch: pytest.MonkeyPatch, hasher: PasswordHasher) -> None:
    patch.setattr(hashing, "_hasher", hasher)
    nobodys = hasher.hash("nobody's")
    patch.setattr(hashing, "nobodys_hash", lambda: nobodys)


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
    # Statistics that arrive by chance would change plans.
    execute(server.url("postgres"), "ALTER SYSTEM SET autovacuum = off")
    execute(server.url("postgres"), "SELECT pg_reload_conf()")
    yield server.url("postgres")
    server.stop()
    shutil.rmtree(parent)


@pytest.fixture(scope="session")
def template_database(server_url: str) -> Iterator[str]:
    """Name of a migrated, empty database that nobody is connected to."""
    name = f"guahao_template_{uuid4().hex}"
    execute(server_url, "CREATE DATABASE {}", name)
    migrate(with_database(server_url, name))
    yield name
    execute(server_url, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
def empty_database_url(server_url: str) -> Iterator[str]:
    """URL of a database without anything in it, as its owner; dropped afterwards."""
    name = f"guahao_empty_{uuid4().hex}"
    execute(server_url, "CREATE DATABASE {}", name)
    yield with_database(server_url, name)
    execute(server_url, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture(scope="session")
def reused_database(server_url: str, template_database: str) -> Iterator[ReusedDatabase]:
    """A database for the tests of this process, after one another.

    To look for a test that disturbs others, set GUAHAO_TEST_DATABASES: `fresh` clones for every
    test, `compared` compares everything with the template after every reset.
    """
    how = os.environ.get("GUAHAO_TEST_DATABASES", "")
    database = ReusedDatabase(
        server_url, template_database, fresh=how == "fresh", compared=how == "compared"
    )
    yield database
    database.drop()


@pytest.fixture
def database_url(reused_database: ReusedDatabase) -> str:
    """URL of a migrated, empty database, as its owner, which this test has to itself."""
    # Only now: right after the test before, PostgreSQL waits 100 ms for connections that close.
    return reused_database.clean()
