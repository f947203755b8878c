"""Applications: who may apply, which sessions they choose, and when no draw can serve them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from itertools import combinations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.rules.helpers import AGENT, NOW, OWNER, STRANGER, clock, day, moment
from tests.rules.strategies import hospital_rules

from guahao.rules.booking.cancelling import cancel_deadline
from guahao.rules.fairness.applying import (
    AHEAD,
    APPLIED_A_DAY,
    RANKED_MOST,
    ApplicantFacts,
    ApplicationFacts,
    ApplicationRefusal,
    SessionInDraw,
    Wishes,
    WishesImpossible,
    choices_of,
    decide_application,
    furthest_applicable,
    is_expired,
    is_suspended_beyond,
    paused_until,
    served_until,
)
from guahao.rules.fairness.returning import draw_hours
from guahao.rules.kernel.facts import PERIODS, Actor
from guahao.rules.kernel.limits import CITY_TIME, ONE_DAY, HospitalRules, Policy, add_months
from guahao.rules.kernel.outcomes import DONE, Done, Refused
from guahao.rules.supply.releasing import opens_at

TODAY = NOW.date()
POLICY = Policy()
CARDIOLOGY, DERMATOLOGY, DENTISTRY = 41, 42, 43
ANY_DAY = Wishes(TODAY, TODAY + timedelta(days=20))
BOTH = (1, 2)


def clinic(
    number: int = 1,
    visit_date: date = TODAY + timedelta(days=10),
    period: str = "morning",
    *,
    title: str = "主任医师",
    specialty: str = "高血压",
    starts_at: time | None = None,
    rules: HospitalRules = HospitalRules(),  # noqa: B008 - frozen
) -> SessionInDraw:
    """A session in a draw, with the id 9000 + its number."""
    deadline = cancel_deadline(visit_date, rules)
    return SessionInDraw(
        number, 9000 + number, title, specialty, visit_date, period, starts_at, deadline
    )


@dataclass
class Case:
    """An application of two patients that is accepted, until something is said against it."""

    actor: Actor = OWNER
    patient_ids: tuple[int, ...] = BOTH
    wishes: Wishes = ANY_DAY
    rules: HospitalRules | None = field(default_factory=HospitalRules)
    first: ApplicantFacts = field(default_factory=lambda: ApplicantFacts(1, OWNER.id))
    second: ApplicantFacts = field(default_factory=lambda: ApplicantFacts(2, OWNER.id))
    sessions: list[SessionInDraw] = field(default_factory=list)
    applied_today: int = 0
    checks_names: bool = True

    def decided(self, at: datetime = NOW) -> Refused[ApplicationRefusal] | Done:
        """What the rule says."""
        facts = ApplicationFacts(
            self.actor,
            self.patient_ids,
            CARDIOLOGY,
            self.wishes,
            self.rules,
            {patient.id: patient for patient in (self.first, self.second)},
            {session.id: session for session in self.sessions},
            self.applied_today,
            POLICY,
            self.checks_names,
        )
        return decide_application(facts, at)

    def say_of_second(self, **facts: object) -> None:
        """Change what is known of the second patient: the first stays without fault."""
        self.second = replace(self.second, **facts)  # type: ignore[arg-type]


def _unknown_department(case: Case) -> None:
    case.rules = None


def _not_yours(case: Case) -> None:
    case.actor = STRANGER


def _twice(case: Case) -> None:
    case.patient_ids = (1, 1)
    case.first = replace(case.second, id=1)


def _different_accounts(case: Case) -> None:
    case.actor = AGENT
    case.say_of_second(account_id=2)


def _impossible(case: Case) -> None:
    case.wishes = replace(case.wishes, iso_weekdays=())


def _unknown_session(case: Case) -> None:
    case.wishes = replace(case.wishes, ranked_sessions=(9001, 9002))
    case.sessions = [clinic(1)]


def _restricted(case: Case) -> None:
    case.say_of_second(account_restricted_until=TODAY + ONE_DAY)


def _document_ended(case: Case) -> None:
    case.say_of_second(document_ends_on=case.wishes.first_date)


def _unchecked(case: Case) -> None:
    case.say_of_second(is_checked=False)


def _suspended(case: Case) -> None:
    case.say_of_second(suspended_until=case.wishes.last_date)


def _paused(case: Case) -> None:
    case.say_of_second(declined_at=(NOW - ONE_DAY,) * 3)


def _applied(case: Case) -> None:
    case.say_of_second(applied_for=(*case.second.applied_for, CARDIOLOGY))


def _twice_elsewhere(case: Case) -> None:
    case.say_of_second(applied_for=(*case.second.applied_for, DERMATOLOGY, DENTISTRY))


def _many_today(case: Case) -> None:
    case.applied_today = APPLIED_A_DAY


# In descending precedence: of two that apply, the earlier answers.
AGAINST: dict[ApplicationRefusal, Callable[[Case], None]] = {
    ApplicationRefusal.UNKNOWN_DEPARTMENT: _unknown_department,
    ApplicationRefusal.NOT_YOUR_PATIENT: _not_yours,
    ApplicationRefusal.SAME_PATIENT_TWICE: _twice,
    ApplicationRefusal.DIFFERENT_ACCOUNTS: _different_accounts,
    ApplicationRefusal.WISHES_IMPOSSIBLE: _impossible,
    ApplicationRefusal.UNKNOWN_SESSION: _unknown_session,
    ApplicationRefusal.ACCOUNT_RESTRICTED: _restricted,
    ApplicationRefusal.DOCUMENT_ENDED: _document_ended,
    ApplicationRefusal.PERSON_UNCHECKED: _unchecked,
    ApplicationRefusal.PATIENT_SUSPENDED: _suspended,
    ApplicationRefusal.APPLICATIONS_PAUSED: _paused,
    ApplicationRefusal.ALREADY_APPLIED: _applied,
    ApplicationRefusal.TOO_MANY_APPLICATIONS: _twice_elsewhere,
    ApplicationRefusal.TOO_MANY_TODAY: _many_today,
}
# A member of staff, or another account, applies: neither can be the restricted owner.
_EXCLUDE_EACH_OTHER = {
    (ApplicationRefusal.NOT_YOUR_PATIENT, ApplicationRefusal.DIFFERENT_ACCOUNTS),
    (ApplicationRefusal.SAME_PATIENT_TWICE, ApplicationRefusal.DIFFERENT_ACCOUNTS),
    (ApplicationRefusal.DIFFERENT_ACCOUNTS, ApplicationRefusal.ACCOUNT_RESTRICTED),
}


def reason(decided: Refused[ApplicationRefusal] | Done) -> ApplicationRefusal | None:
    return decided.reason if isinstance(decided, Refused) else None


def test_an_application_without_fault_is_accepted() -> None:
    assert Case().decided() == DONE


def test_every_refusal_is_in_the_table() -> None:
    assert list(AGAINST) == list(ApplicationRefusal)


@pytest.mark.parametrize("refusal", AGAINST)
def test_each_refusal_alone(refusal: ApplicationRefusal) -> None:
    case = Case()
    AGAINST[refusal](case)
    assert reason(case.decided()) is refusal


@pytest.mark.parametrize(
    ("first", "second"),
    [pair for pair in combinations(AGAINST, 2) if pair not in _EXCLUDE_EACH_OTHER],
)
def test_the_first_of_two_refusals_answers(
    first: ApplicationRefusal, second: ApplicationRefusal
) -> None:
    case = Case()
    AGAINST[second](case)
    AGAINST[first](case)
    assert reason(case.decided()) is first


def test_a_person_without_account_cannot_apply_even_by_staff() -> None:
    case = Case(actor=AGENT)
    case.say_of_second(account_id=None)
    assert reason(case.decided()) is ApplicationRefusal.NOT_YOUR_PATIENT
    unknown = Case(actor=AGENT, patient_ids=(1, 99))
    assert reason(unknown.decided()) is ApplicationRefusal.NOT_YOUR_PATIENT


def test_staff_apply_for_a_restricted_account() -> None:
    case = Case(actor=AGENT)
    _restricted(case)
    assert case.decided() == DONE
    account = Case()
    account.say_of_second(account_restricted_until=TODAY)  # it ended today
    assert account.decided() == DONE
    _restricted(account)
    midnight = datetime.combine(TODAY + ONE_DAY, time.min, CITY_TIME)
    assert account.decided() == Refused(ApplicationRefusal.ACCOUNT_RESTRICTED, retry_from=midnight)


def test_unchecked_persons_where_nobody_can_be_checked_or_a_hospital_asks_for_it() -> None:
    case = Case(checks_names=False)
    _unchecked(case)
    assert case.decided() == DONE
    case.rules = HospitalRules(checked_only=True)
    assert reason(case.decided()) is ApplicationRefusal.PERSON_UNCHECKED


def test_a_suspension_that_ends_before_the_last_draw_refuses_nothing() -> None:
    case = Case()
    case.say_of_second(suspended_until=case.wishes.last_date - ONE_DAY)
    assert case.decided() == DONE
    _suspended(case)
    ends = datetime.combine(case.wishes.last_date, time.min, CITY_TIME)
    assert case.decided() == Refused(ApplicationRefusal.PATIENT_SUSPENDED, retry_from=ends)
    assert not is_suspended_beyond(None, case.wishes)


@pytest.mark.parametrize(
    ("wishes", "possible"),
    [
        (Wishes(TODAY, TODAY), False),  # places of today are given out no more
        (Wishes(TODAY, TODAY + ONE_DAY), False),  # cannot be declined any more: tomorrow's
        (Wishes(TODAY, TODAY + ONE_DAY, notice_hours=0), True),
        (Wishes(TODAY, TODAY + 2 * ONE_DAY), True),
        (Wishes(TODAY - ONE_DAY, TODAY + 20 * ONE_DAY), False),
        (Wishes(TODAY + 9 * ONE_DAY, TODAY + 8 * ONE_DAY), False),
        (Wishes(TODAY, add_months(TODAY + AHEAD, 3)), True),
        (Wishes(TODAY, add_months(TODAY + AHEAD, 3) + ONE_DAY), False),
        (replace(ANY_DAY, periods=()), False),
        (replace(ANY_DAY, periods=("night",)), False),
        (replace(ANY_DAY, periods=("evening",)), True),
        (replace(ANY_DAY, iso_weekdays=(7,)), True),
        (replace(ANY_DAY, iso_weekdays=(8,)), False),
        # A week from Monday to Friday holds no Sunday.
        (Wishes(day("2026-03-09"), day("2026-03-13"), iso_weekdays=(7,)), False),
        (replace(ANY_DAY, notice_hours=168), True),
        (replace(ANY_DAY, notice_hours=169), False),
        (replace(ANY_DAY, notice_hours=-1), False),
        (replace(ANY_DAY, ranked_sessions=tuple(range(RANKED_MOST))), True),
        (replace(ANY_DAY, ranked_sessions=tuple(range(RANKED_MOST + 1))), False),
    ],
)
def test_wishes_that_a_draw_can_serve(wishes: Wishes, possible: bool) -> None:
    case = Case(wishes=wishes)
    assert (reason(case.decided()) is not ApplicationRefusal.WISHES_IMPOSSIBLE) is possible


def test_wishes_are_possible_until_the_last_draw_that_serves_them() -> None:
    case = Case(wishes=Wishes(TODAY, day("2026-03-12"), notice_hours=0))
    last = moment("2026-03-11 14:00")
    case.wishes = replace(case.wishes, first_date=last.date())
    assert case.decided(last) == DONE
    late = reason(case.decided(last + timedelta(seconds=1)))
    assert late is ApplicationRefusal.WISHES_IMPOSSIBLE


def test_impossible_wishes_name_the_last_date_to_apply_for() -> None:
    case = Case(rules=HospitalRules(cycle_days=7))
    assert case.decided() == DONE
    case.wishes = replace(case.wishes, last_date=TODAY + timedelta(days=22))
    last = TODAY + timedelta(days=7) + AHEAD
    assert case.decided() == WishesImpossible(
        ApplicationRefusal.WISHES_IMPOSSIBLE, visit_until=last
    )


@pytest.mark.parametrize(
    "wishes",
    [
        replace(ANY_DAY, title="副主任医师"),
        replace(ANY_DAY, specialty="心律失常"),
        replace(ANY_DAY, periods=("evening",)),
        replace(ANY_DAY, last_date=TODAY + timedelta(days=9)),
    ],
)
def test_a_ranked_session_that_the_other_wishes_exclude_is_refused(wishes: Wishes) -> None:
    case = Case(wishes=replace(wishes, ranked_sessions=(9001,)), sessions=[clinic(1)])
    assert reason(case.decided()) is ApplicationRefusal.UNKNOWN_SESSION
    case.wishes = replace(ANY_DAY, ranked_sessions=(9001,))
    assert case.decided() == DONE


@pytest.mark.parametrize("days", [(1, 2), (2, 1)])
def test_of_two_patients_the_later_end_counts(days: tuple[int, int]) -> None:
    """Only then is neither of them refused any more."""

    def ends(case: Case) -> datetime | None:
        refused = case.decided()
        assert isinstance(refused, Refused)
        return refused.retry_from

    restricted, suspended, paused = Case(), Case(), Case()
    for name, number in zip(("first", "second"), days, strict=True):
        later = timedelta(days=number)
        person = getattr(restricted, name)
        setattr(restricted, name, replace(person, account_restricted_until=TODAY + later))
        until = suspended.wishes.last_date + later
        setattr(suspended, name, replace(person, suspended_until=until))
        declines = (NOW - timedelta(days=30) + later,) * 3
        setattr(paused, name, replace(person, declined_at=declines))
    midnight = datetime.combine(TODAY, time.min, CITY_TIME)
    assert ends(restricted) == midnight + timedelta(days=2)
    assert ends(suspended) == midnight + timedelta(days=22)
    assert ends(paused) == NOW + timedelta(days=2)


# Pauses -----------------------------------------------------------------------------------

_DECLINES = (moment("2026-01-01 12:00"), moment("2026-02-01 12:00"), moment("2026-03-01 12:00"))


@pytest.mark.parametrize(
    ("declined_at", "until"),
    [
        ((), None),
        (_DECLINES[:2], None),
        (_DECLINES, "2026-03-31 12:00"),
        (tuple(reversed(_DECLINES)), "2026-03-31 12:00"),
        # The first and the third lie 90 days apart, and then a moment less.
        ((_DECLINES[0], _DECLINES[1], moment("2026-04-01 12:00")), None),
        ((_DECLINES[0], _DECLINES[1], moment("2026-04-01 11:59:59")), "2026-05-01 11:59:59"),
        ((*_DECLINES, moment("2026-03-20 12:00")), "2026-04-19 12:00"),
        ((*_DECLINES, moment("2026-12-20 12:00")), "2026-03-31 12:00"),
    ],
)
def test_three_declines_in_ninety_days_pause(
    declined_at: tuple[datetime, ...], until: str | None
) -> None:
    assert paused_until(declined_at, POLICY) == (None if until is None else moment(until))


def test_a_pause_ends() -> None:
    case = Case()
    declines = (NOW - timedelta(days=30),) * 3
    case.say_of_second(declined_at=declines)
    assert case.decided() == DONE
    case.say_of_second(declined_at=tuple(d + timedelta(seconds=1) for d in declines))
    ends = NOW + timedelta(seconds=1)
    assert case.decided() == Refused(ApplicationRefusal.APPLICATIONS_PAUSED, retry_from=ends)


# What a draw offers -----------------------------------------------------------------------


def test_the_earliest_comes_first() -> None:
    tomorrow = TODAY + ONE_DAY
    sessions = [
        clinic(1, tomorrow + ONE_DAY, "morning"),
        clinic(2, tomorrow, "evening"),
        clinic(3, tomorrow, "morning", starts_at=time(9)),
        clinic(4, tomorrow, "morning", starts_at=time(8)),
        clinic(5, tomorrow, "afternoon"),
        clinic(6, tomorrow, "morning"),
    ]
    wishes = replace(ANY_DAY, notice_hours=0)
    assert choices_of(wishes, sessions, NOW) == (6, 4, 3, 5, 2, 1)


def test_ranked_sessions_come_in_their_order_and_alone() -> None:
    sessions = [clinic(1), clinic(2), clinic(3), clinic(4, title="副主任医师")]
    wishes = replace(ANY_DAY, ranked_sessions=(9003, 9999, 9001, 9004))
    assert choices_of(wishes, sessions, NOW) == (3, 1, 4)
    assert choices_of(replace(wishes, title="主任医师"), sessions, NOW) == (3, 1)


@pytest.mark.parametrize(
    ("wishes", "chosen"),
    [
        (ANY_DAY, (1, 2, 3)),
        (replace(ANY_DAY, title="知名专家"), ()),
        (replace(ANY_DAY, specialty="冠心病"), (2,)),
        (replace(ANY_DAY, periods=("afternoon", "evening")), (3,)),
        (replace(ANY_DAY, iso_weekdays=(4,)), (1, 2, 3)),
        (replace(ANY_DAY, iso_weekdays=(1, 2, 3, 5, 6, 7)), ()),
        (replace(ANY_DAY, first_date=day("2026-03-13")), ()),
        (replace(ANY_DAY, last_date=day("2026-03-11")), ()),
        (replace(ANY_DAY, first_date=day("2026-03-12"), last_date=day("2026-03-12")), (1, 2, 3)),
    ],
)
def test_what_is_not_wanted_is_not_chosen(wishes: Wishes, chosen: tuple[int, ...]) -> None:
    thursday = day("2026-03-12")
    sessions = [
        clinic(1, thursday),
        clinic(2, thursday, specialty="冠心病"),
        clinic(3, thursday, "afternoon"),
    ]
    assert choices_of(wishes, sessions, NOW) == chosen


def test_a_win_leaves_the_wished_notice_until_the_cancel_deadline() -> None:
    offered = clinic(1, day("2026-03-12"))  # to be cancelled until 11 March, 15:00
    for hours, last in [
        (24, "2026-03-10 15:00"),
        (48, "2026-03-09 15:00"),
        (1, "2026-03-11 14:00"),
    ]:
        wishes = replace(ANY_DAY, notice_hours=hours)
        assert choices_of(wishes, [offered], moment(last)) == (1,)
        assert choices_of(wishes, [offered], moment(f"{last}:00.000001")) == ()
    at_any_time = replace(ANY_DAY, notice_hours=0)
    assert choices_of(at_any_time, [offered], moment("2026-03-11 23:59")) == (1,)
    assert choices_of(at_any_time, [offered], moment("2026-03-12 00:00")) == ()


wishes_drawn = st.builds(
    Wishes,
    first_date=st.dates(TODAY, TODAY + timedelta(days=12)),
    last_date=st.dates(TODAY, TODAY + timedelta(days=30)),
    title=st.none() | st.sampled_from(["主任医师", "副主任医师"]),
    specialty=st.none() | st.just("高血压"),
    periods=st.sets(st.sampled_from(PERIODS)).map(tuple),
    iso_weekdays=st.sets(st.integers(1, 7)).map(tuple),
    ranked_sessions=st.just(()) | st.lists(st.integers(9001, 9008), max_size=6).map(tuple),
    notice_hours=st.sampled_from([0, 1, 24, 48, 168]),
)
sessions_drawn = st.lists(
    st.tuples(
        st.dates(TODAY, TODAY + timedelta(days=30)),
        st.sampled_from(PERIODS),
        st.sampled_from(["主任医师", "副主任医师"]),
        st.none() | st.times(),
    ),
    max_size=8,
)


@given(wishes_drawn, sessions_drawn, st.integers(0, 34 * 24))
def test_choices_are_sessions_that_are_wanted_each_once(
    wishes: Wishes, drawn: list[tuple[date, str, str, time | None]], hours: int
) -> None:
    draw_at = NOW + timedelta(hours=hours)
    sessions = [
        clinic(n, visit_date, period, title=title, starts_at=starts)
        for n, (visit_date, period, title, starts) in enumerate(drawn, 1)
    ]
    chosen = choices_of(wishes, sessions, draw_at)
    assert len(set(chosen)) == len(chosen)
    by_number = {session.number: session for session in sessions}
    for number in chosen:
        session = by_number[number]
        assert wishes.first_date <= session.visit_date <= wishes.last_date
        assert session.visit_date > draw_at.date()
        assert session.visit_date.isoweekday() in wishes.iso_weekdays
        assert session.period in wishes.periods
        assert wishes.title in (None, session.title)
        assert not wishes.ranked_sessions or session.id in wishes.ranked_sessions
    # The order of the sessions in the draw changes nothing.
    assert choices_of(wishes, sessions[::-1], draw_at) == chosen
    # The wishes as stored choose the same.
    assert choices_of(wishes.normalised(), sessions, draw_at) == chosen


# Expiry -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wishes", "until"),
    [
        # The last draw is at 14:00 on the day before; a day's notice until 15:00 excludes it.
        (Wishes(TODAY, day("2026-03-12"), notice_hours=0), "2026-03-11 14:00"),
        (Wishes(TODAY, day("2026-03-12"), notice_hours=1), "2026-03-11 14:00"),
        (Wishes(TODAY, day("2026-03-12"), notice_hours=2), "2026-03-11 13:00"),
        (Wishes(TODAY, day("2026-03-12")), "2026-03-10 14:00"),
        (Wishes(TODAY, day("2026-03-12"), notice_hours=168), "2026-03-04 14:00"),
        # Thursday the 12th is not wanted: the last Wednesday is the 11th.
        (Wishes(TODAY, day("2026-03-12"), iso_weekdays=(3,), notice_hours=0), "2026-03-10 14:00"),
        (Wishes(TODAY, TODAY, iso_weekdays=(3,)), None),
    ],
)
def test_the_last_draw_that_serves_an_application(wishes: Wishes, until: str | None) -> None:
    last = None if until is None else moment(until)
    rules = HospitalRules()
    assert served_until(wishes, rules, POLICY) == last
    assert is_expired(wishes, NOW, rules, POLICY) is (last is None)
    if last is not None:
        assert not is_expired(wishes, last, rules, POLICY)
        assert is_expired(wishes, last + timedelta(seconds=1), rules, POLICY)


def test_no_draw_is_at_or_after_the_next_day_stop() -> None:
    wishes = Wishes(TODAY, day("2026-03-12"), notice_hours=0)
    at_noon = HospitalRules(next_day_stop_time=time(12))
    assert served_until(wishes, at_noon, POLICY) == moment("2026-03-11 11:00")
    early = HospitalRules(next_day_stop_time=time(7))
    assert served_until(wishes, early, POLICY) == moment("2026-03-10 20:00")


@given(wishes_drawn, hospital_rules, st.integers(0, 40))
def test_no_draw_serves_an_expired_application(
    wishes: Wishes, rules: HospitalRules, days: int
) -> None:
    """Neither a draw of returned places nor the draw at the release chooses anything any more."""
    assume(any(wishes.fits_date(TODAY + timedelta(days=n)) for n in range(31)))
    plain = replace(wishes, ranked_sessions=(), title=None, specialty=None, periods=PERIODS)
    visit_date = TODAY + timedelta(days=days)
    session = clinic(1, visit_date, rules=rules)
    until = served_until(plain, rules, POLICY)
    stop = datetime.combine(visit_date - ONE_DAY, rules.next_day_stop_time, CITY_TIME)
    moments = [opens_at(visit_date, rules, POLICY)] + [
        datetime.combine(visit_date - n * ONE_DAY, time(hour), CITY_TIME)
        for n in range(10)
        for hour in draw_hours(visit_date - n * ONE_DAY, visit_date)
    ]
    for draw_at in moments:
        if draw_at < stop and choices_of(plain, [session], draw_at):
            assert until is not None
            assert draw_at <= until


@given(hospital_rules, st.dates(TODAY, TODAY + timedelta(days=200)))
def test_applications_reach_two_weeks_beyond_what_can_be_booked(
    rules: HospitalRules, today: date
) -> None:
    at = datetime.combine(today, time(10), CITY_TIME)
    last = furthest_applicable(at, rules, POLICY)
    assert opens_at(last, rules, POLICY).date() <= today + AHEAD


A_WEEK_BEFORE = Wishes(day("2026-12-20"), day("2026-12-20"), notice_hours=168)


@pytest.mark.parametrize(
    ("days_before", "cancel_time", "last_draw"),
    [
        (1, "15:00", "2026-12-12 14:00"),
        (1, "08:00", "2026-12-12 08:00"),
        (1, "07:00", "2026-12-11 20:00"),
        (3, "07:00", "2026-12-09 20:00"),
    ],
)
def test_a_week_s_notice_is_left_before_the_cancel_deadline(
    days_before: int, cancel_time: str, last_draw: str
) -> None:
    rules = HospitalRules(cancel_days_before=days_before, cancel_time=clock(cancel_time))
    assert served_until(A_WEEK_BEFORE, rules, Policy()) == moment(last_draw)


def test_an_account_has_not_applied_unless_it_is_known() -> None:
    assert ApplicationFacts(AGENT, (), 1, A_WEEK_BEFORE, None, {}).applied_today == 0


def test_what_is_not_said_of_an_application_is_the_least() -> None:
    assert not Wishes(TODAY, TODAY).may_split
    assert not ApplicationFacts(AGENT, (), 1, ANY_DAY, None, {}).checks_names


def test_wishes_are_stored_without_what_says_nothing() -> None:
    said = replace(ANY_DAY, title="主任医师", specialty="高血压", ranked_sessions=(3, 1, 3))
    assert said.normalised() == replace(said, ranked_sessions=(3, 1))
    empty = replace(ANY_DAY, title="", specialty="", periods=("evening", "morning"))
    assert empty.normalised() == replace(
        empty, title=None, specialty=None, periods=("morning", "evening")
    )
