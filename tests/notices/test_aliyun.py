"""The provider's own SDK over HTTP, against a stand-in that has the provider's troubles."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.city import Clock, add_account, add_booking, ask, change, open_platform, phone

from guahao.flows.kernel.platform import Platform
from guahao.notices import aliyun
from guahao.notices.aliyun import VARIABLES, AliyunGateway, SmsAccess
from guahao.notices.deliver import LONGEST_WAIT_SECONDS, MessageSender, TryAgain
from guahao.notices.gateway import Failed, Outcome, OutgoingMessage, Sent, Unknown
from guahao.notices.templates import KINDS
from guahao.settings import SettingsError
from guahao.tools.stand_ins.aliyun import (
    ANSWER_LOST,
    CALL_LOST,
    FAILING,
    KEY_ID,
    KEY_SECRET,
    THROTTLED,
    Trouble,
    serving,
)
from guahao.tools.stand_ins.sms import LIMITED, StandIn

SMS_DOCUMENT = Path(__file__).parents[2] / "docs" / "SMS.md"
CHINESE = {kind: f"SMS_{kind}" for kind in VARIABLES}
BOTH = CHINESE | {f"{kind}.en": f"SMS_{kind}_en" for kind in VARIABLES}
NOT_NOW, NEVER = Failed(permanent=False), Failed(permanent=True)
OTP = OutgoingMessage("m7", "otp", f"+86{phone(1)}", "", {"otp": "012345", "until": "09:05"}, "zh")
JUST_NOW = timedelta(minutes=2)


def trouble(code: str) -> Trouble:
    return Trouble(code)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stand_in(clock: Clock) -> StandIn:
    return StandIn(clock=clock)


@pytest.fixture
def endpoint(stand_in: StandIn) -> Iterator[str]:
    with serving(stand_in) as address:
        yield address


def access(endpoint: str, secret: str = KEY_SECRET) -> SmsAccess:
    return SmsAccess(endpoint, KEY_ID, secret, "安澜挂号")


@pytest.fixture
def gateway(endpoint: str, clock: Clock) -> AliyunGateway:
    return AliyunGateway(access(endpoint), CHINESE, clock)


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as platform:
        yield platform


async def deliver(platform: Platform, gateway: AliyunGateway) -> list[TryAgain]:
    ids = [row[0] for row in await ask(platform, "SELECT id FROM messages")]
    message_sender = MessageSender(platform.db, platform.vault, platform.policies, "114", gateway)
    return await message_sender.deliver(ids)


async def states(platform: Platform) -> list[str]:
    return [row[0] for row in await ask(platform, "SELECT state FROM messages ORDER BY id")]


# Sending ---------------------------------------------------------------------------------------


async def test_a_booking_reaches_the_provider_as_its_template_wants_it(
    platform: Platform, gateway: AliyunGateway, stand_in: StandIn
) -> None:
    await add_booking(platform)
    assert await deliver(platform, gateway) == []
    [(id, state)] = await ask(platform, "SELECT id, state FROM messages")
    [taken] = stand_in.accepted
    assert (taken.out_id, state) == (f"m{id}", "submitted")
    assert (taken.phone, taken.template, taken.sign_name) == (
        *(phone(1), "SMS_booked", "安澜挂号"),
    )
    assert taken.variables == {
        "patient": "张三",
        "hospital": "市第一医院",
        "department": "心血管内科",
        "clinic": "高血压 主任医师",
        "date": "12月3日 周四",
        "time": "上午 08:30-09:00",
        "code": "0000 0001",
        "pickup_until": "11:30",
        "pickup_place": "门诊楼一层",
        "cancel_until": "12月2日 周三 15:00",
    }


@pytest.mark.parametrize(
    ("templates", "template", "date"),
    [(CHINESE, "SMS_booked", "12月3日 周四"), (BOTH, "SMS_booked_en", "Thu 3 Dec")],
)
async def test_english_is_spoken_where_every_template_is_registered_in_it(
    platform: Platform,
    endpoint: str,
    stand_in: StandIn,
    templates: dict[str, str],
    template: str,
    date: str,
) -> None:
    await add_booking(platform)
    await add_account(platform, 1, language="en")
    await deliver(platform, AliyunGateway(access(endpoint), templates))
    [taken] = stand_in.accepted
    assert (taken.template, taken.variables["date"]) == (template, date)


def test_every_kind_of_message_has_its_variables() -> None:
    assert set(VARIABLES) == set(KINDS)


def test_the_templates_to_register_hold_exactly_what_is_sent() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", SMS_DOCUMENT.read_text("utf-8"), re.MULTILINE)
    sent = {kind: set(names) for kind, names in VARIABLES.items()}
    assert {
        kind: set(re.findall(r"\$\{(\w+)\}", text))
        for kind, text in rows
        if "$" in text or kind in sent  # a text may need no variables
    } == sent


@pytest.mark.parametrize(
    ("templates", "names"),
    [
        ({kind: code for kind, code in CHINESE.items() if kind != "stopped"}, "stopped"),
        (CHINESE | {"greeting": "SMS_1"}, "greeting"),
        (CHINESE | {"booked.fr": "SMS_1"}, "booked.fr"),
    ],
)
def test_templates_that_cannot_be_right_are_named(templates: dict[str, str], names: str) -> None:
    with pytest.raises(SettingsError, match=names):
        AliyunGateway(access("http://127.0.0.1:1"), templates)


async def test_a_long_name_is_cut_to_what_the_provider_takes(
    platform: Platform, gateway: AliyunGateway, stand_in: StandIn
) -> None:
    await add_booking(platform)
    await change(platform, "UPDATE hospitals SET name = repeat('医', 80)")
    await deliver(platform, gateway)
    assert stand_in.accepted[0].variables["hospital"] == "医" * 32 + "..."


async def test_only_who_holds_the_secret_is_listened_to(endpoint: str, stand_in: StandIn) -> None:
    stranger = AliyunGateway(access(endpoint, secret="guessed"), CHINESE)
    assert await stranger.send(OTP) == NOT_NOW
    assert stand_in.accepted == []


# What comes back -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("met", "outcome", "accepted"),
    [
        (Trouble(), Sent(), 1),
        (THROTTLED, NOT_NOW, 0),
        (LIMITED, NOT_NOW, 0),
        (trouble("isv.AMOUNT_NOT_ENOUGH"), NOT_NOW, 0),
        (trouble("isv.SMS_TEMPLATE_ILLEGAL"), NOT_NOW, 0),
        (trouble("isv.BLACK_KEY_CONTROL_LIMIT"), NEVER, 0),
        (trouble("isv.PARAM_LENGTH_LIMIT"), NEVER, 0),
        (trouble("isp.SYSTEM_ERROR"), Unknown(), 0),
        (FAILING, Unknown(), 0),
        (CALL_LOST, Unknown(), 0),
        (ANSWER_LOST, Unknown(), 1),
    ],
)
async def test_the_providers_answers_mean(
    gateway: AliyunGateway, stand_in: StandIn, met: Trouble, outcome: Outcome, accepted: int
) -> None:
    stand_in.trouble("SendSms", met)
    assert await gateway.send(OTP) == outcome
    assert len(stand_in.accepted) == accepted


async def test_a_number_that_is_none_fails_for_good(gateway: AliyunGateway) -> None:
    nobody = OutgoingMessage("m7", "otp", "+8610086", "", {"otp": "012345"}, "zh")
    assert await gateway.send(nobody) == NEVER


async def test_an_answer_that_does_not_come_in_time_is_unknown(
    endpoint: str, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aliyun, "_READ_MILLISECONDS", 50)
    impatient = AliyunGateway(access(endpoint), CHINESE)
    stand_in.trouble("SendSms", Trouble(seconds=1))
    assert await impatient.send(OTP) == Unknown()
    assert len(stand_in.accepted) == 1


async def test_a_provider_that_is_not_there_has_taken_nothing() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{unused.getsockname()[1]}"
    assert await AliyunGateway(access(nowhere), CHINESE).send(OTP) == NOT_NOW


async def test_nothing_that_was_sent_is_logged(
    gateway: AliyunGateway,
    stand_in: StandIn,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DEBUG", "sdk")
    caplog.set_level(logging.DEBUG)
    stand_in.trouble("SendSms", Trouble(), FAILING, trouble("isv.AMOUNT_NOT_ENOUGH"))
    for _ in range(3):
        await gateway.send(OTP)
    out, err = capfd.readouterr()
    told = caplog.text + out + err
    assert "AMOUNT_NOT_ENOUGH" in told
    assert phone(1) not in told
    assert "012345" not in told


# Looking up ------------------------------------------------------------------------------------


async def test_a_message_whose_answer_was_lost_is_found_and_not_sent_twice(
    platform: Platform, gateway: AliyunGateway, stand_in: StandIn, clock: Clock
) -> None:
    await add_booking(platform)
    stand_in.trouble("SendSms", ANSWER_LOST)
    [again] = await deliver(platform, gateway)
    assert await states(platform) == ["queued"]
    clock.forward(seconds=again.wait_seconds)
    assert await deliver(platform, gateway) == []
    assert await states(platform) == ["submitted"]
    assert stand_in.calls == ["SendSms", "QuerySendDetails"]
    assert len(stand_in.accepted) == 1


async def test_a_message_that_never_came_through_is_sent_again(
    platform: Platform, gateway: AliyunGateway, stand_in: StandIn, clock: Clock
) -> None:
    await add_booking(platform)
    stand_in.trouble("SendSms", CALL_LOST)
    await deliver(platform, gateway)
    clock.forward(seconds=LONGEST_WAIT_SECONDS)
    await deliver(platform, gateway)
    assert stand_in.calls == ["SendSms", "QuerySendDetails", "SendSms"]
    assert len(stand_in.accepted) == 1
    assert await states(platform) == ["submitted"]


async def test_while_it_cannot_be_looked_up_it_is_not_sent(
    platform: Platform, gateway: AliyunGateway, stand_in: StandIn, clock: Clock
) -> None:
    await add_booking(platform)
    stand_in.trouble("SendSms", ANSWER_LOST)
    stand_in.trouble("QuerySendDetails", THROTTLED, trouble("isv.AMOUNT_NOT_ENOUGH"), ANSWER_LOST)
    for _ in range(5):
        await deliver(platform, gateway)
        clock.forward(seconds=LONGEST_WAIT_SECONDS)
    assert stand_in.calls == ["SendSms", *["QuerySendDetails"] * 4]
    assert len(stand_in.accepted) == 1
    assert await states(platform) == ["submitted"]


async def test_what_a_dead_worker_had_sent_is_looked_up_too(
    platform: Platform, gateway: AliyunGateway, stand_in: StandIn, clock: Clock
) -> None:
    await add_booking(platform)
    await deliver(platform, gateway)
    await change(platform, "UPDATE messages SET state = 'queued'")  # it died before it recorded
    clock.forward(seconds=LONGEST_WAIT_SECONDS)
    await deliver(platform, gateway)
    assert stand_in.calls == ["SendSms", "QuerySendDetails"]
    assert await states(platform) == ["submitted"]


@pytest.mark.parametrize(("error", "state"), [("", "delivered"), ("MK:0001", "failed")])
async def test_a_look_up_also_tells_what_the_carrier_said(
    platform: Platform,
    gateway: AliyunGateway,
    stand_in: StandIn,
    clock: Clock,
    error: str,
    state: str,
) -> None:
    await add_booking(platform)
    stand_in.trouble("SendSms", ANSWER_LOST)
    await deliver(platform, gateway)
    stand_in.receipt(stand_in.accepted[0], error)
    clock.forward(seconds=LONGEST_WAIT_SECONDS)
    await deliver(platform, gateway)
    assert await states(platform) == [state]


@pytest.mark.parametrize(
    ("said", "state"), [("DELIVERED", "delivered"), ("MK:0001", "failed"), (None, "submitted")]
)
async def test_a_receipt_that_does_not_come_is_asked_for(
    platform: Platform, gateway: AliyunGateway, stand_in: StandIn, said: str | None, state: str
) -> None:
    await add_booking(platform)
    await deliver(platform, gateway)
    if said is not None:
        stand_in.receipt(stand_in.accepted[0], "" if said == "DELIVERED" else said)
    ids = [row[0] for row in await ask(platform, "SELECT id FROM messages")]
    message_sender = MessageSender(platform.db, platform.vault, platform.policies, "114", gateway)
    await message_sender.ask_for_receipts(ids)
    assert await states(platform) == [state]


async def test_records_that_cannot_be_read_leave_a_message_as_it_is(
    platform: Platform, gateway: AliyunGateway, stand_in: StandIn
) -> None:
    await add_booking(platform)
    await deliver(platform, gateway)
    stand_in.trouble("QuerySendDetails", FAILING)
    ids = [row[0] for row in await ask(platform, "SELECT id FROM messages")]
    message_sender = MessageSender(platform.db, platform.vault, platform.policies, "114", gateway)
    await message_sender.ask_for_receipts(ids)
    assert stand_in.calls == ["SendSms", "QuerySendDetails"]
    assert await states(platform) == ["submitted"]


async def test_yesterdays_records_are_looked_through_too(
    gateway: AliyunGateway, stand_in: StandIn, clock: Clock
) -> None:
    clock.now = clock.now.replace(hour=23, minute=59)
    await gateway.send(OTP)
    clock.forward(minutes=2)
    assert await gateway.look_up("m7", OTP.to, JUST_NOW) == Sent()
    assert stand_in.calls == ["SendSms", *["QuerySendDetails"] * 2]
    assert await gateway.look_up("m7", OTP.to, timedelta(seconds=30)) is None


async def test_a_look_up_finds_its_own_key_among_many_and_no_others(
    gateway: AliyunGateway,
) -> None:
    for number in range(52):
        key = OutgoingMessage(f"m{number}", "otp", OTP.to, "", OTP.params, "zh")
        assert await gateway.send(key) == Sent()
    assert await gateway.look_up("m0", OTP.to, JUST_NOW) == Sent()
    assert await gateway.look_up("m52", OTP.to, JUST_NOW) is None
    assert await gateway.look_up("m0", f"+86{phone(2)}", JUST_NOW) is None
