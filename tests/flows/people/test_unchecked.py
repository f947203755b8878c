"""What persons may book whose real name nobody has checked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, datetime

import pytest
from tests.city import Clock, add_account, add_patient, add_session, ask, open_platform, resident_id
from tests.crowd import open_desk, pick_up

from guahao.flows.booking.alternatives import alternatives
from guahao.flows.kernel.platform import Platform
from guahao.identity_check.gateway import NoVerifier, Verdict
from guahao.rules.kernel.facts import Actor
from guahao.rules.kernel.limits import CITY_TIME
from guahao.rules.kernel.outcomes import Refusal, Refused
from guahao.rules.people.identity import Document
from guahao.store.kernel.views import AppointmentView


class SilentAuthority:
    """A verifier that is configured and knows nobody."""

    name = "silent"

    async def check(self, person_name: str, document: Document) -> Verdict:  # noqa: ARG002
        return Verdict.UNKNOWN


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as platform:
        yield replace(platform, verifier=SilentAuthority())


UNCHECKED = Refused(Refusal.PERSON_UNCHECKED)


async def book(platform: Platform, account_id: int, patient_id: int, session_id: int) -> object:
    async with open_desk(platform) as desk:
        key = f"{patient_id}-{session_id}"
        return await desk.book(Actor("account", account_id), key, patient_id, session_id, "api")


async def execute(platform: Platform, statement: str) -> None:
    async with platform.db.transaction() as tx:
        await tx.do(statement)


async def test_an_unchecked_person_has_one_live_booking_until_a_pick_up(
    platform: Platform, clock: Clock
) -> None:
    owner = await add_account(platform)
    patient = await add_patient(platform, owner)
    first, second = await add_session(platform), await add_session(platform)
    booked = await book(platform, owner, patient.id, first)
    assert isinstance(booked, AppointmentView)
    assert await book(platform, owner, patient.id, second) == UNCHECKED
    clock.now = datetime(2026, 12, 3, 8, 0, tzinfo=CITY_TIME)
    picked = await pick_up(platform, booked.session.hospital_id, booked.code, resident_id(1))
    assert isinstance(picked, AppointmentView)
    later = await add_session(platform, date(2026, 12, 20))
    assert isinstance(await book(platform, owner, patient.id, later), AppointmentView)
    more = await add_session(platform, date(2026, 12, 29))
    assert isinstance(await book(platform, owner, patient.id, more), AppointmentView)


async def test_two_requests_of_one_batch_are_one_live_booking(platform: Platform) -> None:
    owner = await add_account(platform)
    patient = await add_patient(platform, owner)
    ids = [await add_session(platform) for _ in range(6)]
    answers = await asyncio.gather(*(book(platform, owner, patient.id, id) for id in ids))
    assert sum(isinstance(answer, AppointmentView) for answer in answers) == 1
    assert answers.count(UNCHECKED) == 5


async def test_no_renowned_specialist_for_the_unchecked(platform: Platform) -> None:
    owner = await add_account(platform)
    patient = await add_patient(platform, owner)
    expert = await add_session(platform)
    await execute(platform, "UPDATE clinic_sessions SET title = '知名专家'")
    assert await book(platform, owner, patient.id, expert) == UNCHECKED
    # What is offered instead is what this person may book.
    assert await alternatives(platform, owner, patient.id, expert) == []
    await execute(
        platform,
        "UPDATE patients SET checked_at = '2026-11-01 08:00+08', checked_by = 'staff'",
    )
    unlimited = await add_session(platform)
    await execute(platform, "UPDATE clinic_sessions SET title = '知名专家'")
    assert isinstance(await book(platform, owner, patient.id, unlimited), AppointmentView)


async def test_where_nobody_checks_names_nobody_is_limited(platform: Platform) -> None:
    unchecking = replace(platform, verifier=NoVerifier())
    owner = await add_account(platform)
    patient = await add_patient(platform, owner)
    for _ in range(2):
        session_id = await add_session(platform)
        assert isinstance(await book(unchecking, owner, patient.id, session_id), AppointmentView)


async def test_a_hospital_asks_for_checked_persons_only_whatever_the_verifier(
    platform: Platform,
) -> None:
    owner = await add_account(platform)
    patient = await add_patient(platform, owner)
    session_id = await add_session(platform)
    await execute(platform, "UPDATE hospitals SET checked_only = true")
    answer = await book(replace(platform, verifier=NoVerifier()), owner, patient.id, session_id)
    assert answer == UNCHECKED
    [(outcome,)] = await ask(platform, "SELECT outcome FROM booking_requests")
    assert outcome == "person_unchecked"
