"""GET /search: what is meant, where there is a place, and when soonest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from tests.supply import Rows
from tests.web.site import API, CHINESE, ENGLISH, Site

from guahao.flows.hospitals.files.term_reading import shipped_terms
from guahao.store.hospitals import search_terms as store
from guahao.store.hospitals.search import search_keys

PATH = f"{API}/search"


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield Rows(conn)


class Town:
    """Two hospitals with a department for the head each; the second has a place sooner."""

    def __init__(self, site: Site, rows: Rows) -> None:
        self.site, self.rows = site, rows
        self.today = site.platform.db.clock().date()
        self.first = self.hospital("第一医院", "First Hospital", latitude=30.0, longitude=125.0)
        self.second = self.hospital("第二医院", "Second Hospital")
        self.head = self.department(self.first)
        self.head_elsewhere = self.department(self.second)

    def hospital(self, name: str, name_en: str, **columns: Any) -> int:
        keys = search_keys(name)
        return self.rows.hospital(name=name, name_en=name_en, search_keys=keys, **columns)

    def department(self, hospital_id: int) -> int:
        parent = self.rows.department(hospital_id, name="内科", code="03")
        return self.rows.department(
            hospital_id, name="神经内科", name_en="Neurology", code="03.03", parent_id=parent,
            search_keys=search_keys("神经内科"),
        )  # fmt: skip

    def session(self, hospital_id: int, department_id: int, days: int, **columns: Any) -> int:
        day = self.today + timedelta(days=days)
        return self.rows.session(hospital_id, department_id, day, **columns)

    async def search(self, q: str, **more: Any) -> dict[str, Any]:
        answer = await self.site.get(PATH, params={"q": q, **more}, headers=CHINESE)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
async def town(site: Site, rows: Rows) -> Town:
    async with site.platform.db.transaction() as tx:
        await store.add(tx, shipped_terms())
    return Town(site, rows)


async def test_a_complaint_finds_the_soonest_place_first(town: Town) -> None:
    town.session(town.first, town.head, 9)
    town.session(town.second, town.head_elsewhere, 5, capacity=3, booked=3)  # full
    town.session(town.second, town.head_elsewhere, 6, capacity=10, booked=4, fee_fen=8000)
    town.session(town.second, town.head_elsewhere, 6, capacity=2, fee_fen=5000, period="afternoon")
    found = await town.search("头疼")
    sooner, later = found["places"]
    assert (sooner["department_id"], later["department_id"]) == (town.head_elsewhere, town.head)
    assert sooner["soonest"] == (town.today + timedelta(days=6)).isoformat()
    assert (sooner["remaining"], sooner["fee_fen"], sooner["fee_fen_most"]) == (8, 5000, 8000)
    assert (found["terms"], found["hospitals"], found["urgent"]) == (["头疼"], [], False)
    assert later["hospital"]["latitude"] == 30.0
    assert sooner["hospital"]["latitude"] is None


async def test_days_that_cannot_be_booked_are_no_places(town: Town) -> None:
    town.session(town.first, town.head, 0)
    town.session(town.first, town.head, 200)
    town.session(town.second, town.head_elsewhere, 5, stopped_at=town.site.platform.db.clock())
    found = await town.search("头疼")
    assert [place["soonest"] for place in found["places"]] == [None, None]
    assert [place["remaining"] for place in found["places"]] == [0, 0]
    assert (await town.search("头疼", only_open="true"))["places"] == []


async def test_a_hospital_is_found_with_its_soonest_day(town: Town) -> None:
    town.session(town.second, town.head_elsewhere, 6)
    found = await town.search("第二医院")
    assert found["hospitals_first"]
    first = found["hospitals"][0]
    assert first["hospital"]["id"] == town.second
    assert (first["soonest"], first["departments"]) == (
        (town.today + timedelta(days=6)).isoformat(), 1,
    )  # fmt: skip


async def test_a_need_in_a_hospital_is_looked_for_there(town: Town) -> None:
    found = await town.search("第一医院 头疼")
    assert [place["department_id"] for place in found["places"]] == [town.head]


async def test_an_emergency_is_marked_and_a_guess_is_told(town: Town) -> None:
    assert (await town.search("胸痛"))["urgent"]
    assert (await town.search("第一医员"))["guessed"] == "第一医院"


async def test_it_answers_in_the_readers_language(town: Town) -> None:
    answer = await town.site.get(PATH, params={"q": "headache"}, headers=ENGLISH)
    place = answer.json()["places"][0]
    assert (place["department"], place["hospital"]["name"]) == ("Neurology", "First Hospital")
    assert answer.json()["terms"] == ["Headache"]


@pytest.mark.parametrize(
    "query", ["", "q=", "q=a&page=0", "q=a&page=501", "q=a&only_open=x", "q=a&where=30,125"]
)
async def test_what_it_does_not_understand_is_refused(site: Site, query: str) -> None:
    assert (await site.get(f"{PATH}?{query}")).status_code == 422
