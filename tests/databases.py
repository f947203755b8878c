"""Databases of tests: cloned from a migrated template, and reset between tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlsplit
from uuid import uuid4

import psycopg
from psycopg import pq, sql
from psycopg.pq.abc import PGconn

from guahao.store.kernel.connections import Connection, has_ended

_Row = TypeVar("_Row")

PAGES_MAX = 10  # of a table: the planner assumes as many of a table that was never analysed
END_MILLISECONDS = 10_000  # for a session that was terminated
REUSED = "guahao_test_"  # how the names of databases begin whose sessions are left
SESSIONS_MAX = 16
# What a new connection is asked (guahao.store.kernel.db.configure), which changes nothing in it.
CONFIGURING_WAITS = 1

# All that is needed to reset lies in a schema of its own, which no code of ours looks into. Event
# triggers do not fire for what all databases share: settings of a database, roles.
_SETUP = """
    CREATE SCHEMA guahao_tests;
    CREATE TABLE guahao_tests.schema_changes (tag text NOT NULL);
    CREATE FUNCTION guahao_tests.note_schema_change() RETURNS event_trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
    DECLARE
        is_temporary bool;  -- a table that ends with its session
        -- What a DROP dropped is known when it is noted as a drop; DROP OWNED may only revoke.
        is_noted bool := tg_tag NOT LIKE 'DROP %' OR tg_tag = 'DROP OWNED';
    BEGIN
        IF tg_event = 'sql_drop' THEN
            SELECT bool_and(d.is_temporary) INTO is_temporary
            FROM pg_event_trigger_dropped_objects() d;
        ELSE
            SELECT bool_and(schema_name = 'pg_temp') INTO is_temporary
            FROM pg_event_trigger_ddl_commands();
        END IF;
        IF is_temporary IS NOT TRUE AND (tg_event = 'sql_drop' OR is_noted) THEN
            INSERT INTO guahao_tests.schema_changes VALUES (tg_tag);
        END IF;
    END $$;
"""
_EVENT_TRIGGERS = """
    CREATE EVENT TRIGGER guahao_tests_changes ON ddl_command_end
    EXECUTE FUNCTION guahao_tests.note_schema_change();
    CREATE EVENT TRIGGER guahao_tests_drops ON sql_drop
    EXECUTE FUNCTION guahao_tests.note_schema_change();
    -- In a session that goes past the guards, too (session_replication_role).
    ALTER EVENT TRIGGER guahao_tests_changes ENABLE ALWAYS;
    ALTER EVENT TRIGGER guahao_tests_drops ENABLE ALWAYS;
"""

# What deleting rows leaves behind: their pages, which the next test's plans would count.
_TRUNCATE_GROWN = """
    SELECT string_agg(oid::regclass::text, ', ') INTO grown FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
      AND pg_relation_size(oid) > {pages} * current_setting('block_size')::int;
    IF grown IS NOT NULL THEN
        EXECUTE 'TRUNCATE ' || grown || ' CASCADE';
    END IF;
"""
_TABLES = """
    SELECT oid::regclass::text FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1
"""
_SEQUENCES = """
    SELECT oid::regclass::text FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'S' ORDER BY 1
"""
_COLUMNS = """
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
"""

_FLUSH_COUNTS = b"DO $$ BEGIN PERFORM pg_stat_force_next_flush(); END $$"
_END_OTHERS = """
    SELECT pg_terminate_backend(pid, %s) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND pid <> ALL(%s)
      AND backend_type NOT LIKE 'autovacuum%%'
"""

# What deleting rows does not undo: compared with what it was when the database was new.
_STATE = """
    SELECT (SELECT count(*) FROM guahao_tests.schema_changes),
           (SELECT string_agg(s::text, ' ') FROM pg_db_role_setting s WHERE setdatabase = d.oid),
           d.datdba, d.datacl::text, d.datallowconn, d.datconnlimit,
           (SELECT count(*) FROM pg_statistic WHERE starelid >= 16384),  -- not of PostgreSQL's own
           (SELECT md5(string_agg((oid, relpages, reltuples)::text, ' ' ORDER BY oid))
            FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r')
    FROM pg_database d WHERE datname = current_database()
"""

_SCHEMA = """
    SELECT 'relation', c.oid::regclass::text,
           concat_ws(' ', relkind, relowner::regrole, relacl, relrowsecurity, relforcerowsecurity,
                     reloptions, pg_get_viewdef(c.oid))
    FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'S')
    UNION ALL
    SELECT 'column', concat_ws('.', attrelid::regclass, attname),
           concat_ws(' ', format_type(atttypid, atttypmod), attnotnull, attidentity, attacl,
                     attstattarget, pg_get_expr(adbin, adrelid))
    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v') AND attnum > 0
    UNION ALL
    SELECT 'index', indexrelid::regclass::text, pg_get_indexdef(indexrelid)
    FROM pg_index JOIN pg_class c ON c.oid = indexrelid
    WHERE relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'constraint', concat_ws('.', conrelid::regclass, conname), pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'trigger', concat_ws('.', tgrelid::regclass, tgname),
           concat_ws(' ', tgenabled, pg_get_triggerdef(oid))
    FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL
    SELECT 'policy', concat_ws('.', polrelid::regclass, polname),
           concat_ws(' ', polcmd, polroles::regrole[], pg_get_expr(polqual, polrelid),
                     pg_get_expr(polwithcheck, polrelid))
    FROM pg_policy
    UNION ALL
    SELECT 'function', oid::regprocedure::text,
           concat_ws(' ', proowner::regrole, proacl, prosecdef, proconfig, prosrc)
    FROM pg_proc WHERE pronamespace = 'public'::regnamespace
"""


@dataclass(frozen=True)
class Content:
    """Everything in a database that a test can see: rows, sequences, schema."""

    items: dict[str, str]

    def differences(self, other: Content) -> list[str]:
        names = self.items.keys() | other.items.keys()
        return sorted(name for name in names if self.items.get(name) != other.items.get(name))


def content_of(url: str) -> Content:
    """Read a database's content, table by table."""
    items = {}
    with psycopg.connect(url, autocommit=True) as conn:
        for table in _names(conn, _TABLES):
            query = f"SELECT string_agg(t::text, chr(10) ORDER BY t::text) FROM {table} t"
            items[f"table {table}"] = str(_value(conn, query) or "")
        for sequence in _names(conn, _SEQUENCES):
            query = f"SELECT (last_value, is_called)::text FROM {sequence}"
            items[f"sequence {sequence}"] = str(_value(conn, query))
        for kind, name, definition in conn.execute(_SCHEMA.encode()):
            items[f"{kind} {name}"] = str(definition)
    return Content(items)


_left: list[tuple[str, PGconn]] = []  # sessions, by the test that runs
_spare: list[tuple[str, PGconn]] = []  # sessions for the next connections
# Host and port of the servers of databases here; a network of a test's own may be silent.
_servers: set[tuple[str, int]] = set()


class ReusedConnection(Connection):
    """A connection that leaves its session at the server when it is closed while idle.

    Every new session reads the catalogs of some 700 relations anew for its caches. With eight
    sessions for each test this took two thirds of PostgreSQL's processor time.
    """

    _url = ""
    _waits = 0

    async def wait(self, *given: Any, **named: Any) -> Any:
        """Count what the session was asked."""
        self._waits += 1
        return await super().wait(*given, **named)

    @classmethod
    async def connect(cls, conninfo: str = "", **given: Any) -> Self:
        """Take over a spare session, or begin one."""
        conn = cls._taken_over(conninfo)
        if conn is None:
            conn = await super().connect(conninfo, **given)
        else:
            await conn.set_autocommit(given["autocommit"])
            conn.prepare_threshold = given["prepare_threshold"]
            conn._waits = 0  # to set autocommit asks the session nothing
        conn._url = conninfo
        return conn

    @classmethod
    def _taken_over(cls, url: str) -> Self | None:
        """Return a connection to a spare session that lives, if there is one."""
        for entry in [entry for entry in _spare if entry[0] == url]:
            _spare.remove(entry)
            conn = cls(entry[1])
            if not has_ended(conn):
                return conn
            conn.pgconn.finish()
        return None

    async def close(self) -> None:
        """Leave the session as good as new, if nothing goes on in it."""
        session = self.pgconn
        if (
            not has_ended(self)
            and session.transaction_status == pq.TransactionStatus.IDLE
            and session.pipeline_status == pq.PipelineStatus.OFF
            and self.info.dbname.startswith(REUSED)
            and (self.info.host, self.info.port) in _servers
            and len(_left) < SESSIONS_MAX
            and (self._waits <= CONFIGURING_WAITS or _is_reset(session))
        ):
            _left.append((self._url, session))
            self.pgconn = pq.PGconn()  # without a session: closed
        await super().close()


def _is_reset(session: PGconn) -> bool:
    """Reset a session to how its connection began."""
    return all(
        session.exec_(command).status == pq.ExecStatus.COMMAND_OK
        # DISCARD ALL resets neither the role nor the counts that are not flushed yet, which a later
        # test would take for its own.
        for command in (b"DISCARD ALL", b"RESET ROLE", _FLUSH_COUNTS)
    )


class ReusedDatabase:
    """A clone of the template that is reset before each test that asks for it.

    Cloning makes PostgreSQL copy some 700 relations, and each first connection build its caches
    anew: about 0.4 s of processor time, where a reset takes some milliseconds. A reset empties
    tables of more than `pages_max` pages by TRUNCATE. What it cannot undo makes a new clone: a
    changed schema or setting, statistics.

    Sessions that a test left open are ended, except those of a `ReusedConnection`.

    `fresh`: clone for every test. `compared`: after every reset, compare all content.
    """

    def __init__(
        self,
        server_url: str,
        template: str,
        *,
        fresh: bool = False,
        compared: bool = False,
        pages_max: int = PAGES_MAX,
    ) -> None:
        self._server_url = server_url
        self._template = template
        self._fresh = fresh
        self._compared = compared
        self._pages_max = pages_max
        self._name = ""
        self._conn: psycopg.Connection | None = None
        self._new_state: Sequence[object] = ()
        self._new_content = Content({})

    @property
    def url(self) -> str:
        return with_database(self._server_url, self._name)

    def clean(self) -> str:
        """Give the URL of the database as the template is, ending the sessions of before."""
        if self._fresh or not self._reset():
            self.drop()
            self._clone()
        elif self._compared:
            different = self._new_content.differences(content_of(self.url))
            assert not different, f"not reset: {', '.join(different)}"
        return self.url

    def drop(self) -> None:
        """Drop the database, where there is one."""
        if self._conn is not None:
            self._conn.close()
            self._conn = None
            _end_sessions()
            execute(self._server_url, "DROP DATABASE {} WITH (FORCE)", self._name)

    def _reset(self) -> bool:
        if self._conn is None:
            return False
        try:
            spare = _spare_sessions()
            while self._conn.execute(_END_OTHERS, [END_MILLISECONDS, spare]).fetchall():
                pass
            if self._state(self._conn) != self._new_state:
                return False
            self._conn.execute("SELECT guahao_tests.reset()")
            self._conn.execute("SELECT pg_stat_force_next_flush()")
        except psycopg.OperationalError:
            return False  # the test has ended our session too
        return True

    def _clone(self) -> None:
        self._name = f"{REUSED}{uuid4().hex}"
        # By way of the log: copied as files, each clone waits for a checkpoint of all that the
        # tests before it wrote, which takes three times as long.
        clone = "CREATE DATABASE {} TEMPLATE {} STRATEGY WAL_LOG"
        execute(self._server_url, clone, self._name, self._template)
        self._conn = psycopg.connect(self.url, autocommit=True)
        _servers.add((self._conn.info.host, self._conn.info.port))
        if self._fresh:
            return
        if self._compared:
            self._new_content = content_of(self.url)
        _set_up(self._conn, self._pages_max)
        self._new_state = self._state(self._conn)

    def _state(self, conn: psycopg.Connection) -> Sequence[object]:
        row = conn.execute(_STATE).fetchone()
        assert row is not None
        return row


def _spare_sessions() -> list[int]:
    """Make spare what was left, and return the process numbers of all that is spare."""
    _spare[:0] = _left
    _left.clear()
    del _spare[SESSIONS_MAX:]  # ends the oldest
    return [session.backend_pid for _, session in _spare]


def _end_sessions() -> None:
    """End all sessions that were left."""
    for _, session in _left + _spare:
        session.finish()
    _left.clear()
    _spare.clear()


def with_database(url: str, database: str) -> str:
    """The URL of another database on the same server."""
    return urlsplit(url)._replace(path="/" + quote(database, safe="")).geturl()


def reverse_unordered(statement: str, rows: list[_Row]) -> list[_Row]:
    """Reverse the rows of a statement without ORDER BY.

    PostgreSQL mostly returns rows in the order in which they were written, but not where it reuses
    a deleted row's place. A test that expects the order of writing would fail now and then;
    reversed, it fails at once. A test that expects the reverse goes unnoticed.
    """
    return rows if "ORDER BY" in statement else rows[::-1]


def execute(url: str, statement: str, *names: str) -> None:
    """Execute a statement about databases, whose names it quotes."""
    query = sql.SQL(statement).format(*map(sql.Identifier, names))
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(query)


def _set_up(conn: psycopg.Connection, pages_max: int) -> None:
    """Write the function that resets this database to what it is now."""
    conn.execute(_SETUP)
    # Unconditional: asking which tables were touched would cost more than deleting nothing.
    steps = [_TRUNCATE_GROWN.format(pages=pages_max)]
    for table in _names(conn, _TABLES):
        if not _value(conn, f"SELECT EXISTS (SELECT FROM {table})"):
            steps.append(f"DELETE FROM {table};")
            continue
        # Only if they differ: rows written anew at each reset would soon fill PAGES_MAX.
        saved = f"guahao_tests.{table}"
        columns = _value(conn, _COLUMNS, table)
        conn.execute(f"CREATE TABLE {saved} AS TABLE {table}".encode())
        steps.append(
            f"IF EXISTS ((TABLE {table} EXCEPT ALL TABLE {saved})"
            f" UNION ALL (TABLE {saved} EXCEPT ALL TABLE {table})) THEN"
            f" DELETE FROM {table};"
            f" INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE"
            f" SELECT {columns} FROM {saved}; END IF;"
        )
    for sequence in _names(conn, _SEQUENCES):
        arguments = _value(conn, f"SELECT format('%s, %L', last_value, is_called) FROM {sequence}")
        steps.append(f"PERFORM setval('{sequence}', {arguments});")
    # As a replica: without triggers, foreign keys and append-only guards.
    conn.execute(
        "CREATE FUNCTION guahao_tests.reset() RETURNS void LANGUAGE plpgsql"
        " SET session_replication_role = replica"
        f" AS $$ DECLARE grown text; BEGIN {' '.join(steps)} END $$".encode()
    )
    conn.execute(_EVENT_TRIGGERS)


def _names(conn: psycopg.Connection, query: str) -> list[str]:
    return [name for (name,) in conn.execute(query.encode())]


def _value(conn: psycopg.Connection, query: str, *parameters: str) -> object:
    row = conn.execute(query.encode(), parameters or None).fetchone()
    return row and row[0]
