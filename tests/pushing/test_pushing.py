"""Hospitals are told: in order, once in effect, through outages; and none waits for another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta

import pytest
from tests.city import THURSDAY, Clock, ask, cancel_for_caller, open_platform
from tests.crowd import Person, pick_up
from tests.flows.fairness.fair_city import Clinic, add_applicant, hold, hold_until
from tests.pushing.city import Hospital, connect, crowd, push_all, pusher, stand_in
from tests.supply import at

from guahao.flows.attendance.penalties import sweep
from guahao.flows.attendance.pickup import report_attendance
from guahao.flows.integration import webhooks
from guahao.flows.kernel.platform import Platform
from guahao.flows.supply import stops
from guahao.jobs import create_jobs
from guahao.notices.outbox import OutboxGateway
from guahao.pushing.sender import AllowedAddresses, WebhookSender
from guahao.rules.integration.pushing import GIVE_UP_AFTER
from guahao.rules.staff.staff import SYSTEM, Role, Staff
from guahao.store.integration.webhooks import WebhookState
from guahao.store.kernel.views import AppointmentView
from guahao.store.supply.stops import StopScope
from guahao.tools.stand_ins.hospital import Behaviour
from guahao.tools.webhook_verifier import Verifier
from guahao.worker import run_worker

FRIDAY = THURSDAY + timedelta(days=1)
DOWN = Behaviour(down=True)
WELL = Behaviour()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as opened:
        yield opened


@pytest.fixture
def stand_ins() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
async def hospital(platform: Platform, clock: Clock, stand_ins: ExitStack) -> Hospital:
    return await connect(platform, *stand_ins.enter_context(stand_in(clock)), (THURSDAY, FRIDAY))


async def settle(hospital: Hospital, clock: Clock, days: int = 0) -> None:
    """The worker goes on, until nothing waits; at most so many days of the clock."""
    pushing = pusher(hospital.platform)
    last = clock.now + timedelta(days=days)
    while True:
        await push_all(pushing)
        waiting = [dead for _, dead in await hospital.deliveries() if not dead]
        if not waiting or clock.now >= last:
            break
        clock.forward(minutes=20)
    # Another transaction of the server may hold the log's end back for a moment.
    async with asyncio.timeout(60):
        while hospital.system.statuses() != await hospital.statuses() and not days:
            await push_all(pushing)


def assert_in_order(hospital: Hospital) -> None:
    """The first time each event came, it came after those before it of its appointment."""
    first = list(dict.fromkeys(hospital.system.received))
    for appointment in {one for one, _ in first}:
        events = [event for one, event in first if one == appointment]
        assert events == sorted(events)


# What is told ----------------------------------------------------------------------------------


async def test_a_hospital_is_told_who_booked_and_when(hospital: Hospital, clock: Clock) -> None:
    [person] = await crowd(hospital.platform, 1)
    made = await hospital.booked(person)
    await settle(hospital, clock)
    [entry] = hospital.system.book.values()
    told = entry.booking
    assert (told["id"], told["status"], told["visit_date"]) == (made.id, "booked", "2026-12-03")
    assert told["patient"] == {"name": "测试人", "id_type": "03", "id_no": person.id_no}
    assert made.code not in str(entry)  # it proves who somebody is
    assert await hospital.deliveries() == []


async def test_a_hospital_is_told_who_won_in_a_draw_and_how_they_applied(
    hospital: Hospital, clock: Clock
) -> None:
    """As of any booking; the channel is the application's."""
    platform, session_id = hospital.platform, hospital.sessions[0]
    [[department_id]] = await ask(
        platform, "SELECT department_id FROM clinic_sessions WHERE id = %s", session_id
    )
    draw_at = clock.now + timedelta(hours=1)
    await hold(platform, session_id, 1, draw_at)
    await add_applicant(platform, 1, Clinic(session_id, department_id))
    await hold_until(platform, clock, draw_at)
    await settle(hospital, clock)
    [entry] = hospital.system.book.values()
    told = entry.booking
    [[appointment_id]] = await ask(platform, "SELECT appointment_id FROM wins")
    assert (told["id"], told["status"], told["channel"]) == (appointment_id, "booked", "web")
    assert told["clinic_session_id"] == session_id


async def test_only_the_kinds_it_asked_for_are_told(
    platform: Platform, clock: Clock, stand_ins: ExitStack
) -> None:
    system, url = stand_ins.enter_context(stand_in(clock))
    hospital = await connect(platform, system, url, kinds=["cancelled"])
    [person] = await crowd(platform, 1)
    made = await hospital.booked(person)
    await cancel_for_caller(platform, made.id)
    await settle(hospital, clock)
    assert len(system.received) == 1
    assert system.statuses() == {made.id: "cancelled"}


async def test_what_was_before_the_webhook_is_not_told(
    hospital: Hospital, platform: Platform, clock: Clock
) -> None:
    assert hospital.system.received == []
    await webhooks.switch(platform, SYSTEM, hospital.id, on=False)
    [person] = await crowd(platform, 1)
    await hospital.booked(person)
    await push_all(pusher(platform))
    assert hospital.system.received == []
    await webhooks.switch(platform, SYSTEM, hospital.id, on=True)
    await settle(hospital, clock)
    assert len(hospital.system.book) == 1


async def test_a_new_secret_signs_at_once_and_the_old_one_for_a_day(
    hospital: Hospital, platform: Platform, clock: Clock
) -> None:
    old = hospital.system.verifier
    patients = await crowd(platform, 3)
    made = await webhooks.rotate_secret(platform, SYSTEM, hospital.id)
    assert isinstance(made, webhooks.WebhookSet)
    new = Verifier([made.secret or ""])
    for verifier, person in ((old, patients[0]), (new, patients[1])):
        hospital.system.verifier = verifier
        await hospital.booked(person)
        await settle(hospital, clock)
    clock.forward(hours=24)
    hospital.system.verifier = old
    await hospital.booked(patients[2])
    await push_all(pusher(platform))
    assert hospital.system.refused == ["signature"]
    hospital.system.verifier = new
    await settle(hospital, clock, days=1)
    assert hospital.system.statuses() == await hospital.statuses()


# Days of outage --------------------------------------------------------------------------------


async def test_after_three_days_of_outage_everything_arrives_once_and_in_order(
    hospital: Hospital, platform: Platform, clock: Clock
) -> None:
    patients = await crowd(platform, 10)
    pushing = pusher(platform)
    made = [await hospital.booked(one) for one in patients[:6]]
    await settle(hospital, clock)
    await _live_three_days(hospital, made, patients[6:], clock)
    assert len(hospital.system.effects) == 6  # none since it went down
    # Back, but losing answers; and the first worker is killed while it sends.
    hospital.system.behave(Behaviour(lose=0.6))
    hospital.system.gate.clear()
    hospital.system.arrived.clear()
    clock.forward(minutes=20)
    killed = asyncio.create_task(pushing.push(hospital.id))
    await asyncio.to_thread(hospital.system.arrived.wait)
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    hospital.system.gate.set()
    for _ in range(4):
        await push_all(pushing)
        clock.forward(minutes=20)
    hospital.system.behave(WELL)
    await settle(hospital, clock, days=1)
    assert hospital.system.statuses() == await hospital.statuses()
    assert sorted(hospital.system.effects) == sorted(await hospital.events())
    assert len(hospital.system.received) > len(hospital.system.effects)  # some came twice
    assert_in_order(hospital)
    assert await hospital.deliveries() == []


async def _live_three_days(
    hospital: Hospital, made: list[AppointmentView], late: Sequence[Person], clock: Clock
) -> None:
    """Book, cancel, stop, undo, pick up, miss; the worker tries every hour, in vain."""
    platform, pushing = hospital.platform, pusher(hospital.platform)
    hospital.system.behave(DOWN)
    by = Staff(7, "scheduler", Role.SCHEDULER, hospital.id)
    for hour in range(72):
        if hour == 1:
            await cancel_for_caller(platform, made[0].id)
            made.append(await hospital.booked(late[0], 1))
        if hour == 5:
            stop_id = await stops.stop(platform, by, StopScope(THURSDAY, THURSDAY), "医生外出")
            assert isinstance(stop_id, int)
            await stops.undo(platform, by, stop_id)
            await stops.stop(platform, by, StopScope(FRIDAY, FRIDAY), "医生外出")
        if hour == 30:
            made += [await hospital.booked(one) for one in late[1:]]
        await push_all(pushing)
        clock.forward(hours=1)
    assert clock.now == at("2026-12-03 09:00")
    for one in made[1:3]:
        taken = await pick_up(platform, hospital.id, one.code, one.patient.id_no)
        assert isinstance(taken, AppointmentView)
    clock.now = at("2026-12-03 12:00")
    await sweep(platform)
    assert await report_attendance(platform, [], []) == 0


async def test_a_hospital_that_is_down_is_asked_less_and_less(
    hospital: Hospital, platform: Platform, clock: Clock
) -> None:
    hospital.system.behave(DOWN)
    for person in await crowd(platform, 8):
        await hospital.booked(person)
    asked = []
    pushing = pusher(platform)
    for _ in range(30):
        before = (await _standing(hospital)).failed
        await push_all(pushing)
        asked.append((await _standing(hospital)).failed - before)
        clock.forward(minutes=15)
    assert 5 <= asked[0] <= 8 + 8  # one round, and who was on the way
    assert all(count <= 1 for count in asked[1:])
    assert len(await hospital.deliveries()) == 8
    hospital.system.behave(WELL)
    await settle(hospital, clock, days=1)
    assert hospital.system.statuses() == await hospital.statuses()


async def _standing(hospital: Hospital) -> WebhookState:
    [found] = await webhooks.states(hospital.platform, hospital.id)
    return found


async def test_after_a_week_an_event_is_dead_until_somebody_sends_it_again(
    hospital: Hospital, platform: Platform, clock: Clock
) -> None:
    hospital.system.behave(DOWN)
    first, second = await crowd(platform, 2)
    made = await hospital.booked(first)
    await push_all(pusher(platform))
    clock.now += GIVE_UP_AFTER - timedelta(minutes=20)
    await push_all(pusher(platform))
    assert await hospital.deliveries() == [("booked", False)]
    clock.forward(minutes=20)
    await push_all(pusher(platform))
    assert await hospital.deliveries() == [("booked", True)]
    hospital.system.behave(WELL)
    [letter], more = await webhooks.dead_letters(platform, SYSTEM, hospital.id)
    assert (letter.appointment_id, letter.kind, more) == (made.id, "booked", None)
    assert await webhooks.send_again(platform, SYSTEM, hospital.id, letter.event_id) == 1
    assert await webhooks.send_again(platform, SYSTEM, hospital.id, letter.event_id) == 0
    await settle(hospital, clock, days=1)
    assert hospital.system.effects == [letter.event_id]
    assert await hospital.deliveries() == []
    assert second.patient_id != first.patient_id


@pytest.mark.parametrize("status", [422, 500])
async def test_one_event_that_is_refused_holds_back_its_own_appointment_alone(
    hospital: Hospital, platform: Platform, clock: Clock, status: int
) -> None:
    first, second = await crowd(platform, 2)
    poison = await hospital.booked(first)
    receive = hospital.system.receive

    def picky(headers: dict[str, str], body: bytes) -> int | None:
        return (
            status if f'"booking":{{"id":{poison.id},'.encode() in body else receive(headers, body)
        )

    hospital.system.receive = picky  # type: ignore[method-assign, assignment]
    other = await hospital.booked(second)
    await push_all(pusher(platform))
    await cancel_for_caller(platform, poison.id)
    await cancel_for_caller(platform, other.id)
    for _ in range(5):
        await push_all(pusher(platform))
        clock.forward(hours=1)
    assert hospital.system.statuses() == {other.id: "cancelled"}
    assert await hospital.deliveries() == [("booked", False), ("cancelled", False)]
    hospital.system.receive = receive  # type: ignore[method-assign]
    await settle(hospital, clock, days=1)
    assert hospital.system.statuses() == await hospital.statuses()
    assert_in_order(hospital)


async def test_a_hospital_that_enters_twice_and_out_of_order_has_the_right_book(
    hospital: Hospital, platform: Platform, clock: Clock
) -> None:
    hospital.system.behave(Behaviour(twice=1, reorder=True, lose=0.4))
    for person in await crowd(platform, 5):
        made = await hospital.booked(person)
        await cancel_for_caller(platform, made.id)
    await push_all(pusher(platform))
    hospital.system.behave(WELL)
    await settle(hospital, clock)
    assert hospital.system.statuses() == await hospital.statuses()
    assert len(set(hospital.system.effects)) == len(hospital.system.effects)


# None waits for another ------------------------------------------------------------------------


async def test_a_hospital_that_never_answers_delays_no_other(
    platform: Platform, clock: Clock, stand_ins: ExitStack
) -> None:
    slow, quick = [
        await connect(platform, *stand_ins.enter_context(stand_in(clock))) for _ in range(2)
    ]
    slow.system.gate.clear()
    patients = await crowd(platform, 3)
    stuck = await slow.booked(patients[0])
    gateway = OutboxGateway(platform.db, platform.vault)
    sender = WebhookSender(AllowedAddresses(demo=True), answer_seconds=600)
    working = asyncio.create_task(run_worker(platform, gateway, sender=sender))
    async with create_jobs(platform, gateway, sender=sender).open_async() as app:
        run = app.configure_task("push_to_hospital")
        await run.defer_async(hospital_id=slow.id)
        await asyncio.to_thread(slow.system.arrived.wait)
        # One hospital's answer is outstanding: others book, and their hospital hears of it.
        await quick.booked(patients[1])
        await slow.booked(patients[2])
        async with asyncio.timeout(60):
            while not quick.system.book:
                await run.defer_async(hospital_id=quick.id)
                await asyncio.sleep(0.1)
        assert slow.system.book == {}
        slow.system.gate.set()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    await settle(slow, clock)
    assert stuck.id in slow.system.book
    assert quick.system.statuses() == await quick.statuses()


async def test_a_run_that_was_taken_over_writes_nothing(
    hospital: Hospital, platform: Platform, clock: Clock
) -> None:
    [person] = await crowd(platform, 1)
    await hospital.booked(person)
    hospital.system.gate.clear()
    hospital.system.arrived.clear()
    first = asyncio.create_task(pusher(platform).push(hospital.id))
    await asyncio.to_thread(hospital.system.arrived.wait)
    second = asyncio.create_task(pusher(platform).push(hospital.id))
    async with asyncio.timeout(60):
        while (await ask(platform, "SELECT run FROM hospital_webhooks"))[0][0] < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    hospital.system.gate.set()
    await asyncio.gather(first, second)
    await settle(hospital, clock)
    assert (await _standing(hospital)).delivered == 1
    assert len(hospital.system.received) == 2
    assert len(hospital.system.effects) == 1
