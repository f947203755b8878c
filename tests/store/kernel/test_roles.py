"""The processes' own login is the application and can become nothing more."""

from __future__ import annotations

from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import errors
from tests.city import Clock, add_booking, open_platform

from guahao.settings import Settings
from guahao.store.kernel.db import (
    APP_ROLE,
    HOSPITAL_ROLE,
    LOGIN_ROLE,
    SECRETS_ROLE,
    RolesError,
    as_application,
)
from guahao.store.kernel.migrate import migrate
from guahao.store.kernel.secrets import SECRET_COLUMNS
from guahao.wiring import DatabaseUrls, database_urls


def with_login(url: str, login: str = LOGIN_ROLE) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{login}@{parts.netloc.rpartition('@')[2]}").geturl()


@pytest.fixture
def login_url(database_url: str) -> str:
    url = with_login(database_url)
    migrate(database_url, application_url=url)
    return url


async def test_the_platform_works_under_a_login_of_its_own(login_url: str) -> None:
    async with open_platform(login_url, Clock()) as platform:
        await platform.db.check_roles()
        await add_booking(platform)
        async with platform.db.transaction(hospital_id=1) as tx:
            assert await tx.row("SELECT count(*) FROM appointments") is not None
            async with tx.as_platform():
                assert await tx.rows("SELECT current_user::text") == [(APP_ROLE,)]


@pytest.mark.parametrize(
    "statement",
    [
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION postgres",
        "RESET ROLE; DROP TABLE appointments",
        "SET ROLE NONE; SELECT * FROM patients",
        "SET ROLE NONE; SELECT password_hash FROM staff",
        "SET ROLE NONE; CREATE ROLE mine",
        "SET ROLE NONE; ALTER TABLE patients DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE patients DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE audit_trail DISABLE TRIGGER ALL",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT pg_read_file('/etc/passwd')",
        f"SET ROLE {HOSPITAL_ROLE}; SELECT password_hash FROM staff",
        f"SET ROLE {HOSPITAL_ROLE}; SELECT totp_secret_enc FROM staff",
        f"SET ROLE {HOSPITAL_ROLE}; SELECT * FROM staff",
        f"SET ROLE {HOSPITAL_ROLE}; SELECT * FROM accounts",
        "SELECT * FROM staff",
        "SELECT (SELECT s FROM staff s LIMIT 1)::text",
        "UPDATE staff SET password_hash = 'x'",
        "INSERT INTO staff (password_hash) VALUES ('x')",
        f"SET ROLE {SECRETS_ROLE}; SELECT * FROM patients",
        f"SET ROLE {SECRETS_ROLE}; SELECT * FROM accounts",
        f"SET ROLE {SECRETS_ROLE}; DELETE FROM staff",
    ],
)
def test_it_cannot_become_more(login_url: str, statement: str) -> None:
    with (
        psycopg.connect(as_application(login_url), autocommit=True) as conn,
        pytest.raises((errors.InsufficientPrivilege, errors.InvalidParameterValue)),
    ):
        conn.execute(statement.encode())


async def test_a_login_that_could_become_the_owner_is_refused(database_url: str) -> None:
    async with open_platform(database_url, Clock()) as platform:
        with pytest.raises(RolesError, match="a login of its own"):
            await platform.db.check_roles()


async def test_a_login_that_was_granted_the_owner_is_refused(database_url: str) -> None:
    login = "guahao_login_of_a_test"
    url = with_login(database_url, login)
    migrate(database_url, application_url=url)
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute("CREATE ROLE guahao_owner_of_a_test")
        conn.execute("ALTER TABLE patients OWNER TO guahao_owner_of_a_test")
        conn.execute(f"GRANT guahao_owner_of_a_test TO {login}".encode())
        try:
            async with open_platform(url, Clock()) as platform:
                with pytest.raises(RolesError, match="guahao_owner_of_a_test"):
                    await platform.db.check_roles()
        finally:
            conn.execute("ALTER TABLE patients OWNER TO CURRENT_USER")
            conn.execute("DROP OWNED BY guahao_owner_of_a_test")
            conn.execute("DROP ROLE guahao_owner_of_a_test")
            conn.execute(f"DROP ROLE {login}".encode())


def test_row_security_holds_for_the_owner_of_every_secured_table_too(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        unforced = conn.execute(
            "SELECT relname FROM pg_class WHERE relrowsecurity AND NOT relforcerowsecurity"
        ).fetchall()
    assert unforced == []


def test_the_demo_with_one_url_uses_it_for_both_and_production_does_not() -> None:
    url = "postgresql://owner@db/city"
    with database_urls(Settings(database_url=url)) as urls:
        assert urls == DatabaseUrls(url, url)
    with database_urls(Settings(mode="production", database_url=url)) as urls:
        assert urls == DatabaseUrls(url, None)


# Columns named like a secret that are none, and why.
NO_SECRETS = {
    # HMACs of 256 random bits under a key that is not in the database: they open nothing.
    "staff_sessions.token_index",
    # When, how often or whether, not what.
    "staff.password_is_temporary",
    "staff.password_expires_at",
    "staff.totp_last_step",
    # Of the audit trail, sealed with the platform's key and read by every entry that is written.
    "trail_keys.key_enc",
    # Written when a draw reveals its secret, and published.
    "draws.secret",
}
COLUMNS = """
    SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
      AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY 1, 2
"""


def readable(conn: psycopg.Connection, role: str, columns: list[tuple[str, str]]) -> set[str]:
    """Which columns a connection under this role reads, each tried by itself."""
    conn.execute(f"SET ROLE {role}".encode())
    read = set()
    for table, column in columns:
        try:
            conn.execute(f'SELECT "{column}" FROM "{table}" LIMIT 0'.encode())
        except errors.InsufficientPrivilege:
            continue
        read.add(f"{table}.{column}")
    return read


def test_each_role_reads_the_secrets_it_needs_and_no_others(
    database_url: str, login_url: str
) -> None:
    with psycopg.connect(database_url) as conn:
        columns = conn.execute(COLUMNS).fetchall()
    everything = {f"{table}.{column}" for table, column in columns}
    secret = {f"{table}.{column}" for table, some in SECRET_COLUMNS.items() for column in some}
    assert secret <= everything
    with psycopg.connect(login_url, autocommit=True) as conn:
        assert readable(conn, "NONE", columns) == set()
        assert readable(conn, APP_ROLE, columns) == everything - secret
        assert readable(conn, HOSPITAL_ROLE, columns) & secret == set()
        assert readable(conn, SECRETS_ROLE, columns) == {
            f"{table}.{column}" for table, column in columns if table in SECRET_COLUMNS
        }


def test_no_role_but_that_of_the_secrets_writes_one(login_url: str) -> None:
    with psycopg.connect(login_url, autocommit=True) as conn:
        for table, columns in SECRET_COLUMNS.items():
            for column in columns:
                for right in ("INSERT", "UPDATE", "SELECT", "REFERENCES"):
                    holders = conn.execute(
                        "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)"
                        " AND has_column_privilege(rolname, %s, %s, %s)",
                        ([APP_ROLE, HOSPITAL_ROLE, SECRETS_ROLE], table, column, right),
                    ).fetchall()
                    allowed = [] if right == "REFERENCES" else [(SECRETS_ROLE,)]
                    assert holders == allowed, (table, column, right)


def test_a_new_column_that_is_named_like_a_secret_is_thought_of(database_url: str) -> None:
    like = ("password", "totp", "secret", "token", "otp_", "recovery", "key_enc", "answer_enc")
    with psycopg.connect(database_url) as conn:
        found = {
            f"{table}.{column}"
            for table, column in conn.execute(COLUMNS).fetchall()
            if any(word in column for word in like)
        }
    secret = {f"{table}.{column}" for table, some in SECRET_COLUMNS.items() for column in some}
    assert found <= secret | NO_SECRETS, found - secret - NO_SECRETS


async def test_a_login_without_the_secrets_is_refused(database_url: str) -> None:
    login = "guahao_login_without_secrets"
    url = with_login(database_url, login)
    migrate(database_url, application_url=url)
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(f"REVOKE {SECRETS_ROLE} FROM {login}".encode())
        try:
            async with open_platform(url, Clock()) as platform:
                with pytest.raises(RolesError, match=SECRETS_ROLE):
                    await platform.db.check_roles()
        finally:
            conn.execute(f"DROP ROLE {login}".encode())


async def test_secrets_are_read_for_a_statement_and_not_after_it(login_url: str) -> None:
    async with open_platform(login_url, Clock()) as platform:
        async with platform.db.transaction(hospital_id=1) as tx:
            async with tx.as_secrets():
                assert await tx.rows("SELECT password_hash FROM staff") == []
            assert await tx.rows("SELECT current_user::text") == [(HOSPITAL_ROLE,)]
        async with platform.db.transaction() as tx:
            async with tx.as_secrets():
                pass
            with pytest.raises(errors.InsufficientPrivilege):
                await tx.rows("SELECT password_hash FROM staff")
