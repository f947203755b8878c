"""Replacement places through the API: listed, accepted, declined; never another account's."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.city import Clock, ask, change
from tests.flows.supply.replaced import Replaced, stop_clinic
from tests.supply import at
from tests.web.site import API, CHINESE, ENGLISH, Citizen, Site, add_citizen, booked, problem

LISTED = f"{API}/replacements"


async def offered(site: Site, number: int = 1) -> tuple[Citizen, int, Replaced]:
    """A patient whose clinic was stopped and who is offered a place; the stopped booking."""
    citizen = await add_citizen(site, number)
    booking = await booked(site, citizen)
    stopped = await stop_clinic(site.platform, booking["clinic_session_id"])
    await stopped.offer()
    return citizen, booking["id"], stopped


async def items(site: Site, citizen: Citizen) -> list[dict[str, Any]]:
    answer = await site.get(LISTED, token=citizen.token)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def say(
    site: Site, citizen: Citizen, id: int | str, word: str, **more: Any
) -> httpx.Response:
    path = f"{API}/appointments/{id}/replacement/{word}"
    return await site.post(path, token=citizen.token, **more)


async def test_an_offer_is_listed_with_its_session_and_accepted_once(site: Site) -> None:
    citizen, id, stopped = await offered(site)
    [offer] = await items(site, citizen)
    assert (offer["appointment_id"], offer["state"]) == (id, "open")
    assert offer["clinic_session_id"] == stopped.session_id
    assert offer["accept_until"] == "2026-12-04T18:00:00+08:00"
    assert (offer["visit_date"], offer["starts_at"]) == ("2026-12-10", "08:30")
    answers = [await say(site, citizen, id, "accept") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    first, again = (answer.json() for answer in answers)
    assert first == again
    assert (first["status"], first["channel"]) == ("booked", "api")
    assert first["clinic_session_id"] == stopped.session_id
    assert [offer["state"] for offer in await items(site, citizen)] == ["accepted"]
    problem(await say(site, citizen, id, "decline"), 409, "replacement_accepted")


async def test_a_declined_place_returns_and_stays_declined(site: Site) -> None:
    citizen, id, stopped = await offered(site)
    for _ in range(2):
        answer = await say(site, citizen, id, "decline")
        assert (answer.status_code, answer.json()["state"]) == (200, "declined")
    for language in (CHINESE, ENGLISH):
        refused = await say(site, citizen, id, "accept", headers=language)
        problem(refused, 409, "replacement_declined")
    reserved = "SELECT reserved FROM clinic_sessions WHERE id = %s"
    assert await ask(site.platform, reserved, stopped.session_id) == [(0,)]


async def test_an_offer_that_nobody_accepted_in_time_has_lapsed(site: Site, clock: Clock) -> None:
    citizen, id, _ = await offered(site)
    clock.now = at("2026-12-04T18:00")
    citizen = Citizen(citizen.account_id, citizen.patient_id, await site.log_in(citizen.account_id))
    assert [offer["state"] for offer in await items(site, citizen)] == ["lapsed"]
    problem(await say(site, citizen, id, "accept"), 409, "replacement_lapsed")


async def test_the_rules_about_the_person_hold(site: Site) -> None:
    citizen, id, _ = await offered(site)
    await change(site.platform, "UPDATE patients SET suspended_until = '2027-03-01'")
    problem(await say(site, citizen, id, "accept"), 409, "patient_suspended")


@pytest.mark.parametrize("word", ["accept", "decline"])
async def test_another_accounts_offer_is_unknown(site: Site, word: str) -> None:
    _, id, _ = await offered(site)
    stranger = await add_citizen(site, 2)
    assert await items(site, stranger) == []
    for given in (id, 999_999, "x"):
        problem(await say(site, stranger, given, word), 404, "unknown_replacement")
    rows = await ask(site.platform, "SELECT state FROM replacement_offers")
    assert rows == [("open",)]


async def test_a_token_is_required(site: Site) -> None:
    _, id, _ = await offered(site)
    problem(await site.get(LISTED), 401, "token_required")
    path = f"{API}/appointments/{id}/replacement/accept"
    problem(await site.post(path), 401, "token_required")
