"""The processes' own login is the application and can become nothing more."""

from __future__ import annotations

from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import errors
from tests.city import Clock, add_booking, open_platform

from guahao.settings import Settings
from guahao.store.db import APP_ROLE, HOSPITAL_ROLE, LOGIN_ROLE, RolesError, as_application
from guahao.store.migrate import migrate
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
