"""Migrations: repeatable, safe at once, and the application's role owns nothing."""

import asyncio
import hmac
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg import errors, sql
from tests.city import Clock, open_platform

from guahao.flows.staff.trail import check_head, verify_trail
from guahao.rules.kernel.limits import CITY_TIME
from guahao.store.kernel.db import APP_ROLE, HOSPITAL_ROLE, ROLES, as_application
from guahao.store.kernel.migrate import MIGRATIONS, MigrationError, migrate, revisions
from guahao.store.kernel.vault import Vault

# The newest of the job queue's own migrations that migration 0002 stands for.
NEWEST_QUEUE_MIGRATION = "03.04.00_50_post_add_retry_failed_job_procedure.sql"


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
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


def test_files_are_named_by_their_revisions_in_order() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config).walk_revisions()
    assert revisions() == [script.revision for script in scripts][::-1]


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
              WHEN 'r' THEN NOT has_any_column_privilege('{APP_ROLE}', oid, 'SELECT')
                         OR NOT has_any_column_privilege('{APP_ROLE}', oid, 'INSERT')
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


def test_the_application_makes_temporary_tables_where_nobody_else_may(
    empty_database_url: str,
) -> None:
    name = sql.Identifier(urlsplit(empty_database_url).path.removeprefix("/"))
    with psycopg.connect(empty_database_url, autocommit=True) as conn:
        conn.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    migrate(empty_database_url)
    for role in (APP_ROLE, HOSPITAL_ROLE):
        with psycopg.connect(empty_database_url) as conn:
            conn.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
            conn.execute("CREATE TEMPORARY TABLE copied (n int)")


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


A_CLINIC = """
    INSERT INTO hospitals (id, code, name, grade, district) VALUES (1, 'H', '一院', '三级', '东城');
    INSERT INTO departments (id, hospital_id, code, name) VALUES (1, 1, 'D', '内科');
    INSERT INTO clinic_sessions (id, hospital_id, department_id, title, visit_date, period,
                                 fee_fen, capacity)
    VALUES (1, 1, 1, '主任医师', '2026-12-03', 'morning', 0, 9);
    INSERT INTO patients (id, name_enc, id_type, id_no_enc, id_no_index, person_index, created_at)
    VALUES (1, '', '03', '', '', '', now())
"""
A_BOOKING = f"""
    {A_CLINIC};
    INSERT INTO appointments (id, patient_id, clinic_session_id, hospital_id, department_id,
                              visit_date, status, channel, code, code_live, booked_at, changed_at)
    SELECT 7000 - n, 1, 1, 1, 1, '2026-12-03', 'cancelled', 'web', lpad(n::text, 8, '0'),
           n <> 5, now(), now()
    FROM generate_series(1, 6000) n;
"""


def test_identification_codes_that_were_there_are_encrypted_and_found(
    empty_database_url: str,
) -> None:
    migrate(empty_database_url, revision="0032")
    with psycopg.connect(empty_database_url) as conn:
        conn.execute(A_BOOKING.encode())
    with pytest.raises(MigrationError, match="GUAHAO_SECRET_KEY"):
        migrate(empty_database_url)
    vault = Vault("a secret key of the tests, long enough")
    migrate(empty_database_url, vault)
    found = rows(empty_database_url, "SELECT id, code_enc, code_index, code_live FROM appointments")
    opened = {vault.open("appointments", "code", id, sealed): id for id, sealed, *_ in found}
    assert opened == {f"{n:08d}": 7000 - n for n in range(1, 6001)}
    assert all(index == vault.index("code", f"{7000 - id:08d}") for id, _, index, _ in found)
    assert [id for id, *_, live in found if not live] == [6995]
    events = "SELECT count(*) FROM hospital_events"
    assert rows(empty_database_url, events) == [(6000,)]  # encrypting is no event


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
        for role in ROLES:
            conn.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), owner))
    migrate(plain_owner_url)
    with psycopg.connect(as_application(plain_owner_url)) as app:
        app.execute("SELECT FROM procrastinate_jobs")
        for statement in A_CLINIC.split(";"):
            app.execute(statement.encode())
        app.execute(
            "INSERT INTO appointments (patient_id, clinic_session_id, hospital_id, department_id,"
            " visit_date, channel, code_enc, code_index, booked_at, changed_at)"
            " VALUES (1, 1, 1, 1, '2026-12-03', 'web', '', '', now(), now())"
        )
        # Written by a function of the owner, whom row security subjects as well.
        assert app.execute("SELECT kind FROM hospital_events").fetchall() == [("booked",)]


def test_the_queues_library_brings_no_migration_that_ours_lack() -> None:
    shipped = sorted(
        file.name
        for file in (files("procrastinate") / "sql" / "migrations").iterdir()
        if file.name.endswith(".sql")
    )
    assert shipped[-1] == NEWEST_QUEUE_MIGRATION


@pytest.mark.parametrize("rewritten", [False, True], ids=["untouched", "cut before"])
async def test_the_trails_head_of_an_older_deployment_is_signed(
    empty_database_url: str, *, rewritten: bool
) -> None:
    await asyncio.to_thread(migrate, empty_database_url, revision="0030")
    vault = Vault("a secret key of the tests, long enough")
    at = datetime(2026, 11, 1, tzinfo=CITY_TIME)
    time, head = at.isoformat(timespec="microseconds"), b""
    with psycopg.connect(empty_database_url) as conn:
        for seq in (1, 2):
            facts = (seq, time, "system", 0, "guahao", None, "add_staff", None, None, "", "{}")
            previous = head
            head = hmac.digest(
                vault.key_for("audit trail"), previous + msgspec.json.encode(facts), "sha256"
            )
            conn.execute(
                "INSERT INTO audit_trail (seq, at, who_kind, who_id, who_name, action,"
                " previous_hash, hash) VALUES (%s, %s, 'system', 0, 'guahao', 'add_staff', %s, %s)",
                [seq, at, previous, head],
            )
        digest = b"\\x01" * 32 if rewritten else head
        conn.execute("UPDATE audit_trail_head SET seq = 2, hash = %s", [digest])
    await asyncio.to_thread(migrate, empty_database_url, vault)
    async with open_platform(empty_database_url, Clock()) as platform:
        found = {(await verify_trail(platform)).why, (await check_head(platform)).why}
    assert found == ({"cut"} if rewritten else {None})
