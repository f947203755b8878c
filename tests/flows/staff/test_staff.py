"""Two factors, locks, sessions that end: nobody works behind the counter without them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pyotp
import pytest
from tests.city import LOOPBACK, Clock, ask, ask_as_owner, audited_actions, open_platform

from guahao.flows.kernel import hashing
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.accounts import Caller
from guahao.flows.staff import logins, staff
from guahao.flows.staff.logins import HalfLogin, Origin, StaffDevice, StaffLogin
from guahao.flows.staff.staff import NewStaff
from guahao.rules.kernel.outcomes import DONE, Done, Refused
from guahao.rules.staff.logins import FIRST_LOCK, LoginRefusal
from guahao.rules.staff.members import StaffRefusal
from guahao.rules.staff.staff import SYSTEM, Role
from guahao.store.staff import staff as store

BEGIN_AGAIN = Refused(LoginRefusal.BEGIN_AGAIN)
WRONG = Refused(LoginRefusal.WRONG)
NEW_PASSWORD = "correct horse battery"
HERE = Origin(LOOPBACK)


def at(address: str, device: StaffDevice | None = None) -> Origin:
    return Origin(Caller(address, limited=True), device)


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


async def first_factor(platform: Platform, login: str, password: str) -> HalfLogin:
    half = await logins.log_in(platform, login, password, HERE)
    assert isinstance(half, HalfLogin), half
    return half


async def secret_of(platform: Platform, token: str) -> str:
    uri = await logins.enrolment_uri(platform, token)
    assert uri is not None
    parsed = pyotp.parse_uri(uri)
    assert isinstance(parsed, pyotp.TOTP)
    return parsed.secret


async def enrolled(
    platform: Platform, clock: Clock, login: str = "agent.one"
) -> tuple[str, StaffLogin]:
    """Somebody who went through a first log-in: their second factor's secret, their session."""
    new = await added(platform, login)
    half = await first_factor(platform, login, new.password)
    assert (half.needs_password_change, half.needs_enrolment) == (True, True)
    assert (
        await logins.change_password(platform, half.token, new.password, NEW_PASSWORD, "", HERE)
        == DONE
    )
    secret = await secret_of(platform, half.token)
    session = await logins.enrol(platform, half.token, code(secret, clock), HERE)
    assert isinstance(session, StaffLogin)
    return secret, session


def code(secret: str, clock: Clock, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(clock() + timedelta(seconds=30 * steps))


async def test_a_first_log_in_changes_the_password_and_enrols_a_second_factor(
    platform: Platform, clock: Clock
) -> None:
    _, session = await enrolled(platform, clock)
    who = await logins.staff_of_login(platform, session.token)
    assert who is not None
    assert (who.login, who.role) == ("agent.one", Role.AGENT)
    assert await audited_actions(platform) == [
        "add_staff",
        "change_password",
        "enrol_second_factor",
        "log_in",
    ]


async def test_the_password_alone_opens_nothing(platform: Platform, clock: Clock) -> None:
    await enrolled(platform, clock)
    half = await first_factor(platform, "agent.one", NEW_PASSWORD)
    assert (half.needs_password_change, half.needs_enrolment) == (False, False)
    assert await logins.staff_of_login(platform, half.token) is None
    assert await logins.enrolment_uri(platform, half.token) is None


async def test_a_temporary_password_opens_nothing_before_it_is_changed(
    platform: Platform,
) -> None:
    new = await added(platform)
    half = await first_factor(platform, new.login, new.password)
    assert await logins.enrolment_uri(platform, half.token) is None
    assert await logins.enrol(platform, half.token, "000000", HERE) == BEGIN_AGAIN


async def test_a_code_serves_once_and_only_around_its_time(
    platform: Platform, clock: Clock
) -> None:
    secret, _ = await enrolled(platform, clock)
    used = code(secret, clock)
    half = await first_factor(platform, "agent.one", NEW_PASSWORD)
    assert isinstance(await logins.show_second_factor(platform, half.token, used, HERE), Refused)
    early = code(secret, clock, 2)
    assert isinstance(await logins.show_second_factor(platform, half.token, early, HERE), Refused)
    fresh = code(secret, clock, 1)
    assert isinstance(
        await logins.show_second_factor(platform, half.token, fresh, HERE), StaffLogin
    )


async def test_two_log_ins_with_one_code_at_once_give_one_session(
    platform: Platform, clock: Clock
) -> None:
    secret, _ = await enrolled(platform, clock)
    clock.forward(seconds=60)
    halves = [await first_factor(platform, "agent.one", NEW_PASSWORD) for _ in range(4)]
    now = code(secret, clock)
    answers = await asyncio.gather(
        *[logins.show_second_factor(platform, half.token, now, HERE) for half in halves]
    )
    assert sum(isinstance(answer, StaffLogin) for answer in answers) == 1


async def test_the_second_factor_replaces_the_token(platform: Platform, clock: Clock) -> None:
    secret, _ = await enrolled(platform, clock)
    clock.forward(seconds=60)
    half = await first_factor(platform, "agent.one", NEW_PASSWORD)
    session = await logins.show_second_factor(platform, half.token, code(secret, clock), HERE)
    assert isinstance(session, StaffLogin)
    assert session.token != half.token
    assert await logins.staff_of_login(platform, half.token) is None


@pytest.mark.parametrize(
    ("login", "password"),
    [("nobody", NEW_PASSWORD), ("agent.one", "wrong"), ("agent.one", "x" * 10_000)],
    ids=["unknown login", "wrong password", "endless password"],
)
async def test_every_wrong_log_in_gets_the_same_answer(
    platform: Platform, clock: Clock, login: str, password: str
) -> None:
    await enrolled(platform, clock)
    assert await logins.log_in(platform, login, password, HERE) == WRONG


async def test_somebody_shut_out_gets_it_too_and_their_session_is_over(
    platform: Platform, clock: Clock
) -> None:
    _, session = await enrolled(platform, clock)
    id = session.staff.id
    assert await staff.disable_staff(platform, SYSTEM, id) == DONE
    assert await logins.staff_of_login(platform, session.token) is None
    assert await logins.log_in(platform, "agent.one", NEW_PASSWORD, HERE) == WRONG
    assert await staff.enable_staff(platform, SYSTEM, id) == DONE
    await first_factor(platform, "agent.one", NEW_PASSWORD)


async def test_five_failures_lock_for_a_quarter_of_an_hour_and_more_for_longer(
    platform: Platform, clock: Clock
) -> None:
    await enrolled(platform, clock)
    for _ in range(4):
        assert await logins.log_in(platform, "agent.one", "no", HERE) == WRONG
    first = Refused(LoginRefusal.LOCKED, clock() + FIRST_LOCK)
    assert await logins.log_in(platform, "agent.one", "no", HERE) == first
    # The right password does not open a lock, and tells nothing of being right.
    assert await logins.log_in(platform, "agent.one", NEW_PASSWORD, HERE) == first
    clock.forward(minutes=15)
    second = Refused(LoginRefusal.LOCKED, clock() + 2 * FIRST_LOCK)
    assert await logins.log_in(platform, "agent.one", "no", HERE) == second
    clock.forward(minutes=30)
    await first_factor(platform, "agent.one", NEW_PASSWORD)


async def test_wrong_codes_lock_as_wrong_passwords_do(platform: Platform, clock: Clock) -> None:
    await enrolled(platform, clock)
    half = await first_factor(platform, "agent.one", NEW_PASSWORD)
    for _ in range(4):
        answer = await logins.show_second_factor(platform, half.token, "12345", HERE)
        assert answer == WRONG
    locked = Refused(LoginRefusal.LOCKED, clock() + FIRST_LOCK)
    assert await logins.show_second_factor(platform, half.token, "12345", HERE) == locked
    assert await logins.log_in(platform, "agent.one", NEW_PASSWORD, HERE) == locked


async def test_an_address_that_tries_everything_is_told_to_wait(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logins, "LOGINS_PER_ADDRESS_HOUR", 2)
    answers = [await logins.log_in(platform, f"guess{n}", "x", at("203.0.113.7")) for n in range(3)]
    assert answers[:2] == [WRONG] * 2
    assert isinstance(answers[2], Refused)
    assert answers[2].retry_from is not None


async def test_a_session_ends_when_idle_and_after_a_shift(platform: Platform, clock: Clock) -> None:
    _, session = await enrolled(platform, clock)
    clock.forward(minutes=29)
    assert await logins.staff_of_login(platform, session.token) is not None
    clock.forward(minutes=29)
    assert await logins.staff_of_login(platform, session.token) is not None
    clock.forward(minutes=30)
    assert await logins.staff_of_login(platform, session.token) is None


async def test_a_session_in_use_ends_after_twelve_hours(platform: Platform, clock: Clock) -> None:
    _, session = await enrolled(platform, clock)
    began = clock()
    while clock() - began < timedelta(hours=11, minutes=40):
        clock.forward(minutes=20)
        assert await logins.staff_of_login(platform, session.token) is not None
    clock.forward(minutes=20)
    assert await logins.staff_of_login(platform, session.token) is None


async def test_half_a_log_in_is_good_for_ten_minutes(platform: Platform, clock: Clock) -> None:
    secret, _ = await enrolled(platform, clock)
    half = await first_factor(platform, "agent.one", NEW_PASSWORD)
    clock.forward(minutes=10)
    late = await logins.show_second_factor(platform, half.token, code(secret, clock), HERE)
    assert late == BEGIN_AGAIN


async def test_sessions_are_ended_by_logging_out_and_by_every_change(
    platform: Platform, clock: Clock
) -> None:
    secret, session = await enrolled(platform, clock)
    id = session.staff.id

    async def log_in_again() -> str:
        clock.forward(seconds=60)
        half = await first_factor(platform, "agent.one", NEW_PASSWORD)
        opened = await logins.show_second_factor(platform, half.token, code(secret, clock), HERE)
        assert isinstance(opened, StaffLogin)
        return opened.token

    await logins.log_out(platform, session.token)
    assert await logins.staff_of_login(platform, session.token) is None
    token = await log_in_again()
    assert await staff.end_logins_of(platform, SYSTEM, id) == 1
    assert await logins.staff_of_login(platform, token) is None
    token = await log_in_again()
    assert await staff.change_role(platform, SYSTEM, id, Role.SUPERVISOR, None) == DONE
    assert await logins.staff_of_login(platform, token) is None
    token = await log_in_again()
    assert isinstance(await staff.reset_password(platform, SYSTEM, id), NewStaff)
    assert await logins.staff_of_login(platform, token) is None


async def test_a_lost_phone_is_enrolled_anew(platform: Platform, clock: Clock) -> None:
    old, session = await enrolled(platform, clock)
    assert await staff.reset_second_factor(platform, SYSTEM, session.staff.id) == DONE
    half = await first_factor(platform, "agent.one", NEW_PASSWORD)
    assert half.needs_enrolment
    new = await secret_of(platform, half.token)
    assert new != old
    assert isinstance(await logins.enrol(platform, half.token, code(new, clock), HERE), StaffLogin)


@pytest.mark.parametrize(
    "weak",
    [
        *("short", "agent.one 12345", "aaaaaaaaaaaaaaaa", "x" * 201, "Agent.One-rosebush"),
        *("woaini1314520", "5201314521125", "password12345", "qwertyuiop12", "1qaz2wsx3edc"),
        *("Guahao@20261127", "yiyuan114guahao", "zhangsan19900307", "wodemima123456"),
        *("５２０１３１４１２３４５６", "演示坐席演示坐席2026"),
    ],
)
async def test_a_weak_password_is_not_taken(platform: Platform, weak: str) -> None:
    new = await added(platform)
    half = await first_factor(platform, new.login, new.password)
    answer = await logins.change_password(platform, half.token, new.password, weak, "", HERE)
    assert answer == Refused(StaffRefusal.PASSWORD_WEAK)


@pytest.mark.parametrize(
    ("login", "name", "role", "hospital_id", "refusal"),
    [
        ("Agent", "演示", Role.AGENT, None, StaffRefusal.LOGIN_INVALID),
        ("a", "演示", Role.AGENT, None, StaffRefusal.LOGIN_INVALID),
        ("agent.two", " ", Role.AGENT, None, StaffRefusal.NAME_INVALID),
        ("agent.two", "演" * 81, Role.AGENT, None, StaffRefusal.NAME_INVALID),
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
    assert await staff.add_staff(platform, SYSTEM, login, name, role, hospital_id) == Refused(
        refusal
    )


async def test_a_password_reset_meanwhile_is_not_replaced_by_the_old_session(
    platform: Platform, clock: Clock
) -> None:
    secret, session = await enrolled(platform, clock)
    waiting = "SELECT 1 FROM pg_locks WHERE NOT granted"
    async with platform.db.transaction() as tx:
        await store.by_id(tx, session.staff.id, lock=True)
        changing = asyncio.create_task(
            logins.change_password(
                *(platform, session.token, NEW_PASSWORD, "another of my own 42"),
                *(code(secret, clock, 1), HERE),
            )
        )
        while not changing.done() and not await ask(platform, waiting):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await store.set_password(tx, session.staff.id, "reset", temporary=True)
        await store.end_logins_of(tx, session.staff.id)
    assert await changing == Refused(StaffRefusal.NOT_LOGGED_IN)
    kept = "SELECT password_hash, password_is_temporary FROM staff"
    assert await ask_as_owner(platform, kept) == [("reset", True)]


async def test_the_last_administrator_stays(platform: Platform) -> None:
    first = await added(platform, "admin.one", Role.ADMINISTRATOR)
    last = Refused(StaffRefusal.LAST_ADMINISTRATOR)
    assert await staff.disable_staff(platform, SYSTEM, first.id) == last
    assert await staff.change_role(platform, SYSTEM, first.id, Role.AGENT, None) == last
    second = await added(platform, "admin.two", Role.ADMINISTRATOR)
    answers = await asyncio.gather(
        *[staff.disable_staff(platform, SYSTEM, one.id) for one in (first, second)]
    )
    assert sorted(answers, key=str) == sorted([DONE, last], key=str)


async def test_neither_passwords_nor_tokens_are_kept_in_the_clear(
    platform: Platform, clock: Clock
) -> None:
    secret, session = await enrolled(platform, clock)
    rows = [
        *await ask_as_owner(platform, "SELECT to_jsonb(s)::text FROM staff s"),
        *await ask(platform, "SELECT to_jsonb(s)::text FROM staff_sessions s"),
        *await ask(platform, "SELECT to_jsonb(t)::text FROM audit_trail t"),
    ]
    kept = "".join(row[0] for row in rows)
    for private in (NEW_PASSWORD, secret, session.token):
        assert private not in kept


async def test_passwords_are_hashed_anew_with_the_parameters_of_production(
    platform: Platform, clock: Clock, request: pytest.FixtureRequest
) -> None:
    await enrolled(platform, clock)  # with the tests' parameters
    request.getfixturevalue("production_hashing")
    await first_factor(platform, "agent.one", NEW_PASSWORD)

    ((stored,),) = await ask_as_owner(platform, "SELECT password_hash FROM staff")
    # RFC 9106, section 4: its second recommended option.
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert not hashing.needs_rehash(stored)
    await first_factor(platform, "agent.one", NEW_PASSWORD)


# Strangers ----------------------------------------------------------------------------------

OFFICE, STRANGER = at("198.51.100.7"), at("203.0.113.7")
SAME_NETWORK, SAME_SITE = at("203.0.113.99"), [at("2001:db8:1::/64"), at("2001:db8:1:9::/64")]


async def failed(
    platform: Platform, login: str, origin: Origin, times: int = 1
) -> Refused[LoginRefusal]:
    answers = [await logins.log_in(platform, login, "wrong", origin) for _ in range(times)]
    assert isinstance(answers[-1], Refused)
    return answers[-1]


async def test_a_stranger_locks_only_their_own_network_out(
    platform: Platform, clock: Clock
) -> None:
    await enrolled(platform, clock)
    assert (await failed(platform, "agent.one", STRANGER, 5)).retry_from is not None
    assert (await failed(platform, "agent.one", SAME_NETWORK)).retry_from is not None
    assert isinstance(await logins.log_in(platform, "agent.one", NEW_PASSWORD, OFFICE), HalfLogin)


async def test_an_ipv6_site_is_one_stranger(platform: Platform, clock: Clock) -> None:
    await enrolled(platform, clock)
    await failed(platform, "agent.one", SAME_SITE[0], 5)
    assert (await failed(platform, "agent.one", SAME_SITE[1])).retry_from is not None
    assert (await failed(platform, "agent.one", at("2001:db8:2::/64"))).retry_from is None


async def test_a_device_that_is_known_passes_where_its_network_is_locked(
    platform: Platform, clock: Clock
) -> None:
    await enrolled(platform, clock)
    await failed(platform, "agent.one", STRANGER, 6)
    device = StaffDevice("d1", ("agent.one", "agent.two"))
    known = at("203.0.113.7", device)
    answer = await logins.log_in(platform, "agent.one", NEW_PASSWORD, known)
    assert isinstance(answer, HalfLogin)
    # It has failures of its own, and helps nobody else.
    assert (await failed(platform, "agent.one", known, 5)).retry_from is not None
    await failed(platform, "admin.one", at("203.0.113.8", device), 5)
    assert (await failed(platform, "admin.one", STRANGER)).retry_from is not None


async def test_a_flood_from_the_offices_own_address_keeps_no_known_device_out(
    platform: Platform, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await enrolled(platform, clock)
    monkeypatch.setattr(logins, "LOGINS_PER_ADDRESS_HOUR", 2)
    for n in range(4):
        await failed(platform, f"guess{n}", OFFICE)
    known = at("198.51.100.7", StaffDevice("d1", ("agent.one",)))
    assert isinstance(await logins.log_in(platform, "agent.one", NEW_PASSWORD, known), HalfLogin)


async def test_a_login_that_nobody_has_is_answered_and_locked_as_one_that_is(
    platform: Platform, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, session = await enrolled(platform, clock)
    await added(platform, "disabled.one")
    await staff.disable_staff(platform, SYSTEM, session.staff.id + 1)
    answers, hashings = {}, {}
    verified: list[str] = []
    true_verifies = hashing._verifies

    def counted(kept: str, password: str) -> bool:
        verified.append(kept)
        return true_verifies(kept, password)

    monkeypatch.setattr(hashing, "_verifies", counted)
    for login in ("agent.one", "nobody.at.all", "disabled.one", "' OR 1=1 --", ""):
        verified.clear()
        answers[login] = [await logins.log_in(platform, login, "wrong", STRANGER) for _ in range(7)]
        hashings[login] = len(verified)
    first, *others = answers.values()
    assert others == [first] * len(others)
    assert first[3:5] == [WRONG, Refused(LoginRefusal.LOCKED, clock() + FIRST_LOCK)]
    assert set(hashings.values()) == {5}  # once a try; none while it is locked


async def test_statements_do_not_tell_a_known_login_from_an_unknown_one(
    platform: Platform, clock: Clock
) -> None:
    await enrolled(platform, clock)
    entries = "SELECT count(*) FROM audit_trail WHERE action = 'log_in_failed'"
    for login in ("agent.one", "nobody"):
        await failed(platform, login, STRANGER)
    assert await ask(platform, entries) == [(2,)]
    failures = "SELECT count(*), min(failures), max(failures) FROM staff_log_in_failures"
    assert await ask(platform, failures) == [(2, 1, 1)]


async def test_wrong_second_factors_are_counted_over_all_networks(
    platform: Platform, clock: Clock
) -> None:
    """Who gets there knows the password, so that no stranger can."""
    secret, _ = await enrolled(platform, clock)
    answer: StaffLogin | Refused[LoginRefusal] | None = None
    for n in range(5):
        thief = at(f"203.0.{n}.7")
        half = await logins.log_in(platform, "agent.one", NEW_PASSWORD, thief)
        assert isinstance(half, HalfLogin)
        answer = await logins.show_second_factor(platform, half.token, "000000", thief)
    assert answer == Refused(LoginRefusal.LOCKED, clock() + FIRST_LOCK)
    clock.forward(seconds=60)
    half = await first_factor(platform, "agent.one", NEW_PASSWORD)
    now = code(secret, clock)
    answer = await logins.show_second_factor(platform, half.token, now, OFFICE)
    assert isinstance(answer, Refused)
    known = at("198.51.100.7", StaffDevice("d1", ("agent.one",)))
    assert isinstance(await logins.show_second_factor(platform, half.token, now, known), StaffLogin)


async def test_a_reset_by_an_administrator_opens_every_lock(
    platform: Platform, clock: Clock
) -> None:
    _, session = await enrolled(platform, clock)
    await failed(platform, "agent.one", STRANGER, 6)
    new = await staff.reset_password(platform, SYSTEM, session.staff.id)
    assert isinstance(new, NewStaff)
    answer = await logins.log_in(platform, "agent.one", new.password, STRANGER)
    assert isinstance(answer, HalfLogin)


# Changing the password ----------------------------------------------------------------------


async def test_changing_a_password_needs_both_factors(platform: Platform, clock: Clock) -> None:
    secret, session = await enrolled(platform, clock)
    clock.forward(seconds=60)
    fresh, better = code(secret, clock), "another of my own 42"

    async def changed(old: str, digits: str) -> Done | Refused[StaffRefusal | LoginRefusal]:
        return await logins.change_password(platform, session.token, old, better, digits, HERE)

    wrong = Refused(StaffRefusal.PASSWORD_WRONG)
    assert await changed(NEW_PASSWORD, "") == wrong
    assert await changed(NEW_PASSWORD, code(secret, clock, -9)) == wrong
    assert await changed("not the old one", fresh) == wrong
    assert await changed(NEW_PASSWORD, fresh) == DONE
    # The code is used up, here and at the log-in.
    half = await first_factor(platform, "agent.one", better)
    answer = await logins.show_second_factor(platform, half.token, fresh, HERE)
    assert isinstance(answer, Refused)


async def test_changing_a_password_respects_the_lock(platform: Platform, clock: Clock) -> None:
    secret, session = await enrolled(platform, clock)
    clock.forward(seconds=60)
    answers = [
        await logins.change_password(
            platform, session.token, f"guess {n}", "another of my own 42", "000000", HERE
        )
        for n in range(6)
    ]
    assert answers[:4] == [Refused(StaffRefusal.PASSWORD_WRONG)] * 4
    locked = Refused(LoginRefusal.LOCKED, clock() + FIRST_LOCK)
    assert answers[4:] == [locked, locked]
    right = await logins.change_password(
        *(platform, session.token, NEW_PASSWORD, "another of my own 42"),
        *(code(secret, clock), HERE),
    )
    assert right == locked


async def test_a_temporary_password_holds_for_three_days(platform: Platform, clock: Clock) -> None:
    new = await added(platform)
    assert new.expires_at == clock() + timedelta(hours=72)
    clock.forward(hours=71, minutes=59)
    await first_factor(platform, new.login, new.password)
    clock.forward(minutes=1)
    late = await logins.log_in(platform, new.login, new.password, HERE)
    assert late == Refused(LoginRefusal.EXPIRED)
    # Who does not have it learns nothing of that.
    assert await logins.log_in(platform, new.login, "wrong", HERE) == WRONG
    again = await staff.reset_password(platform, SYSTEM, new.id)
    assert isinstance(again, NewStaff)
    half = await first_factor(platform, new.login, again.password)
    assert (
        await logins.change_password(platform, half.token, again.password, NEW_PASSWORD, "", HERE)
        == DONE
    )
    clock.forward(days=9)
    await first_factor(platform, new.login, NEW_PASSWORD)  # a password of one's own stays


# A flood ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("production_hashing")
async def test_a_flood_of_log_ins_is_refused_and_does_not_keep_known_devices_waiting(
    platform: Platform, clock: Clock
) -> None:
    await enrolled(platform, clock)
    flood = [logins.log_in(platform, f"guess{n}", "x" * 200, at(f"10.0.{n}.1")) for n in range(80)]
    known = at("198.51.100.7", StaffDevice("d1", ("agent.one",)))
    *answers, mine = await asyncio.gather(
        *flood, logins.log_in(platform, "agent.one", NEW_PASSWORD, known)
    )
    assert isinstance(mine, HalfLogin)
    busy = [answer for answer in answers if answer == Refused(LoginRefusal.BUSY)]
    tried = [answer for answer in answers if answer == WRONG]
    assert len(busy) + len(tried) == 80
    assert busy
    assert hashing.STRANGERS.most <= 20
