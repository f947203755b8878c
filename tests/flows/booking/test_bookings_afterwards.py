"""What becomes of a booking: looked up, cancelled, picked up, void (S9-S16)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest
from tests.city import LOOPBACK, THURSDAY, Clock, ask, cancel_for_caller, change, open_platform
from tests.crowd import Person, add_clinic, add_crowd, book, booked, count, open_desk, pick_up

from guahao.flows.attendance.penalties import retire_codes, sweep
from guahao.flows.attendance.pickup import report_attendance
from guahao.flows.booking.appointments import list_appointments, look_up, own_appointment
from guahao.flows.booking.cancelling import NotCancelled, cancel
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.accounts import Caller
from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.outcomes import CancelRefusal, PickupRefusal, Refusal, Refused, Throttled
from guahao.settings import Settings
from guahao.store.kernel.views import AppointmentView

SELF_SERVICE = Policy(cancel_channels=frozenset({"agent", "patient"}))
STRANGER = Caller("203.0.113.9", limited=True)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock, policy=SELF_SERVICE) as platform:
        yield platform


async def one_booking(platform: Platform) -> tuple[Person, AppointmentView]:
    [session_id] = await add_clinic(platform)
    [person] = await add_crowd(platform, 1)
    return person, await booked(platform, person, session_id)


async def status(platform: Platform, appointment_id: int) -> str:
    rows = await ask(platform, "SELECT status FROM appointments WHERE id = %s", appointment_id)
    return str(rows[0][0])


# Looking up ---------------------------------------------------------------------------------


async def test_code_and_document_together_find_the_booking(platform: Platform) -> None:
    person, booking = await one_booking(platform)
    found = await look_up(platform, booking.code, f" {person.id_no.lower()}", LOOPBACK)
    assert isinstance(found, AppointmentView)
    assert found.id == booking.id


async def test_a_code_with_another_document_finds_nothing_and_is_counted(
    platform: Platform,
) -> None:
    person, booking = await one_booking(platform)
    for _ in range(5):
        assert await look_up(platform, booking.code, "E99999999", LOOPBACK) is None
    locked = await look_up(platform, booking.code, person.id_no, LOOPBACK)
    assert isinstance(locked, Throttled)


async def test_a_code_that_nobody_has_locks_alike(platform: Platform) -> None:
    answers = [await look_up(platform, "00000000", "E99999999", LOOPBACK) for _ in range(6)]
    assert answers[:5] == [None] * 5
    assert isinstance(answers[5], Throttled)


async def test_right_look_ups_are_never_throttled(platform: Platform) -> None:
    person, booking = await one_booking(platform)
    for _ in range(30):
        assert await look_up(platform, booking.code, person.id_no, STRANGER) is not None


async def test_a_caller_who_guesses_is_stopped_and_so_is_the_sum_of_all(
    database_url: str, clock: Clock
) -> None:
    settings = Settings(lookups_per_caller_hour=3, lookups_total_minute=8)
    async with open_platform(database_url, clock, settings=settings) as platform:
        guesses = [await look_up(platform, f"{n:08d}", "E1", STRANGER) for n in range(4)]
        assert [type(guess).__name__ for guess in guesses] == [*["NoneType"] * 3, "Throttled"]
        others = [
            await look_up(platform, f"9{n:07d}", "E1", Caller(f"198.51.100.{n}", limited=True))
            for n in range(6)
        ]
        assert isinstance(others[-1], Throttled)


async def test_parallel_guesses_get_no_more_tries_than_single_ones(platform: Platform) -> None:
    _, booking = await one_booking(platform)
    answers = await asyncio.gather(
        *(look_up(platform, booking.code, f"E1{n:07d}", LOOPBACK) for n in range(20))
    )
    assert sum(answer is None for answer in answers) == 5


async def test_one_account_sees_its_own_bookings_only(platform: Platform) -> None:
    person, booking = await one_booking(platform)
    [other] = await add_crowd(platform, 1)
    own = await own_appointment(platform, person.account_id, booking.id)
    assert own is not None
    assert (own.code, own.patient.id_no) == (booking.code, person.id_no)
    assert await own_appointment(platform, other.account_id, booking.id) is None
    assert await list_appointments(platform, other.account_id, "current") == []
    current = await list_appointments(platform, person.account_id, "current")
    assert [a.id for a in current] == [booking.id]
    assert await list_appointments(platform, person.account_id, "history") == []
    await cancel(platform, person.account_id, booking.id)
    assert await list_appointments(platform, person.account_id, "current") == []
    history = await list_appointments(platform, person.account_id, "history")
    assert [(a.id, a.status) for a in history] == [(booking.id, "cancelled")]


# Cancelling ---------------------------------------------------------------------------------


async def test_cancelling_gives_place_and_limit_back_and_tells(platform: Platform) -> None:
    person, booking = await one_booking(platform)
    cancelled = await cancel(platform, person.account_id, booking.id)
    assert isinstance(cancelled, AppointmentView)
    assert cancelled.status == "cancelled"
    assert await ask(platform, "SELECT booked FROM clinic_sessions") == [(0,)]
    assert await count(platform, "messages", "kind = 'cancelled'") == 1
    async with open_desk(platform) as desk:
        again = await book(desk, person, booking.session.id, "again")
    assert isinstance(again, AppointmentView)


async def test_cancelling_twice_at_once_gives_one_place_back(platform: Platform) -> None:
    person, booking = await one_booking(platform)
    answers = await asyncio.gather(
        *(cancel(platform, person.account_id, booking.id) for _ in range(5))
    )
    assert sum(isinstance(answer, AppointmentView) for answer in answers) == 1
    refused = [answer.reason for answer in answers if isinstance(answer, NotCancelled)]
    assert refused == [CancelRefusal.NOT_CANCELLABLE] * 4
    assert await ask(platform, "SELECT booked FROM clinic_sessions") == [(0,)]


def _of(outcome: AppointmentView | NotCancelled) -> tuple[CancelRefusal, int]:
    """Return the reason of a refusal, and the id of the booking that it holds."""
    assert isinstance(outcome, NotCancelled)
    assert outcome.booking is not None
    return outcome.reason, outcome.booking.id


async def test_after_the_deadline_nobody_cancels(platform: Platform, clock: Clock) -> None:
    person, booking = await one_booking(platform)
    clock.now = clock.now.replace(month=12, day=2, hour=15)
    refused = await cancel(platform, person.account_id, booking.id)
    assert _of(refused) == (CancelRefusal.CANCEL_TOO_LATE, booking.id)
    assert await cancel_for_caller(platform, booking.id) is CancelRefusal.CANCEL_TOO_LATE


async def test_another_accounts_booking_cannot_be_cancelled(platform: Platform) -> None:
    _, booking = await one_booking(platform)
    [other] = await add_crowd(platform, 1)
    refused = await cancel(platform, other.account_id, booking.id)
    assert refused == NotCancelled(CancelRefusal.UNKNOWN)
    assert await status(platform, booking.id) == "booked"


async def test_by_default_the_hotline_alone_cancels(database_url: str, clock: Clock) -> None:
    async with open_platform(database_url, clock) as platform:
        person, booking = await one_booking(platform)
        refused = await cancel(platform, person.account_id, booking.id)
        assert _of(refused) == (CancelRefusal.CANCEL_BY_PHONE, booking.id)
        assert isinstance(await cancel_for_caller(platform, booking.id), AppointmentView)


async def test_booking_and_cancelling_at_once_keep_the_counter_true(platform: Platform) -> None:
    [session_id] = await add_clinic(platform, capacity=10)
    crowd = await add_crowd(platform, 30)

    async def come_and_go(person: Person) -> None:
        answer = await book(desk, person, session_id)
        if isinstance(answer, AppointmentView):
            await cancel(platform, person.account_id, answer.id)

    async with open_desk(platform) as desk:
        await asyncio.gather(*(come_and_go(person) for person in crowd))
    assert await ask(platform, "SELECT booked FROM clinic_sessions") == [(0,)]
    assert await count(platform, "appointments", "status <> 'cancelled'") == 0


# Pick-up ------------------------------------------------------------------------------------


async def test_each_reason_why_no_number_is_handed_out(platform: Platform, clock: Clock) -> None:
    person, booking = await one_booking(platform)
    hospital_id, code = booking.session.hospital_id, booking.code

    async def at_the_window(id_no: str = person.id_no, hospital: int = hospital_id) -> object:
        return await pick_up(platform, hospital, code, id_no)

    assert await at_the_window(id_no="E99999999") == PickupRefusal.WRONG_PERSON
    assert await pick_up(platform, hospital_id, "99999999", person.id_no) == (
        PickupRefusal.WRONG_PERSON
    )
    assert await at_the_window(hospital=hospital_id + 1) == PickupRefusal.WRONG_HOSPITAL
    assert await at_the_window() == PickupRefusal.WRONG_DAY
    clock.now = clock.now.replace(month=12, day=3, hour=11, minute=30)
    assert await at_the_window() == PickupRefusal.TOO_LATE
    clock.now = clock.now.replace(hour=11, minute=29)
    taken = await at_the_window()
    assert isinstance(taken, AppointmentView)
    assert taken.status == "picked_up"
    assert await at_the_window() == PickupRefusal.ALREADY_PICKED_UP


# Void, no-show, suspension ------------------------------------------------------------------


async def test_nothing_is_void_before_its_deadline(platform: Platform, clock: Clock) -> None:
    _, booking = await one_booking(platform)
    clock.now = clock.now.replace(month=12, day=3, hour=11, minute=29)
    assert await sweep(platform) == 0
    assert await status(platform, booking.id) == "booked"


async def test_without_known_attendance_the_void_punishes_nobody(
    platform: Platform, clock: Clock
) -> None:
    _, booking = await one_booking(platform)
    clock.now = clock.now.replace(month=12, day=3, hour=11, minute=30)
    assert await sweep(platform) == 1
    assert await status(platform, booking.id) == "unverified"
    assert await count(platform, "messages", "kind = 'no_show'") == 0
    assert await ask(platform, "SELECT booked FROM clinic_sessions") == [(1,)]


async def test_one_pick_up_at_the_hospital_makes_the_others_no_shows(
    platform: Platform, clock: Clock
) -> None:
    [session_id] = await add_clinic(platform)
    came, missed = await add_crowd(platform, 2)
    there = await booked(platform, came, session_id)
    away = await booked(platform, missed, session_id)
    clock.now = clock.now.replace(month=12, day=3, hour=8)
    await pick_up(platform, there.session.hospital_id, there.code, came.id_no)
    clock.now = clock.now.replace(hour=12)
    assert sorted(await asyncio.gather(sweep(platform), sweep(platform))) == [0, 1]
    assert await sweep(platform) == 0
    assert await status(platform, there.id) == "picked_up"
    assert await status(platform, away.id) == "no_show"
    assert await count(platform, "messages", "kind = 'no_show'") == 1


async def test_the_third_no_show_of_a_year_suspends_until_three_months_later(
    platform: Platform, clock: Clock
) -> None:
    [person] = await add_crowd(platform, 1)
    for days in (3, 10, 17):
        visit = clock.now.date() + timedelta(days=days)
        [session_id] = await add_clinic(platform, [visit])
        await booked(platform, person, session_id)
    await change(platform, "UPDATE clinic_sessions SET attendance_known_at = now()")
    clock.forward(days=20)
    await sweep(platform)
    [(until,)] = await ask(platform, "SELECT suspended_until FROM patients")
    assert until == date(2027, 3, 17)
    assert await count(platform, "messages", "kind = 'suspended'") == 1
    [session_id] = await add_clinic(platform, [date(2027, 1, 8)])
    async with open_desk(platform) as desk:
        refused = await book(desk, person, session_id)
    assert isinstance(refused, Refused)
    assert refused.reason == Refusal.PATIENT_SUSPENDED
    assert refused.retry_from is not None
    assert refused.retry_from.date() == until


async def test_a_hospital_confirms_what_was_unverified(platform: Platform, clock: Clock) -> None:
    [session_id] = await add_clinic(platform)
    came, missed = await add_crowd(platform, 2)
    there, away = [await booked(platform, p, session_id) for p in (came, missed)]
    clock.forward(days=4)
    assert await sweep(platform) == 2
    assert await report_attendance(platform, [there.id], [away.id]) == 1
    assert await status(platform, there.id) == "picked_up"
    assert await status(platform, away.id) == "no_show"
    assert await report_attendance(platform, [there.id], [away.id]) == 0


async def test_a_code_serves_again_a_month_after_the_visit_and_not_before(
    platform: Platform, clock: Clock
) -> None:
    person, booking = await one_booking(platform)
    clock.now = clock.now.replace(year=2027, month=1, day=2)
    assert THURSDAY + timedelta(days=30) == clock.now.date()
    assert await retire_codes(platform) == 0
    clock.forward(days=1)
    assert await retire_codes(platform) == 1
    assert await look_up(platform, booking.code, person.id_no, LOOPBACK) is None
