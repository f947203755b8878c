"""A scalper at work: many phones from one address, and requests that make no sense."""

from __future__ import annotations

import asyncio
from collections import Counter

from tests.city import Clock, add_account, ask, resident_id
from tests.crowd import add_clinic
from tests.web.site import API, ENGLISH, Citizen, Site, add_citizen, problem

from guahao.flows.booking.velocity import GATE_BURST, GATE_SECONDS

ADDRESS = "198.51.100.7"
PHONES = 20
DEPARTMENTS = 5  # as many bookings as a person may have


async def register(site: Site, account_id: int, number: int, address: str) -> int | None:
    """The id of the patient, or None where the address registers too many."""
    answer = await site.post(
        f"{API}/patients",
        token=await site.log_in(account_id),
        json={"name": "王伟", "id_type": "01", "id_no": resident_id(number)},
        address=address,
    )
    if answer.status_code == 429:
        problem(answer, 429, "too_many_registrations")
        assert int(answer.headers["retry-after"]) > 0
        return None
    assert answer.status_code == 201, answer.text
    patient_id: int = answer.json()["id"]
    return patient_id


async def test_twenty_phones_of_one_address_do_not_take_two_hundred_places(site: Site) -> None:
    sessions = [
        session
        for _ in range(DEPARTMENTS)
        for session in await add_clinic(site.platform, capacity=1000)
    ]
    citizens = []
    for phone in range(PHONES):
        account_id = await add_account(site.platform, phone)
        for place in range(2):
            patient_id = await register(site, account_id, 2 * phone + place, ADDRESS)
            if patient_id is not None:
                citizens.append(Citizen(account_id, patient_id, await site.log_in(account_id)))
    assert len(citizens) == site.platform.settings.registrations_per_address_hour
    answers = [
        await site.book(citizen, session, address=ADDRESS)
        for citizen in citizens
        for session in sessions
    ]
    booked = [answer for answer in answers if answer.status_code == 201]
    assert len(booked) == site.platform.settings.places_per_address_10_minutes < len(answers) / 3
    refused = next(answer for answer in answers if answer.status_code == 429)
    detail = problem(refused, 429, "too_many_bookings")
    assert refused.headers["retry-after"] in detail


async def test_two_hundred_requests_at_once_pass_no_limit_of_places(site: Site) -> None:
    most = site.platform.settings.places_per_address_10_minutes
    sessions = [
        session
        for _ in range(DEPARTMENTS)
        for session in await add_clinic(site.platform, capacity=1000)
    ]
    citizens = [await add_citizen(site, number) for number in range(most // 2)]
    answers = await asyncio.gather(
        *(
            site.book(citizen, session, address=ADDRESS)
            for citizen in citizens
            for session in sessions
        )
    )
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses[201] <= most < len(answers)
    assert statuses[429] > 0


async def test_a_gateway_of_a_mobile_provider_may_try_as_often_as_its_people_do(
    site: Site,
) -> None:
    [sold_out] = await add_clinic(site.platform, capacity=1)
    [free] = await add_clinic(site.platform, capacity=100)
    first = await add_citizen(site, 0)
    assert (await site.book(first, sold_out)).status_code == 201
    neighbours = [await add_citizen(site, number) for number in range(1, 21)]
    refused = [
        (await site.book(citizen, sold_out, address=ADDRESS)).json()["code"]
        for citizen in neighbours
        for _ in range(5)
    ]
    assert refused == ["sold_out"] * 100
    booked = [await site.book(citizen, free, address=ADDRESS) for citizen in neighbours]
    assert [answer.status_code for answer in booked] == [201] * 20


async def test_nonsense_is_not_stored_without_limit(site: Site, clock: Clock) -> None:
    citizen = await add_citizen(site)
    unknown_session = 10**12
    statuses = []
    for _ in range(6):
        statuses += [(await site.book(citizen, unknown_session)).status_code for _ in range(50)]
        clock.forward(minutes=2)
    assert set(statuses) == {404, 429}
    [[stored]] = await ask(site.platform, "SELECT count(*) FROM booking_requests")
    assert stored == statuses.count(404) <= site.platform.settings.bookings_per_account_hour


async def test_a_throttled_account_is_told_in_its_language_and_may_come_again(
    site: Site, clock: Clock
) -> None:
    citizen = await add_citizen(site)
    for number in range(site.platform.settings.bookings_per_account_minute):
        if number % GATE_BURST == 0:
            clock.forward(seconds=2 * GATE_SECONDS)
        await site.book(citizen, 10**12)
    clock.forward(seconds=2 * GATE_SECONDS)
    refused = await site.book(citizen, 10**12, headers=ENGLISH)
    assert "nothing was booked" in problem(refused, 429, "too_many_bookings")
    clock.forward(seconds=int(refused.headers["retry-after"]))
    assert (await site.book(citizen, 10**12)).status_code == 404
