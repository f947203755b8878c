"""In a city with many bookings, what is asked about one person reads nobody else's rows.

PostgreSQL counts the rows that it reads without an index. A join too many is enough: it looks for
the best order of eight tables, and joins a ninth when it may have read the whole city.
"""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from tests.browser.reach.walking import citizens_paths, examples
from tests.city import MONDAY_MORNING, Clock
from tests.web.browsing import Reader
from tests.web.site import API, Site
from tests.web.staff_site import at_the_desk

from guahao.rules.staff.staff import Role
from guahao.tools.bench.reading import read_queries as persons
from guahao.tools.bench.scale.queries import Past, fill
from guahao.tools.scratch import analyze

CONNECTIONS = 8  # of the site's pool
PERSON, ACCOUNT, HOSPITAL = 1, 1, 1  # the person has a booking today at the hospital
# A person has a few bookings, and a department a few hundred sessions.
MANY = 1000
ROWS_READ = """
    SELECT relname, seq_tup_read FROM pg_stat_user_tables
    WHERE relname IN ('accounts', 'appointments', 'audit_trail', 'booking_requests',
                      'clinic_sessions', 'hospital_events', 'log_ins', 'messages', 'patients')
"""


class Readings:
    """How many rows the server has read without an index, by table."""

    def __init__(self, site: Site, url: str) -> None:
        self.site = site
        self.url = url
        self.before: dict[str, int] = {}

    async def since(self, what: str) -> list[str]:
        """Name the tables of which many rows were read since the last call."""
        barrier = asyncio.Barrier(CONNECTIONS)
        await asyncio.gather(*(self._tell(barrier) for _ in range(CONNECTIONS)))
        with psycopg.connect(self.url) as conn:
            now: dict[str, int] = dict(conn.execute(ROWS_READ).fetchall())
        read = {name: count - self.before.get(name, 0) for name, count in now.items()}
        self.before = now
        return [f"{what}: {count} of {name}" for name, count in read.items() if count >= MANY]

    async def _tell(self, barrier: asyncio.Barrier) -> None:
        """Let a connection tell the server what it has counted, which it does now and then."""
        async with self.site.platform.db.transaction() as tx:
            await barrier.wait()
            await tx.row("SELECT pg_stat_force_next_flush()")


@pytest.fixture
async def readings(site: Site, clock: Clock, database_url: str) -> Readings:
    """Of a city with 20,000 bookings."""
    clock.now = MONDAY_MORNING
    fill(database_url, site.platform.vault, Past(20_000, 4_000, 0), clock())
    analyze(database_url)
    read = Readings(site, database_url)
    await read.since("the city")
    return read


async def test_a_person_reads_through_nobody_elses_bookings(
    site: Site, readings: Readings, database_url: str
) -> None:
    token = await site.log_in(ACCOUNT)
    own = await site.get(f"{API}/appointments?view=current", token=token)
    booking = own.json()["items"][0]
    reader = Reader.of(site)
    reader.client.cookies.set("session", token)
    found = await readings.since("the log-in")
    own_ids = {"appointment_id": str(booking["id"]), "patient_id": str(booking["patient"]["id"])}
    for path in citizens_paths(examples(database_url) | own_ids):
        answer = await reader.go(path)
        assert answer.status_code < 500, path
        found += await readings.since(path)
    for path in (
        "/appointments?view=current",
        "/appointments?view=history",
        f"/appointments/{booking['id']}",
        "/applications",
        "/me",
    ):
        answer = await site.get(API + path, token=token)
        assert answer.status_code < 500, path
        found += await readings.since(API + path)
    assert found == []


async def test_staff_read_through_no_other_persons_bookings(site: Site, readings: Readings) -> None:
    agent = await at_the_desk(site, Role.AGENT)
    found = await readings.since("the log-in")
    for sought in (
        persons.phone_of(ACCOUNT),
        persons.document_of(PERSON),
        persons.name_of(PERSON),
        "欧阳无此人",
    ):
        await agent.go("/staff/calls")
        await agent.send(agent.form("/staff/calls"), q=sought)
        assert agent.page.status_code == 200, sought
        found += await readings.since(f"search for {sought}")
    await agent.go("/staff/calls")
    await agent.send(agent.form("/staff/calls"), q=persons.document_of(PERSON))
    card = agent.path
    verified = {"name": persons.name_of(PERSON), "phone": persons.phone_of(ACCOUNT)}
    await agent.send(agent.form(f"{card}/verify"), **verified)
    await agent.go(card)
    assert "压测医院1" in agent.text
    found += await readings.since("the caller's card")

    clerk = await at_the_desk(site, Role.CLERK, HOSPITAL)
    await clerk.go("/staff/window")
    async with site.platform.db.transaction() as tx:
        [(code, person, _), *_] = await persons.some_codes(tx, site.platform.vault, HOSPITAL, 1)
    await readings.since("the choice of a code")
    await clerk.send(clerk.form("/staff/window"), code=code, id_no=persons.document_of(person))
    assert clerk.page.status_code == 200
    found += await readings.since("pick-up")
    await clerk.go("/staff/window/today")
    await clerk.send(clerk.form("/staff/window/find"), id_no=persons.document_of(PERSON))
    assert clerk.page.status_code == 200
    found += await readings.since("today, and a search by document")
    assert found == []
