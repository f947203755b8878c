"""Migrations: repeatable, safe at once, and the application's role owns nothing."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors, sql

from guahao.store.db import APP_ROLE, HOSPITAL_ROLE, as_application
from guahao.store.migrate import MigrationError, migrate

# The newest of the job queue's own migrations that migration 0002 stands for.
NEWEST_QUEUE_MIGRATION = "03.04.00_50_post_add_retry_failed_job_procedure.sql"


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as conn:
        return conn.execute(query.encode()).fetchall()


@pytest.fixture
def plain_owner_url(empty_database_url: str) -> Iterator[str]:
    """URL of an empty database whose owner may not create roles."""
    name = f"owner_{uuid4().hex}"
    database = urlsplit(empty_database_url).path.removeprefix("/")
    owner, owned = sql.Identifier(name), sql.Identifier(database)
    with psycopg.connect(empty_database_url, autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE ROLE {} LOGIN").format(owner))
        conn.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(owned, owner))
        yield with_user(empty_database_url, name)
        conn.execute(sql.SQL("DROP OWNED BY {}").format(owner))
        conn.execute(sql.SQL("ALTER DATABASE {} OWNER TO CURRENT_USER").format(owned))
        conn.execute(sql.SQL("DROP ROLE {}").format(owner))


def with_user(url: str, user: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{user}@{parts.netloc.rpartition('@')[2]}").geturl()


def test_migrating_twice_changes_nothing(database_url: str) -> None:
    before = rows(database_url, "SELECT version_num FROM alembic_version")
    migrate(database_url)
    assert rows(database_url, "SELECT version_num FROM alembic_version") == before


def test_two_migrations_at_once_both_succeed(empty_database_url: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(migrate, [empty_database_url] * 2)) == [None, None]


def test_the_application_may_use_every_table_and_sequence(database_url: str) -> None:
    unusable = f"""
        SELECT relname FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
          AND relname NOT LIKE 'hospital_event%'
          AND CASE relkind
              WHEN 'r' THEN NOT has_table_privilege('{APP_ROLE}', oid, 'SELECT')
                         OR NOT has_table_privilege('{APP_ROLE}', oid, 'INSERT')
              WHEN 'S' THEN NOT has_sequence_privilege('{APP_ROLE}', oid, 'USAGE')
          END
    """
    assert rows(database_url, unusable) == []


def test_the_application_defers_a_job_without_owning_the_queue(database_url: str) -> None:
    with psycopg.connect(as_application(database_url)) as conn:
        assert conn.execute("SELECT current_user::text").fetchone() == (APP_ROLE,)
        conn.execute("SELECT procrastinate_register_worker_v1()")


def test_the_application_owns_nothing(database_url: str) -> None:
    owned = f"SELECT relname FROM pg_class WHERE pg_get_userbyid(relowner) = '{APP_ROLE}'"
    assert rows(database_url, owned) == []


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (n int)",
        "DROP TABLE alembic_version",
        "UPDATE alembic_version SET version_num = '0000'",
    ],
)
def test_the_application_cannot_change_the_schema(database_url: str, statement: str) -> None:
    with (
        psycopg.connect(as_application(database_url)) as conn,
        pytest.raises(errors.InsufficientPrivilege),
    ):
        conn.execute(statement.encode())


def test_an_owner_who_may_not_grant_the_role_is_told_what_to_run(
    plain_owner_url: str, template_database: str
) -> None:
    assert template_database  # so that the role is there
    with pytest.raises(MigrationError, match=f'GRANT {APP_ROLE} TO "owner_'):
        migrate(plain_owner_url)


def test_an_owner_who_was_granted_the_role_migrates(
    server_url: str, plain_owner_url: str, template_database: str
) -> None:
    assert template_database
    owner = sql.Identifier(urlsplit(plain_owner_url).username or "")
    with psycopg.connect(server_url, autocommit=True) as conn:
        for role in (APP_ROLE, HOSPITAL_ROLE):
            conn.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), owner))
    migrate(plain_owner_url)
    with psycopg.connect(as_application(plain_owner_url)) as app:
        app.execute("SELECT FROM procrastinate_jobs")


def test_the_queues_library_brings_no_migration_that_ours_lack() -> None:
    shipped = sorted(
        file.name
        for file in (files("procrastinate") / "sql" / "migrations").iterdir()
        if file.name.endswith(".sql")
    )
    assert shipped[-1] == NEWEST_QUEUE_MIGRATION
