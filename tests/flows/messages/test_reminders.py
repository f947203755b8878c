"""The evening before: everybody once, with what is true by then, and nobody in vain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import time, timedelta

import pytest
from tests.city import (
    THURSDAY,
    Clock,
    add_account,
    add_appointment,
    add_patient,
    add_session,
    ask,
    cancel_for_caller,
    change,
    open_platform,
    stop_session,
)

from guahao.flows.kernel.platform import Platform
from guahao.flows.messages import reminders
from guahao.flows.messages.reminders import remind
from guahao.flows.supply import stops
from guahao.notices.deliver import MessageSender
from guahao.notices.outbox import OutboxGateway
from guahao.rules.supply.releasing import city_time
from guahao.store.messages import messages
from guahao.store.messages.messages import MESSAGES_A_JOB, OutboxItem

WEDNESDAY = THURSDAY - timedelta(days=1)
EVENING = city_time(WEDNESDAY, time(18, 0))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as platform:
        yield platform


async def booked(platform: Platform, number: int = 1) -> int:
    """A booking for Thursday morning, of whose success nobody needs to be told any more."""
    patient = await add_patient(platform, await add_account(platform, number), number)
    session_id = await add_session(platform)
    await change(platform, "UPDATE clinic_sessions SET booked = 1 WHERE id = %s", session_id)
    return await add_appointment(platform, patient.id, session_id, f"{number:08d}")


async def reminded(platform: Platform) -> list[int]:
    rows = await ask(
        platform, "SELECT appointment_id FROM messages WHERE kind = 'reminder' ORDER BY 1"
    )
    return [row[0] for row in rows]


async def sent(platform: Platform) -> list[OutboxItem]:
    ids = [row[0] for row in await ask(platform, "SELECT id FROM messages")]
    gateway = OutboxGateway(platform.db, platform.vault)
    await MessageSender(platform.db, platform.vault, platform.policies, "114", gateway).deliver(ids)
    async with platform.db.transaction() as tx:
        return await messages.outbox(tx, platform.vault, None, 100)


async def test_a_reminder_says_what_the_visit_needs(platform: Platform, clock: Clock) -> None:
    await booked(platform)
    clock.now = EVENING
    assert await remind(platform) == 1
    [item] = await sent(platform)
    assert item.kind == "reminder"
    assert item.text == (
        "【预约挂号】就诊提醒：张三，市第一医院 心血管内科（高血压）主任医师，"
        "12月3日 周四 上午 08:30-09:00。识别码 0000 0001，就诊日11:30前持登记的有效证件原件"
        "和识别码到门诊楼一层取号，过时作废并可能记爽约。已过退号时间，不能退号。"
    )


async def test_a_reminder_says_until_when_it_can_still_be_cancelled(
    platform: Platform, clock: Clock
) -> None:
    await booked(platform)
    await change(platform, "UPDATE hospitals SET cancel_time = '21:00'")
    clock.now = EVENING
    await remind(platform)
    assert "退号请在12月2日 周三 21:00前拨打114。" in (await sent(platform))[0].text


async def test_a_reminder_in_english(platform: Platform, clock: Clock) -> None:
    await booked(platform)
    await add_account(platform, 1, language="en")
    clock.now = EVENING
    await remind(platform)
    text = (await sent(platform))[0].text
    assert text.startswith("[Guahao] Reminder for 张三: 市第一医院")
    assert "Code 0000 0001. Pick up your number at" in text
    assert " before 11:30 that day " in text
    assert text.endswith("It is too late to cancel.")


@pytest.mark.parametrize(
    ("before_evening", "count"),
    [
        (timedelta(microseconds=1), 0),
        (timedelta(days=1), 0),
        (timedelta(0), 1),
        (timedelta(hours=-6, microseconds=1), 1),  # a late worker, before midnight
        (timedelta(hours=-6), 0),
        (timedelta(days=-1), 0),
    ],
)
async def test_the_evening_before_is_from_six_to_midnight(
    platform: Platform, clock: Clock, before_evening: timedelta, count: int
) -> None:
    await booked(platform)
    clock.now = EVENING - before_evening
    assert await remind(platform) == count


async def test_twice_late_and_in_two_workers_is_once(platform: Platform, clock: Clock) -> None:
    ids = [await booked(platform, number) for number in range(1, 5)]
    clock.now = EVENING
    assert sum(await asyncio.gather(*(remind(platform) for _ in range(4)))) == 4
    clock.forward(hours=3)
    assert await remind(platform) == 0
    assert await reminded(platform) == ids
    assert len(await sent(platform)) == 4


async def test_who_books_later_is_reminded_by_the_next_run(
    platform: Platform, clock: Clock
) -> None:
    first = await booked(platform, 1)
    clock.now = EVENING
    await remind(platform)
    second = await booked(platform, 2)
    await change(
        *(platform, "UPDATE appointments SET booked_at = %s WHERE id = %s"),
        *(EVENING - timedelta(hours=2), second),
    )
    assert await remind(platform) == 1
    assert await reminded(platform) == [first, second]


@pytest.mark.parametrize(("booked_before", "count"), [("01:00:00.000001", 1), ("01:00:00", 0)])
async def test_who_booked_within_the_hour_knows_it_still(
    platform: Platform, clock: Clock, booked_before: str, count: int
) -> None:
    await booked(platform)
    await change(
        platform, "UPDATE appointments SET booked_at = %s - %s::interval", EVENING, booked_before
    )
    clock.now = EVENING + timedelta(hours=5)
    assert await remind(platform) == count


@pytest.mark.parametrize("status", ["picked_up", "cancelled", "stopped", "no_show", "unverified"])
async def test_only_what_waits_is_reminded_of(
    platform: Platform, clock: Clock, status: str
) -> None:
    await booked(platform)
    await change(platform, "UPDATE appointments SET status = %s", status)
    clock.now = EVENING
    assert await remind(platform) == 0


async def test_who_cancels_or_is_stopped_before_it_is_sent_hears_only_of_that(
    platform: Platform, clock: Clock
) -> None:
    cancelled, stopped = await booked(platform, 1), await booked(platform, 2)
    await change(platform, "UPDATE hospitals SET cancel_time = '21:00'")
    clock.now = EVENING
    assert await remind(platform) == 2
    await cancel_for_caller(platform, cancelled)
    [(session_id,)] = await ask(
        platform, "SELECT clinic_session_id FROM appointments WHERE id = %s", stopped
    )
    await stop_session(platform, session_id)
    clock.now += stops.GRACE
    await stops.carry_on(platform)
    assert sorted(item.kind for item in await sent(platform)) == ["cancelled", "stopped"]


async def test_a_reminder_after_the_pick_up_deadline_is_not_sent(
    platform: Platform, clock: Clock
) -> None:
    await booked(platform)
    clock.now = EVENING
    await remind(platform)
    clock.now = city_time(THURSDAY, time(11, 30))
    assert await sent(platform) == []


async def test_who_has_no_account_is_not_reminded(platform: Platform, clock: Clock) -> None:
    await booked(platform)
    await change(platform, "UPDATE patients SET account_id = NULL, phone_slot = NULL")
    clock.now = EVENING
    assert await remind(platform) == 0


async def test_a_city_is_reminded_in_small_jobs_that_let_others_pass(
    platform: Platform, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reminders, "SESSIONS_AT_ONCE", 1)
    await booked(platform)
    await change(
        platform,
        """
        WITH crowd AS (
            INSERT INTO patients (id_type, id_no_index, person_index, name_enc, id_no_enc,
                                  created_at, account_id, phone_slot)
            SELECT '01', int4send(n), int4send(n), name_enc, id_no_enc, p.created_at,
                   CASE WHEN n = 1 THEN account_id END, CASE WHEN n = 1 THEN 2 END
            FROM patients p, generate_series(1, 149) n
            RETURNING id)
        INSERT INTO appointments (patient_id, clinic_session_id, hospital_id, department_id,
                                  visit_date, channel, code_enc, code_index, booked_at,
                                  changed_at)
        SELECT c.id, clinic_session_id, hospital_id, department_id, visit_date, 'api',
               code_enc, sha256(int8send(c.id)), booked_at, changed_at
        FROM appointments, crowd c
        """,
    )
    await change(
        platform,
        """
        WITH phones AS (
            INSERT INTO accounts (phone_enc, phone_index, created_at)
            SELECT ''::bytea, id_no_index, created_at FROM patients WHERE account_id IS NULL
            RETURNING id, phone_index)
        UPDATE patients SET account_id = phones.id, phone_slot = 1
        FROM phones WHERE phone_index = id_no_index
        """,
    )
    await booked(platform, 2)
    clock.now = EVENING
    assert await remind(platform) == 151
    jobs = await ask(platform, "SELECT priority, args FROM procrastinate_jobs ORDER BY id")
    assert {priority for priority, _ in jobs} == {-10}
    sizes = [len(arguments["message_ids"]) for _, arguments in jobs]
    assert sizes == [MESSAGES_A_JOB, MESSAGES_A_JOB, 150 - 2 * MESSAGES_A_JOB, 1]
