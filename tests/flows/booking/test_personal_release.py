"""The personal release moment at the desk: the same in every process, and nothing is stored."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta

import psycopg
import pytest
from tests.city import Clock, open_platform
from tests.crowd import Person, add_crowd, book, count, open_desk
from tests.supply import Rows, at

from guahao.flows.booking.alternatives import alternatives
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.accounts import Caller
from guahao.flows.people.patients import register_in
from guahao.rules.kernel.facts import Actor
from guahao.rules.kernel.limits import NEW_CITY, Policy
from guahao.rules.kernel.outcomes import BeforeOwnMoment, Refusal, Refused
from guahao.rules.people.identity import Document
from guahao.store.kernel.vault import Vault
from guahao.store.kernel.views import AppointmentView, PatientView

RELEASE = at("2026-11-30T07:00")
NEW, OLD = date(2026, 12, 30), date(2026, 12, 29)
MILLISECOND = timedelta(milliseconds=1)


@pytest.fixture
def clock() -> Clock:
    return Clock(RELEASE)


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock, policy=NEW_CITY) as opened:
        yield opened


@pytest.fixture
async def other(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    """Another process on the same database."""
    async with open_platform(database_url, clock, policy=NEW_CITY) as opened:
        yield opened


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield Rows(conn)


@pytest.fixture
def clinics(rows: Rows) -> tuple[int, int]:
    """A session that is released now, and one that was released yesterday."""
    hospital = rows.hospital(cycle_days=30, release_time=time(7))
    department = rows.department(hospital)
    return rows.session(hospital, department, NEW), rows.session(hospital, department, OLD)


async def answer(platform: Platform, person: Person, session_id: int, key: str = "") -> object:
    async with open_desk(platform) as desk:
        return await book(desk, person, session_id, key)


async def own_moment(platform: Platform, person: Person, session_id: int) -> datetime:
    refused = await answer(platform, person, session_id)
    assert isinstance(refused, BeforeOwnMoment), refused
    assert refused.retry_from is not None
    return refused.retry_from


async def test_every_process_tells_a_person_the_same_moment_and_the_same_key_books_then(
    platform: Platform, other: Platform, clock: Clock, clinics: tuple[int, int]
) -> None:
    new, _ = clinics
    crowd = await add_crowd(platform, 5)
    moments = {}
    for person in crowd:
        opens = moments[person] = await own_moment(platform, person, new)
        assert timedelta(seconds=10) < opens - RELEASE <= timedelta(seconds=30)
        assert await own_moment(other, person, new) == opens
    assert len(set(moments.values())) == len(crowd)
    assert await count(platform, "booking_requests") == 0
    for person, opens in sorted(moments.items(), key=lambda item: item[1]):
        clock.now = opens - MILLISECOND
        assert await own_moment(other, person, new) == opens
        clock.now = opens
        assert isinstance(await answer(platform, person, new), AppointmentView)
    assert await count(platform, "booking_requests") == len(crowd)


async def test_asking_again_before_the_moment_is_answered_without_the_database(
    platform: Platform, clock: Clock, clinics: tuple[int, int], rows: Rows
) -> None:
    [person] = await add_crowd(platform, 1)
    caller = Caller("203.0.113.7", limited=True)

    async with open_desk(platform) as desk:

        async def ask(session: int, patient_id: int = person.patient_id) -> object:
            key = f"key-{patient_id}"
            return await desk.book(person.actor, key, patient_id, session, "web", caller)

        first = await ask(clinics[0])
        assert isinstance(first, BeforeOwnMoment)
        assert first.retry_from is not None
        # From here on the desk would refuse the session, if it were asked.
        rows.conn.execute("UPDATE clinic_sessions SET stopped_at = now()")
        assert await ask(clinics[0]) == first
        clock.now = first.retry_from - MILLISECOND
        assert await ask(clinics[0]) == first
        assert await ask(clinics[0], person.patient_id + 1) == Refused(Refusal.NOT_YOUR_PATIENT)
        clock.now = first.retry_from
        assert await ask(clinics[0]) == Refused(Refusal.SESSION_STOPPED)


async def test_what_was_released_before_is_booked_at_once(
    platform: Platform, clinics: tuple[int, int]
) -> None:
    [person] = await add_crowd(platform, 1)
    assert isinstance(await answer(platform, person, clinics[1]), AppointmentView)


async def test_a_person_keeps_the_moment_on_another_account_and_in_a_new_registration(
    platform: Platform, rows: Rows, clinics: tuple[int, int]
) -> None:
    """Or a scalper would try several accounts and keep the earliest."""
    person, buyer, scalper = await add_crowd(platform, 3)
    opens = await own_moment(platform, person, clinics[0])
    rows.conn.execute("UPDATE patients SET phone_slot = 2 WHERE id = %s", (buyer.patient_id,))
    rows.conn.execute(
        "UPDATE patients SET account_id = %s WHERE id = %s", (buyer.account_id, person.patient_id)
    )
    moved = replace(person, account_id=buyer.account_id)
    assert await own_moment(platform, moved, clinics[0]) == opens
    async with platform.db.transaction() as tx:
        document = Document("03", person.id_no.lower())  # the same passport
        again = await register_in(
            tx, platform, scalper.account_id, "测试人", document, in_hand=True
        )
    assert isinstance(again, PatientView)
    assert again.id != person.patient_id
    displaced = replace(person, account_id=scalper.account_id, patient_id=again.id)
    assert await own_moment(platform, displaced, clinics[0]) == opens
    assert rows.all("SELECT count(*) FROM patients WHERE displaced_at IS NOT NULL") == [(1,)]


async def test_two_patients_of_an_account_have_two_moments(
    platform: Platform, rows: Rows, clinics: tuple[int, int]
) -> None:
    parent, child = await add_crowd(platform, 2)
    rows.conn.execute(
        "UPDATE patients SET account_id = %s, phone_slot = 2 WHERE id = %s",
        (parent.account_id, child.patient_id),
    )
    child = replace(child, account_id=parent.account_id)
    assert await own_moment(platform, parent, clinics[0]) != (
        await own_moment(platform, child, clinics[0])
    )


async def test_staff_get_the_moment_of_the_caller(
    platform: Platform, clinics: tuple[int, int]
) -> None:
    [person] = await add_crowd(platform, 1)
    opens = await own_moment(platform, person, clinics[0])
    async with open_desk(platform) as desk:
        agent = Actor("staff", 1)
        refused = await desk.book(agent, "key", person.patient_id, clinics[0], "phone")
    assert refused == BeforeOwnMoment(retry_from=opens)


async def test_only_what_the_desk_would_accept_is_offered_instead(
    platform: Platform, clock: Clock, clinics: tuple[int, int]
) -> None:
    new, old = clinics
    [person] = await add_crowd(platform, 1)
    opens = await own_moment(platform, person, new)

    async def offered() -> list[int]:
        found = await alternatives(platform, person.account_id, person.patient_id, old)
        return [session.id for session in found]

    assert await offered() == []
    clock.now = opens
    assert await offered() == [new]


async def test_a_city_that_worked_before_goes_on_without_until_it_decides(
    database_url: str, clock: Clock, rows: Rows, clinics: tuple[int, int]
) -> None:
    rows.conn.execute("UPDATE policy_days SET begun_fair = false")
    async with open_platform(database_url, clock, policy=NEW_CITY) as platform:
        [person] = await add_crowd(platform, 1)
        assert isinstance(await answer(platform, person, clinics[0]), AppointmentView)
        assert platform.policy_today == Policy(draw_returned_places=False)


def test_each_hospital_and_day_has_a_release_key_that_processes_share() -> None:
    first, second = Vault("one and the same secret key"), Vault("one and the same secret key")
    keys = {first.release_key(hospital, day) for hospital in (1, 2, 11) for day in (NEW, OLD)}
    assert len(keys) == 6
    assert first.release_key(1, NEW) == second.release_key(1, NEW)
    assert first.release_key(1, NEW) != Vault("another key").release_key(1, NEW)


def test_during_a_rotation_the_moments_are_those_of_the_current_key() -> None:
    rotating = Vault("the new secret key", ["the old secret key"])
    assert rotating.release_key(1, NEW) == Vault("the new secret key").release_key(1, NEW)
