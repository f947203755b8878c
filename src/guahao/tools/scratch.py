"""Create, migrate and drop a scratch database beside the platform's."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import conninfo, errors, sql

from guahao.errors import OperatorError
from guahao.store.kernel.connections import connecting
from guahao.store.kernel.migrate import migrate

_PREFIX = "guahao_scratch_"
# template0 has no connections, which would block the copy.
_CREATE = "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'"
_NOT_DURABLE = "ALTER DATABASE {} SET synchronous_commit = off"
_DROP = "DROP DATABASE IF EXISTS {} WITH (FORCE)"


class ScratchDatabaseError(OperatorError):
    """The scratch database cannot be created; the message tells an operator what to do."""


@contextmanager
def scratch_database(server_url: str, *, durable: bool = True) -> Iterator[str]:
    """Yield the URL, as its owner, of a migrated database on the server of `server_url`.

    It is always dropped at the end; nothing in the other database is touched. Without `durable`
    its commits do not wait for the disk, since a crash loses the database anyway. Raises
    ScratchDatabaseError if the owner may not create databases.
    """
    name = f"{_PREFIX}{secrets.token_hex(8)}"
    try:
        _execute(server_url, _CREATE, name)
        if not durable:
            _execute(server_url, _NOT_DURABLE, name)
        url = conninfo.make_conninfo(server_url, dbname=name)
        migrate(url)
        yield url
    except errors.InsufficientPrivilege as error:
        raise ScratchDatabaseError(_advice(server_url)) from error
    finally:
        _execute(server_url, _DROP, name)


def _execute(server_url: str, statement: str, *names: str) -> None:
    query = sql.SQL(statement).format(*map(sql.Identifier, names))
    with psycopg.connect(connecting(server_url), autocommit=True) as conn:
        conn.execute(query)


def _advice(server_url: str) -> str:
    with psycopg.connect(connecting(server_url)) as conn:
        owner = sql.Identifier(conn.info.user).as_string(conn)
    return (
        "this works in a database of its own, and the database's owner may create none.\n"
        f"Let an administrator of the server run:\n  ALTER ROLE {owner} CREATEDB;"
    )


def analyze(url: str) -> None:
    """Vacuum, gather statistics and write everything out, before anything is measured."""
    with psycopg.connect(connecting(url), autocommit=True) as conn:
        conn.execute("VACUUM ANALYZE")
        conn.execute("CHECKPOINT")
