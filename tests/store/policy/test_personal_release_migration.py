"""Only new cities begin with personal release moments; what was decided before stays decided."""

from __future__ import annotations

from datetime import date, timedelta

import psycopg
import pytest
from tests.city import Clock, open_platform

from guahao.flows.kernel.platform import Platform
from guahao.rules.kernel.limits import NEW_CITY, Policy
from guahao.store.kernel.migrate import migrate

BEFORE = "0052"
TODAY = Clock().now.date()


async def policy_in_force(platform: Platform) -> Policy:
    async with platform.db.transaction() as tx:
        return (await platform.policies.read(tx)).on(tx.now.date())


async def holds_after_migrating(url: str) -> bool:
    migrate(url)
    async with open_platform(url, Clock(), policy=NEW_CITY) as platform:
        return (await policy_in_force(platform)).personal_release


async def test_a_new_city_begins_with_it(empty_database_url: str) -> None:
    assert await holds_after_migrating(empty_database_url)


async def test_a_city_that_has_worked_goes_on_without(empty_database_url: str) -> None:
    migrate(empty_database_url, revision=BEFORE)
    with psycopg.connect(empty_database_url) as conn:
        conn.execute("UPDATE policy_days SET closed_until = %s", (TODAY - timedelta(days=1),))
    assert not await holds_after_migrating(empty_database_url)


@pytest.mark.parametrize("holds_from", [TODAY - timedelta(days=30), TODAY])
async def test_a_policy_decided_before_is_without(
    empty_database_url: str, holds_from: date
) -> None:
    migrate(empty_database_url, revision=BEFORE)
    with psycopg.connect(empty_database_url) as conn:
        conn.execute(
            """
            INSERT INTO staff (login, name, role, password_hash, created_at)
            VALUES ('before', '前任', 'administrator', '', now())
            """
        )
        conn.execute(
            """
            INSERT INTO policies (holds_from, horizon_months, per_day, per_short_window,
                short_window_days, per_long_window, long_window_months,
                first_suspension_no_shows, first_suspension_months,
                second_suspension_no_shows, second_suspension_months, patient_may_cancel,
                staff_id, reason, decided_at)
            SELECT %s, 3, 2, 3, 7, 5, 3, 3, 3, 6, 6, false, id, '试行', now() FROM staff
            """,
            (holds_from,),
        )
    assert not await holds_after_migrating(empty_database_url)
