"""What stands in the way of a booking, in sentences for the patient's account (S12, S16)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from guahao.flows.booking.checking import PatientCheck
from guahao.rules.booking.booking import for_checked_only
from guahao.rules.kernel.outcomes import BeforeOwnMoment, Refusal
from guahao.store.booking.obstacles import OwnBooking
from guahao.store.kernel.views import PatientView, SessionView
from guahao.web.citizens.page import Page
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
    refused, patient = check.refused, check.patient
    if refused is None:
        return PatientLine(patient, may_book=True, why=_unchecked(page, patient))
    if isinstance(refused, BeforeOwnMoment):
        moment = refused.retry_from
        return PatientLine(
            patient,
            may_book=True,
            why=page.say("从{when}起可约；现在提交，到时再确认。", when=format_second(moment))
            if moment
            else "",
        )
    if check.booked is not None:
        why = page.say("{name}已约好这个号。", name=patient.name)
        return PatientLine(patient, may_book=False, why=why, obstacles=[check.booked])
    obstacles = check.obstacles
    if refused.reason is Refusal.PERSON_UNCHECKED and _is_checked_only(page, session):
        obstacles = []  # cancelling them would not help
    return PatientLine(
        patient,
        may_book=False,
        why=_why(page, session, check),
        obstacles=obstacles,
        helps=_helps(page, session, check),
    )


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
    usual = page.services.replies.refused(refused, page.language).detail
    name = check.patient.name
    # Days that the account does not see are none of its business.
    days = (
        ""
        if check.hidden
        else format_few_days((b.visit_date for b in check.obstacles), page.language)
    )
    facts: dict[str, Any] = {"name": name, "count": len(check.obstacles), "days": days}
    day = refused.visit_from
    when = None if day is None else page.day(day)
    match refused.reason:
        case Refusal.DUPLICATE_DEPARTMENT:
            department = page.names.name(session.department_name, session.department_name_en)
            if when is None:
                return page.say(
                    "{name}这天在{department}已有预约。请换个日期，或换个科室。",
                    name=name, department=department,
                )  # fmt: skip
            return page.say(
                "{name}这天在{department}已有预约。最早可约{when}，也可换个科室。",
                name=name, department=department, when=when,
            )  # fmt: skip
        case Refusal.PATIENT_SUSPENDED:
            until = refused.retry_from
            return page.say(
                "{name}因爽约暂停预约，{when}恢复。期间可到医院窗口挂号；有异议请拨打{hotline}。",
                name=name,
                when="" if until is None else page.day(until.date()),
                hotline=page.hotline,
            )
        case Refusal.DAY_LIMIT if days:
            said = page.say("{name}在{days}已约{count}个号，达到当天上限。", **facts)
        case Refusal.SEVEN_DAY_LIMIT if days:
            said = page.say(
                "{name}在{days}已约{count}个号，达到{window}天上限。",
                window=policy.short_window_days, **facts,
            )  # fmt: skip
        case Refusal.THREE_MONTH_LIMIT if days:
            said = page.say(
                "{name}在{days}已约{count}个号，达到{window}个月上限。",
                window=policy.long_window_months, **facts,
            )  # fmt: skip
        case Refusal.PERSON_UNCHECKED if _is_checked_only(page, session):
            return page.say(
                "这个号只约给身份已核实的人。{name}还没有核实：请先带证件原件到任一医院窗口核实。",
                name=name,
            )
        case Refusal.PERSON_UNCHECKED:
            return page.say(
                "{name}的身份还没有核实，同时最多有{most}个预约。凭证件原件取号就诊一次，"
                "或到任一医院窗口核实，之后就能再约。",
                name=name, most=policy.unchecked_live_bookings,
            )  # fmt: skip
        case _:
            return usual
    if when is None:
        return said + page.say("请换个相隔更久的日期，或到医院窗口挂号。")
    return said + page.say("最早可约{when}。", when=when)


def _helps(page: Page, session: SessionView, check: PatientCheck) -> list[Link]:
    """Return where the patient's account can go on from this refusal."""
    refused = check.refused
    assert refused is not None
    call = Link(f"tel:{page.hotline}", page.say("拨打热线 {number}", number=page.hotline))
    match refused.reason:
        case Refusal.PATIENT_SUSPENDED:
            return [Link("/patients", page.say("看爽约记录")), call]
        case Refusal.DOCUMENT_ENDED:
            return [Link("/patients", page.say("我的就诊人"))]
        case Refusal.ACCOUNT_RESTRICTED | Refusal.PERSON_UNCHECKED:
            return [call]
        case (
            Refusal.DUPLICATE_DEPARTMENT
            | Refusal.DAY_LIMIT
            | Refusal.SEVEN_DAY_LIMIT
            | Refusal.THREE_MONTH_LIMIT
        ):
            day = refused.visit_from
            if day is None:
                return [call]
            path = f"/departments/{session.department_id}?day={day.isoformat()}"
            return [Link(path, page.say("看{day}的号", day=page.day(day)))]
        case _:
            return []
