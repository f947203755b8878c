"""What the search says of departments without free places, and how often it may be asked."""

from __future__ import annotations

import pytest
from tests.city import MONDAY_MORNING, Clock, change, open_platform
from tests.crowd import open_desk
from tests.flows.fairness.fair_city import add_clinic
from tests.web.browsing import Reader
from tests.web.citizens.test_pages_booking import BOTH_LANGUAGES
from tests.web.site import Site

from guahao.settings import Settings
from guahao.store.hospitals.search import search_keys
from guahao.web.app import create_app

NOON = MONDAY_MORNING.replace(hour=12)


@BOTH_LANGUAGES
async def test_a_department_whose_places_wait_for_a_draw_says_until_when_to_apply(
    site: Site, clock: Clock, language: str
) -> None:
    await add_clinic(site.platform, 2, NOON)
    await change(site.platform, "UPDATE clinic_sessions SET booked = capacity - held")
    await change(
        site.platform,
        """
        WITH head AS (
            INSERT INTO departments (hospital_id, code, name) VALUES (1, '10', '五官科')
            RETURNING id
        )
        UPDATE departments SET parent_id = head.id, name = '眼科', search_keys = %s
        FROM head WHERE departments.id = 1
        """,
        search_keys("眼科"),
    )
    site.platform.search.forget()
    reader = Reader.of(site, language=language)
    await reader.go("/search?q=眼科")
    assert ("今天11:50前登记" if language == "zh" else "Apply by today 11:50") in reader.text
    assert ("暂时没有号" if language == "zh" else "No places now") not in reader.text
    clock.now = NOON.replace(hour=11, minute=55)
    await reader.go("/search?q=眼科")
    assert ("今天12:00抽签" if language == "zh" else "Draw today 12:00") in reader.text


async def test_searches_from_an_address_are_limited(database_url: str, clock: Clock) -> None:
    settings = Settings(searches_per_address_minute=3)
    async with (
        open_platform(database_url, clock, settings=settings) as platform,
        open_desk(platform) as desk,
    ):
        site = Site(create_app(platform, desk), platform)
        reader = Reader.of(site, address="198.51.100.7")
        for partial in ({}, {"HX-Request": "true"}, {}):
            assert (await reader.client.get("/search?q=x", headers=partial)).status_code == 200
        answer = await reader.go("/search?q=x")
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0
        assert 'href="/"' in answer.text
        by_program = await reader.client.get("/api/v1/search?q=x")
        assert by_program.status_code == 429
        assert by_program.json()["code"] == "too_many_requests"
        other = Reader.of(site, address="203.0.113.9")
        assert (await other.go("/search?q=x")).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/hospitals?q=x",
        "/fhir/r4/Organization?name=x",
        "/fhir/r4/HealthcareService?name=x",
        "/fhir/r4/Schedule?service-type=x",
    ],
)
async def test_every_search_for_typed_words_counts(
    database_url: str, clock: Clock, path: str
) -> None:
    settings = Settings(searches_per_address_minute=3)
    async with (
        open_platform(database_url, clock, settings=settings) as platform,
        open_desk(platform) as desk,
    ):
        site = Site(create_app(platform, desk), platform)
        statuses = [
            (await site.get(asked, address="198.51.100.7")).status_code
            for asked in [path, f"{path}y", f"{path}z", path]
        ]
        assert statuses == [200, 200, 200, 429]
        listed = path.partition("?")[0]
        assert (await site.get(listed, address="198.51.100.7")).status_code == 200
        assert (await site.get(path, address="203.0.113.9")).status_code == 200
