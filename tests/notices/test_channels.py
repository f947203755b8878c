"""Beside the SMS goes a message by WeChat; neither waits for the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.city import (
    LOOPBACK,
    Clock,
    add_account,
    add_booking,
    add_patient,
    add_session,
    ask,
    notify,
    open_platform,
    phone,
)
from tests.flows.fairness.test_applications import add_department, applied, request
from tests.flows.fairness.winning import make_win

from guahao.flows.kernel.platform import Platform
from guahao.flows.people.one_time_passwords import request_otp
from guahao.notices.deliver import LONGEST_WAIT_SECONDS, MessageSender
from guahao.notices.gateway import Failed, Gateway, Outcome, OutgoingMessage, Sent
from guahao.rules.kernel.facts import Actor
from guahao.store.messages import wechat

OPENID = "oABCD-1234"
NOT_NOW, NEVER = Failed(permanent=False), Failed(permanent=True)


class Carrier(Gateway):
    """A way to people as we meet it from outside: always of the same answer."""

    def __init__(self, answer: Outcome = Sent()) -> None:  # noqa: B008 - immutable
        self.answer = answer
        self.outgoing_messages: list[OutgoingMessage] = []

    async def send(self, outgoing: OutgoingMessage) -> Outcome:
        self.outgoing_messages.append(outgoing)
        return self.answer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as platform:
        yield platform


async def bind(platform: Platform, number: int = 1) -> None:
    account_id = await add_account(platform, number)
    async with platform.db.transaction() as tx:
        await wechat.bind(tx, platform.vault, OPENID, account_id)


async def follow(platform: Platform, *, follows: bool) -> None:
    async with platform.db.transaction() as tx:
        await wechat.set_follows(tx, platform.vault, OPENID, tx.now, follows=follows)


async def deliver(platform: Platform, sms: Gateway, by_wechat: Gateway | None) -> None:
    """Whatever waits, as its jobs would: also what the delivery itself brings about."""
    message_sender = MessageSender(
        platform.db, platform.vault, platform.policies, "114", sms, by_wechat
    )
    jobs = await ask(platform, "SELECT args FROM procrastinate_jobs ORDER BY id")
    for (arguments,) in jobs:
        await message_sender.deliver(arguments["message_ids"])
    more = await ask(platform, "SELECT args FROM procrastinate_jobs ORDER BY id")
    for (arguments,) in more[len(jobs) :]:
        await message_sender.deliver(arguments["message_ids"])


async def rows(platform: Platform) -> list[tuple[object, ...]]:
    return await ask(platform, "SELECT channel, kind, state FROM messages ORDER BY id")


async def test_who_follows_is_told_by_wechat_too(platform: Platform) -> None:
    appointment_id = await add_booking(platform)
    await bind(platform)
    sms, by_wechat = Carrier(), Carrier()
    await deliver(platform, sms, by_wechat)
    [told], [beside] = sms.outgoing_messages, by_wechat.outgoing_messages
    assert (told.to, beside.to) == (f"+86{phone(1)}", OPENID)
    assert beside.key != told.key
    assert (beside.kind, beside.text, beside.params) == (told.kind, told.text, told.params)
    assert beside.appointment_id == appointment_id
    assert await rows(platform) == [
        ("sms", "booked", "submitted"),
        ("wechat", "booked", "submitted"),
    ]


async def test_an_application_and_a_win_are_told_by_wechat_too(platform: Platform) -> None:
    account = await add_account(platform)
    patient = await add_patient(platform, account)
    asked = request(account, [patient.id], await add_department(platform), channel="window")
    made = await applied(platform, replace(asked, actor=Actor("staff", 7)))
    won = await make_win(platform, patient.id, await add_session(platform), application_id=made.id)
    await notify(platform, "draw_won", won)
    await bind(platform)
    sms, by_wechat = Carrier(), Carrier()
    await deliver(platform, sms, by_wechat)
    texts = [outgoing.text for outgoing in sms.outgoing_messages]
    assert [outgoing.text for outgoing in by_wechat.outgoing_messages] == texts
    assert "已为张三登记候补" in texts[0]
    assert "抽签抽中，已预约成功，识别码 0123 4567" in texts[1]
    assert "在12月1日 周二 09:00前到“我的挂号”放弃" in texts[1]


async def test_who_is_bound_to_nobody_or_left_is_told_by_sms_alone(platform: Platform) -> None:
    for number in (1, 2):
        await add_booking(platform, number)
    await bind(platform, 1)
    await follow(platform, follows=False)
    by_wechat = Carrier()
    await deliver(platform, Carrier(), by_wechat)
    assert by_wechat.outgoing_messages == []
    assert await rows(platform) == [("sms", "booked", "submitted")] * 2


async def test_without_an_official_account_there_is_no_row_beside(platform: Platform) -> None:
    await add_booking(platform)
    await bind(platform)
    await deliver(platform, Carrier(), None)
    assert await rows(platform) == [("sms", "booked", "submitted")]


async def test_a_one_time_password_goes_by_sms_alone(platform: Platform) -> None:
    await bind(platform)
    await request_otp(platform, phone(1), LOOPBACK, "zh")
    await deliver(platform, Carrier(), Carrier())
    assert await rows(platform) == [("sms", "otp", "submitted")]


@pytest.mark.parametrize(
    ("sms", "by_wechat", "states"),
    [
        (NEVER, Sent(), ["failed", "submitted"]),
        (NOT_NOW, Sent(), ["queued", "submitted"]),
        (Sent(), NEVER, ["submitted", "failed"]),
        (Sent(), NOT_NOW, ["submitted", "queued"]),
    ],
)
async def test_one_channels_failure_does_not_hold_the_other_back(
    platform: Platform, sms: Outcome, by_wechat: Outcome, states: list[str]
) -> None:
    await add_booking(platform)
    await bind(platform)
    await deliver(platform, Carrier(sms), Carrier(by_wechat))
    assert [row[2] for row in await rows(platform)] == states


async def test_a_second_attempt_makes_no_second_row(platform: Platform, clock: Clock) -> None:
    await add_booking(platform)
    await bind(platform)
    by_wechat = Carrier()
    for _ in range(3):
        await deliver(platform, Carrier(NOT_NOW), by_wechat)
        clock.forward(seconds=LONGEST_WAIT_SECONDS)
    assert len(await rows(platform)) == 2
    assert len(by_wechat.outgoing_messages) == 1


async def test_workers_that_start_together_tell_once_by_each(platform: Platform) -> None:
    for number in range(4):
        await add_booking(platform, number)
    await bind(platform, 1)
    sms, by_wechat = Carrier(), Carrier()
    await asyncio.gather(*(deliver(platform, sms, by_wechat) for _ in range(3)))
    assert len(sms.outgoing_messages) == 4
    assert len(by_wechat.outgoing_messages) == 1


async def test_who_left_before_the_message_went_is_not_told(platform: Platform) -> None:
    await add_booking(platform)
    await bind(platform)
    message_sender = MessageSender(
        *(platform.db, platform.vault, platform.policies, "114", Carrier()),
        by_wechat := Carrier(),
    )
    [(sms_id,)] = await ask(platform, "SELECT id FROM messages")
    await message_sender.deliver([sms_id])
    await follow(platform, follows=False)
    [(beside_id,)] = await ask(platform, "SELECT id FROM messages WHERE channel = 'wechat'")
    await message_sender.deliver([beside_id])
    assert by_wechat.outgoing_messages == []
    assert await rows(platform) == [("sms", "booked", "submitted"), ("wechat", "booked", "expired")]
