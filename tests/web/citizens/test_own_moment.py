"""Who asks before their own moment after a release: told when, and booked by the same form."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, time, timedelta

import psycopg
import pytest
from tests.city import Clock, open_platform
from tests.crowd import open_desk
from tests.supply import Rows, at
from tests.web.browsing import Reader
from tests.web.citizens.test_pages_booking import Citizen, add_citizen, add_clinic, log_in
from tests.web.site import API, CHINESE, ENGLISH, Site, problem

from guahao.rules.kernel.limits import NEW_CITY
from guahao.web.app import create_app

RELEASE = at("2026-11-30T07:00")
BOTH_LANGUAGES = pytest.mark.parametrize("language", ["zh", "en"])


@pytest.fixture
def clock() -> Clock:
    return Clock(RELEASE + timedelta(seconds=2))


@pytest.fixture
async def site(database_url: str, clock: Clock) -> AsyncIterator[Site]:
    """A new city's: with personal release moments."""
    async with (
        open_platform(database_url, clock, policy=NEW_CITY) as platform,
        open_desk(platform) as desk,
    ):
        yield Site(create_app(platform, desk), platform)


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield Rows(conn)


@pytest.fixture
def session(rows: Rows) -> int:
    """A session that is released now."""
    return add_clinic(rows, cycle_days=30, release_time=time(7)).session(30)


def moment_of(reader: Reader) -> datetime:
    """The second that the page names."""
    found = re.search(r"<h1>[^<]*(07:00:\d\d)", reader.text)
    assert found, reader.text
    return at(f"2026-11-30T{found[1]}")


@BOTH_LANGUAGES
async def test_the_page_names_the_second_and_the_same_form_books_then(
    site: Site, clock: Clock, rows: Rows, session: int, language: str
) -> None:
    citizen = await add_citizen(site, language=language)
    await citizen.book(session)
    page = citizen.reader
    assert page.page.status_code == 409
    opens = moment_of(page)
    assert RELEASE + timedelta(seconds=10) < opens <= RELEASE + timedelta(seconds=30)
    assert ("不用抢" if language == "zh" else "No need to rush") in page.text
    form = page.form(f"/book/{session}")
    # Before the moment the form only leads to the same page; afterwards it books.
    clock.now = opens - timedelta(seconds=1)
    await page.send(form)
    assert moment_of(page) == opens
    assert page.form(f"/book/{session}").fields["key"] == form.fields["key"]
    assert rows.all("SELECT 1 FROM booking_requests") == []
    clock.now = opens
    await page.send(page.form(f"/book/{session}"))
    assert page.path.startswith("/bookings/")
    await page.send(form)  # by the back button: the same booking
    assert page.path.startswith("/bookings/")
    assert rows.all("SELECT count(*) FROM appointments") == [(1,)]


async def test_a_script_is_told_how_long_to_wait_and_no_clock(
    site: Site, clock: Clock, session: int
) -> None:
    citizen = await add_citizen(site)
    await citizen.book(session)
    found = re.search(r'data-opens-in="(\d+)"', citizen.reader.text)
    assert found
    left = moment_of(citizen.reader) - (clock.now + timedelta(milliseconds=int(found[1])))
    assert timedelta(0) <= left < timedelta(seconds=1)
    assert "<script>" not in citizen.reader.text
    assert " style=" not in citizen.reader.text


async def test_a_second_log_in_gives_no_second_chance(site: Site, session: int) -> None:
    citizen = await add_citizen(site, patients=2)
    reader = Reader.of(site)
    await log_in(reader, citizen.account_id)
    elsewhere = Citizen(reader, citizen.account_id, citizen.patient_ids)
    await citizen.book(session)
    await elsewhere.book(session)
    assert moment_of(citizen.reader) == moment_of(elsewhere.reader)


async def test_the_page_counts_down_to_the_moment_of_the_chosen_patient(
    site: Site, session: int
) -> None:
    citizen = await add_citizen(site, patients=2)
    waits = []
    for patient in (0, 1):
        await citizen.book(session, patient=patient)
        found = re.search(r'data-opens-in="(\d+)"', citizen.reader.text)
        assert found
        waits.append(int(found[1]))
    assert waits[0] != waits[1]


@BOTH_LANGUAGES
async def test_the_api_tells_the_moment_and_the_same_key_books_then(
    site: Site, clock: Clock, session: int, language: str
) -> None:
    citizen = await add_citizen(site)
    token = await site.log_in(citizen.account_id)
    body = {"clinic_session_id": session, "patient_id": citizen.patient_ids[0]}
    headers = {"Idempotency-Key": "one", **(CHINESE if language == "zh" else ENGLISH)}

    answer = await site.post(f"{API}/appointments", token=token, headers=headers, json=body)
    detail = problem(answer, 409, "not_released")
    opens = datetime.fromisoformat(answer.json()["retry_from"])
    assert RELEASE + timedelta(seconds=10) < opens <= RELEASE + timedelta(seconds=30)
    assert re.search(r"07:00:\d\d", detail)
    clock.now = opens.astimezone(clock.now.tzinfo)
    answer = await site.post(f"{API}/appointments", token=token, headers=headers, json=body)
    assert answer.status_code == 201
