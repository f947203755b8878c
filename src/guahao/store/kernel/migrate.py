"""Bring a database to the schema of this version: roles, privileges, migrations.

Bookings continue meanwhile: a statement that waits for a lock blocks those queued behind it, so
each waits for a second at most and is retried later (docs/OPERATING.md).
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import psycopg
from psycopg import errors, sql

from guahao.errors import OperatorError
from guahao.store.kernel.connections import connecting, why, with_options
from guahao.store.kernel.db import APP_ROLE, HOSPITAL_ROLE, ROLES, TIME_ZONE
from guahao.store.kernel.vault import Vault

# Alembic and SQLAlchemy are imported where something is migrated: web processes and workers import
# this module and never migrate, and the two would take 20 MB of each.

MIGRATIONS = Path(__file__).parents[2] / "migrations"
LOCK = 0x6775_6168_616F  # "guahao": a single migration at a time in a database
ENCRYPTED_AT_ONCE = 5000  # rows
SET_PRIVILEGE_SINCE = 160000  # PostgreSQL 16
# A statement gives up its wait for a table's lock before bookings queue up behind it.
TIMEOUTS = {"lock_timeout": "1s", "statement_timeout": "10min"}
PAUSE_SECONDS = (1.0, 15.0)  # between attempts at a lock: the first, and at most
PATIENCE_SECONDS = 600.0

Report = Callable[[str], None]


class MigrationError(OperatorError):
    """The database cannot be migrated; the message tells an operator what to do."""


class SchemaState(StrEnum):
    """How a database's schema compares with this program's migrations."""

    UP_TO_DATE = "up to date"
    PENDING = "pending"
    NEWER = "newer"


@dataclass(frozen=True, slots=True)
class Schema:
    """The revision of a database, and the migrations that it lacks."""

    state: SchemaState
    revision: str | None
    pending: tuple[str, ...]


def schema_of(url: str) -> Schema:
    """Compare a database's schema with this program; any login that may read suffices.

    Raises MigrationError if the database cannot be reached.
    """
    with _connect(url) as conn:
        return _schema(conn)


def _schema(conn: psycopg.Connection) -> Schema:
    row = None
    if conn.execute("SELECT to_regclass('alembic_version')").fetchone() != (None,):
        row = conn.execute("SELECT version_num FROM alembic_version").fetchone()
    return schema_at(None if row is None else str(row[0]))


def schema_at(revision: str | None) -> Schema:
    """Compare a database's revision with the migrations of this program."""
    known = revisions()
    if revision is None:
        return Schema(SchemaState.PENDING, None, tuple(known))
    if revision not in known:
        return Schema(SchemaState.NEWER, revision, ())
    pending = tuple(known[known.index(revision) + 1 :])
    state = SchemaState.PENDING if pending else SchemaState.UP_TO_DATE
    return Schema(state, revision, pending)


def revisions() -> list[str]:
    """Return the revisions of this program in order, by which their files are named.

    Not by Alembic: web processes ask for their metrics.
    """
    files = sorted(file.name for file in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    return [name.partition("_")[0] for name in files]


def _connect(url: str) -> psycopg.Connection:
    try:
        return psycopg.connect(with_options(connecting(url), **TIMEOUTS), autocommit=True)
    except psycopg.OperationalError as error:
        raise MigrationError(
            f"The database cannot be reached: {why(error)}\nCheck GUAHAO_DATABASE_OWNER_URL (or"
            " GUAHAO_DATABASE_URL), and whether the server runs; then run this again."
        ) from error


def migrate(
    owner_url: str,
    vault: Vault | None = None,
    *,
    application_url: str | None = None,
    revision: str = "head",
    report: Report | None = None,
    patience_seconds: float = PATIENCE_SECONDS,
) -> None:
    """Migrate a database to the newest revision, as its owner.

    `vault`: for migrations that encrypt or index existing rows (`migration_vault`); an empty
    database needs none. `application_url`: its login is created if it is missing, and granted
    the application's roles. `revision`: where to stop, for tests of a migration. `report`: is
    called with what takes time. `patience_seconds`: how long to retry for a lock.

    Any number of processes may call this at once: the first migrates and the others wait.
    Raises MigrationError if the database cannot be reached, is newer than this program or is
    not the login's own, or if a table's lock cannot be acquired; psycopg's or SQLAlchemy's
    errors if a migration fails.
    """
    work = _Work(owner_url, report, patience_seconds, time.monotonic() + patience_seconds)
    with _connect(owner_url) as guard:
        _wait_for_others(guard, work)
        found = _schema(guard)
        if found.state is SchemaState.NEWER:
            raise MigrationError(
                f"The database is at revision {found.revision}, which this program does not know:"
                " a newer version has migrated it.\nInstall that version or a later one; nothing"
                " was changed."
            )
        row = guard.execute(_OTHER_OWNERS).fetchone()
        if row is not None and row[0]:
            raise MigrationError(
                f"The login {guard.info.user} may not migrate: the tables belong to {row[0]}."
                "\nSet GUAHAO_DATABASE_OWNER_URL to the owner's URL; nothing was changed."
            )
        _migrate(guard, work, found, vault, application_url, revision)


@dataclass(frozen=True, slots=True)
class _Work:
    """A run: its login, its reporter, and the deadline for locks (time.monotonic)."""

    url: str
    report: Report | None
    patience_seconds: float
    until: float

    def renewed(self) -> "_Work":
        """Return the same work with a new deadline."""
        return replace(self, until=time.monotonic() + self.patience_seconds)

    def say(self, sentence: str) -> None:
        if self.report is not None:
            self.report(sentence)

    def try_for(self, what: str, act: Callable[[], None]) -> None:
        """Run a step that needs a table's lock; retry if the lock is not acquired in a second.

        Raises MigrationError, which names the lock's holders, at the deadline.
        """
        pause, longest = PAUSE_SECONDS
        while True:
            try:
                act()
            except errors.LockNotAvailable as error:
                holders = _long_transactions(self.url)
                if time.monotonic() + pause > self.until:
                    raise MigrationError(
                        f"{what}: no lock was to be had for as long as was tried; bookings went"
                        f" on meanwhile. {holders}\nEnd it or wait for its end, then run this"
                        " again: what is done already stands."
                    ) from error
                self.say(f"{what}: waiting for a lock, next attempt in {pause:.0f} s. {holders}")
                time.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
                pause = min(pause * 2, longest)
            else:
                return


def _long_transactions(url: str) -> str:
    """Return the holders of locks in a sentence, without queries, which may name persons."""
    with _connect(url) as conn:
        found = conn.execute(_OPEN_TRANSACTIONS).fetchall()
    if not found:
        return "No transaction is open for longer than a second."
    listed = ", ".join(
        f"{name or 'a session'} (pid {pid}, {seconds} s)" for pid, name, seconds in found
    )
    return f"Open for longest: {listed}."


_OPEN_TRANSACTIONS = """
    SELECT pid, application_name, extract(epoch FROM now() - xact_start)::int FROM pg_stat_activity
    WHERE datname = current_database() AND xact_start < now() - interval '1 second'
      AND pid <> pg_backend_pid()
    ORDER BY xact_start LIMIT 3
"""


def _wait_for_others(guard: psycopg.Connection, work: _Work) -> None:
    """Acquire the lock of migrations, which the end of the connection releases."""
    is_said = False
    while guard.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone() != (True,):
        if not is_said:
            work.say("Another migration of this database is under way; waiting for its end.")
            is_said = True
        if time.monotonic() > work.until:
            raise MigrationError("Another migration of this database does not come to its end.")
        time.sleep(0.2)


def _migrate(
    guard: psycopg.Connection,
    work: _Work,
    found: Schema,
    vault: Vault | None,
    application_url: str | None,
    revision: str,
) -> None:
    for role in ROLES:
        _ensure_role(guard, role)
    if application_url is not None:
        _ensure_login(guard, application_url)
    privileges = _read("privileges.sql")
    work.try_for("Privileges", lambda: _execute(guard, privileges))
    _ensure_temporary_tables(guard)
    try:
        if found.state is SchemaState.PENDING:
            _force_row_security(guard, work, forced=False)
        work.try_for("Migrations", lambda: _upgrade(work, vault, revision))
    finally:
        _force_row_security(guard, work.renewed(), forced=True)
    work.try_for("The hospitals' events", lambda: _execute(guard, "SELECT hospital_events_go_on()"))
    revoke = sql.SQL("REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {}").format(
        sql.Identifier(APP_ROLE)
    )
    work.try_for("Privileges", lambda: _execute(guard, revoke))


def _ensure_temporary_tables(conn: psycopg.Connection) -> None:
    """Let the application create temporary tables (for store/kernel/records.py).

    Every role may, unless an administrator revoked it from PUBLIC.
    """
    may = "SELECT has_database_privilege(%s, current_database(), 'TEMPORARY')"
    missing = [
        role
        for role in (APP_ROLE, HOSPITAL_ROLE)
        if conn.execute(may, [role]).fetchone() != (True,)
    ]
    if not missing:
        return
    grant = sql.SQL("GRANT TEMPORARY ON DATABASE {} TO {}").format(
        sql.Identifier(conn.info.dbname), sql.SQL(", ").join(map(sql.Identifier, missing))
    )
    try:
        conn.execute(grant)
    except errors.InsufficientPrivilege as error:
        raise MigrationError(
            "The database's owner may not grant the right to temporary tables, which imports need."
            f"\nLet an administrator of the server run:\n  {grant.as_string(conn)};"
        ) from error


def _execute(conn: psycopg.Connection, statement: str | sql.Composed) -> None:
    conn.execute(statement.encode() if isinstance(statement, str) else statement)


_OTHER_OWNERS = """
    SELECT string_agg(DISTINCT relowner::regrole::text, ', ') FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
      AND NOT pg_has_role(current_user, relowner, 'USAGE')
"""


def _force_row_security(conn: psycopg.Connection, work: _Work, *, forced: bool) -> None:
    """Subject the owner to row-level security, except while it migrates.

    Functions of the owner write the log of the hospitals' events, which has its own policy.
    """
    if forced:
        work.try_for("Row security", lambda: _execute(conn, _OWNERS_POLICIES))
    word = "FORCE" if forced else "NO FORCE"
    for schema, table in conn.execute(_SECURED, [forced]).fetchall():
        alter = sql.SQL("ALTER TABLE {} " + word + " ROW LEVEL SECURITY").format(
            sql.Identifier(schema, table)
        )
        work.try_for(f"Row security of {table}", lambda alter=alter: _execute(conn, alter))  # type: ignore[misc]


_SECURED = """
    SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND c.relrowsecurity
      AND c.relforcerowsecurity <> %s
"""
_OWNERS_POLICIES = """
    DO $$
    DECLARE
        log text;
    BEGIN
        FOREACH log IN ARRAY ARRAY['hospital_events', 'hospital_event_clock'] LOOP
            IF EXISTS (SELECT FROM pg_class WHERE oid = to_regclass(log) AND relrowsecurity)
               AND NOT EXISTS (SELECT FROM pg_policy
                               WHERE polrelid = to_regclass(log) AND polname = 'owner') THEN
                EXECUTE format('CREATE POLICY owner ON %I TO CURRENT_USER USING (true)'
                               ' WITH CHECK (true)', log);
            END IF;
        END LOOP;
    END $$
"""


def _ensure_login(conn: psycopg.Connection, application_url: str) -> None:
    """Create the application's login with the password of its URL, and grant it our roles.

    An existing login keeps its password if the URL has none.
    """
    params = psycopg.conninfo.conninfo_to_dict(application_url)
    name, password = str(params.get("user") or ""), params.get("password")
    if name in ("", conn.info.user):
        return
    login = sql.Identifier(name)
    for _ in range(5):
        try:
            if not _role_exists(conn, name):
                conn.execute(sql.SQL("CREATE ROLE {} LOGIN NOINHERIT").format(login))
                if password is not None:
                    conn.execute(
                        sql.SQL("ALTER ROLE {} PASSWORD {}").format(login, sql.Literal(password))
                    )
            for role in ROLES:
                if not _has_role(conn, name, role):
                    conn.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), login))
            _ensure_defaults(conn, name)
        except errors.InsufficientPrivilege as error:
            raise MigrationError(
                f"The database's owner may not create the login {name}, under which guahao works."
                f"\nLet an administrator of the server run:\n"
                f"  CREATE ROLE {login.as_string(conn)} LOGIN NOINHERIT PASSWORD '...';\n"
                f"  GRANT {', '.join(ROLES)} TO {login.as_string(conn)};\n"
                + "".join(
                    f"  {alter.as_string(conn)};\n" for alter in _defaults(conn, name)
                ).rstrip()
            ) from error
        except (errors.DuplicateObject, errors.UniqueViolation, errors.InternalError_):
            time.sleep(0.1)
        else:
            return
    raise MigrationError(f"The login {name} cannot be set up; try again.")


def _defaults(conn: psycopg.Connection, login: str) -> list[sql.Composed]:
    """Return the login's defaults, by which every connection has the application's role.

    A pooler drops the options of a connection, and with them the role and the time zone.
    """
    alter = sql.SQL("ALTER ROLE {} IN DATABASE {} SET {} = {}")
    login_, database = sql.Identifier(login), sql.Identifier(conn.info.dbname)
    return [
        alter.format(login_, database, sql.Identifier(name), sql.Literal(value))
        for name, value in _DEFAULTS.items()
    ]


def _ensure_defaults(conn: psycopg.Connection, login: str) -> None:
    row = conn.execute(_SETTINGS, [login]).fetchone()
    if row is None or not {f"{n}={v}" for n, v in _DEFAULTS.items()} <= set(row[0]):
        for alter in _defaults(conn, login):
            conn.execute(alter)


_DEFAULTS = {"role": APP_ROLE, "TimeZone": TIME_ZONE}
_SETTINGS = """
    SELECT setconfig FROM pg_db_role_setting
    WHERE setrole = to_regrole(quote_ident(%s))
      AND setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def _has_role(conn: psycopg.Connection, login: str, role: str) -> bool:
    privilege = "SET" if conn.info.server_version >= SET_PRIVILEGE_SINCE else "MEMBER"
    row = conn.execute("SELECT pg_has_role(%s, %s, %s)", [login, role, privilege]).fetchone()
    return bool(row and row[0])


def run_file(name: str) -> None:
    """Run a file of migrations/sql inside a migration."""
    run_sql(_read(name))


def run_sql(statements: str) -> None:
    """Run SQL statements, separated by semicolons, inside a migration."""
    from alembic import op  # noqa: PLC0415

    # Without parameters, so that percent signs are literal and statements are sent together.
    op.get_bind().exec_driver_sql(statements, execution_options={"no_parameters": True})


def migration_vault() -> Vault:
    """Return the vault inside a migration that encrypts or indexes rows.

    Raises MigrationError if `migrate` was called without a vault.
    """
    from alembic import op  # noqa: PLC0415

    vault: Vault | None = op.get_context().config.attributes.get("vault")  # type: ignore[union-attr]
    if vault is None:
        raise MigrationError(
            "This upgrade encrypts or indexes existing rows: run `guahao migrate` with the"
            " platform's own GUAHAO_SECRET_KEY."
        )
    return vault


def encrypt_column(
    table: str, name: str, *, index_purpose: str | None = None, key: str = "id"
) -> None:
    """Fill the column `<name>_enc` from the clear column `name`, inside a migration.

    With `index_purpose`, fill `<name>_index` too. Work in batches by the table's key. The caller
    adds the columns before and drops the clear column after. Empty values stay empty.
    """
    from alembic import op  # noqa: PLC0415

    connection: psycopg.Connection = op.get_bind().connection.driver_connection  # type: ignore[assignment]
    names = {
        "table": sql.Identifier(table),
        "key": sql.Identifier(key),
        "clear": sql.Identifier(name),
        "sealed": sql.Identifier(f"{name}_enc"),
        "index": sql.Identifier(f"{name}_index"),
    }
    select = sql.SQL(
        "SELECT {key}, {clear} FROM {table} WHERE {key} > %s AND {clear} IS NOT NULL"
        " ORDER BY {key} LIMIT %s"
    ).format(**names)
    update = sql.SQL(
        "UPDATE {table} t SET {sealed} = n.sealed FROM unnest(%s::bigint[], %s::bytea[])"
        " n (id, sealed) WHERE t.{key} = n.id"
    ).format(**names)
    if index_purpose is not None:
        update = sql.SQL(
            "UPDATE {table} t SET {sealed} = n.sealed, {index} = n.index"
            " FROM unnest(%s::bigint[], %s::bytea[], %s::bytea[]) n (id, sealed, index)"
            " WHERE t.{key} = n.id"
        ).format(**names)
    last = -(2**63)
    while rows := connection.execute(select, (last, ENCRYPTED_AT_ONCE)).fetchall():
        vault = migration_vault()
        columns: list[list[object]] = [
            [id for id, _ in rows],
            [vault.seal(table, name, id, text) for id, text in rows],
        ]
        if index_purpose is not None:
            columns.append([vault.index(index_purpose, text) for _, text in rows])
        connection.execute(update, columns)
        last = rows[-1][0]


def create_index(name: str, definition: str) -> None:
    """Create an index concurrently, inside a migration that does nothing else.

    `definition`: what follows the name, such as "ON messages (created_at)". The index is built
    outside a transaction and waits for open transactions without blocking others. The remains
    of an interrupted attempt are dropped first.
    """
    _change_indexes(
        f"DROP INDEX CONCURRENTLY IF EXISTS {name}",
        f"CREATE INDEX CONCURRENTLY {name} {definition}",
    )


def drop_index(name: str) -> None:
    """Drop an index concurrently, inside a migration that does nothing else."""
    _change_indexes(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def _change_indexes(*statements: str) -> None:
    """Run statements that wait for open transactions, without a limit of time."""
    from alembic import op  # noqa: PLC0415

    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        op.execute("SET statement_timeout = 0")
        for statement in statements:
            op.execute(statement)
        op.execute("RESET lock_timeout")
        op.execute("RESET statement_timeout")


def _upgrade(work: _Work, vault: Vault | None, revision: str) -> None:
    """Run the missing migrations, each in a transaction of its own."""
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from sqlalchemy import create_engine  # noqa: PLC0415
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    url = with_options(connecting(work.url), **TIMEOUTS)
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=NullPool
    )
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        config.attributes["vault"] = vault
        try:
            command.upgrade(config, revision)
        except DBAPIError as error:
            # The driver's message only: SQLAlchemy quotes the statement, which may hold values.
            if isinstance(error.orig, psycopg.Error):
                raise error.orig from None
            raise


def _ensure_role(conn: psycopg.Connection, name: str) -> None:
    """Create a missing role, and let the owner assume it."""
    role = sql.Identifier(name)
    # Roles are shared by all databases of a server, which may be migrated at the same time.
    for _ in range(5):
        try:
            if not _role_exists(conn, name):
                conn.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(role))
            if not _may_act_as_role(conn, name):
                conn.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(role))
        except errors.InsufficientPrivilege as error:
            raise MigrationError(_advice(conn)) from error
        except (errors.DuplicateObject, errors.UniqueViolation, errors.InternalError_):
            time.sleep(0.1)
        else:
            return
    raise MigrationError(_advice(conn))


def _role_exists(conn: psycopg.Connection, name: str) -> bool:
    found = conn.execute("SELECT FROM pg_roles WHERE rolname = %s", [name])
    return found.fetchone() is not None


def _may_act_as_role(conn: psycopg.Connection, name: str) -> bool:
    """Return whether SET ROLE works: since PostgreSQL 16 membership does not suffice."""
    privilege = "SET" if conn.info.server_version >= SET_PRIVILEGE_SINCE else "MEMBER"
    row = conn.execute("SELECT pg_has_role(%s, %s)", [name, privilege]).fetchone()
    return bool(row and row[0])


def _advice(conn: psycopg.Connection) -> str:
    """Return the statements for an administrator to run if the owner may not."""
    owner = sql.Identifier(conn.info.user).as_string(conn)
    wanted = []
    for name in ROLES:
        if not _role_exists(conn, name):
            wanted.append(f"  CREATE ROLE {name} NOLOGIN;\n")
        wanted.append(f"  GRANT {name} TO {owner};\n")
    return (
        f"The database's owner may not set up the roles {', '.join(ROLES)}, under which guahao"
        f" works.\nLet an administrator of the server run:\n{''.join(wanted)}"
    ).rstrip()


def _read(name: str) -> str:
    return (MIGRATIONS / "sql" / name).read_text(encoding="utf-8")
