"""The benches' city, in a scratch database that is always dropped at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from guahao.clock import city_clock
from guahao.flows.kernel.platform import Platform
from guahao.rules.kernel.limits import Policy
from guahao.settings import Settings
from guahao.store.kernel.db import Database
from guahao.store.kernel.vault import Vault
from guahao.store.policy.policy_book import PolicyBook
from guahao.tools.bench import queries as store

SECRET_KEY = "a key of the bench, for invented people only"  # noqa: S105
LIVE_APPOINTMENTS = 100_000
_PGBENCH_PERSONS = 60_000
_SESSIONS_A_DEPARTMENT = 15


@dataclass(frozen=True, slots=True)
class City:
    """Persons 1 to `persons` come to the desk, those up to `last_person` to pgbench.

    Sessions 2 to `last_session` take them; session 1 is the hot one.
    """

    persons: int
    last_person: int
    last_session: int


@asynccontextmanager
async def open_bench(url: str, connections: int) -> AsyncIterator[Platform]:
    """Yield the platform over the scratch database."""
    platform = Platform(
        Database(url, city_clock(), max_size=connections),
        Vault(SECRET_KEY),
        PolicyBook(Policy()),
        Settings(),
    )
    await platform.db.open()
    try:
        yield platform
    finally:
        await platform.db.close()


async def found(platform: Platform, persons: int) -> City:
    """Fill the database: `persons` without a booking, and others with 100,000 live bookings."""
    last_person = persons + _PGBENCH_PERSONS
    everybody = last_person + LIVE_APPOINTMENTS
    async with platform.db.transaction() as tx:
        await store.found_city(tx, _SESSIONS_A_DEPARTMENT, everybody)
        await store.add_persons(tx, platform.vault, everybody)
        await store.add_live_appointments(tx, LIVE_APPOINTMENTS)
        return City(persons, last_person, await store.last_session(tx))


async def count_appointments(platform: Platform) -> int:
    """Count the committed bookings."""
    async with platform.db.transaction() as tx:
        return await store.count_appointments(tx)
