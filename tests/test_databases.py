"""Each test finds its database as new, though most are given the same one again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack

import psycopg
import pytest
from psycopg import errors
from tests.city import Clock, add_booking, open_platform
from tests.databases import Content, ReusedDatabase, content_of, reverse_unordered, with_database


@pytest.fixture(scope="module")
def database(server_url: str, template_database: str) -> Iterator[ReusedDatabase]:
    """A database that is reset after whatever size it has grown to."""
    made = ReusedDatabase(server_url, template_database, pages_max=100_000)
    yield made
    made.drop()


@pytest.fixture(scope="module")
def template(server_url: str, template_database: str) -> Content:
    return content_of(with_database(server_url, template_database))


async def test_all_that_was_written_is_gone(database: ReusedDatabase, template: Content) -> None:
    url = database.clean()
    async with open_platform(url, Clock()) as platform:
        await add_booking(platform)
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("SET session_replication_role = replica")  # past all guards
        for item, content in template.items.items():
            kind, _, name = item.partition(" ")
            if kind == "sequence":
                conn.execute("SELECT nextval(%s)", [name])
            elif kind == "table" and content:
                conn.execute(f"DELETE FROM {name}".encode())
    written = template.differences(content_of(url))
    assert {name for name in template.items if name.startswith("sequence ")} < {*written}
    assert len([name for name in written if name.startswith("table ")]) >= 13

    assert database.clean() == url
    assert template.differences(content_of(url)) == []


def test_append_only_tables_are_guarded_after_a_reset(database: ReusedDatabase) -> None:
    database.clean()  # new
    with psycopg.connect(database.clean()) as conn, pytest.raises(errors.RaiseException):
        conn.execute("TRUNCATE audit_trail")


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE hospitals RENAME COLUMN grade TO rank",
        "ALTER TABLE audit_trail DISABLE TRIGGER ALL",
        "DROP INDEX appointments_live_code",
        "DROP TABLE outbox",
        "ALTER TABLE outbox DROP COLUMN kind",
        "CREATE FUNCTION nothing() RETURNS void LANGUAGE sql AS ''",
        "SET session_replication_role = replica; DROP INDEX appointments_live_code",
        "SET session_replication_role = replica; ALTER TABLE outbox ADD COLUMN more text",
        "DROP OWNED BY guahao_app",
        "GRANT DELETE ON patients TO guahao_app",
        "ALTER DATABASE {} SET work_mem = 64",
        "REVOKE CONNECT ON DATABASE {} FROM PUBLIC",
        "ANALYZE titles",
    ],
)
def test_what_a_reset_cannot_undo_makes_a_new_database(
    database: ReusedDatabase, change: str
) -> None:
    url = database.clean()
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(change.replace("{}", conn.info.dbname).encode())

    assert database.clean() != url


def test_a_table_that_has_grown_is_as_small_as_before(
    server_url: str, template_database: str, template: Content
) -> None:
    database = ReusedDatabase(server_url, template_database)
    url = database.clean()
    size = "SELECT pg_relation_size('accounts'), pg_indexes_size('accounts')"
    try:
        for _ in range(2):  # a table that was emptied so is reset again
            with psycopg.connect(url, autocommit=True) as conn:
                before = conn.execute(size).fetchone()
                conn.execute(
                    "INSERT INTO accounts (phone_enc, phone_index, created_at)"
                    " SELECT '', sha256(int8send(n)), now() FROM generate_series(1, 1000) n"
                )
                conn.execute("DELETE FROM policies")  # reached by CASCADE
            assert database.clean() == url
            assert template.differences(content_of(url)) == []
            with psycopg.connect(url, autocommit=True) as conn:
                assert conn.execute(size).fetchone() == before
    finally:
        database.drop()


def test_resets_alone_let_no_table_grow(server_url: str, template_database: str) -> None:
    database = ReusedDatabase(server_url, template_database, pages_max=5)
    try:
        assert len({database.clean() for _ in range(10)}) == 1
    finally:
        database.drop()


def test_a_temporary_table_and_a_schema_change_taken_back_do_not(database: ReusedDatabase) -> None:
    url = database.clean()
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("CREATE TEMPORARY TABLE passing AS SELECT 1")
        conn.execute("CREATE TEMPORARY TABLE dropped (id bigint PRIMARY KEY, words text[])")
        conn.execute("DROP TABLE dropped")
        conn.execute("BEGIN")
        conn.execute("CREATE TABLE taken_back ()")
        conn.execute("ROLLBACK")
    assert database.clean() == url


def test_sessions_that_were_left_open_are_ended_with_their_locks(database: ReusedDatabase) -> None:
    url = database.clean()
    with psycopg.connect(url) as left, psycopg.connect(url, autocommit=True) as idle:
        left.execute("LOCK TABLE appointments IN ACCESS EXCLUSIVE MODE")
        idle.execute("SELECT pg_advisory_lock(1)")

        assert database.clean() == url
        for session in (left, idle):
            with pytest.raises(errors.AdminShutdown):
                session.execute("SELECT 1")
        left.close()
    with psycopg.connect(url) as conn:
        assert conn.execute("SELECT pg_try_advisory_lock(1)").fetchone() == (True,)


def test_a_test_that_ends_every_session_gets_a_new_database_after_it(
    database: ReusedDatabase,
) -> None:
    url = database.clean()
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert database.clean() != url


_SESSION = """
    SELECT pg_backend_pid(), current_user, current_setting('work_mem'),
           to_regclass('pg_temp.passing'), (SELECT count(*) FROM pg_prepared_statements),
           (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())
"""


async def test_the_next_test_gets_the_same_sessions_as_good_as_new(
    database: ReusedDatabase,
) -> None:
    async with (
        open_platform(database.clean(), Clock()) as platform,
        platform.db.transaction() as tx,
    ):
        [new] = await tx.rows(_SESSION)
        await tx.do("PREPARE passing AS SELECT 1")
        await tx.do("SELECT pg_advisory_lock(1)")
        await tx.do("SET work_mem = 64")
        await tx.do("SET ROLE NONE")
        await tx.do("CREATE TEMPORARY TABLE passing ()")

    async with (
        open_platform(database.clean(), Clock()) as platform,
        AsyncExitStack() as transactions,
    ):
        txs = [await transactions.enter_async_context(platform.db.transaction()) for _ in range(8)]
        assert new in [(await tx.rows(_SESSION))[0] for tx in txs]


async def test_a_session_within_a_transaction_is_ended(database: ReusedDatabase) -> None:
    async with (
        open_platform(database.clean(), Clock()) as platform,
        platform.db.transaction() as tx,
    ):
        [(ended,)] = await tx.rows("SELECT pg_backend_pid()")
        await tx.conn.close()
    database.clean()
    with psycopg.connect(database.url) as conn:
        pids = conn.execute("SELECT pid FROM pg_stat_activity").fetchall()
    assert (ended,) not in pids


def test_rows_in_no_order_are_reversed() -> None:
    """So that a test fails at once that expects them as they were written."""
    assert reverse_unordered("SELECT n FROM numbers", [1, 2]) == [2, 1]
    assert reverse_unordered("SELECT n FROM numbers ORDER BY n", [1, 2]) == [1, 2]
