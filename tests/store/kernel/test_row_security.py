"""The database itself shows a hospital's staff no other hospital's rows."""

from __future__ import annotations

from collections.abc import AsyncIterator

import psycopg
import pytest
from tests.city import Clock, add_booking, ask, open_platform

from guahao.flows.kernel.platform import Platform
from guahao.store.kernel.db import HOSPITAL_ROLE

GRANTED = """
    SELECT DISTINCT table_name FROM information_schema.role_table_grants
    WHERE grantee = 'guahao_hospital' AND table_schema = 'public'
"""
# Without a row of anybody's: counters by HMAC, jobs that hold ids, the end of the chain.
OF_NOBODY = {
    "throttle_counts",
    "procrastinate_jobs",
    "procrastinate_events",
    "audit_trail_head",
    "announcements",
}


@pytest.fixture
async def platform(database_url: str) -> AsyncIterator[Platform]:
    async with open_platform(database_url, Clock()) as opened:
        for number in (1, 2):
            await add_booking(opened, number)
        yield opened


async def hospitals(platform: Platform) -> list[int]:
    return [row[0] for row in await ask(platform, "SELECT id FROM hospitals ORDER BY id")]


async def test_every_table_the_role_may_use_is_secured_by_row(platform: Platform) -> None:
    granted = {row[0] for row in await ask(platform, GRANTED)}
    secured = {
        row[0]
        for row in await ask(
            platform, "SELECT relname FROM pg_class WHERE relrowsecurity AND relkind = 'r'"
        )
    }
    assert granted - OF_NOBODY <= secured
    assert granted & {"accounts", "booking_requests", "one_time_passwords", "outbox"} == set()


async def test_the_role_cannot_step_around_it(platform: Platform) -> None:
    [row] = await ask(
        platform,
        "SELECT rolsuper, rolbypassrls, rolcanlogin FROM pg_roles WHERE rolname = %s",
        HOSPITAL_ROLE,
    )
    assert row == (False, False, False)
    owned = await ask(
        platform,
        "SELECT relname FROM pg_class WHERE pg_get_userbyid(relowner) = %s",
        HOSPITAL_ROLE,
    )
    assert owned == []


@pytest.mark.parametrize(
    "table", ["hospitals", "departments", "clinic_sessions", "appointments", "patients", "messages"]
)
async def test_it_sees_its_own_rows_and_no_others(platform: Platform, table: str) -> None:
    first, second = await hospitals(platform)
    seen = []
    for id in (first, second):
        async with platform.db.transaction(hospital_id=id) as tx:
            seen.append({row[0] for row in await tx.rows(f"SELECT id FROM {table}")})
    assert all(seen)
    assert not seen[0] & seen[1]
    async with platform.db.transaction(hospital_id=10**9) as tx:
        assert await tx.rows(f"SELECT id FROM {table}") == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE clinic_sessions SET capacity = 999 WHERE hospital_id = {other}",
        "UPDATE appointments SET status = 'cancelled' WHERE hospital_id = {other}",
        "UPDATE hospitals SET name = 'x' WHERE id = {other}",
        "UPDATE departments SET name = 'x' WHERE hospital_id = {other}",
    ],
)
async def test_it_changes_no_other_hospitals_rows(platform: Platform, statement: str) -> None:
    first, second = await hospitals(platform)
    async with platform.db.transaction(hospital_id=first) as tx:
        assert await tx.do(statement.format(other=second)) == 0


async def test_it_writes_no_row_into_another_hospital(platform: Platform) -> None:
    first, second = await hospitals(platform)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with platform.db.transaction(hospital_id=first) as tx:
            await tx.do(
                "INSERT INTO departments (hospital_id, code, name) VALUES (%s, 'x', 'x')",
                (second,),
            )
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with platform.db.transaction(hospital_id=first) as tx:
            await tx.do("UPDATE clinic_sessions SET hospital_id = %s", (second,))


async def test_it_does_not_outlive_its_transaction(platform: Platform) -> None:
    first, _ = await hospitals(platform)
    for _ in range(10):  # whichever connection of the pool comes
        async with platform.db.transaction(hospital_id=first):
            pass
        assert len(await hospitals(platform)) == 2


async def test_what_is_derived_as_the_platform_ends_in_the_hospitals_role_again(
    platform: Platform,
) -> None:
    first, _ = await hospitals(platform)
    async with platform.db.transaction(hospital_id=first) as tx:
        async with tx.as_platform():
            assert len(await tx.rows("SELECT id FROM hospitals")) == 2
        assert len(await tx.rows("SELECT id FROM hospitals")) == 1


async def test_the_applications_own_queries_pay_nothing_for_it(platform: Platform) -> None:
    plan = await ask(platform, "EXPLAIN SELECT id FROM appointments WHERE id = 1")
    assert not any("my_hospital" in row[0] or "SubPlan" in row[0] for row in plan)
    assert "Filter" not in "".join(row[0] for row in plan)
