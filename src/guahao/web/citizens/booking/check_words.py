"""What stands in the way of a booking, in sentences for the patient's account (S12, S16)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from guahao.flows.booking.checking import PatientCheck
from guahao.rules.booking.booking import for_checked_only
from guahao.rules.kernel.outcomes import BeforeOwnMoment, Refusal, Refused
from guahao.store.booking.obstacles import OwnBooking
from guahao.store.kernel.views import PatientView, SessionView
from guahao.web.citizens.booking.ways import WAYS, Help
from guahao.web.citizens.page import Page
from guahao.web.words.refusals.booking import BY_NAME, CHECKED_ONLY
from guahao.words.dates import format_few_days, format_second


@dataclass(frozen=True, slots=True)
class Link:
    """A link to what helps."""

    path: str
    words: str


@dataclass(frozen=True, slots=True)
class PatientLine:
    """A patient on the confirm page: whether the place can be booked for them, else why not.

    `why`: the sentence of a refusal, or of what the patient should know before. `obstacles`: the
    bookings that stand in the way. `helps`: where to go on.
    """

    patient: PatientView
    may_book: bool
    why: str
    obstacles: Sequence[OwnBooking] = ()
    helps: Sequence[Link] = ()


def line(page: Page, session: SessionView, check: PatientCheck) -> PatientLine:
    """Return what the page shows of a patient."""
    patient = check.patient
    match check.refused:
        case None:
            return PatientLine(patient, may_book=True, why=_unchecked(page, patient))
        case BeforeOwnMoment(retry_from=moment):
            why = (
                page.say("从{when}起可约；现在提交，到时再确认。", when=format_second(moment))
                if moment
                else ""
            )
            return PatientLine(patient, may_book=True, why=why)
        case Refused() if check.booked is not None:
            why = page.say("{name}已约好这个号。", name=patient.name)
            return PatientLine(patient, may_book=False, why=why, obstacles=[check.booked])
        case Refused() as refused:
            obstacles = check.obstacles
            if refused.reason is Refusal.PERSON_UNCHECKED and _is_checked_only(page, session):
                obstacles = []  # cancelling them would not help
            return PatientLine(
                patient,
                may_book=False,
                why=_why(page, session, check),
                obstacles=obstacles,
                helps=[_link(page, session, refused, way) for way in WAYS[refused.reason].helps],
            )
        case never:
            assert_never(never)


def _is_checked_only(page: Page, session: SessionView) -> bool:
    policy = page.services.platform.policy_today
    return for_checked_only(session.title, session.rules, policy, checks_names=page.checks_names)


def _unchecked(page: Page, patient: PatientView) -> str:
    """Return what an unchecked person should know; empty for everybody else."""
    if patient.is_checked or not page.checks_names:
        return ""
    most = page.services.platform.policy_today.unchecked_live_bookings
    return page.say("身份未核实，同时最多有{most}个预约", most=most)


def _why(page: Page, session: SessionView, check: PatientCheck) -> str:
    """Return why the patient is refused; by name, and with the days of what stands in the way."""
    refused, policy = check.refused, page.services.platform.policy_today
    assert refused is not None
    # Days that the account does not see are none of its business.
    days = (
        ""
        if check.hidden
        else format_few_days((b.visit_date for b in check.obstacles), page.language)
    )
    words = BY_NAME[refused.reason]
    if words is None or (words.counts and not days):
        return page.services.replies.refused(refused, page.language).detail
    if refused.reason is Refusal.PERSON_UNCHECKED and _is_checked_only(page, session):
        words = CHECKED_ONLY
    moment = refused.retry_from
    day = refused.visit_from if moment is None else moment.date()
    said = words.detail if day is None or words.dated is None else words.dated
    return said.of(page.language).format(
        name=check.patient.name,
        department=page.names.name(session.department_name, session.department_name_en),
        days=days,
        count=len(check.obstacles),
        most=policy.unchecked_live_bookings,
        short_window_days=policy.short_window_days,
        long_window_months=policy.long_window_months,
        when="" if day is None else page.day(day),
        hotline=page.hotline,
    )


def _link(page: Page, session: SessionView, refused: Refused[Refusal], helps: Help) -> Link:
    """Return where the patient's account can go on from a refusal."""
    day = refused.visit_from
    match helps:
        case "no_shows":
            return Link("/patients", page.say("看爽约记录"))
        case "patients":
            return Link("/patients", page.say("我的就诊人"))
        case "day" if day is not None:
            path = f"/departments/{session.department_id}?day={day.isoformat()}"
            return Link(path, page.say("看{day}的号", day=page.day(day)))
        case "day" | "hotline":
            number = page.hotline
            return Link(f"tel:{number}", page.say("拨打热线 {number}", number=number))
        case never:
            assert_never(never)
