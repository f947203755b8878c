"""A phone is proven by a one-time password: once, in time, and not by guessing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from tests.city import (
    LOOPBACK,
    Clock,
    add_account,
    add_patient,
    ask,
    ask_as_owner,
    open_platform,
    outbox,
    phone,
)

from guahao.flows.kernel.platform import Platform
from guahao.flows.people.accounts import account
from guahao.flows.people.logins import Device, LoggedIn, log_in
from guahao.flows.people.one_time_passwords import (
    OTP_TRIES,
    Caller,
    OtpSent,
    Proof,
    request_otp,
)
from guahao.notices.deliver import MessageSender
from guahao.notices.outbox import OutboxGateway
from guahao.rules.kernel.outcomes import Refused, Throttled
from guahao.rules.people.logins import AccountLoginRefusal, ProofRequired
from guahao.settings import Settings

PHONE_INVALID = Refused(AccountLoginRefusal.PHONE_INVALID)
OTP_WRONG = Refused(AccountLoginRefusal.OTP_WRONG)
SETTINGS = Settings(otp_per_phone_hour=3, otp_per_address_hour=4, otp_total_minute=600)
ADDRESS = Caller("203.0.113.7", limited=True)
_challenges = count()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock, settings=SETTINGS) as platform:
        yield platform


async def send(
    platform: Platform,
    number: int = 1,
    caller: Caller = LOOPBACK,
    level: int = 5,
    device: str | None = None,
) -> object:
    """Ask for a password, with a proof of this level."""
    expires_at = platform.db.clock() + timedelta(minutes=5)
    proof = Proof(f"challenge {next(_challenges)}", expires_at, level)
    return await request_otp(platform, phone(number), caller, "zh", proof=proof, device=device)


async def asked(
    platform: Platform, number: int = 1, caller: Caller = LOOPBACK, device: str | None = None
) -> str:
    """The id of a request that was granted."""
    sent = await send(platform, number, caller, device=device)
    assert isinstance(sent, OtpSent)
    return sent.request_id


async def proof(
    platform: Platform,
    otp: str,
    number: int = 1,
    caller: Caller = LOOPBACK,
    request: str | None = None,
    device: str | None = None,
) -> int | Refused[AccountLoginRefusal] | Throttled:
    """Log in; the account's id."""
    where = Device("test", device)
    outcome = await log_in(platform, phone(number), otp, request, caller, "zh", "web", where)
    return outcome.account_id if isinstance(outcome, LoggedIn) else outcome


async def received(platform: Platform, number: int = 1) -> str:
    """The one-time password that last reached a phone."""
    message_sender = MessageSender(
        platform.db,
        platform.vault,
        platform.policies,
        "114",
        OutboxGateway(platform.db, platform.vault),
    )
    await message_sender.deliver([row[0] for row in await ask(platform, "SELECT id FROM messages")])
    newest = (await outbox(platform, phone(number)))[0]
    found = re.search(r"\b\d{6}\b", newest.text)
    assert found is not None
    return found.group()


def wrong(otp: str) -> str:
    return f"{(int(otp) + 1) % 1_000_000:06d}"


def accounts(answers: Iterable[object]) -> list[int]:
    return [answer for answer in answers if isinstance(answer, int)]


async def test_the_password_that_reaches_a_phone_opens_its_account(platform: Platform) -> None:
    assert isinstance(await send(platform), OtpSent)
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
    where = Device("test")
    outcome = await log_in(platform, written, spaced, None, LOOPBACK, "en", "web", where)
    assert isinstance(outcome, LoggedIn)


@pytest.mark.parametrize("written", ["", "12345", "01012345678", "+1 202 555 0123", "1380000000a"])
async def test_what_is_no_mobile_number_is_refused(platform: Platform, written: str) -> None:
    assert await request_otp(platform, written, LOOPBACK, "zh") == PHONE_INVALID
    where = Device("test")
    outcome = await log_in(platform, written, "123456", None, LOOPBACK, "zh", "web", where)
    assert outcome == PHONE_INVALID
    assert await ask(platform, "SELECT 1 FROM messages") == []


async def test_a_password_opens_once(platform: Platform) -> None:
    await send(platform)
    otp = await received(platform)
    answers = await asyncio.gather(*(proof(platform, otp) for _ in range(OTP_TRIES)))
    assert len(accounts(answers)) == 1
    assert answers.count(OTP_WRONG) == OTP_TRIES - 1
    assert await proof(platform, otp) == OTP_WRONG


async def test_a_password_is_good_for_five_minutes(platform: Platform, clock: Clock) -> None:
    await send(platform)
    otp = await received(platform)
    clock.forward(minutes=4, seconds=59)
    assert await proof(platform, wrong(otp)) == OTP_WRONG
    clock.forward(seconds=1)
    assert await proof(platform, otp) == OTP_WRONG


async def test_each_request_has_a_password_of_its_own(platform: Platform) -> None:
    first = await asked(platform)
    old = await received(platform)
    second = await asked(platform)
    new = await received(platform)
    if old != new:  # once in a million they are equal
        assert await proof(platform, old, request=second) == OTP_WRONG
    assert isinstance(await proof(platform, old, request=first), int)
    assert isinstance(await proof(platform, new, request=second), int)


async def test_without_a_request_id_the_newest_of_the_same_network_counts(
    platform: Platform,
) -> None:
    await send(platform, 1, ADDRESS)
    otp = await received(platform)
    await send(platform, 1, Caller("198.51.100.1", limited=True))
    assert isinstance(await proof(platform, otp, 1, ADDRESS), int)


async def test_a_password_of_one_phone_does_not_open_another(platform: Platform) -> None:
    await send(platform, 1)
    await send(platform, 2)
    otp = await received(platform, 1)
    if otp != await received(platform, 2):
        assert await proof(platform, otp, 2) == OTP_WRONG


async def test_the_fifth_try_may_be_the_right_one(platform: Platform) -> None:
    await send(platform)
    otp = await received(platform)
    guesses = await asyncio.gather(*(proof(platform, wrong(otp)) for _ in range(OTP_TRIES - 1)))
    assert guesses == [OTP_WRONG] * (OTP_TRIES - 1)
    assert isinstance(await proof(platform, otp), int)


async def test_ten_guesses_at_once_use_up_the_five_tries(platform: Platform) -> None:
    await send(platform)
    otp = await received(platform)
    guesses = await asyncio.gather(*(proof(platform, wrong(otp)) for _ in range(10)))
    assert guesses == [OTP_WRONG] * 10
    assert await ask(platform, "SELECT tries_left FROM one_time_passwords") == [(0,)]
    assert await proof(platform, otp) == OTP_WRONG


async def test_wrong_guesses_without_a_request_are_bounded_by_address_alone(
    platform: Platform,
) -> None:
    bound = SETTINGS.otp_per_address_hour * OTP_TRIES
    for number in range(bound):
        assert await proof(platform, "000000", number, ADDRESS) == OTP_WRONG
    assert await proof(platform, "000000", bound, ADDRESS) == Throttled(retry_after_seconds=3600)
    elsewhere = Caller("203.0.113.8", limited=True)
    assert await proof(platform, "000000", bound, elsewhere) == OTP_WRONG
    # Whoever holds a request's id is not refused for what others guess around them.
    request = await asked(platform, 1, elsewhere)
    otp = await received(platform)
    assert isinstance(await proof(platform, otp, 1, ADDRESS, request), int)


async def test_a_stranger_neither_voids_nor_exhausts_a_password_nor_locks_the_phone(
    platform: Platform,
) -> None:
    request = await asked(platform, 1, ADDRESS)
    otp = await received(platform)
    for n in range(12):
        stranger = Caller(f"198.51.{n}.1", limited=True)
        await send(platform, 1, stranger)
        for _ in range(OTP_TRIES):
            assert await proof(platform, wrong(otp), 1, stranger) == OTP_WRONG
            assert await proof(platform, otp, 1, stranger, f"guessed {n}") == OTP_WRONG
    assert isinstance(await proof(platform, otp, 1, ADDRESS, request), int)


async def test_a_known_device_has_an_allowance_that_strangers_cannot_use_up(
    platform: Platform,
) -> None:
    request = await asked(platform)
    await proof(platform, await received(platform), request=request, device="own device")
    for n in range(20):
        await send(platform, 1, Caller(f"198.51.{n}.1", limited=True))
    assert isinstance(await send(platform), Throttled)
    await received(platform)  # what strangers asked for, so that the next is the newest
    request = await asked(platform, device="own device")
    otp = await received(platform)
    account_id = await proof(platform, otp, request=request, device="own device")
    assert isinstance(account_id, int)
    for _ in range(SETTINGS.otp_per_phone_hour - 1):
        await asked(platform, device="own device")
    assert await send(platform, device="own device") == Throttled(retry_after_seconds=3600)


async def test_right_guesses_use_up_nothing(platform: Platform) -> None:
    request = await asked(platform, 1, ADDRESS)
    await proof(platform, await received(platform), 1, ADDRESS, request)
    guesses = "SELECT 1 FROM throttle_counts WHERE scope ~ 'blind|wrong' AND hits > 0"
    assert await ask(platform, guesses) == []


async def test_a_phone_gets_so_many_passwords_an_hour_and_as_many_for_harder_work(
    platform: Platform, clock: Clock
) -> None:
    clock.forward(minutes=45)
    easily = [await send(platform, level=0) for _ in range(4)]
    assert easily[3] == ProofRequired(level=3)
    assert all(isinstance(one, OtpSent) for one in easily[:3])
    harder = [await send(platform, level=3) for _ in range(4)]
    assert harder[3] == Throttled(retry_after_seconds=900)
    assert all(isinstance(one, OtpSent) for one in harder[:3])
    assert isinstance(await send(platform, 2, level=0), OtpSent)
    clock.forward(minutes=15)
    assert isinstance(await send(platform, level=0), OtpSent)


async def test_an_address_gets_so_many_passwords_an_hour(platform: Platform) -> None:
    sent = [await send(platform, number, ADDRESS) for number in range(5)]
    assert sent[4] == Throttled(retry_after_seconds=3600)
    assert all(isinstance(one, OtpSent) for one in sent[:4])
    elsewhere = Caller("203.0.113.8", limited=True)
    assert isinstance(await send(platform, 5, elsewhere), OtpSent)
    assert isinstance(await send(platform, 6, Caller(ADDRESS.address, limited=False)), OtpSent)


async def test_an_address_that_many_share_gets_more_passwords(
    database_url: str, clock: Clock
) -> None:
    """A hospital's Wi-Fi, with its neighbours as the control."""
    settings = replace(SETTINGS, shared_networks=("198.51.100.0/24",), otp_per_phone_hour=1000)
    async with open_platform(database_url, clock, settings=settings) as platform:
        shared = [await send(platform, n, Caller("198.51.100.7", limited=True)) for n in range(5)]
        alone = [await send(platform, n, Caller("203.0.113.7", limited=True)) for n in range(5)]
    assert all(isinstance(one, OtpSent) for one in shared)
    assert alone[4] == Throttled(retry_after_seconds=3600)


async def test_the_city_s_total_makes_the_work_harder_and_refuses_nobody(
    database_url: str, clock: Clock
) -> None:
    settings = replace(SETTINGS, otp_total_minute=6)
    async with open_platform(database_url, clock, settings=settings) as platform:
        await _crowd(platform, clock)


async def _crowd(platform: Platform, clock: Clock) -> None:
    await add_account(platform, 100)
    levels = []
    for number in range(40):
        for level in range(6):
            sent = await send(platform, number, level=level)
            if isinstance(sent, OtpSent):
                levels.append(level)
                break
            assert sent == ProofRequired(level=level + 1) or isinstance(sent, ProofRequired)
    assert len(levels) == 40
    assert levels == sorted(levels)
    assert (levels[5], levels[6], levels[12], levels[24]) == (0, 1, 2, 3)
    # No answer says which phone is registered: as much work as for one that is not.
    assert await send(platform, 100, level=2) == await send(platform, 101, level=2)
    assert await send(platform, 100, level=2) == ProofRequired(level=3)
    assert isinstance(await send(platform, 100, level=3), OtpSent)
    clock.forward(minutes=1)
    assert isinstance(await send(platform, 50, level=0), OtpSent)


@pytest.mark.parametrize(
    ("address", "after"),
    [
        ("2001:db8:0:{0:x}00::/64", 4 * 16),
        ("2001:db8:0:{0:x}::/64", 4 * 4),
        ("203.0.113.{0}", 4 * 8),
    ],
    ids=["/48", "/56", "/24"],
)
async def test_a_wide_network_works_harder_before_it_is_refused(
    database_url: str, clock: Clock, address: str, after: int
) -> None:
    settings = replace(SETTINGS, otp_total_minute=100_000)
    async with open_platform(database_url, clock, settings=settings) as platform:
        sent = [
            await send(platform, n, Caller(address.format(n), limited=True), level=0)
            for n in range(after + 1)
        ]
        assert all(isinstance(one, OtpSent) for one in sent[:after])
        assert sent[after] == ProofRequired(level=1)
        caller = Caller(address.format(after), limited=True)
        assert isinstance(await send(platform, after, caller, level=1), OtpSent)


async def test_cheap_requests_make_it_no_harder_for_others(platform: Platform) -> None:
    for number in range(50):
        await request_otp(platform, phone(number), ADDRESS, "zh")
        await send(platform, number, ADDRESS, level=0)
    counts = await ask(platform, "SELECT hits FROM throttle_counts WHERE scope = 'otp_total'")
    assert counts == [(SETTINGS.otp_per_address_hour,)]
    other = Caller("198.51.100.1", limited=True)
    assert isinstance(await send(platform, 90, other, level=0), OtpSent)


async def test_without_a_proof_there_is_a_small_allowance(database_url: str, clock: Clock) -> None:
    settings = replace(SETTINGS, otp_per_address_hour=50, otp_unproven_per_address_hour=2)
    async with open_platform(database_url, clock, settings=settings) as platform:
        sent = [await request_otp(platform, phone(n), ADDRESS, "zh") for n in range(3)]
        assert isinstance(sent[1], OtpSent)
        assert sent[2] == ProofRequired(level=0)
        assert isinstance(await send(platform, 3, ADDRESS, level=0), OtpSent)


async def test_requests_at_once_pass_no_limit(platform: Platform) -> None:
    sent = await asyncio.gather(*(send(platform) for _ in range(12)))
    most = 2 * SETTINGS.otp_per_phone_hour
    assert sum(isinstance(one, OtpSent) for one in sent) == most
    assert await ask(platform, "SELECT count(*) FROM one_time_passwords") == [(most,)]


async def test_the_same_proof_once_more_is_the_same_request(platform: Platform) -> None:
    proof = Proof("the same", platform.db.clock() + timedelta(minutes=5))
    sent = [await request_otp(platform, phone(1), LOOPBACK, "zh", proof=proof) for _ in range(2)]
    assert sent[0] == sent[1]
    assert await ask(platform, "SELECT count(*) FROM messages") == [(1,)]


async def test_neither_phone_nor_password_is_kept_in_the_clear(platform: Platform) -> None:
    await send(platform)
    otp = await received(platform)
    await proof(platform, otp)
    await send(platform)
    for table in ("accounts", "one_time_passwords", "messages", "outbox", "throttle_counts"):
        rows = await ask_as_owner(platform, f"SELECT t::text FROM {table} t")
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
