"""Bring a database to the schema of this version: roles, privileges, migrations."""

import time
from pathlib import Path

import psycopg
from alembic import command, op
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg import errors, sql
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from guahao.store.db import APP_ROLE, ROLES
from guahao.store.vault import Vault

MIGRATIONS = Path(__file__).parents[3] / "migrations"
LOCK = 0x6775_6168_616F  # "guahao": one migration at a time in a database
ENCRYPTED_AT_ONCE = 5000  # rows
SET_PRIVILEGE_SINCE = 160000  # PostgreSQL 16
# A migration that cannot get a table's lock gives up, before bookings pile up behind it.
TIMEOUTS = "-c lock_timeout=5s -c statement_timeout=10min"


class MigrationError(Exception):
    """The database cannot be migrated; the message tells an operator what to do."""


def migrate(
    owner_url: str,
    vault: Vault | None = None,
    *,
    application_url: str | None = None,
    revision: str = "head",
) -> None:
    """Migrate a database to the newest revision, as its owner.

    `vault`: for migrations that encrypt or index rows that exist already (`migration_vault`);
    an empty database needs none. `application_url`: whose login is created where it is missing,
    and given the application's roles. `revision`: where to stop, for tests of a migration.

    Any number of processes may call this at once; one migrates, the others wait. Raises
    MigrationError where the owner may not create the application's role, psycopg's or
    SQLAlchemy's errors where the database cannot be reached or a migration fails.
    """
    with psycopg.connect(owner_url, autocommit=True) as guard:
        guard.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        for role in ROLES:
            _ensure_role(guard, role)
        if application_url is not None:
            _ensure_login(guard, application_url)
        guard.execute(_read("privileges.sql"))
        _force_row_security(guard, forced=False)
        try:
            _upgrade(owner_url, vault, revision)
        finally:
            _force_row_security(guard, forced=True)
        guard.execute("SELECT hospital_events_go_on()")
        guard.execute(
            sql.SQL("REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {}").format(
                sql.Identifier(APP_ROLE)
            )
        )


def _force_row_security(conn: psycopg.Connection, *, forced: bool) -> None:
    """Subject the owner to row security, except while it migrates.

    The log of the hospitals' events is written by functions of the owner: for it there is a
    policy of its own.
    """
    if forced:
        conn.execute(_OWNERS_POLICIES)
    elif not _is_behind(conn):
        return
    word = "FORCE" if forced else "NO FORCE"
    for schema, table in conn.execute(_SECURED, [forced]).fetchall():
        conn.execute(
            sql.SQL("ALTER TABLE {} " + word + " ROW LEVEL SECURITY").format(
                sql.Identifier(schema, table)
            )
        )


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


def _is_behind(conn: psycopg.Connection) -> bool:
    """Whether a migration is missing."""
    if conn.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,):
        return True
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    newest = ScriptDirectory.from_config(config).get_current_head()
    return conn.execute("SELECT version_num FROM alembic_version").fetchone() != (newest,)


def _ensure_login(conn: psycopg.Connection, application_url: str) -> None:
    """Create the application's login, with the password of its URL, and let it become our roles.

    A login that is there keeps its password where the URL has none.
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
        except errors.InsufficientPrivilege as error:
            raise MigrationError(
                f"The database's owner may not create the login {name}, under which guahao works."
                f"\nLet an administrator of the server run:\n"
                f"  CREATE ROLE {login.as_string(conn)} LOGIN NOINHERIT PASSWORD '...';\n"
                f"  GRANT {', '.join(ROLES)} TO {login.as_string(conn)};"
            ) from error
        except (errors.DuplicateObject, errors.UniqueViolation, errors.InternalError_):
            time.sleep(0.1)
        else:
            return
    raise MigrationError(f"The login {name} cannot be set up; try again.")


def _has_role(conn: psycopg.Connection, login: str, role: str) -> bool:
    privilege = "SET" if conn.info.server_version >= SET_PRIVILEGE_SINCE else "MEMBER"
    row = conn.execute("SELECT pg_has_role(%s, %s, %s)", [login, role, privilege]).fetchone()
    return bool(row and row[0])


def run_file(name: str) -> None:
    """Run a file of migrations/sql inside a migration."""
    run_sql(_read(name))


def run_sql(statements: str) -> None:
    """Run SQL statements, separated by semicolons, inside a migration."""
    # Without parameters, so that a percent sign stays one and many statements may be sent at once.
    op.get_bind().exec_driver_sql(statements, execution_options={"no_parameters": True})


def migration_vault() -> Vault:
    """Return the vault inside a migration that has rows to encrypt or to index.

    Raises MigrationError where `migrate` was given none.
    """
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
    """Inside a migration: fill the column `<name>_enc` from the clear column `name`.

    With `index_purpose` also `<name>_index`. Reads and writes in batches by the table's key;
    the caller adds the columns before and drops the clear one after. Rows without text stay
    without ciphertext.
    """
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


def _upgrade(owner_url: str, vault: Vault | None, revision: str) -> None:
    """Run the migrations that are missing."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(owner_url, options=_options(owner_url)),
        poolclass=NullPool,
    )
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        config.attributes["vault"] = vault
        command.upgrade(config, revision)


def _options(url: str) -> str:
    """The server options of a URL, and our timeouts."""
    given = psycopg.conninfo.conninfo_to_dict(url).get("options") or ""
    return f"{given} {TIMEOUTS}".strip()


def _ensure_role(conn: psycopg.Connection, name: str) -> None:
    """Create a role of ours where it is missing, and let the owner act as it."""
    role = sql.Identifier(name)
    # Roles belong to all databases of a server, which may be migrated at the same time.
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
    """Whether SET ROLE works: where there is a privilege for it, membership is not enough."""
    privilege = "SET" if conn.info.server_version >= SET_PRIVILEGE_SINCE else "MEMBER"
    row = conn.execute("SELECT pg_has_role(%s, %s)", [name, privilege]).fetchone()
    return bool(row and row[0])


def _advice(conn: psycopg.Connection) -> str:
    """What an administrator runs, once for all our roles, where the owner may not."""
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
