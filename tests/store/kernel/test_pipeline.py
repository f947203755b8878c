"""Statements that are collected and sent together in a transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from psycopg import errors
from psycopg_pool import PoolTimeout
from tests.city import Clock

from guahao.store.kernel.db import Database, PipelinedTx


@pytest.fixture(params=[True, False], ids=["prepared", "unprepared"])
async def db(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Database]:
    """A database with a single connection, so that all transactions share it."""
    database = Database(database_url, Clock(), max_size=1, prepared=request.param)
    await database.open()
    yield database
    await database.close()


async def accounts(db: Database) -> int:
    async with db.transaction() as tx:
        row = await tx.row("SELECT count(*) FROM accounts")
    assert row is not None
    return int(row[0])


def add_account(tx: PipelinedTx, number: int) -> None:
    tx.send(
        "INSERT INTO accounts (id, phone_enc, phone_index, created_at)"
        " VALUES (%(id)s, '', int8send(%(id)s), %(now)s)",
        {"id": number, "now": tx.now},
    )


async def test_results_arrive_in_the_order_of_the_statements(db: Database) -> None:
    async with db.pipelined_transaction() as tx:
        first = tx.send("SELECT n, %s::text FROM generate_series(1, %s) n", ("é", 2))
        second = tx.send("SELECT %s::date, NULL::int, '100 %%'", (tx.now.date(),))
        third = tx.send("SELECT 3")
        assert first.rows == []
        await tx.flush()
        assert first.rows == [(1, "é"), (2, "é")]
        assert second.rows == [(tx.now.date(), None, "100 %")]
        assert third.rows == [(3,)]


async def test_what_is_collected_is_committed_and_precedes_other_statements(db: Database) -> None:
    async with db.pipelined_transaction() as tx:
        add_account(tx, 1)
        assert await tx.row("SELECT count(*) FROM accounts") == (1,)
        add_account(tx, 2)
    assert await accounts(db) == 2


async def add_twice(db: Database) -> None:
    async with db.pipelined_transaction() as tx:
        add_account(tx, 1)
        await tx.flush()
        add_account(tx, 1)
        add_account(tx, 2)


async def add_and_select_nothing(db: Database) -> None:
    async with db.pipelined_transaction() as tx:
        add_account(tx, 1)
        tx.send("SELECT * FROM nothing")
        await tx.flush()


async def add_and_fail(db: Database) -> None:
    async with db.pipelined_transaction() as tx:
        add_account(tx, 1)
        raise LookupError


async def test_an_error_undoes_everything_and_the_connection_works_again(db: Database) -> None:
    for _ in range(2):
        with pytest.raises(errors.UniqueViolation):
            await add_twice(db)
        with pytest.raises(errors.UndefinedTable):
            await add_and_select_nothing(db)
        with pytest.raises(LookupError):
            await add_and_fail(db)
    assert await accounts(db) == 0
    async with db.pipelined_transaction() as tx:
        add_account(tx, 1)
    assert await accounts(db) == 1


async def test_statements_that_the_server_has_forgotten_are_prepared_again(db: Database) -> None:
    for number in (1, 2):
        async with db.pipelined_transaction() as tx:
            add_account(tx, number)
        async with db.transaction() as tx:  # as psycopg does when it rolls back
            await tx.do("DEALLOCATE ALL")
    assert await accounts(db) == 2


async def test_a_forgotten_statement_behind_a_new_one_is_prepared_again(db: Database) -> None:
    for number in (1, 2, 3):
        async with db.pipelined_transaction() as tx:
            tx.send(f"SELECT {number}")
            add_account(tx, number)
        async with db.transaction() as tx:
            await tx.do("DEALLOCATE ALL")
    assert await accounts(db) == 3


async def test_more_than_the_buffers_hold_passes_both_ways(db: Database) -> None:
    text = "x" * 3_000_000
    async with db.pipelined_transaction() as tx:
        sent = [tx.send("SELECT %s::text", (text,)) for _ in range(4)]
        await tx.flush()
    assert [result.rows for result in sent] == [[(text,)]] * 4


async def test_a_transaction_without_statements_sends_nothing(db: Database) -> None:
    async with db.pipelined_transaction():
        pass
    assert await accounts(db) == 0


@pytest.mark.parametrize("kept", [0, 1])
async def test_readers_leave_the_connections_that_are_kept_for_the_desk(
    database_url: str, kept: int
) -> None:
    """The control keeps none: a booking then waits for the readers until its time is over."""
    db = Database(
        database_url, Clock(), min_size=3, max_size=3, kept_for_desk=kept, wait_seconds=0.3
    )
    await db.open()

    async def book() -> None:
        async with db.pipelined_transaction() as tx:
            add_account(tx, 1)

    async with AsyncExitStack() as reading:
        for _ in range(3 - kept):
            await reading.enter_async_context(db.transaction())
        another = asyncio.create_task(accounts(db))
        await asyncio.sleep(0.1)
        assert db.waiting == 1
        with pytest.raises(PoolTimeout):
            await another
        assert db.waiting == 0
        if kept:
            await book()
        else:
            with pytest.raises(PoolTimeout):
                await book()
    assert await accounts(db) == kept
    await db.close()
