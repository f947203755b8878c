"""180 days after a draw nothing in the database links its tickets to persons."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.city import MONDAY_MORNING, Clock, ask, change_as_owner, open_platform
from tests.flows.fairness.fair_city import (
    add_applicants,
    add_clinic,
    anything,
    hold_until,
    only_draw,
)
from tests.rules.reading import verify

from guahao.flows.fairness.drawn import draw, proof_file
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.privacy.retention import delete_old

TEN = MONDAY_MORNING + timedelta(hours=1)
PLACES = 14
# No number of one kind is a number of another, whatever table it stands in.
FIRST = {"draws": 7_100_000, "applications": 7_200_000, "appointments": 7_300_000}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as opened:
        yield opened


async def a_draw_of_long_ago(platform: Platform, clock: Clock) -> int:
    """A finished draw that some won, some lost, and a person who ranks and lost before."""
    for table, first in FIRST.items():
        sequence = f"pg_get_serial_sequence('{table}', 'id')"
        await change_as_owner(platform, f"SELECT setval({sequence}, {first})")
    clinic = await add_clinic(platform, PLACES, TEN)
    await add_applicants(platform, clinic, range(1, 19))
    wishes = replace(anything(platform), ranked_sessions=(clinic.session_id,))
    [ranking] = await add_applicants(platform, clinic, [19], wishes)
    await change_as_owner(
        platform, "UPDATE applications SET lost = 77 WHERE id = %s", ranking.application_id
    )
    await hold_until(platform, clock, TEN)
    return await only_draw(platform)


async def rows_with_both(platform: Platform) -> list[str]:
    """The tables with a row that names a draw or a ticket, and a person, in any columns."""
    tables = await ask(
        platform,
        "SELECT table_name FROM information_schema.tables"
        " WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1",
    )
    tickets = {
        row[0] for row in await ask(platform, "SELECT encode(ticket, 'hex') FROM draw_entries")
    }
    persons = r"72\d{5}|73\d{5}"
    found = []
    async with platform.db.transaction() as tx:
        await tx.do("SET LOCAL ROLE NONE")
        for (table,) in tables:
            for (row,) in await tx.rows(f'SELECT to_jsonb(t) FROM "{table}" t'):
                text = json.dumps(row)
                is_draw = re.search(r"\b71\d{5}\b", text) or any(t in text for t in tickets)
                if is_draw and re.search(rf"\b(?:{persons})\b", text):
                    found.append(table)
                    break
    return found


async def test_no_row_links_a_person_to_a_draw_after_180_days(
    platform: Platform, clock: Clock
) -> None:
    draw_id = await a_draw_of_long_ago(platform, clock)
    file = await proof_file(platform, draw_id)
    before = await draw(platform, draw_id)
    assert {"draw_entries", "wins"} <= set(await rows_with_both(platform))
    clock.forward(days=179)
    await delete_old(platform)
    assert "wins" in await rows_with_both(platform)

    await change_as_owner(
        platform, "UPDATE applications SET state = 'expired' WHERE state = 'live'"
    )
    await change_as_owner(platform, "UPDATE application_patients SET is_live = false")
    clock.forward(days=2)
    await delete_old(platform)
    assert await rows_with_both(platform) == []
    # What the application wished, and how often it had lost, would tell its entry.
    assert await ask(platform, "SELECT max(lost) FROM draw_entries") == [(5,)]
    assert await ask(platform, "SELECT count(*) FROM applications") == [(0,)]
    # What is public stays as it is.
    assert file is not None
    assert await proof_file(platform, draw_id) == file
    verify(file.encode())
    after = await draw(platform, draw_id)
    assert before is not None
    assert after is not None
    assert after.public.won == before.public.won == PLACES


async def test_what_is_not_as_old_stays(platform: Platform, clock: Clock) -> None:
    """An application that stands, and the entries of a draw of 179 days ago."""
    await a_draw_of_long_ago(platform, clock)
    clock.forward(days=179)
    await delete_old(platform)
    assert await ask(platform, "SELECT count(application_id) FROM draw_entries") == [(19,)]
    clock.forward(days=2)
    await delete_old(platform)
    assert await ask(platform, "SELECT DISTINCT state FROM applications") == [("live",)]


async def test_the_ids_of_bookings_do_not_tell_the_positions(
    platform: Platform, clock: Clock
) -> None:
    await a_draw_of_long_ago(platform, clock)
    rows = await ask(
        platform,
        """
        SELECT e.position FROM draw_entries e JOIN wins w ON w.application_id = e.application_id
        ORDER BY w.appointment_id
        """,
    )
    assert len(rows) == PLACES
    assert rows != sorted(rows)
