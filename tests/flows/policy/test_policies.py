"""The platform's policy from a date on: midnight, several processes, two administrators."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta

import psycopg
import pytest
from tests.city import (
    THURSDAY,
    Clock,
    add_account,
    add_patient,
    add_session,
    ask,
    change,
    open_platform,
)
from tests.crowd import add_clinic, add_crowd, book, booked, open_desk
from tests.supply import at
from tests.web.staff_site import add_member

from guahao.flows.booking.cancelling import NotCancelled, cancel
from guahao.flows.kernel.platform import Platform
from guahao.flows.policy import policies as flows
from guahao.flows.policy.policies import begin, overview
from guahao.rules.booking.stopping import StoppedBooking, decide_restore
from guahao.rules.kernel.facts import CountedAppointment
from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.outcomes import DONE, CancelRefusal, Refusal, Refused
from guahao.rules.kernel.policies import DatedPolicies, DatedPolicy, PolicyRefusal
from guahao.rules.policy.changing import PolicyChangeRefusal
from guahao.rules.staff.staff import Role, Staff
from guahao.store.kernel.views import AppointmentView
from guahao.store.policy import policies as store
from guahao.store.staff import trail as trail_store
from guahao.store.staff.trail import Wanted
from guahao.tools.audit.audit import audit

MONDAY, TUESDAY = date(2026, 11, 30), date(2026, 12, 1)
FIRST = Policy()
ONE_A_DAY = Policy(per_day=1)
SELF = Policy(cancel_channels=frozenset({"agent", "patient"}))
BEFORE_MIDNIGHT, MIDNIGHT = at("2026-11-30T23:59:59.999"), at("2026-12-01T00:00")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as opened:
        yield opened


@pytest.fixture
async def other(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    """Another process on the same database."""
    async with open_platform(database_url, clock) as opened:
        yield opened


@pytest.fixture
async def by(platform: Platform) -> Staff:
    return await add_member(platform, Role.ADMINISTRATOR)


async def decide(
    platform: Platform, by: Staff, policy: Policy, holds_from: date = TUESDAY
) -> DatedPolicy | Refused[PolicyRefusal | PolicyChangeRefusal]:
    seen = (await overview(platform)).version
    return await flows.change(platform, by, DatedPolicy(holds_from, policy), "试行", seen)


async def holds(platform: Platform) -> Policy:
    async with platform.db.transaction() as tx:
        return (await platform.policies.read(tx)).on(tx.now.date())


async def twice_a_day(platform: Platform) -> Refusal | None:
    """Whether a new person gets a second booking on a date, at another hospital."""
    [person] = await add_crowd(platform, 1)
    [first] = await add_clinic(platform)
    [second] = await add_clinic(platform)
    async with open_desk(platform) as desk:
        assert isinstance(await book(desk, person, first), AppointmentView)
        answer = await book(desk, person, second)
    return answer.reason if isinstance(answer, Refused) else None


async def clean(platform: Platform, *names: str) -> bool:
    found = {one.name: one.disagreements for one in (await audit(platform)).findings}
    return not any(found[name] for name in names)


# Midnight -------------------------------------------------------------------------------------


async def test_at_midnight_of_its_date_every_desk_books_by_the_new_policy(
    platform: Platform, other: Platform, by: Staff, clock: Clock
) -> None:
    assert await decide(platform, by, ONE_A_DAY) == DatedPolicy(TUESDAY, ONE_A_DAY)
    for process in (platform, other):
        assert await twice_a_day(process) is None
    clock.now = BEFORE_MIDNIGHT
    for process in (platform, other):
        assert await twice_a_day(process) is None
    clock.now = MIDNIGHT
    for process in (other, platform):
        assert await twice_a_day(process) is Refusal.DAY_LIMIT
    assert await clean(platform, "day_limit", "once_a_department", "bookable_dates")


async def test_the_audit_judges_each_booking_by_the_policy_of_its_day(
    platform: Platform, by: Staff, clock: Clock
) -> None:
    await decide(platform, by, ONE_A_DAY)
    assert await twice_a_day(platform) is None
    clock.now = MIDNIGHT
    assert await clean(platform, "day_limit")
    await change(platform, "UPDATE appointments SET booked_at = booked_at + interval '1 day'")
    assert not await clean(platform, "day_limit")


async def test_the_horizon_follows_its_day(platform: Platform, by: Staff, clock: Clock) -> None:
    persons = await add_crowd(platform, 2)
    [far] = await add_clinic(platform, (MONDAY + timedelta(days=60),))
    await decide(platform, by, replace(FIRST, horizon_months=1))
    async with open_desk(platform) as desk:
        assert isinstance(await book(desk, persons[0], far), AppointmentView)
        clock.now = MIDNIGHT
        refused = await book(desk, persons[1], far)
    assert isinstance(refused, Refused)
    assert refused.reason is Refusal.BEYOND_HORIZON
    assert await clean(platform, "bookable_dates")
    await change(platform, "UPDATE appointments SET booked_at = booked_at + interval '1 day'")
    assert not await clean(platform, "bookable_dates")


async def test_a_change_just_before_midnight_is_seen_by_whoever_asks_just_after(
    platform: Platform, other: Platform, by: Staff, clock: Clock
) -> None:
    """The change is not committed yet when the new day's first request reads what holds."""
    await holds(other)
    clock.now = BEFORE_MIDNIGHT
    seen = (await overview(platform)).version
    async with platform.db.transaction() as tx:
        await store.lock(tx)
        clock.now = MIDNIGHT
        asked = asyncio.create_task(holds(other))
        await _until_waiting(platform)
        assert not asked.done()
        await store.put(tx, DatedPolicy(TUESDAY, ONE_A_DAY), by.id, "试行")
    assert (await asked) == ONE_A_DAY
    assert seen != (await overview(platform)).version


async def _until_waiting(platform: Platform) -> None:
    """Until somebody waits for a lock: nothing here depends on how long that takes."""
    async with asyncio.timeout(60):
        while not await ask(platform, "SELECT 1 FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_who_changes_too_late_is_told_from_when_it_can_hold(
    platform: Platform, other: Platform, by: Staff, clock: Clock
) -> None:
    """The change waits for the lock until midnight is past: the time is asked after it."""
    clock.now = BEFORE_MIDNIGHT
    seen = (await overview(platform)).version
    async with other.db.transaction() as tx:
        await store.lock(tx)
        wanted = flows.change(platform, by, DatedPolicy(TUESDAY, ONE_A_DAY), "试行", seen)
        late = asyncio.create_task(wanted)
        await _until_waiting(other)
        clock.now = MIDNIGHT
    assert await late == Refused(PolicyChangeRefusal.TOO_EARLY)
    assert await holds(platform) == FIRST
    assert (await overview(platform)).earliest == TUESDAY + timedelta(days=1)


async def test_a_day_closed_in_an_open_transaction_holds_up_nobody(
    platform: Platform, other: Platform, clock: Clock
) -> None:
    """A transaction that has locked a person must not wait for one that has read the policy."""
    clock.now = MIDNIGHT
    async with asyncio.timeout(60), platform.db.transaction() as tx:
        await platform.policies.read(tx)
        async with other.db.transaction() as another:
            assert await other.policies.read(another) == platform.policies.known
        async with other.db.transaction() as another:
            assert await store.closed_until(another) == MIDNIGHT.date()


async def test_a_process_whose_clock_goes_ahead_closes_the_day_for_all(
    platform: Platform, database_url: str, by: Staff
) -> None:
    async with open_platform(database_url, Clock(at("2026-12-01T00:00:01"))) as ahead:
        assert await holds(ahead) == FIRST
    assert await decide(platform, by, ONE_A_DAY) == Refused(PolicyChangeRefusal.TOO_EARLY)
    wednesday = TUESDAY + timedelta(days=1)
    assert await decide(platform, by, ONE_A_DAY, wednesday) == DatedPolicy(wednesday, ONE_A_DAY)


async def test_the_database_keeps_what_has_held(
    platform: Platform, by: Staff, clock: Clock
) -> None:
    await decide(platform, by, ONE_A_DAY)
    clock.now = MIDNIGHT
    assert await holds(platform) == ONE_A_DAY
    for statement in (
        "UPDATE policies SET per_day = 2",
        "DELETE FROM policies",
        "UPDATE policies SET holds_from = '2027-01-01'",
        _INTO_THE_PAST,
    ):
        with pytest.raises(psycopg.errors.RaiseException):
            await change(platform, statement)
    assert await holds(platform) == ONE_A_DAY


_INTO_THE_PAST = """
    INSERT INTO policies
    SELECT '2026-11-01', horizon_months, per_day, per_short_window, short_window_days,
           per_long_window, long_window_months, first_suspension_no_shows,
           first_suspension_months, second_suspension_no_shows, second_suspension_months,
           patient_may_cancel, staff_id, reason, decided_at
    FROM policies
"""


async def test_sentences_are_those_of_the_day_once_a_request_has_come(
    platform: Platform, by: Staff, clock: Clock
) -> None:
    await decide(platform, by, ONE_A_DAY)
    clock.now = MIDNIGHT
    assert platform.policy_today == FIRST
    await platform.policies.refresh(platform.db)
    assert platform.policy_today == ONE_A_DAY


# Cancelling and suspensions -------------------------------------------------------------------


async def test_who_could_cancel_when_it_was_booked_still_can(
    platform: Platform, by: Staff, clock: Clock
) -> None:
    await decide(platform, by, SELF)
    persons = await add_crowd(platform, 2)
    [session_id] = await add_clinic(platform)
    by_phone = await booked(platform, persons[0], session_id)
    refused = await cancel(platform, persons[0].account_id, by_phone.id)
    assert isinstance(refused, NotCancelled)
    assert refused.reason is CancelRefusal.CANCEL_BY_PHONE
    clock.now = MIDNIGHT
    mine = await booked(platform, persons[1], session_id)
    await decide(platform, by, FIRST, TUESDAY + timedelta(days=1))
    # The kinder of both days: what holds today is everybody's.
    assert isinstance(await cancel(platform, persons[0].account_id, by_phone.id), AppointmentView)
    clock.forward(days=1)
    late = await booked(platform, persons[0], session_id)
    refused = await cancel(platform, persons[0].account_id, late.id)
    assert isinstance(refused, NotCancelled)
    assert refused.reason is CancelRefusal.CANCEL_BY_PHONE
    assert isinstance(await cancel(platform, persons[1].account_id, mine.id), AppointmentView)


async def suspended_patient(platform: Platform) -> int:
    """Somebody with three no-shows this autumn, suspended until 20 February."""
    patient = await add_patient(platform, await add_account(platform))
    for month in (9, 10, 11):
        session_id = await add_session(platform, date(2026, month, 20))
        await change(
            platform,
            """
            INSERT INTO appointments (patient_id, clinic_session_id, hospital_id, department_id,
                                      visit_date, status, channel, code_enc, code_index,
                                      booked_at, changed_at)
            SELECT %s, id, hospital_id, department_id, visit_date, 'no_show', 'api',
                   '', sha256(int8send(id)), visit_date - interval '5 days', now()
            FROM clinic_sessions WHERE id = %s
            """,
            patient.id,
            session_id,
        )
    await change(platform, "UPDATE patients SET suspended_until = '2027-02-20'")
    return patient.id


async def until(platform: Platform) -> date | None:
    [[found]] = await ask(platform, "SELECT suspended_until FROM patients")
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Policy(first_suspension_no_shows=4), None),
        (Policy(first_suspension_months=1), date(2026, 12, 20)),
        # Stricter: nobody is suspended longer for what was before.
        (Policy(first_suspension_months=6), date(2027, 2, 20)),
        (Policy(first_suspension_no_shows=2), date(2027, 2, 20)),
    ],
)
async def test_when_a_policy_begins_suspensions_are_derived_again(
    platform: Platform, by: Staff, clock: Clock, policy: Policy, expected: date | None
) -> None:
    await suspended_patient(platform)
    await decide(platform, by, policy)
    assert await begin(platform) == 0
    assert await until(platform) == date(2027, 2, 20)
    clock.now = MIDNIGHT
    assert await clean(platform, "suspensions")  # begun, and being applied
    assert await begin(platform) == 1
    assert await until(platform) == expected
    assert await clean(platform, "suspensions")
    assert await begin(platform) == 0
    told = await ask(platform, "SELECT count(*) FROM messages WHERE kind = 'relieved'")
    assert told == [(int(expected != date(2027, 2, 20)),)]
    await change(platform, "UPDATE patients SET suspended_until = '2027-01-01'")
    assert not await clean(platform, "suspensions")


# Who decides ----------------------------------------------------------------------------------


async def test_of_two_administrators_the_second_is_told(platform: Platform, by: Staff) -> None:
    seen = (await overview(platform)).version
    answers = await asyncio.gather(
        *(
            flows.change(platform, by, DatedPolicy(TUESDAY, Policy(per_day=n)), "同时", seen)
            for n in (1, 3)
        )
    )
    assert sorted(isinstance(one, DatedPolicy) for one in answers) == [False, True]
    assert Refused(PolicyChangeRefusal.CHANGED_MEANWHILE) in answers
    [kept] = [one for one in answers if isinstance(one, DatedPolicy)]
    assert [one.dated for one in (await overview(platform)).pending] == [kept]


async def test_a_change_and_its_withdrawal_are_in_the_trail_with_the_reason(
    platform: Platform, by: Staff
) -> None:
    await decide(platform, by, replace(SELF, per_day=1))
    found = await overview(platform)
    assert await flows.withdraw(platform, by, TUESDAY, "", found.version) == Refused(
        PolicyChangeRefusal.REASON_NEEDED
    )
    assert await flows.withdraw(platform, by, TUESDAY, "写错了", found.version) == DONE
    assert (await overview(platform)).entries == []
    async with platform.db.transaction() as tx:
        entries = await trail_store.listed(tx, platform.vault, Wanted(), 2)
    assert [(one.action, one.reason, one.who.name) for one in entries] == [
        ("withdraw_policy", "写错了", by.login),
        ("change_policy", "试行", by.login),
    ]
    assert '"before":{"per_day":2,"cancel_channels":["agent"]}' in entries[1].detail


async def test_what_does_not_hold_yet_can_be_replaced_or_withdrawn_and_nothing_else(
    platform: Platform, by: Staff, clock: Clock
) -> None:
    await decide(platform, by, ONE_A_DAY)
    await decide(platform, by, Policy(per_day=3))
    assert [one.dated.policy.per_day for one in (await overview(platform)).pending] == [3]
    clock.now = MIDNIGHT
    found = await overview(platform)
    assert (found.today.per_day, found.pending, len(found.begun)) == (3, [], 1)
    refused = await flows.withdraw(platform, by, TUESDAY, "晚了", found.version)
    assert refused == Refused(PolicyChangeRefusal.NOT_PENDING)


@pytest.mark.parametrize(
    ("policy", "holds_from", "refused"),
    [
        (ONE_A_DAY, MONDAY, PolicyChangeRefusal.TOO_EARLY),
        (ONE_A_DAY, date(2028, 1, 1), PolicyChangeRefusal.TOO_LATE),
        (FIRST, TUESDAY, PolicyChangeRefusal.NO_CHANGE),
        (Policy(per_day=0), TUESDAY, PolicyRefusal.OUT_OF_BOUNDS),
        (Policy(horizon_months=4), TUESDAY, PolicyRefusal.OUT_OF_BOUNDS),
        (Policy(per_day=4), TUESDAY, PolicyRefusal.LIMITS_CROSS),
    ],
)
async def test_what_cannot_be_is_refused(
    platform: Platform,
    by: Staff,
    policy: Policy,
    holds_from: date,
    refused: PolicyChangeRefusal | PolicyRefusal,
) -> None:
    assert await decide(platform, by, policy, holds_from) == Refused(refused)
    assert (await overview(platform)).entries == []


@pytest.mark.parametrize(
    "numbers",
    [
        "horizon_months = 4",
        "per_day = 0",
        "per_day = 4",
        "per_short_window = 6",
        "first_suspension_no_shows = 6",
        "first_suspension_months = 7",
        "reason = ''",
    ],
)
async def test_the_database_refuses_what_the_rules_refuse(
    platform: Platform, by: Staff, numbers: str
) -> None:
    await decide(platform, by, ONE_A_DAY)
    with pytest.raises(psycopg.errors.CheckViolation):
        await change(platform, f"UPDATE policies SET {numbers}")
    await change(platform, "UPDATE policies SET per_day = 3")  # the control


def test_a_stop_undone_brings_back_what_an_earlier_policy_allowed() -> None:
    """Two bookings on a date, made when two were allowed; undone when one is."""
    held = DatedPolicies(FIRST, (DatedPolicy(TUESDAY, ONE_A_DAY),))
    counted = {1: [CountedAppointment(THURSDAY, 2, 20)]}
    for booked_on, back in ((MONDAY, [1]), (TUESDAY, [])):
        one = StoppedBooking(1, 1, 7, 1, 10, THURSDAY, at("2026-12-03T11:30"), booked_on)
        assert decide_restore([one], {7: 1}, counted, MIDNIGHT, held) == back
