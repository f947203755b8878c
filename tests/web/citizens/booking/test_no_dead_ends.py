"""No dead end: every refusal leads on, and nothing that it offers is the same refusal again."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from html import unescape

import httpx
import psycopg
import pytest
from tests.city import Clock, open_platform
from tests.crowd import open_desk
from tests.supply import Rows
from tests.web.citizens.booking.refusals import (
    APPLYING,
    BY_SELF_SERVICE,
    CANCELLING,
    EVERYWHERE,
    OTHERS,
    REFUSALS,
    SELF_SERVICE,
    TITLES,
    Stage,
    before_own_moment,
    booking_of,
)
from tests.web.citizens.test_pages_booking import Citizen, add_citizen, add_clinic
from tests.web.site import Site

from guahao.flows.booking.desk import Desk
from guahao.rules.kernel.limits import NEW_CITY
from guahao.rules.kernel.outcomes import CancelRefusal, Refusal
from guahao.web.app import create_app


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield Rows(conn)


@pytest.fixture
def stage(site: Site, rows: Rows, clock: Clock) -> Stage:
    return Stage(site, rows, clock)


def test_every_refusal_of_the_law_is_brought_about() -> None:
    assert set(REFUSALS) == set(TITLES) == set(Refusal)


@pytest.mark.parametrize("name", [*REFUSALS, *OTHERS])
async def test_every_way_that_a_refusal_offers_leads_on(stage: Stage, name: str) -> None:
    attempt = await {**REFUSALS, **OTHERS}[name](stage)
    answer = await attempt.send()
    assert answer.status_code >= 400
    assert TITLES.get(Refusal(name), "") in answer.text if name in TITLES else True
    await follow(attempt.citizen, answer)


@pytest.mark.parametrize("name", [*REFUSALS, *OTHERS])
async def test_so_does_the_page_that_says_it_before(stage: Stage, name: str) -> None:
    attempt = await {**REFUSALS, **OTHERS}[name](stage)
    await follow(attempt.citizen, await attempt.citizen.reader.go(attempt.path))


@pytest.mark.parametrize(
    ("name", "offers_call"),
    [
        (Refusal.PATIENT_SUSPENDED, True),
        (Refusal.DAY_LIMIT, True),
        (Refusal.PERSON_UNCHECKED, True),
        (Refusal.SAME_DAY, False),
        (Refusal.SOLD_OUT, False),
    ],
)
async def test_a_call_back_is_offered_where_a_person_can_help(
    stage: Stage, name: Refusal, offers_call: bool
) -> None:
    answer = await (await REFUSALS[name](stage)).send()
    assert ("/call-back" in ways(answer)) is offers_call


def ways(answer: httpx.Response) -> list[str]:
    """The links in the middle of a page."""
    found = re.search(r'<main id="main".*?</main>', answer.text, re.DOTALL)
    assert found, answer.text
    links = re.findall(r'<a [^>]*?href="([^"#]+)', found[0])
    return [link for link in map(unescape, links) if link not in EVERYWHERE]


async def follow(citizen: Citizen, answer: httpx.Response) -> None:
    """Follow each link of the page: none may fail, and none may refuse again."""
    found = ways(answer)
    assert found, answer.text
    for way in found:
        if way.startswith("tel:"):
            continue
        then = await citizen.reader.client.get(way)
        assert then.status_code < 400, f"{way}: {then.status_code}"
        assert 'class="refused"' not in then.text, way
    for action, fields in buttons(answer):
        then = await citizen.reader.client.post(action, data=fields)
        assert then.status_code < 400, f"{action}: {then.status_code} {then.text}"


def buttons(answer: httpx.Response) -> list[tuple[str, dict[str, str]]]:
    """The forms of a refusal's page, as they would be sent; a page of a form is no refusal."""
    if answer.status_code < 400:
        return []
    main = re.search(r'<main id="main".*?</main>', answer.text, re.DOTALL)
    assert main
    return [
        (
            unescape(action),
            {
                name: unescape(value)
                for name, value in re.findall(
                    r'<input type="hidden" name="([^"]+)" value="([^"]*)"', body
                )
            },
        )
        for action, body in re.findall(
            r'<form method="post" action="([^"]+)"[^>]*>(.*?)</form>', main[0], re.DOTALL
        )
    ]


async def test_before_the_own_moment_the_button_books_when_it_has_come(
    database_url: str, rows: Rows, clock: Clock
) -> None:
    async with (
        open_platform(database_url, clock, policy=NEW_CITY) as platform,
        open_desk(platform) as desk,
    ):
        attempt = await before_own_moment(
            Stage(Site(create_app(platform, desk), platform), rows, clock)
        )
        reader = attempt.citizen.reader
        await reader.go(attempt.path)
        assert re.search(r"从09:00:\d\d起可约", reader.text)
        answer = await attempt.send()
        assert answer.status_code == 409
        [button] = buttons(answer)
        for way in ways(answer):
            assert (await reader.client.get(way)).status_code < 400, way
        clock.forward(seconds=31)
        then = await reader.client.post(button[0], data=button[1])
        assert then.url.path.startswith("/bookings/")


async def test_a_busy_desk_leads_to_the_booking_by_its_button(
    database_url: str, rows: Rows, clock: Clock
) -> None:
    session_id = add_clinic(rows).session()
    async with open_platform(database_url, clock) as platform, open_desk(platform) as desk:
        busy = Site(create_app(platform, Desk(platform, lanes=1, batch=1, queue=0)), platform)
        attempt = booking_of(await add_citizen(busy), session_id)
        answer = await attempt.send()
        assert answer.status_code == 503
        calm = await add_citizen(Site(create_app(platform, desk), platform), 2)
        calm.reader.client.cookies.clear()
        calm.reader.client.cookies.update(attempt.citizen.reader.client.cookies)
        await follow(calm, answer)


# Cancelling and applying ------------------------------------------------------------------------


@pytest.fixture
async def self_service(database_url: str, rows: Rows, clock: Clock) -> AsyncIterator[Stage]:
    async with (
        open_platform(database_url, clock, policy=SELF_SERVICE) as platform,
        open_desk(platform) as desk,
    ):
        yield Stage(Site(create_app(platform, desk), platform), rows, clock)


async def test_cancelling_by_phone_leads_on(stage: Stage) -> None:
    attempt = await CANCELLING[CancelRefusal.CANCEL_BY_PHONE](stage)
    answer = await attempt.send()
    assert answer.status_code == 403
    assert "tel:114" in ways(answer)
    await follow(attempt.citizen, answer)


@pytest.mark.parametrize("reason", BY_SELF_SERVICE)
async def test_cancelling_what_cannot_be_cancelled_leads_on(
    self_service: Stage, reason: CancelRefusal
) -> None:
    attempt = await CANCELLING[reason](self_service)
    answer = await attempt.send()
    assert answer.status_code == 409
    await follow(attempt.citizen, answer)


@pytest.mark.parametrize("status", ["no_show", "unverified", "stopped", "cancelled", "picked_up"])
async def test_a_booking_that_is_over_leads_on(stage: Stage, status: str) -> None:
    citizen = await stage.citizen()
    booking = await citizen.book(stage.session())
    await stage.set("UPDATE appointments SET status = %s", status)
    await follow(citizen, await citizen.reader.go(booking))


@pytest.mark.parametrize("name", APPLYING)
async def test_a_refused_application_leads_on(stage: Stage, name: str) -> None:
    attempt = await APPLYING[name](stage)
    answer = await attempt.send()
    assert answer.status_code >= 400
    assert "/applications" in ways(answer) or name != "applying_twice"
    # The form is to be corrected: its button waits for that.
    found = [way for way in ways(answer) if not way.startswith("tel:")]
    assert found
    for way in found:
        assert (await attempt.citizen.reader.client.get(way)).status_code < 400, way
