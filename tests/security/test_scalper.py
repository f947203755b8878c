"""A scalper at work: many phones from one address, and requests that make no sense."""

from __future__ import annotations

from tests.city import Clock, add_account, ask, resident_id
from tests.crowd import add_clinic
from tests.web.site import API, ENGLISH, Citizen, Site, add_citizen, problem

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
    assert len(booked) <= site.platform.settings.bookings_per_address_minute
    refused = next(answer for answer in answers if answer.status_code == 429)
    detail = problem(refused, 429, "too_many_bookings")
    assert refused.headers["retry-after"] in detail


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
    for _ in range(site.platform.settings.bookings_per_account_minute):
        await site.book(citizen, 10**12)
    refused = await site.book(citizen, 10**12, headers=ENGLISH)
    assert "nothing was booked" in problem(refused, 429, "too_many_bookings")
    clock.forward(seconds=int(refused.headers["retry-after"]))
    assert (await site.book(citizen, 10**12)).status_code == 404
