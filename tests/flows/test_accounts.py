"""A phone is proven by a one-time password: once, in time, and not by guessing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable

import pytest
from tests.city import LOOPBACK, Clock, add_account, add_patient, ask, open_platform, outbox, phone

from guahao.flows.accounts import (
    OTP_TRIES,
    Caller,
    InvalidPhone,
    OtpWrong,
    Throttled,
    account,
    open_account,
    request_otp,
)
from guahao.flows.platform import Platform
from guahao.notices.deliver import Courier
from guahao.notices.outbox import OutboxGateway
from guahao.settings import Settings

SETTINGS = Settings(otp_per_phone_hour=3, otp_per_address_hour=4, otp_total_minute=6)
ADDRESS = Caller("203.0.113.7", limited=True)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock, settings=SETTINGS) as platform:
        yield platform


async def send(platform: Platform, number: int = 1, caller: Caller = LOOPBACK) -> object:
    return await request_otp(platform, phone(number), caller, "zh")


async def proof(
    platform: Platform, otp: str, number: int = 1, caller: Caller = LOOPBACK
) -> int | OtpWrong | Throttled | InvalidPhone:
    return await open_account(platform, phone(number), otp, caller, "zh")


async def received(platform: Platform, number: int = 1) -> str:
    """The one-time password that last reached a phone."""
    courier = Courier(
        platform.db,
        platform.vault,
        platform.policies,
        "114",
        OutboxGateway(platform.db, platform.vault),
    )
    await courier.deliver([row[0] for row in await ask(platform, "SELECT id FROM messages")])
    newest = (await outbox(platform, phone(number)))[0]
    found = re.search(r"\b\d{6}\b", newest.text)
    assert found is not None
    return found.group()


def wrong(otp: str) -> str:
    return f"{(int(otp) + 1) % 1_000_000:06d}"


def accounts(answers: Iterable[object]) -> list[int]:
    return [answer for answer in answers if isinstance(answer, int)]


async def test_the_password_that_reaches_a_phone_opens_its_account(platform: Platform) -> None:
    assert await send(platform) is None
    account_id = await proof(platform, await received(platform))
    assert isinstance(account_id, int)
    await send(platform)
    assert await proof(platform, await received(platform)) == account_id


async def test_it_does_not_matter_how_a_phone_and_a_password_are_written(
    platform: Platform,
) -> None:
    await send(platform)
    otp = await received(platform)
    spaced = f" {otp[:3]} {otp[3:]} "
    written = f"+86 {phone(1)[:3]} {phone(1)[3:7]} {phone(1)[7:]}"
    assert isinstance(await open_account(platform, written, spaced, LOOPBACK, "en"), int)


@pytest.mark.parametrize("written", ["", "12345", "01012345678", "+1 202 555 0123", "1380000000a"])
async def test_what_is_no_mobile_number_is_refused(platform: Platform, written: str) -> None:
    assert await request_otp(platform, written, LOOPBACK, "zh") == InvalidPhone()
    assert await open_account(platform, written, "123456", LOOPBACK, "zh") == InvalidPhone()
    assert await ask(platform, "SELECT 1 FROM messages") == []


async def test_a_password_opens_once(platform: Platform) -> None:
    await send(platform)
    otp = await received(platform)
    answers = await asyncio.gather(*(proof(platform, otp) for _ in range(OTP_TRIES)))
    assert len(accounts(answers)) == 1
    assert answers.count(OtpWrong()) == OTP_TRIES - 1
    assert await proof(platform, otp) == OtpWrong()


async def test_a_password_is_good_for_five_minutes(platform: Platform, clock: Clock) -> None:
    await send(platform)
    otp = await received(platform)
    clock.forward(minutes=4, seconds=59)
    assert await proof(platform, wrong(otp)) == OtpWrong()
    clock.forward(seconds=1)
    assert await proof(platform, otp) == OtpWrong()


async def test_a_new_password_voids_the_old(platform: Platform) -> None:
    await send(platform)
    old = await received(platform)
    await send(platform)
    new = await received(platform)
    if old != new:  # once in a million they are equal
        assert await proof(platform, old) == OtpWrong()
    assert isinstance(await proof(platform, new), int)


async def test_a_password_of_one_phone_does_not_open_another(platform: Platform) -> None:
    await send(platform, 1)
    await send(platform, 2)
    otp = await received(platform, 1)
    if otp != await received(platform, 2):
        assert await proof(platform, otp, 2) == OtpWrong()


async def test_the_fifth_try_may_be_the_right_one(platform: Platform) -> None:
    await send(platform)
    otp = await received(platform)
    guesses = await asyncio.gather(*(proof(platform, wrong(otp)) for _ in range(OTP_TRIES - 1)))
    assert guesses == [OtpWrong()] * (OTP_TRIES - 1)
    assert isinstance(await proof(platform, otp), int)


async def test_ten_guesses_at_once_use_up_the_five_tries(platform: Platform) -> None:
    await send(platform)
    otp = await received(platform)
    guesses = await asyncio.gather(*(proof(platform, wrong(otp)) for _ in range(10)))
    assert guesses == [OtpWrong()] * 10
    assert await ask(platform, "SELECT tries_left FROM one_time_passwords") == [(0,)]
    assert await proof(platform, otp) == OtpWrong()


async def test_wrong_guesses_at_a_phone_are_bounded_whatever_its_passwords(
    platform: Platform,
) -> None:
    bound = SETTINGS.otp_per_phone_hour * OTP_TRIES
    guesses = [await proof(platform, "000000") for _ in range(bound + 1)]
    assert guesses == [OtpWrong()] * bound + [Throttled(3600)]
    await send(platform)
    assert await proof(platform, await received(platform)) == Throttled(3600)
    assert await proof(platform, "000000", number=2) == OtpWrong()


async def test_wrong_guesses_from_an_address_are_bounded_whatever_the_phone(
    platform: Platform,
) -> None:
    bound = SETTINGS.otp_per_address_hour * OTP_TRIES
    for number in range(bound):
        assert await proof(platform, "000000", number, ADDRESS) == OtpWrong()
    assert await proof(platform, "000000", bound, ADDRESS) == Throttled(3600)
    assert await proof(platform, "000000", bound, Caller("203.0.113.8", limited=True)) == OtpWrong()


async def test_right_guesses_use_up_nothing(platform: Platform) -> None:
    await send(platform, 1, ADDRESS)
    await proof(platform, await received(platform), 1, ADDRESS)
    tries = await ask(
        platform, "SELECT hits FROM throttle_counts WHERE starts_with(scope, 'otp_try')"
    )
    assert tries == [(0,), (0,)]


async def test_a_phone_gets_so_many_passwords_an_hour(platform: Platform, clock: Clock) -> None:
    clock.forward(minutes=45)
    sent = [await send(platform) for _ in range(5)]
    assert sent == [None, None, None, Throttled(900), Throttled(900)]
    assert await send(platform, 2) is None
    clock.forward(minutes=15)
    assert await send(platform) is None


async def test_an_address_gets_so_many_passwords_an_hour(platform: Platform) -> None:
    sent = [await send(platform, number, ADDRESS) for number in range(5)]
    assert sent == [None] * 4 + [Throttled(3600)]
    assert await send(platform, 5, Caller("203.0.113.8", limited=True)) is None
    assert await send(platform, 6, Caller(ADDRESS.address, limited=False)) is None


async def test_the_city_gets_so_many_passwords_a_minute(platform: Platform, clock: Clock) -> None:
    sent = [await send(platform, number) for number in range(7)]
    assert sent == [None] * 6 + [Throttled(60)]
    clock.forward(minutes=1)
    assert await send(platform, 7) is None


async def test_refused_requests_are_counted_and_stop_at_their_own_limit(
    platform: Platform,
) -> None:
    for _ in range(6):
        await send(platform, 1, ADDRESS)
    counts = await ask(platform, "SELECT scope, hits FROM throttle_counts")
    # Three sent; the fourth stopped by the phone's limit, two more by the address's.
    assert dict(counts) == {"otp_address": 6, "otp_phone": 4, "otp_total": 3}


async def test_requests_at_once_pass_no_limit(platform: Platform) -> None:
    sent = await asyncio.gather(*(send(platform) for _ in range(10)))
    assert sent.count(None) == SETTINGS.otp_per_phone_hour
    assert await ask(platform, "SELECT count(*) FROM one_time_passwords") == [(1,)]


async def test_neither_phone_nor_password_is_kept_in_the_clear(platform: Platform) -> None:
    await send(platform)
    otp = await received(platform)
    await proof(platform, otp)
    await send(platform)
    for table in ("accounts", "one_time_passwords", "messages", "outbox", "throttle_counts"):
        rows = await ask(platform, f"SELECT t::text FROM {table} t")
        assert rows
        for (text,) in rows:
            held = text + bytes.fromhex("".join(re.findall(r"x([0-9a-f]+)", text))).decode("latin1")
            assert phone(1) not in held
            assert otp not in re.findall(r"\d+", held)
    jobs = await ask(platform, "SELECT args::text FROM procrastinate_jobs")
    assert all(phone(1) not in args for (args,) in jobs)


async def test_a_sent_password_is_forgotten(platform: Platform) -> None:
    await send(platform)
    await received(platform)
    assert await ask(platform, "SELECT state, body_enc FROM messages") == [("delivered", None)]


async def test_an_account_shows_its_phone_and_its_patients(platform: Platform) -> None:
    account_id = await add_account(platform)
    first = await add_patient(platform, account_id, 1, "张三")
    second = await add_patient(platform, account_id, 2, "李四")
    view = await account(platform, account_id)
    assert view is not None
    assert (view.id, view.phone, view.patients) == (account_id, f"+86{phone(1)}", [first, second])


async def test_an_account_that_is_not_there_is_none(platform: Platform) -> None:
    assert await account(platform, 1) is None
