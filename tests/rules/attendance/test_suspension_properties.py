"""What holds for every row of no-shows and every policy (S16): compared with a life lived."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from hypothesis import event, given
from hypothesis import strategies as st
from tests.rules import oracle
from tests.rules.helpers import decide, moment, patient, session
from tests.rules.strategies import policies

from guahao.rules.attendance.penalties import suspended_until, suspensions
from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.outcomes import Accepted

ONE_DAY = timedelta(days=1)
# Close together, and around 1 January.
visit_dates = st.dates(date(2026, 9, 1), date(2027, 4, 30)) | st.dates(
    date(2026, 12, 25), date(2027, 1, 8)
)
no_show_lists = st.lists(visit_dates, max_size=14)


@given(no_show_lists, policies)
def test_suspensions_block_the_days_that_a_simulation_blocks(
    no_shows: list[date], policy: Policy
) -> None:
    found = suspensions(no_shows, policy)
    event(f"{len(found)} suspensions")
    blocked = {d for s in found for d in oracle.dates_from(s.start, (s.end - s.start).days)}
    assert blocked == oracle.blocked_days(no_shows, policy)
    assert found == sorted(found, key=lambda s: s.start)
    assert all(s.start < s.end for s in found)


@given(no_show_lists, policies)
def test_a_suspension_ends_the_day_after_the_last_day_blocked(
    no_shows: list[date], policy: Policy
) -> None:
    blocked = oracle.blocked_days(no_shows, policy)
    expected = max(blocked) + ONE_DAY if blocked else None
    assert suspended_until(no_shows, policy) == expected


@given(no_show_lists, st.integers(0, 400))
def test_from_the_last_no_show_on_the_end_alone_tells_who_is_blocked(
    no_shows: list[date], days: int
) -> None:
    """Between two suspensions a person is free, but then the second has not begun yet."""
    today = max(no_shows, default=date(2027, 1, 1)) + timedelta(days=days)
    known = [visit for visit in no_shows if visit <= today]
    until = suspended_until(known, Policy())
    is_blocked = until is not None and today < until
    assert is_blocked == (today in oracle.blocked_days(known, Policy()))
    person = patient(suspended_until=until)
    answer = decide(session(today + timedelta(days=30)), person, at=moment(f"{today} 10:00"))
    assert (answer != Accepted()) is is_blocked


@given(no_show_lists, policies, st.randoms())
def test_the_order_of_arrival_does_not_matter(
    no_shows: list[date], policy: Policy, random: Random
) -> None:
    shuffled = list(no_shows)
    random.shuffle(shuffled)
    assert suspensions(shuffled, policy) == suspensions(no_shows, policy)


@given(no_show_lists.filter(bool), policies)
def test_excusing_the_latest_no_show_never_lengthens_a_suspension(
    no_shows: list[date], policy: Policy
) -> None:
    without_it = suspended_until(sorted(no_shows)[:-1], policy)
    until = suspended_until(no_shows, policy)
    assert without_it is None or (until is not None and without_it <= until)
