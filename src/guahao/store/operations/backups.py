"""What a backup asks of a server, and what it compares after a restore."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import class_row

from guahao.store.kernel.connections import connecting
from guahao.store.kernel.db import Tx

# Tables from which no row is ever deleted: what was acknowledged stays countable.
GROWING = {"appointments": "id", "audit_trail": "seq"}


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """A server as a backup sees it. `data_directory`: None where the login may not know."""

    version: int
    version_text: str
    system: str
    segment_bytes: int
    database: str
    data_directory: str | None


@dataclass(frozen=True, slots=True)
class ArchiveSlot:
    """The replication slot that the archive streams by. `flushed`: safe in the archive."""

    active: bool
    wal_status: str | None
    flushed: str | None
    behind_bytes: int | None


def server_facts(url: str) -> ServerFacts:
    """Ask a server who it is; raises psycopg's OperationalError where it does not answer."""
    with psycopg.connect(connecting(url), autocommit=True) as conn:
        cursor = conn.cursor(row_factory=class_row(ServerFacts))
        found = cursor.execute(_SERVER).fetchone()
    assert found is not None
    return found


_SERVER = """
    SELECT current_setting('server_version_num')::int AS version,
           current_setting('server_version') AS version_text,
           (SELECT system_identifier::text FROM pg_control_system()) AS system,
           (SELECT setting::bigint FROM pg_settings WHERE name = 'wal_segment_size')
               AS segment_bytes,
           current_database() AS database,
           (SELECT setting FROM pg_settings WHERE name = 'data_directory') AS data_directory
"""


def slot_of(url: str, name: str) -> ArchiveSlot | None:
    """Return the state of a replication slot; None where there is none of that name."""
    with psycopg.connect(connecting(url), autocommit=True) as conn:
        cursor = conn.cursor(row_factory=class_row(ArchiveSlot))
        return cursor.execute(_SLOT, {"name": name}).fetchone()


_SLOT = """
    SELECT active, wal_status, restart_lsn::text AS flushed,
           pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn()
                                ELSE pg_current_wal_flush_lsn() END, restart_lsn)::bigint
               AS behind_bytes
    FROM pg_replication_slots WHERE slot_name = %(name)s
"""


def drop_slot(url: str, name: str) -> None:
    """Drop a replication slot, where it is there."""
    with psycopg.connect(connecting(url), autocommit=True) as conn:
        conn.execute(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
            " WHERE slot_name = %(name)s",
            {"name": name},
        )


def log_position(url: str) -> tuple[str, datetime]:
    """Return how far the log is safe on the server's disk, and then the server's time."""
    with psycopg.connect(connecting(url), autocommit=True) as conn:
        position = conn.execute(
            "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()"
            " ELSE pg_current_wal_flush_lsn() END::text"
        ).fetchone()
        now = conn.execute("SELECT clock_timestamp()").fetchone()
    assert position is not None
    assert now is not None
    return position[0], now[0]


def mark_log(url: str) -> str:
    """Commit something that changes nothing, behind what was committed; the position after it.

    A restore to a time needs a later commit to know that it is there. Not for a synchronous
    standby: none may be there.
    """
    with psycopg.connect(connecting(url)) as conn:
        conn.execute("SET LOCAL synchronous_commit = local")
        conn.execute("SELECT pg_logical_emit_message(true, 'guahao', 'backup verify')")
        conn.commit()
        row = conn.execute("SELECT pg_current_wal_flush_lsn()::text").fetchone()
    assert row is not None
    return str(row[0])


def replayed(url: str) -> tuple[str | None, datetime | None, bool]:
    """Return how far a restored server replayed the log, its last commit, and if it still does."""
    with psycopg.connect(url, autocommit=True) as conn:
        row = conn.execute(
            "SELECT pg_last_wal_replay_lsn()::text, pg_last_xact_replay_timestamp(),"
            " pg_is_in_recovery()"
        ).fetchone()
    assert row is not None
    return row


async def counts(tx: Tx) -> dict[str, tuple[int, int]]:
    """Count the rows of the tables that only grow, each with its highest id."""
    found = {}
    for table, key in GROWING.items():
        row = await tx.row(f"SELECT count(*), coalesce(max({key}), 0) FROM {table}")
        assert row is not None
        found[table] = (int(row[0]), int(row[1]))
    return found


def ensure_backup_login(owner_url: str, backup_url: str) -> str | None:
    """Create the login of the backups; where the owner may not, what an administrator runs."""
    parameters = conninfo_to_dict(backup_url)
    name, password = str(parameters.get("user") or ""), parameters.get("password")
    login = sql.Identifier(name)
    with psycopg.connect(connecting(owner_url), autocommit=True) as conn:
        known = conn.execute(
            "SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = %s", [name]
        ).fetchone()
        if name == "" or known == (True,):
            return None
        verb = sql.SQL(
            "CREATE ROLE {} LOGIN REPLICATION" if known is None else "ALTER ROLE {} REPLICATION"
        )
        try:
            conn.execute(verb.format(login))
            if known is None and password is not None:
                conn.execute(
                    sql.SQL("ALTER ROLE {} PASSWORD {}").format(login, sql.Literal(password))
                )
        except errors.InsufficientPrivilege:
            with_password = " PASSWORD '...'" if known is None else ""
            return f"{verb.format(login).as_string(conn)}{with_password};"
        except (errors.DuplicateObject, errors.UniqueViolation):
            pass  # another process was faster
    return None
