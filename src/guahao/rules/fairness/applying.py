"""Applications (登记/候补): who may apply for what, and which sessions of a draw they choose.

An application names one or two patients of an account and what they want. It stands until it
wins, is withdrawn, or no draw can serve it any more. It takes no place and counts against no
limit (S12): the limits bind when a draw allots a place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from guahao.rules.booking.cancelling import cancel_deadline
from guahao.rules.fairness.returning import draw_hours
from guahao.rules.kernel.facts import PERIODS, Actor
from guahao.rules.kernel.limits import CITY_TIME, ONE_DAY, HospitalRules, Policy
from guahao.rules.kernel.outcomes import DONE, Done, Refused
from guahao.rules.supply.releasing import city_time, furthest, opens_at

PATIENTS_MOST = 2  # of one application
RANKED_MOST = 20  # sessions of one application
APPLIED_A_DAY = 20  # applications of one account, so that registering and withdrawing has an end
AHEAD = timedelta(days=14)  # beyond the dates that can be booked: one call covers two weeks
DECLINED_WITHIN = timedelta(days=90)
NOTICE_HOURS = 24
NOTICE_HOURS_MOST = 168
ISO_WEEKDAYS = (1, 2, 3, 4, 5, 6, 7)
_MIDNIGHT = time.min


class ApplicationRefusal(StrEnum):
    """Why an application is refused, in order of precedence."""

    UNKNOWN_DEPARTMENT = "unknown_department"
    NOT_YOUR_PATIENT = "not_your_patient"
    SAME_PATIENT_TWICE = "same_patient_twice"
    DIFFERENT_ACCOUNTS = "different_accounts"
    WISHES_IMPOSSIBLE = "wishes_impossible"
    UNKNOWN_SESSION = "unknown_session"
    ACCOUNT_RESTRICTED = "account_restricted"
    DOCUMENT_ENDED = "document_ended"
    PERSON_UNCHECKED = "person_unchecked"
    PATIENT_SUSPENDED = "patient_suspended"
    APPLICATIONS_PAUSED = "applications_paused"
    ALREADY_APPLIED = "already_applied"
    TOO_MANY_APPLICATIONS = "too_many_applications"
    TOO_MANY_TODAY = "too_many_applications_today"


@dataclass(frozen=True, slots=True)
class WishesImpossible(Refused[ApplicationRefusal]):
    """No draw to come can serve the wishes; `visit_until`: the last date to apply for."""

    visit_until: date | None = None


class WithdrawRefusal(StrEnum):
    """Why an application is not withdrawn, in order of precedence."""

    UNKNOWN = "unknown_application"
    NOT_LIVE = "application_not_live"


class ApplicationState(StrEnum):
    """The states of an application; all but `live` are final."""

    LIVE = "live"
    WON = "won"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the patients of an application want; None, or every value, stands for any.

    `ranked_sessions`: only these, the best first; empty: the earliest that fits. `may_split`: of
    two patients one may be booked alone. `notice_hours`: a draw must leave so many hours until
    the cancel deadline of the place; 0: at any time.
    """

    first_date: date
    last_date: date
    title: str | None = None
    specialty: str | None = None
    periods: tuple[str, ...] = PERIODS
    iso_weekdays: tuple[int, ...] = ISO_WEEKDAYS
    ranked_sessions: tuple[int, ...] = ()
    may_split: bool = False
    notice_hours: int = NOTICE_HOURS

    def normalised(self) -> Wishes:
        """Return the same wishes in the form in which they are stored and compared."""
        return replace(
            self,
            title=self.title or None,
            specialty=self.specialty or None,
            periods=tuple(period for period in PERIODS if period in self.periods),
            iso_weekdays=tuple(day for day in ISO_WEEKDAYS if day in self.iso_weekdays),
            ranked_sessions=tuple(dict.fromkeys(self.ranked_sessions)),
        )

    def fits_date(self, day: date) -> bool:
        """Return whether a visit on this date is wanted."""
        return self.first_date <= day <= self.last_date and day.isoweekday() in self.iso_weekdays


@dataclass(frozen=True, slots=True)
class SessionInDraw:
    """A clinic session as an application chooses it; `number`: its number in the draw."""

    number: int
    id: int
    title: str
    specialty: str
    visit_date: date
    period: str
    starts_at: time | None
    cancel_until: datetime


@dataclass(frozen=True, slots=True)
class ApplicantFacts:
    """A person who applies, over all registrations that count as theirs.

    `applied_for`: the departments of their live applications. `declined_at`: when they declined
    places won in draws.
    """

    id: int
    account_id: int | None
    suspended_until: date | None = None
    account_restricted_until: date | None = None
    document_ends_on: date | None = None
    is_checked: bool = True
    applied_for: tuple[int, ...] = ()
    declined_at: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class ApplicationFacts:
    """The facts of an application, read once its persons are locked.

    `rules`: of the department's hospital; None where there is no such department on the platform.
    `sessions`: the department's sessions among the ranked ones, by id. `applied_today`: the
    account's applications of the last 24 hours.
    """

    actor: Actor
    patient_ids: tuple[int, ...]
    department_id: int
    wishes: Wishes
    rules: HospitalRules | None
    patients: Mapping[int, ApplicantFacts]
    sessions: Mapping[int, SessionInDraw] = field(default_factory=dict)
    applied_today: int = 0
    policy: Policy = field(default_factory=Policy)
    checks_names: bool = False  # whether a real-name verifier is configured


def decide_application(facts: ApplicationFacts, at: datetime) -> Refused[ApplicationRefusal] | Done:
    """Return the first refusal that applies to any of the patients, in the order of the enum."""
    if facts.rules is None:
        return Refused(ApplicationRefusal.UNKNOWN_DEPARTMENT)
    patients = [facts.patients.get(id) for id in facts.patient_ids]
    applicants = [patient for patient in patients if patient is not None]
    if len(applicants) < len(patients) or any(
        patient.account_id is None
        or (facts.actor.kind == "account" and patient.account_id != facts.actor.id)
        for patient in applicants
    ):
        return Refused(ApplicationRefusal.NOT_YOUR_PATIENT)
    if len(set(facts.patient_ids)) < len(facts.patient_ids):
        return Refused(ApplicationRefusal.SAME_PATIENT_TWICE)
    if len({patient.account_id for patient in applicants}) > 1:
        return Refused(ApplicationRefusal.DIFFERENT_ACCOUNTS)
    wishes, rules, policy = facts.wishes, facts.rules, facts.policy
    if not _are_possible(wishes, at, rules, policy):
        return WishesImpossible(
            ApplicationRefusal.WISHES_IMPOSSIBLE,
            visit_until=furthest_applicable(at, rules, policy),
        )
    ranked = [facts.sessions.get(id) for id in wishes.ranked_sessions]
    if any(session is None or not _fits(wishes, session, at) for session in ranked):
        return Refused(ApplicationRefusal.UNKNOWN_SESSION)
    refusals = (
        _restricted(facts, applicants, at)
        or _of_document(applicants, wishes)
        or _unchecked(facts, applicants)
        or _suspended(applicants, wishes)
        or _paused(applicants, policy, at)
        or _applied(facts, applicants)
    )
    return refusals or DONE


def _are_possible(wishes: Wishes, at: datetime, rules: HospitalRules, policy: Policy) -> bool:
    """Return whether some draw to come can serve the wishes, as far as their dates say it."""
    if wishes.first_date < at.date() or wishes.last_date > furthest_applicable(at, rules, policy):
        return False
    if not (
        set(wishes.periods) & set(PERIODS)
        and 0 <= wishes.notice_hours <= NOTICE_HOURS_MOST
        and len(wishes.ranked_sessions) <= RANKED_MOST
    ):
        return False
    until = served_until(wishes, rules, policy)
    return until is not None and at <= until


def furthest_applicable(at: datetime, rules: HospitalRules, policy: Policy) -> date:
    """Return the last visit date that can be applied for: two weeks before it can be booked."""
    return furthest(at.date() + AHEAD, rules, policy)


def _restricted(
    facts: ApplicationFacts, applicants: Sequence[ApplicantFacts], at: datetime
) -> Refused[ApplicationRefusal] | None:
    """Refuse a restricted account until the day its restriction ends, as the desk does (S17)."""
    if facts.actor.kind != "account":
        return None
    ends = [p.account_restricted_until for p in applicants]
    until = max((day for day in ends if day is not None), default=None)
    if until is None or at.date() >= until:
        return None
    return Refused(ApplicationRefusal.ACCOUNT_RESTRICTED, retry_from=city_time(until, _MIDNIGHT))


def _of_document(
    applicants: Iterable[ApplicantFacts], wishes: Wishes
) -> Refused[ApplicationRefusal] | None:
    """Refuse a birth certificate that ends before the first visit date."""
    ended = any(
        p.document_ends_on is not None and wishes.first_date >= p.document_ends_on
        for p in applicants
    )
    return Refused(ApplicationRefusal.DOCUMENT_ENDED) if ended else None


def _unchecked(
    facts: ApplicationFacts, applicants: Iterable[ApplicantFacts]
) -> Refused[ApplicationRefusal] | None:
    """Refuse unchecked persons where people can be checked, or where the hospital asks for it."""
    assert facts.rules is not None
    if not (facts.checks_names or facts.rules.checked_only):
        return None
    unchecked = any(not p.is_checked for p in applicants)
    return Refused(ApplicationRefusal.PERSON_UNCHECKED) if unchecked else None


def _suspended(
    applicants: Iterable[ApplicantFacts], wishes: Wishes
) -> Refused[ApplicationRefusal] | None:
    """Refuse persons who are suspended on every day on which a draw could serve them."""
    ends = [p.suspended_until for p in applicants if is_suspended_beyond(p.suspended_until, wishes)]
    until = max((day for day in ends if day is not None), default=None)
    if until is None:
        return None
    return Refused(ApplicationRefusal.PATIENT_SUSPENDED, retry_from=city_time(until, _MIDNIGHT))


def is_suspended_beyond(suspended_until: date | None, wishes: Wishes) -> bool:
    """Return whether a suspension lasts longer than an application can.

    A place of the last date is drawn on the day before at the latest.
    """
    return suspended_until is not None and suspended_until >= wishes.last_date


def _paused(
    applicants: Iterable[ApplicantFacts], policy: Policy, at: datetime
) -> Refused[ApplicationRefusal] | None:
    ends = [paused_until(p.declined_at, policy) for p in applicants]
    until = max((moment for moment in ends if moment is not None), default=None)
    if until is None or at >= until:
        return None
    return Refused(ApplicationRefusal.APPLICATIONS_PAUSED, retry_from=until)


def paused_until(declined_at: Iterable[datetime], policy: Policy) -> datetime | None:
    """Return when the last pause of a person's applications ends; None if there was none.

    So many declines within 90 days begin a pause with the last of them.
    """
    declines, count = sorted(declined_at), policy.declines_before_pause
    begins = [
        last
        for first, last in zip(declines, declines[count - 1 :], strict=False)
        if last - first < DECLINED_WITHIN
    ]
    return begins[-1] + timedelta(days=policy.pause_days) if begins else None


def _applied(
    facts: ApplicationFacts, applicants: Sequence[ApplicantFacts]
) -> Refused[ApplicationRefusal] | None:
    if any(facts.department_id in p.applied_for for p in applicants):
        return Refused(ApplicationRefusal.ALREADY_APPLIED)
    if any(len(p.applied_for) >= facts.policy.live_applications for p in applicants):
        return Refused(ApplicationRefusal.TOO_MANY_APPLICATIONS)
    if facts.applied_today >= APPLIED_A_DAY:
        return Refused(ApplicationRefusal.TOO_MANY_TODAY)
    return None


# What a draw offers an application --------------------------------------------------------


def choices_of(
    wishes: Wishes, sessions: Sequence[SessionInDraw], draw_at: datetime
) -> tuple[int, ...]:
    """Return the numbers of the draw's sessions that an application chooses, the best first.

    In the order of its ranking, else the earliest first. Empty: it does not enter the draw.
    """
    fitting = [session for session in sessions if _fits(wishes, session, draw_at)]
    if not wishes.ranked_sessions:
        return tuple(session.number for session in sorted(fitting, key=_earliest))
    rank = {id: n for n, id in reversed([*enumerate(wishes.ranked_sessions)])}
    ranked = sorted((s for s in fitting if s.id in rank), key=lambda s: rank[s.id])
    return tuple(session.number for session in ranked)


def _fits(wishes: Wishes, session: SessionInDraw, draw_at: datetime) -> bool:
    return (
        wishes.fits_date(session.visit_date)
        and session.visit_date > draw_at.date()
        and session.period in wishes.periods
        and wishes.title in (None, session.title)
        and wishes.specialty in (None, session.specialty)
        and _leaves_notice(wishes, session.cancel_until, draw_at)
    )


def _leaves_notice(wishes: Wishes, cancel_until: datetime, draw_at: datetime) -> bool:
    hours = wishes.notice_hours
    return hours == 0 or draw_at + timedelta(hours=hours) <= cancel_until


def _earliest(session: SessionInDraw) -> tuple[date, int, time, int]:
    period = PERIODS.index(session.period)
    return session.visit_date, period, session.starts_at or _MIDNIGHT, session.number


# When no draw can serve it any more -------------------------------------------------------


def served_until(wishes: Wishes, rules: HospitalRules, policy: Policy) -> datetime | None:
    """Return the last moment at which a draw can serve the wishes; None if none ever can."""
    day = wishes.last_date
    while day >= wishes.first_date:
        if wishes.fits_date(day):
            return _last_draw(day, wishes, rules, policy)
        day -= ONE_DAY
    return None


def _last_draw(
    visit_date: date, wishes: Wishes, rules: HospitalRules, policy: Policy
) -> datetime | None:
    """Return the last moment of a draw for a visit date that leaves the wished notice."""
    deadline = cancel_deadline(visit_date, rules)
    moments = [opens_at(visit_date, rules, policy)]
    # A week of hours: more notice than that cannot be asked for.
    for days in range(1, NOTICE_HOURS_MOST // 24 + rules.cancel_days_before + 2):
        day = visit_date - days * ONE_DAY
        moments += [
            datetime.combine(day, time(hour), CITY_TIME) for hour in draw_hours(day, visit_date)
        ]
    stop = city_time(visit_date - ONE_DAY, rules.next_day_stop_time)
    served = [m for m in moments if m < stop and _leaves_notice(wishes, deadline, m)]
    return max(served, default=None)


def is_expired(wishes: Wishes, at: datetime, rules: HospitalRules, policy: Policy) -> bool:
    """Return whether no draw to come can serve an application."""
    until = served_until(wishes, rules, policy)
    return until is None or at > until
