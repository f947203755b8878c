"""Messages are sent at least once, under their own key, and never by two at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import date, timedelta

import psycopg
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
    outbox,
    phone,
)

from guahao.flows.kernel.platform import Platform
from guahao.flows.people.one_time_passwords import request_otp
from guahao.notices.deliver import (
    CHUNK,
    FIRST_WAIT_SECONDS,
    LONGEST_WAIT_SECONDS,
    SHORT_FIRST_WAIT_SECONDS,
    UNREADABLE_ATTEMPTS,
    MessageSender,
    TryAgain,
)
from guahao.notices.gateway import Failed, Gateway, Outcome, OutgoingMessage, Sent, Unknown
from guahao.notices.outbox import OutboxGateway
from guahao.store.kernel.db import Tx
from guahao.store.messages import messages
from guahao.store.messages.messages import ATTEMPTS_MAX, JOB_WITHIN, LEASE, RECEIPT_WITHIN

NOT_NOW = Failed(permanent=False)
NEVER = Failed(permanent=True)
PATIENCE_SECONDS = 30  # with what should take none: a test that fails does not hang


class Provider(Gateway):
    """An SMS provider as we meet it from outside: it answers what the test tells it to."""

    def __init__(self, *answers: Outcome | Exception) -> None:
        self.answers = list(answers)
        self.keys: list[str] = []

    async def send(self, outgoing: OutgoingMessage) -> Outcome:
        self.keys.append(outgoing.key)
        answer = self.answers.pop(0) if self.answers else Sent()
        if isinstance(answer, Exception):
            raise answer
        return answer


class SlowOutbox(OutboxGateway):
    """An outbox that has the message, and then takes its time to say so."""

    def __init__(self, platform: Platform) -> None:
        super().__init__(platform.db, platform.vault)
        self.sends = 0
        self.has_it = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def send(self, outgoing: OutgoingMessage) -> Outcome:
        self.sends += 1
        outcome = await super().send(outgoing)
        self.has_it.set()
        await self.may_answer.wait()
        return outcome


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as platform:
        yield platform


class Late(OutboxGateway):
    """A gateway that looks a message up for longer than the lease of its claim lasts."""

    def __init__(self, platform: Platform) -> None:
        super().__init__(platform.db, platform.vault)
        self.uptime_seconds = 0.0
        self.sends = 0

    def uptime(self) -> float:
        return self.uptime_seconds

    async def look_up(self, key: str, to: str, first_tried: timedelta) -> Outcome | None:  # noqa: ARG002
        self.uptime_seconds += LEASE.total_seconds()
        return None

    async def send(self, outgoing: OutgoingMessage) -> Outcome:
        self.sends += 1
        return await super().send(outgoing)


def message_sender(platform: Platform, gateway: Gateway | None = None) -> MessageSender:
    return MessageSender(
        platform.db,
        platform.vault,
        platform.policies,
        "114",
        gateway or OutboxGateway(platform.db, platform.vault),
    )


async def all_ids(platform: Platform) -> list[int]:
    return [row[0] for row in await ask(platform, "SELECT id FROM messages ORDER BY id")]


async def tx_ids(tx: Tx) -> list[int]:
    return [row[0] for row in await tx.rows("SELECT id FROM messages ORDER BY id")]


async def states(platform: Platform) -> list[str]:
    return [row[0] for row in await ask(platform, "SELECT state FROM messages ORDER BY id")]


async def deliver(platform: Platform, gateway: Gateway | None = None) -> list[TryAgain]:
    return await message_sender(platform, gateway).deliver(await all_ids(platform))


async def test_a_booking_is_told_to_the_registered_phone(platform: Platform) -> None:
    await add_booking(platform)
    assert await deliver(platform) == []
    [sent] = await outbox(platform)
    assert (sent.to, sent.kind) == (f"+86{phone(1)}", "booked")
    assert "识别码 0000 0001" in sent.text
    assert await states(platform) == ["delivered"]


async def test_an_account_is_told_in_its_own_language(platform: Platform) -> None:
    await add_booking(platform)
    await add_account(platform, 1, language="en")
    await deliver(platform)
    assert (await outbox(platform))[0].text.startswith("[Guahao] Booked for 张三")


async def test_what_is_delivered_is_not_sent_again(platform: Platform, clock: Clock) -> None:
    await add_booking(platform)
    provider = Provider()
    await deliver(platform, provider)
    clock.now += LEASE
    await deliver(platform, provider)
    assert provider.keys == [f"m{id}" for id in await all_ids(platform)]
    assert await states(platform) == ["submitted"]


async def test_a_message_not_taken_now_is_sent_later_under_the_same_key(
    platform: Platform, clock: Clock
) -> None:
    await add_booking(platform)
    provider = Provider(NOT_NOW, Unknown(), Sent(delivered=True))
    [message_id] = await all_ids(platform)
    assert await deliver(platform, provider) == [TryAgain([message_id], 120)]
    assert await states(platform) == ["queued"]
    clock.forward(seconds=120)
    assert await deliver(platform, provider) == [TryAgain([message_id], 240)]
    clock.forward(seconds=240)
    assert await deliver(platform, provider) == []
    assert provider.keys == [f"m{message_id}"] * 3
    assert await states(platform) == ["delivered"]


@pytest.mark.parametrize(
    ("earlier_attempts", "wait"), [(2, 480), (3, 480), (ATTEMPTS_MAX - 2, 480)]
)
async def test_the_wait_doubles_to_eight_minutes(
    platform: Platform, clock: Clock, earlier_attempts: int, wait: int
) -> None:
    await add_booking(platform)
    await change(
        platform, "UPDATE messages SET attempts = %s, due_at = %s", earlier_attempts, clock.now
    )
    [again] = await deliver(platform, Provider(NOT_NOW))
    assert again.wait_seconds == wait


@pytest.mark.parametrize(
    ("answer", "state"),
    [(NOT_NOW, "failed"), (Unknown(), "unknown"), (ConnectionError(), "unknown")],
)
async def test_the_last_attempt_decides(
    platform: Platform, clock: Clock, answer: Outcome | Exception, state: str
) -> None:
    await add_booking(platform)
    await change(
        platform, "UPDATE messages SET attempts = %s, due_at = %s", ATTEMPTS_MAX - 1, clock.now
    )
    assert await deliver(platform, Provider(answer)) == []
    assert await states(platform) == [state]


async def test_one_bad_message_does_not_hold_up_its_neighbours(platform: Platform) -> None:
    for number in (1, 2, 3, 4):
        await add_booking(platform, number)
    provider = Provider(NEVER, ConnectionError("no route"), NOT_NOW, Sent())
    [again] = await deliver(platform, provider)
    assert await states(platform) == ["failed", "queued", "queued", "submitted"]
    assert again.message_ids == (await all_ids(platform))[1:3]


async def test_more_than_a_chunk_is_delivered_too(platform: Platform) -> None:
    appointment_id = await add_booking(platform)
    for _ in range(CHUNK):
        await notify(platform, "booked", appointment_id)
    await deliver(platform)
    assert len(await outbox(platform)) == CHUNK + 1
    assert set(await states(platform)) == {"delivered"}


async def test_two_workers_do_not_send_one_message_at_a_time(platform: Platform) -> None:
    await add_booking(platform)
    slow = SlowOutbox(platform)
    first = asyncio.create_task(deliver(platform, slow))
    async with asyncio.timeout(PATIENCE_SECONDS):
        await slow.has_it.wait()
        await deliver(platform, slow)  # would wait for an answer, had it sent anything
    slow.may_answer.set()
    await first
    assert slow.sends == 1
    assert await states(platform) == ["delivered"]


async def test_workers_that_start_together_share_the_messages(platform: Platform) -> None:
    for number in range(6):
        await add_booking(platform, number)
    provider = Provider()
    await asyncio.gather(*(deliver(platform, provider) for _ in range(4)))
    assert sorted(provider.keys) == sorted(f"m{id}" for id in await all_ids(platform))


async def test_who_dies_after_sending_does_not_double_the_message(
    platform: Platform, clock: Clock
) -> None:
    await add_booking(platform)
    slow = SlowOutbox(platform)
    dying = asyncio.create_task(deliver(platform, slow))
    async with asyncio.timeout(PATIENCE_SECONDS):
        await slow.has_it.wait()
    dying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dying
    assert await states(platform) == ["queued"]
    clock.now += LEASE
    slow.may_answer.set()
    await deliver(platform, slow)
    assert slow.sends == 2
    assert len(await outbox(platform)) == 1
    assert await states(platform) == ["delivered"]


async def test_a_one_time_password_is_not_sent_after_its_expiry(
    platform: Platform, clock: Clock
) -> None:
    await request_otp(platform, phone(1), LOOPBACK, "zh")
    clock.forward(minutes=5)
    provider = Provider()
    await deliver(platform, provider)
    assert provider.keys == []
    assert await ask(platform, "SELECT state, body_enc FROM messages") == [("expired", None)]


async def test_a_booking_cancelled_before_its_notice_gets_the_other_notice_only(
    platform: Platform,
) -> None:
    appointment_id = await add_booking(platform)
    await change(platform, "UPDATE appointments SET status = 'cancelled'")
    await notify(platform, "cancelled", appointment_id)
    await deliver(platform)
    assert await states(platform) == ["expired", "delivered"]
    assert [item.kind for item in await outbox(platform)] == ["cancelled"]


async def test_a_suspended_patient_is_told(platform: Platform) -> None:
    patient = await add_patient(platform, await add_account(platform))
    await change(platform, "UPDATE patients SET suspended_until = %s", date(2027, 3, 3))
    async with platform.db.transaction() as tx:
        await messages.notify_patients(tx, "suspended", [patient.id])
    await deliver(platform)
    assert "2027年3月3日" in (await outbox(platform))[0].text


async def test_who_has_no_account_is_not_told(platform: Platform) -> None:
    patient = await add_patient(platform, await add_account(platform))
    await change(platform, "UPDATE patients SET account_id = NULL, phone_slot = NULL")
    appointment_id = await add_appointment(platform, patient.id, await add_session(platform))
    async with platform.db.transaction() as tx:
        await messages.notify(tx, "booked", [appointment_id])
        await messages.notify_patients(tx, "suspended", [patient.id])
    assert await all_ids(platform) == []
    assert await ask(platform, "SELECT 1 FROM procrastinate_jobs") == []


async def test_nothing_is_sent_for_what_did_not_commit(platform: Platform) -> None:
    appointment_id = await add_booking(platform)
    with suppress(ZeroDivisionError):
        async with platform.db.transaction() as tx:
            await messages.notify(tx, "cancelled", [appointment_id])
            raise ZeroDivisionError
    assert await states(platform) == ["queued"]
    assert await ask(platform, "SELECT count(*) FROM procrastinate_jobs") == [(1,)]


async def test_the_outbox_shows_the_newest_first_and_one_phones_alone(platform: Platform) -> None:
    for number in (1, 2, 1):
        await request_otp(platform, phone(number), LOOPBACK, "zh")
        await deliver(platform)
    to = [item.to for item in await outbox(platform)]
    assert to == [f"+86{phone(number)}" for number in (1, 2, 1)]
    assert len(await outbox(platform, phone(1))) == 2
    assert len(await outbox(platform, f"+86 {phone(2)}")) == 1
    assert await outbox(platform, "nobody") == []
    async with platform.db.transaction() as tx:
        newest = await messages.outbox(tx, platform.vault, None, 1)
    assert newest == (await outbox(platform))[:1]
    assert newest[0].sent_at == platform.db.clock()


async def test_a_message_overdue_is_one_that_nobody_has_touched(
    platform: Platform, clock: Clock
) -> None:
    await add_booking(platform)

    async def overdue() -> list[int]:
        async with platform.db.transaction() as tx:
            return await messages.overdue(tx, 10)

    assert await overdue() == []
    clock.now += JOB_WITHIN
    assert await overdue() == await all_ids(platform)
    [again] = await deliver(platform, Provider(NOT_NOW))
    clock.forward(seconds=again.wait_seconds)
    assert await overdue() == []  # its next job is due just now
    clock.now += JOB_WITHIN
    assert await overdue() == await all_ids(platform)


async def test_a_receipt_is_asked_for_an_hour_later_and_every_hour(
    platform: Platform, clock: Clock
) -> None:
    await add_booking(platform)
    await deliver(platform, Provider())
    hour = timedelta(hours=1)

    async def silent() -> list[int]:
        async with platform.db.transaction() as tx:
            return await messages.claim_without_receipt(tx, hour, 10)

    assert await silent() == []
    for _ in range(2):
        clock.now += hour
        assert await silent() == await all_ids(platform)
        assert await silent() == []
    await change(platform, "UPDATE messages SET state = 'delivered'")
    clock.now += hour
    assert await silent() == []


async def test_an_sms_without_a_receipt_for_three_days_is_given_up(
    platform: Platform, clock: Clock
) -> None:
    await add_booking(platform)
    await deliver(platform, Provider())
    clock.now += RECEIPT_WITHIN - timedelta(microseconds=1)
    for given_up in (0, 1):
        async with platform.db.transaction() as tx:
            assert await messages.give_up(tx) == given_up
        clock.forward(microseconds=1)
    assert await states(platform) == ["unknown"]


async def test_a_last_attempt_never_recorded_is_given_up_after_its_lease(
    platform: Platform, clock: Clock
) -> None:
    await add_booking(platform)
    await change(platform, "UPDATE messages SET attempts = %s", ATTEMPTS_MAX)
    for given_up in (0, 1):
        async with platform.db.transaction() as tx:
            assert await messages.give_up(tx) == given_up
        clock.now += LEASE
    assert await states(platform) == ["unknown"]


async def test_a_record_that_does_not_open_holds_up_its_own_message_only(
    platform: Platform, clock: Clock
) -> None:
    for number in range(1, 11):
        await add_booking(platform, number)
    poison, *_ = await all_ids(platform)
    await change(platform, "UPDATE patients SET name_enc = name_enc || '\\x00' WHERE id = 1")
    [again] = await deliver(platform)
    assert again == TryAgain([poison], FIRST_WAIT_SECONDS)
    assert await states(platform) == ["queued"] + ["delivered"] * 9
    for _ in range(UNREADABLE_ATTEMPTS - 1):
        clock.forward(seconds=again.wait_seconds * 4)
        await deliver(platform)
    assert await states(platform) == ["failed"] + ["delivered"] * 9
    clock.forward(hours=1)
    assert await deliver(platform) == []


async def test_a_message_without_words_holds_up_itself_only(
    platform: Platform, clock: Clock, database_url: str
) -> None:
    for number in (1, 2, 3):
        await add_booking(platform, number)
    with psycopg.connect(database_url) as owner:  # a period that no text has a word for
        owner.execute("ALTER TABLE clinic_sessions DROP CONSTRAINT clinic_sessions_period_check")
        owner.execute("UPDATE clinic_sessions SET period = 'dawn' WHERE id = 2")
    for _ in range(UNREADABLE_ATTEMPTS):
        await deliver(platform)
        clock.forward(seconds=LONGEST_WAIT_SECONDS)
    assert await states(platform) == ["delivered", "failed", "delivered"]


async def test_a_zombie_sends_nothing_after_its_lease(platform: Platform, clock: Clock) -> None:
    await add_booking(platform)
    await change(platform, "UPDATE messages SET attempts = 1, due_at = %s", clock.now)
    late = Late(platform)
    zombie = MessageSender(
        platform.db, platform.vault, platform.policies, "114", late, uptime=late.uptime
    )
    await zombie.deliver(await all_ids(platform))
    assert late.sends == 0
    assert await states(platform) == ["queued"]


async def test_a_zombie_does_not_undo_what_another_worker_has_done(
    platform: Platform, clock: Clock
) -> None:
    """Stopped within its call, it gets an answer after the other's claim."""
    await add_booking(platform)
    for late, state in ((NEVER, "queued"), (NOT_NOW, "queued"), (Sent(), "submitted")):
        [id] = await all_ids(platform)
        async with platform.db.transaction() as tx:
            [claimed] = await messages.claim(tx, [id])
            [row] = await tx.rows("SELECT attempts, due_at FROM messages")
        clock.now += LEASE
        async with platform.db.transaction() as tx:
            assert await messages.claim(tx, [id]) == [id]
            others = await tx.rows("SELECT due_at FROM messages")
        async with platform.db.transaction() as tx:
            if late is NOT_NOW:
                await messages.retry(tx, {claimed: (row[0], 0)})
            else:
                await messages.record(
                    tx, {claimed: ("failed" if late is NEVER else "submitted", row[0])}
                )
        assert await states(platform) == [state]
        assert await ask(platform, "SELECT due_at FROM messages") == others
        clock.now += LEASE


async def test_a_one_time_password_of_a_dead_worker_goes_within_half_a_minute(
    platform: Platform, clock: Clock
) -> None:
    await request_otp(platform, phone(1), LOOPBACK, "zh")
    async with platform.db.transaction() as tx:
        await messages.claim(tx, await tx_ids(tx))
    clock.forward(seconds=20)
    async with platform.db.transaction() as tx:
        lost = await messages.overdue(tx, 10, soon_expired=True)
        assert lost == await tx_ids(tx)
        assert await messages.overdue(tx, 10) == []
    await deliver(platform)
    assert await states(platform) == ["delivered"]


async def test_a_one_time_password_that_is_not_taken_is_tried_again_in_seconds(
    platform: Platform,
) -> None:
    await request_otp(platform, phone(1), LOOPBACK, "zh")
    assert await deliver(platform, Provider(NOT_NOW)) == [
        TryAgain(await all_ids(platform), SHORT_FIRST_WAIT_SECONDS, urgent=True)
    ]
