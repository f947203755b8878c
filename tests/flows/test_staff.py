"""Two factors, locks, sessions that end: nobody works behind the counter without them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pyotp
import pytest
from tests.city import LOOPBACK, Clock, ask, open_platform

from guahao.flows import staff
from guahao.flows.accounts import Caller
from guahao.flows.platform import Platform
from guahao.flows.staff import HalfSession, LogInRefused, NewStaff, Session, StaffRefusal
from guahao.rules.staff import SYSTEM, Role
from guahao.store import staff as store

NEW_PASSWORD = "correct horse battery"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as opened:
        yield opened


async def added(platform: Platform, login: str = "agent.one", role: Role = Role.AGENT) -> NewStaff:
    new = await staff.add_staff(platform, SYSTEM, login, "演示坐席", role, None)
    assert isinstance(new, NewStaff)
    return new


async def first_factor(platform: Platform, login: str, password: str) -> HalfSession:
    half = await staff.log_in(platform, login, password, LOOPBACK)
    assert isinstance(half, HalfSession), half
    return half


async def secret_of(platform: Platform, token: str) -> str:
    uri = await staff.enrolment_uri(platform, token)
    assert uri is not None
    parsed = pyotp.parse_uri(uri)
    assert isinstance(parsed, pyotp.TOTP)
    return parsed.secret


async def enrolled(
    platform: Platform, clock: Clock, login: str = "agent.one"
) -> tuple[str, Session]:
    """Somebody who went through a first log-in: their second factor's secret, their session."""
    new = await added(platform, login)
    half = await first_factor(platform, login, new.password)
    assert (half.needs_password_change, half.needs_enrolment) == (True, True)
    assert await staff.change_password(platform, half.token, new.password, NEW_PASSWORD) is None
    secret = await secret_of(platform, half.token)
    session = await staff.enrol(platform, half.token, code(secret, clock))
    assert isinstance(session, Session)
    return secret, session


def code(secret: str, clock: Clock, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(clock() + timedelta(seconds=30 * steps))


async def actions(platform: Platform) -> list[str]:
    return [row[0] for row in await ask(platform, "SELECT action FROM audit_trail ORDER BY seq")]


async def test_a_first_log_in_changes_the_password_and_enrols_a_second_factor(
    platform: Platform, clock: Clock
) -> None:
    _, session = await enrolled(platform, clock)
    who = await staff.staff_of_session(platform, session.token)
    assert who is not None
    assert (who.login, who.role) == ("agent.one", Role.AGENT)
    assert await actions(platform) == [
        "add_staff",
        "change_password",
        "enrol_second_factor",
        "log_in",
    ]


async def test_the_password_alone_opens_nothing(platform: Platform, clock: Clock) -> None:
    await enrolled(platform, clock)
    half = await first_factor(platform, "agent.one", NEW_PASSWORD)
    assert (half.needs_password_change, half.needs_enrolment) == (False, False)
    assert await staff.staff_of_session(platform, half.token) is None
    assert await staff.enrolment_uri(platform, half.token) is None


async def test_a_temporary_password_opens_nothing_before_it_is_changed(
    platform: Platform,
) -> None:
    new = await added(platform)
    half = await first_factor(platform, new.login, new.password)
    assert await staff.enrolment_uri(platform, half.token) is None
    assert await staff.enrol(platform, half.token, "000000") is None


async def test_a_code_serves_once_and_only_around_its_time(
    platform: Platform, clock: Clock
) -> None:
    secret, _ = await enrolled(platform, clock)
    used = code(secret, clock)
    half = await first_factor(platform, "agent.one", NEW_PASSWORD)
    assert isinstance(await staff.show_second_factor(platform, half.token, used), LogInRefused)
    early = code(secret, clock, 2)
    assert isinstance(await staff.show_second_factor(platform, half.token, early), LogInRefused)
    fresh = code(secret, clock, 1)
    assert isinstance(await staff.show_second_factor(platform, half.token, fresh), Session)


async def test_two_log_ins_with_one_code_at_once_give_one_session(
    platform: Platform, clock: Clock
) -> None:
    secret, _ = await enrolled(platform, clock)
    clock.forward(seconds=60)
    halves = [await first_factor(platform, "agent.one", NEW_PASSWORD) for _ in range(4)]
    now = code(secret, clock)
    answers = await asyncio.gather(
        *[staff.show_second_factor(platform, half.token, now) for half in halves]
    )
    assert sum(isinstance(answer, Session) for answer in answers) == 1


async def test_the_second_factor_replaces_the_token(platform: Platform, clock: Clock) -> None:
    secret, _ = await enrolled(platform, clock)
    clock.forward(seconds=60)
    half = await first_factor(platform, "agent.one", NEW_PASSWORD)
    session = await staff.show_second_factor(platform, half.token, code(secret, clock))
    assert isinstance(session, Session)
    assert session.token != half.token
    assert await staff.staff_of_session(platform, half.token) is None


@pytest.mark.parametrize(
    ("login", "password"),
    [("nobody", NEW_PASSWORD), ("agent.one", "wrong"), ("agent.one", "x" * 10_000)],
    ids=["unknown login", "wrong password", "endless password"],
)
async def test_every_wrong_log_in_gets_the_same_answer(
    platform: Platform, clock: Clock, login: str, password: str
) -> None:
    await enrolled(platform, clock)
    assert await staff.log_in(platform, login, password, LOOPBACK) == LogInRefused(None)


async def test_somebody_shut_out_gets_it_too_and_their_session_is_over(
    platform: Platform, clock: Clock
) -> None:
    _, session = await enrolled(platform, clock)
    id = session.staff.id
    assert await staff.disable_staff(platform, SYSTEM, id) is None
    assert await staff.staff_of_session(platform, session.token) is None
    assert await staff.log_in(platform, "agent.one", NEW_PASSWORD, LOOPBACK) == LogInRefused(None)
    assert await staff.enable_staff(platform, SYSTEM, id) is None
    await first_factor(platform, "agent.one", NEW_PASSWORD)


async def test_five_failures_lock_for_a_quarter_of_an_hour_and_more_for_longer(
    platform: Platform, clock: Clock
) -> None:
    await enrolled(platform, clock)
    for _ in range(4):
        assert await staff.log_in(platform, "agent.one", "no", LOOPBACK) == LogInRefused(None)
    first = clock() + staff.FIRST_LOCK
    assert await staff.log_in(platform, "agent.one", "no", LOOPBACK) == LogInRefused(first)
    # The right password does not open a lock, and tells nothing of being right.
    assert await staff.log_in(platform, "agent.one", NEW_PASSWORD, LOOPBACK) == LogInRefused(first)
    clock.forward(minutes=15)
    second = clock() + 2 * staff.FIRST_LOCK
    assert await staff.log_in(platform, "agent.one", "no", LOOPBACK) == LogInRefused(second)
    clock.forward(minutes=30)
    await first_factor(platform, "agent.one", NEW_PASSWORD)


async def test_wrong_codes_lock_as_wrong_passwords_do(platform: Platform, clock: Clock) -> None:
    await enrolled(platform, clock)
    half = await first_factor(platform, "agent.one", NEW_PASSWORD)
    for _ in range(4):
        answer = await staff.show_second_factor(platform, half.token, "12345")
        assert answer == LogInRefused(None)
    locked = LogInRefused(clock() + staff.FIRST_LOCK)
    assert await staff.show_second_factor(platform, half.token, "12345") == locked
    assert await staff.log_in(platform, "agent.one", NEW_PASSWORD, LOOPBACK) == locked


async def test_an_address_that_tries_everything_is_told_to_wait(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staff, "LOG_INS_PER_ADDRESS_HOUR", 2)
    caller = Caller("203.0.113.7", limited=True)
    answers = [await staff.log_in(platform, f"guess{n}", "x", caller) for n in range(3)]
    assert answers[:2] == [LogInRefused(None)] * 2
    assert isinstance(answers[2], LogInRefused)
    assert answers[2].retry_from is not None


async def test_a_session_ends_when_idle_and_after_a_shift(platform: Platform, clock: Clock) -> None:
    _, session = await enrolled(platform, clock)
    clock.forward(minutes=29)
    assert await staff.staff_of_session(platform, session.token) is not None
    clock.forward(minutes=29)
    assert await staff.staff_of_session(platform, session.token) is not None
    clock.forward(minutes=30)
    assert await staff.staff_of_session(platform, session.token) is None


async def test_a_session_in_use_ends_after_twelve_hours(platform: Platform, clock: Clock) -> None:
    _, session = await enrolled(platform, clock)
    began = clock()
    while clock() - began < timedelta(hours=11, minutes=40):
        clock.forward(minutes=20)
        assert await staff.staff_of_session(platform, session.token) is not None
    clock.forward(minutes=20)
    assert await staff.staff_of_session(platform, session.token) is None


async def test_half_a_log_in_is_good_for_ten_minutes(platform: Platform, clock: Clock) -> None:
    secret, _ = await enrolled(platform, clock)
    half = await first_factor(platform, "agent.one", NEW_PASSWORD)
    clock.forward(minutes=10)
    assert await staff.show_second_factor(platform, half.token, code(secret, clock)) is None


async def test_sessions_are_ended_by_logging_out_and_by_every_change(
    platform: Platform, clock: Clock
) -> None:
    secret, session = await enrolled(platform, clock)
    id = session.staff.id

    async def log_in_again() -> str:
        clock.forward(seconds=60)
        half = await first_factor(platform, "agent.one", NEW_PASSWORD)
        opened = await staff.show_second_factor(platform, half.token, code(secret, clock))
        assert isinstance(opened, Session)
        return opened.token

    await staff.log_out(platform, session.token)
    assert await staff.staff_of_session(platform, session.token) is None
    token = await log_in_again()
    assert await staff.end_sessions_of(platform, SYSTEM, id) == 1
    assert await staff.staff_of_session(platform, token) is None
    token = await log_in_again()
    assert await staff.change_role(platform, SYSTEM, id, Role.SUPERVISOR, None) is None
    assert await staff.staff_of_session(platform, token) is None
    token = await log_in_again()
    assert isinstance(await staff.reset_password(platform, SYSTEM, id), NewStaff)
    assert await staff.staff_of_session(platform, token) is None


async def test_a_lost_phone_is_enrolled_anew(platform: Platform, clock: Clock) -> None:
    old, session = await enrolled(platform, clock)
    assert await staff.reset_second_factor(platform, SYSTEM, session.staff.id) is None
    half = await first_factor(platform, "agent.one", NEW_PASSWORD)
    assert half.needs_enrolment
    new = await secret_of(platform, half.token)
    assert new != old
    assert isinstance(await staff.enrol(platform, half.token, code(new, clock)), Session)


@pytest.mark.parametrize(
    "weak", ["short", "agent.one 12345", "aaaaaaaaaaaaaaaa", "x" * 201], ids=len
)
async def test_a_weak_password_is_not_taken(platform: Platform, weak: str) -> None:
    new = await added(platform)
    half = await first_factor(platform, new.login, new.password)
    answer = await staff.change_password(platform, half.token, new.password, weak)
    assert answer is StaffRefusal.PASSWORD_WEAK


@pytest.mark.parametrize(
    ("login", "name", "role", "hospital_id", "refusal"),
    [
        ("Agent", "演示", Role.AGENT, None, StaffRefusal.LOGIN_INVALID),
        ("a", "演示", Role.AGENT, None, StaffRefusal.LOGIN_INVALID),
        ("agent.two", " ", Role.AGENT, None, StaffRefusal.NAME_INVALID),
        ("agent.two", "演\n示", Role.AGENT, None, StaffRefusal.NAME_INVALID),
        ("clerk", "演示", Role.CLERK, None, StaffRefusal.HOSPITAL_NEEDED),
        ("clerk", "演示", Role.CLERK, 999, StaffRefusal.HOSPITAL_NEEDED),
        ("agent.two", "演示", Role.AGENT, 999, StaffRefusal.HOSPITAL_NEEDED),
        ("agent.one", "演示", Role.AGENT, None, StaffRefusal.LOGIN_TAKEN),
    ],
)
async def test_who_cannot_be_added(
    platform: Platform,
    login: str,
    name: str,
    role: Role,
    hospital_id: int | None,
    refusal: StaffRefusal,
) -> None:
    await added(platform)
    assert await staff.add_staff(platform, SYSTEM, login, name, role, hospital_id) is refusal


async def test_a_password_reset_meanwhile_is_not_replaced_by_the_old_session(
    platform: Platform, clock: Clock
) -> None:
    _, session = await enrolled(platform, clock)
    waiting = "SELECT 1 FROM pg_locks WHERE NOT granted"
    async with platform.db.transaction() as tx:
        await store.by_id(tx, session.staff.id, lock=True)
        changing = asyncio.create_task(
            staff.change_password(platform, session.token, NEW_PASSWORD, "another of my own 42")
        )
        while not changing.done() and not await ask(platform, waiting):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await store.set_password(tx, session.staff.id, "reset", temporary=True)
        await store.end_sessions_of(tx, session.staff.id)
    assert await changing is StaffRefusal.NOT_LOGGED_IN
    kept = "SELECT password_hash, password_is_temporary FROM staff"
    assert await ask(platform, kept) == [("reset", True)]


async def test_the_last_administrator_stays(platform: Platform) -> None:
    first = await added(platform, "admin.one", Role.ADMINISTRATOR)
    last = StaffRefusal.LAST_ADMINISTRATOR
    assert await staff.disable_staff(platform, SYSTEM, first.id) is last
    assert await staff.change_role(platform, SYSTEM, first.id, Role.AGENT, None) is last
    second = await added(platform, "admin.two", Role.ADMINISTRATOR)
    answers = await asyncio.gather(
        *[staff.disable_staff(platform, SYSTEM, one.id) for one in (first, second)]
    )
    assert sorted(answers, key=str) == sorted([None, last], key=str)


async def test_neither_passwords_nor_tokens_are_kept_in_the_clear(
    platform: Platform, clock: Clock
) -> None:
    secret, session = await enrolled(platform, clock)
    rows = [
        *await ask(platform, "SELECT to_jsonb(s)::text FROM staff s"),
        *await ask(platform, "SELECT to_jsonb(s)::text FROM staff_sessions s"),
        *await ask(platform, "SELECT to_jsonb(t)::text FROM audit_trail t"),
    ]
    kept = "".join(row[0] for row in rows)
    for private in (NEW_PASSWORD, secret, session.token):
        assert private not in kept
