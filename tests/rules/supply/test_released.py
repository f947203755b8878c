"""The first moment at which a date can be booked, when rules change on the way."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.rules.strategies import clocks

from guahao.rules.kernel.limits import CITY_TIME, HospitalRules, Policy
from guahao.rules.kernel.policies import DatedPolicies, DatedPolicy
from guahao.rules.supply.releasing import Held, date_refusal, held_together, released_at

VISIT = date(2027, 5, 31)  # a clamped month end: three months before is a 28th of February
LATEST = 130  # days before the visit that are looked at

cycles = st.none() | st.integers(1, 92)
rules = st.builds(HospitalRules, cycle_days=cycles, release_time=clocks, next_day_stop_time=clocks)
policies = st.builds(Policy, horizon_months=st.integers(1, 3))
changes = st.lists(st.integers(0, LATEST), max_size=3, unique=True).flatmap(
    lambda days: st.tuples(
        *(st.tuples(st.just(VISIT - timedelta(days=n)), rules) for n in sorted(days, reverse=True))
    )
)


def first_open(held: list[tuple[date, HospitalRules]], policies: DatedPolicies) -> datetime | None:
    """Asking at every moment at which the answer may change, day by day."""
    for before in range(LATEST, -1, -1):
        day = VISIT - timedelta(days=before)
        of_day = [one for begins, one in held if begins <= day][-1]
        for clock in sorted({time(), of_day.release_time}):
            at = datetime.combine(day, clock, CITY_TIME)
            if date_refusal(VISIT, at, of_day, policies.on(day)) is None:
                return at
    return None


@given(rules, changes, policies, st.lists(st.tuples(st.integers(0, LATEST), policies), max_size=2))
def test_a_date_is_released_when_a_request_would_first_not_be_too_early(
    first: HospitalRules,
    later: tuple[tuple[date, HospitalRules], ...],
    policy: Policy,
    others: list[tuple[int, Policy]],
) -> None:
    held = [(date.min, first), *later]
    rows = {VISIT - timedelta(days=before): other for before, other in others}
    dated = DatedPolicies(policy, tuple(DatedPolicy(day, one) for day, one in rows.items()))
    assert released_at(VISIT, held_together(held, dated)) == first_open(held, dated)


def test_on_the_day_on_which_new_rules_begin_they_alone_release() -> None:
    old = HospitalRules(cycle_days=14, release_time=time(7))
    new = HospitalRules(cycle_days=7, release_time=time(8))
    begins = VISIT - timedelta(days=14)  # the day on which the old rules would have released
    held = held_together([(date.min, old), (begins, new)], DatedPolicies(Policy()))
    expected = datetime.combine(VISIT - timedelta(days=7), time(8), CITY_TIME)
    assert released_at(VISIT, held) == expected


def test_the_day_before_new_rules_begin_is_still_the_old_rules() -> None:
    old = HospitalRules(cycle_days=14, release_time=time(7))
    new = HospitalRules(cycle_days=7, release_time=time(8))
    begins = VISIT - timedelta(days=13)
    held = held_together([(date.min, old), (begins, new)], DatedPolicies(Policy()))
    expected = datetime.combine(VISIT - timedelta(days=14), time(7), CITY_TIME)
    assert released_at(VISIT, held) == expected


def test_rules_that_begin_on_the_day_of_their_release_wait_for_its_time() -> None:
    rules = HospitalRules(cycle_days=7, release_time=time(8))
    begins = VISIT - timedelta(days=7)
    held = held_together(
        [(date.min, HospitalRules(cycle_days=1)), (begins, rules)], DatedPolicies(Policy())
    )
    assert released_at(VISIT, held) == datetime.combine(begins, time(8), CITY_TIME)


def test_what_new_rules_find_open_already_opens_with_them_at_midnight() -> None:
    rules = HospitalRules(cycle_days=14, release_time=time(8))
    begins = VISIT - timedelta(days=7)
    held = held_together(
        [(date.min, HospitalRules(cycle_days=1)), (begins, rules)], DatedPolicies(Policy())
    )
    assert released_at(VISIT, held) == datetime.combine(begins, time(), CITY_TIME)


def test_a_change_of_the_policy_before_the_first_rules_is_no_change_of_theirs() -> None:
    first, begins = VISIT - timedelta(days=60), VISIT - timedelta(days=30)
    old, new = HospitalRules(cycle_days=7), HospitalRules(cycle_days=14)
    early, late = Policy(horizon_months=1), Policy(horizon_months=2)
    dated = DatedPolicies(
        Policy(),
        (
            DatedPolicy(first - timedelta(days=1), early),
            DatedPolicy(first + timedelta(days=1), late),
        ),
    )
    assert held_together([(first, old), (begins, new)], dated) == (
        Held(first, old, early),
        Held(first + timedelta(days=1), old, late),
        Held(begins, new, late),
    )


def test_a_date_that_no_rules_ever_release_has_no_moment() -> None:
    never = HospitalRules(cycle_days=1, release_time=time(16), next_day_stop_time=time(15))
    held = held_together([(date.min, never)], DatedPolicies(Policy()))
    assert released_at(VISIT, held) is None
