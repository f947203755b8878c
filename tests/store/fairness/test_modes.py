"""Decisions on how places are given out, in the database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import date

import psycopg
import pytest
from tests.city import Clock, open_platform
from tests.flows.fairness.fair_city import modes_of
from tests.supply import Rows, at

from guahao.flows.kernel.platform import Platform
from guahao.rules.fairness.modes import FIRST_COME, DatedMode, Release
from guahao.rules.fairness.returning import ReleaseMode
from guahao.store.fairness import modes

EXPERT, ORDINARY = "知名专家", "普通门诊"
MARCH, APRIL = date(2027, 3, 1), date(2027, 4, 1)
DRAW, DRAW_10 = Release(ReleaseMode.DRAW), Release(ReleaseMode.DRAW, 10)
CLOCK = Clock(at("2026-11-23T10:00"))


@pytest.fixture
async def platform(database_url: str) -> AsyncIterator[Platform]:
    async with open_platform(database_url, CLOCK) as opened:
        yield opened


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield Rows(conn)


async def decide(platform: Platform, hospital_id: int, new: DatedMode, reason: str = "试") -> int:
    async with platform.db.transaction() as tx:
        return await modes.put(tx, hospital_id, new, reason, "admin")


async def test_many_sessions_of_many_hospitals_find_their_modes(
    platform: Platform, rows: Rows
) -> None:
    first, second, third = (rows.hospital() for _ in range(3))
    heart, eyes = rows.department(first), rows.department(first)
    skin, lungs = rows.department(second), rows.department(third)
    await decide(platform, first, DatedMode(heart, None, MARCH, DRAW_10))
    await decide(platform, first, DatedMode(None, EXPERT, APRIL, DRAW))
    await decide(platform, second, DatedMode(None, None, MARCH, DRAW))
    expected = {
        rows.session(first, heart, MARCH, title=ORDINARY): DRAW_10,
        rows.session(first, heart, date(2027, 2, 28), title=ORDINARY): FIRST_COME,
        rows.session(first, eyes, APRIL, title=EXPERT): DRAW,
        rows.session(first, eyes, MARCH, title=EXPERT): FIRST_COME,
        rows.session(first, eyes, APRIL, title=ORDINARY): FIRST_COME,
        rows.session(second, skin, MARCH, title=ORDINARY): DRAW,
        rows.session(third, lungs, APRIL, title=EXPERT): FIRST_COME,
    }
    async with platform.db.transaction() as tx:
        assert await modes_of(tx, [*expected, 999_999]) == expected
        assert await modes_of(tx, []) == {}


async def test_a_decision_replaces_another_for_the_same_sessions_and_date(
    platform: Platform, rows: Rows
) -> None:
    hospital_id = rows.hospital()
    heart = rows.department(hospital_id, name="心内科")
    for department_id, title in ((None, None), (heart, None), (None, EXPERT), (heart, EXPERT)):
        old = DatedMode(department_id, title, MARCH, DRAW)
        kept = await decide(platform, hospital_id, old, "先试")
        new = DatedMode(department_id, title, MARCH, DRAW_10)
        assert await decide(platform, hospital_id, new, "留给转诊") == kept
    async with platform.db.transaction() as tx:
        listed = await modes.listed(tx, hospital_id)
    assert [(row.mode.department_id, row.mode.title) for row in listed] == [
        (None, None), (None, EXPERT), (heart, None), (heart, EXPERT),
    ]  # fmt: skip
    row = listed[-1]
    assert (row.department_name, row.mode.release, row.reason) == ("心内科", DRAW_10, "留给转诊")
    assert (row.decided_by, row.decided_at) == ("admin", CLOCK.now)


async def test_a_decision_is_deleted_by_its_own_hospital_only(
    platform: Platform, rows: Rows
) -> None:
    own, other = rows.hospital(), rows.hospital()
    decision_id = await decide(platform, own, DatedMode(None, None, MARCH, DRAW))
    async with platform.db.transaction() as tx:
        await modes.delete(tx, other, decision_id)
        assert [row.id for row in await modes.listed(tx, own)] == [decision_id]
        await modes.delete(tx, own, decision_id)
        assert await modes.listed(tx, own) == []


async def test_a_hospital_s_staff_see_their_own_decisions_only(
    platform: Platform, rows: Rows
) -> None:
    own, other = rows.hospital(), rows.hospital()
    await decide(platform, own, DatedMode(None, None, MARCH, DRAW))
    await decide(platform, other, DatedMode(None, None, MARCH, DRAW))
    async with platform.db.transaction(hospital_id=own) as tx:
        assert await modes.listed(tx, other) == []
        assert set(await modes.of_hospitals(tx, [own, other])) == {own}


async def test_a_decision_finds_its_sessions(platform: Platform, rows: Rows) -> None:
    hospital_id, other = rows.hospital(), rows.hospital()
    heart, eyes = rows.department(hospital_id), rows.department(hospital_id)
    before = rows.session(hospital_id, heart, date(2027, 2, 28), title=EXPERT)
    first = rows.session(hospital_id, heart, MARCH, title=EXPERT)
    second = rows.session(hospital_id, heart, APRIL, title=ORDINARY)
    third = rows.session(hospital_id, eyes, APRIL, title=EXPERT)
    elsewhere = rows.session(other, rows.department(other), APRIL, title=EXPERT)
    async with platform.db.transaction() as tx:
        for scope, found in (
            (DatedMode(None, None, MARCH, DRAW), [first, second, third]),
            (DatedMode(heart, None, MARCH, DRAW), [first, second]),
            (DatedMode(None, EXPERT, MARCH, DRAW), [first, third]),
            (DatedMode(heart, EXPERT, MARCH, DRAW), [first]),
            (DatedMode(None, None, date(2027, 2, 1), DRAW), [before, first, second, third]),
        ):
            sessions = await modes.sessions_of(tx, hospital_id, scope)
            assert [session.id for session in sessions] == found
            assert elsewhere not in found
