"""What asks for places too fast is answered before its token and body are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.city import Clock, open_platform
from tests.crowd import open_desk
from tests.web.site import API, CHINESE, Site, add_citizen, problem

from guahao.flows.booking.velocity import GATE_BURST, GATE_SECONDS
from guahao.flows.kernel.rates import share_rates
from guahao.flows.people.logins import Device, log_in_bound
from guahao.web.app import create_app
from guahao.web.fhir import PREFIX

BOOK = f"{API}/appointments"
NO_KEY = 400  # what a request without an idempotency key is answered, once it is read


@pytest.fixture
async def other(database_url: str, clock: Clock) -> AsyncIterator[Site]:
    """Another process on the same database."""
    async with open_platform(database_url, clock) as platform, open_desk(platform) as desk:
        yield Site(create_app(platform, desk), platform)


async def knock(site: Site, token: str, **more: Any) -> int:
    """Ask for a place; the status of the answer."""
    return (await site.post(BOOK, token=token, **more)).status_code


async def test_ten_at_once_and_then_at_most_two_a_second(closed_site: Site, clock: Clock) -> None:
    token = closed_site.token(1)
    assert [await knock(closed_site, token) for _ in range(GATE_BURST)] == [NO_KEY] * GATE_BURST
    assert await knock(closed_site, token) == 429
    passed = 0
    for _ in range(200):  # for twenty seconds, ten a second
        clock.forward(seconds=0.1)
        passed += await knock(closed_site, token) != 429
    assert 25 <= passed <= 40


async def test_the_database_is_not_asked_and_neither_token_nor_body_is_read(
    closed_site: Site,
) -> None:
    """The platform is closed: whatever asks its database or its desk is not answered 429."""
    token = closed_site.token(1)
    headers = {"Idempotency-Key": "k", **CHINESE}
    body = {"clinic_session_id": 1, "patient_id": 1}
    asked = [
        await closed_site.post(BOOK, token=token, headers=headers, json=body)
        for _ in range(GATE_BURST + 1)
    ]
    assert [answer.status_code for answer in asked] == [503] * GATE_BURST + [429]
    assert "频繁" in problem(asked[-1], 429, "too_many_requests")
    assert int(asked[-1].headers["retry-after"]) >= 1
    for nonsense in ("not a token", "eyJ.eyJ.x"):
        statuses = [await knock(closed_site, nonsense) for _ in range(GATE_BURST + 1)]
        assert statuses == [401] * GATE_BURST + [429]


async def test_others_are_let_through_and_so_is_reading(closed_site: Site) -> None:
    for _ in range(GATE_BURST + 1):
        await knock(closed_site, closed_site.token(1))
    assert await knock(closed_site, closed_site.token(2)) == NO_KEY
    assert (await closed_site.get("/static/again.js", token=closed_site.token(1))).is_success


@pytest.mark.parametrize(
    "path",
    [
        *("/book/1", "/book//1", f"{PREFIX}/Appointment", f"{BOOK}/lookup"),
        *("/api//v1/appointments", f"{BOOK}/1/reschedule", "/bookings/1/reschedule"),
    ],
)
async def test_every_way_to_a_place_has_the_gate(closed_site: Site, path: str) -> None:
    sent: dict[str, Any] = {"headers": {"Cookie": f"session={closed_site.token(1)}"}}
    if not path.startswith("/book"):
        sent = {"token": closed_site.token(1)}
    statuses = [(await closed_site.post(path, **sent)).status_code for _ in range(GATE_BURST + 1)]
    assert {404, 405, 429}.isdisjoint(statuses[:-1])
    assert statuses[-1] == 429


async def test_processes_share_what_a_token_has_spent(site: Site, other: Site) -> None:
    """A process learns of the others when it shares its own, so that a few more may pass."""
    token, passed = site.token(1), 0
    for _ in range(GATE_BURST):
        for process in (site, other):
            passed += await knock(process, token) != 429
            await share_rates(process.platform)
    assert GATE_BURST <= passed <= GATE_BURST + 2


async def test_control_processes_that_share_nothing_let_twice_as_many_through(
    site: Site, other: Site
) -> None:
    token = site.token(1)
    statuses = [await knock(process, token) for process in (site, other) for _ in range(GATE_BURST)]
    assert 429 not in statuses


async def test_many_tokens_of_an_account_have_what_one_has(site: Site, other: Site) -> None:
    citizen = await add_citizen(site)
    tokens = [citizen.token]
    for _ in range(2 * GATE_BURST):
        begun = await log_in_bound(site.platform, citizen.account_id, Device("test"))
        tokens.append(site.token(citizen.account_id, begun.login_id))
    body = {"clinic_session_id": 10**12, "patient_id": citizen.patient_id}
    codes = Counter[str]()
    for number, token in enumerate(tokens):
        process = (site, other)[number % 2]
        headers = {"Idempotency-Key": f"key-{number}"}
        answer = await process.post(BOOK, token=token, headers=headers, json=body)
        codes[answer.json()["code"]] += 1
        await share_rates(process.platform)
    assert codes.keys() == {"unknown_session", "too_many_bookings"}
    assert GATE_BURST <= codes["unknown_session"] <= GATE_BURST + 2


async def test_who_comes_again_when_told_is_let_through(closed_site: Site, clock: Clock) -> None:
    token = closed_site.token(1)
    for _ in range(GATE_BURST):
        await knock(closed_site, token)
    refused = await closed_site.post(BOOK, token=token)
    clock.forward(seconds=int(refused.headers["retry-after"]))
    assert int(refused.headers["retry-after"]) <= 2 * GATE_SECONDS
    assert await knock(closed_site, token) == NO_KEY
