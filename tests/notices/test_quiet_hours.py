"""A night's messages wait for the morning, however the clocks behave."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta

import pytest
from tests.city import (
    LOOPBACK,
    Clock,
    add_account,
    add_appointment,
    add_booking,
    add_patient,
    add_session,
    ask,
    change,
    notify,
    open_platform,
    phone,
)

from guahao.flows.kernel.platform import Platform
from guahao.flows.people.one_time_passwords import request_otp
from guahao.notices.deliver import MessageSender, TryAgain
from guahao.notices.gateway import Failed, Gateway, Outcome, OutgoingMessage, Sent
from guahao.notices.steady import BELIEVED_AFTER, SteadyClock
from guahao.rules.kernel.limits import CITY_TIME
from guahao.store.messages import messages

NIGHT = datetime(2026, 11, 30, 22, 0, tzinfo=CITY_TIME)
NIGHT_SECONDS = 9.5 * 3600  # until 07:30


class Provider(Gateway):
    """Takes what it is sent, or answers what the test tells it to."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.answers: list[Outcome] = []

    async def send(self, outgoing: OutgoingMessage) -> Outcome:
        self.kinds.append(outgoing.kind)
        return self.answers.pop(0) if self.answers else Sent()


class Uptime:
    """The machine's uptime, moved by the test."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock(NIGHT)


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as platform:
        yield platform


@pytest.fixture
def uptime() -> Uptime:
    return Uptime()


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def message_sender(platform: Platform, provider: Provider, uptime: Uptime) -> MessageSender:
    return MessageSender(
        platform.db,
        platform.vault,
        platform.policies,
        "114",
        provider,
        steady=SteadyClock(uptime),
    )


def passes(clock: Clock, uptime: Uptime, **span: float) -> None:
    """Time passes for the clock and the machine alike."""
    clock.forward(**span)
    uptime.seconds += timedelta(**span).total_seconds()


async def queued(platform: Platform) -> list[int]:
    rows = await ask(platform, "SELECT id FROM messages WHERE state = 'queued' ORDER BY id")
    return [row[0] for row in rows]


async def swept(platform: Platform) -> list[int]:
    """What the sweep for lost jobs finds."""
    async with platform.db.transaction() as tx:
        return await messages.overdue(tx, 100)


async def test_a_nights_message_goes_in_the_morning(
    platform: Platform,
    message_sender: MessageSender,
    provider: Provider,
    clock: Clock,
    uptime: Uptime,
) -> None:
    await add_booking(platform)
    ids = await queued(platform)
    assert await message_sender.deliver(ids) == [TryAgain(ids, int(NIGHT_SECONDS) + 1)]
    assert provider.kinds == []
    assert await ask(platform, "SELECT attempts, state FROM messages") == [(0, "queued")]
    passes(clock, uptime, hours=9)
    assert await swept(platform) == []
    assert await message_sender.deliver(ids) == []
    passes(clock, uptime, minutes=30)
    assert await swept(platform) == []  # its job is due just now
    passes(clock, uptime, seconds=30)
    assert await swept(platform) == ids
    assert await message_sender.deliver(ids) == []
    assert provider.kinds == ["booked"]
    assert await ask(platform, "SELECT attempts, state FROM messages") == [(1, "submitted")]


async def test_a_one_time_password_goes_at_night(
    platform: Platform, message_sender: MessageSender, provider: Provider
) -> None:
    await request_otp(platform, phone(1), LOOPBACK, "zh")
    assert await message_sender.deliver(await queued(platform)) == []
    assert provider.kinds == ["otp"]


async def test_a_stop_of_tomorrow_mornings_clinic_goes_at_night_and_a_later_one_waits(
    platform: Platform, message_sender: MessageSender, provider: Provider
) -> None:
    patient = await add_patient(platform, await add_account(platform))
    for day in (date(2026, 12, 1), date(2026, 12, 3)):
        booking = await add_appointment(
            platform, patient.id, await add_session(platform, day), f"0000000{day.day}"
        )
        await change(platform, "UPDATE appointments SET status = 'stopped' WHERE id = %s", booking)
        await notify(platform, "stopped", booking)
    again = await message_sender.deliver(await queued(platform))
    assert provider.kinds == ["stopped"]
    assert [len(one.message_ids) for one in again] == [1]


async def test_a_retry_does_not_reach_into_the_night(
    platform: Platform,
    message_sender: MessageSender,
    provider: Provider,
    clock: Clock,
    uptime: Uptime,
) -> None:
    clock.now = NIGHT - timedelta(minutes=62)
    await add_booking(platform)
    provider.answers = [Failed(permanent=False)]
    ids = await queued(platform)
    [again] = await message_sender.deliver(ids)
    assert again.wait_seconds < 600
    passes(clock, uptime, minutes=10)
    [again] = await message_sender.deliver(ids)
    assert again.wait_seconds > 9 * 3600
    assert provider.kinds == ["booked"]
    assert await ask(platform, "SELECT attempts FROM messages") == [(1,)]


async def test_a_clock_that_jumps_to_the_morning_and_back_sends_no_nights_messages(
    platform: Platform,
    message_sender: MessageSender,
    provider: Provider,
    clock: Clock,
    uptime: Uptime,
) -> None:
    for number in (1, 2, 3):
        await add_booking(platform, number)
    ids = await queued(platform)
    await message_sender.deliver(ids)
    passes(clock, uptime, minutes=30)
    clock.forward(hours=10)  # the machine has not run for so long
    await add_booking(platform, 4)  # nor may what comes now
    for _ in range(3):
        await message_sender.deliver(await queued(platform))
        passes(clock, uptime, minutes=15)
    assert provider.kinds == []
    clock.forward(hours=-10)
    await message_sender.deliver(await queued(platform))
    assert provider.kinds == []
    # In the true morning everything goes, once.
    passes(clock, uptime, hours=20)
    await message_sender.deliver(await queued(platform))
    assert provider.kinds == ["booked"] * 4


async def test_what_changed_over_night_is_not_told_any_more(
    platform: Platform,
    message_sender: MessageSender,
    provider: Provider,
    clock: Clock,
    uptime: Uptime,
) -> None:
    booking = await add_booking(platform)
    await message_sender.deliver(await queued(platform))
    await change(platform, "UPDATE appointments SET status = 'cancelled' WHERE id = %s", booking)
    await notify(platform, "cancelled", booking)
    await message_sender.deliver(await queued(platform))
    passes(clock, uptime, hours=10)
    await message_sender.deliver(await queued(platform))
    assert provider.kinds == ["cancelled"]


def test_a_clock_that_was_set_right_is_believed_after_an_hour() -> None:
    uptime, now = Uptime(), NIGHT
    steady = SteadyClock(uptime)
    assert steady.moments(now) == (now,)
    uptime.seconds += 60
    jumped = now + timedelta(hours=10)
    assert steady.moments(jumped) == (jumped, now + timedelta(minutes=1))
    uptime.seconds += BELIEVED_AFTER.total_seconds()
    assert steady.moments(jumped + BELIEVED_AFTER) == (jumped + BELIEVED_AFTER,)


def test_a_clock_that_drifts_is_followed() -> None:
    uptime, now = Uptime(), NIGHT
    steady = SteadyClock(uptime)
    for _ in range(100):
        assert steady.moments(now) == (now,)
        now += timedelta(minutes=61)
        uptime.seconds += 3600


def test_a_clock_that_jumps_twice_is_not_believed_sooner() -> None:
    uptime = Uptime()
    steady = SteadyClock(uptime)
    steady.moments(NIGHT)
    steady.moments(NIGHT + timedelta(hours=10))
    uptime.seconds = BELIEVED_AFTER.total_seconds() - 1
    other = NIGHT + timedelta(hours=20)
    assert len(steady.moments(other)) == 2
    uptime.seconds += 10
    assert len(steady.moments(other + timedelta(seconds=10))) == 2
