"""Applying for places (登记/候补) for a person who calls or stands at the window.

The agent's and the clerk's pages share the form, what is read back before it is sent, and the
refusals.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from guahao.flows.hospitals.directory import hospital
from guahao.flows.supply.listings import departments_by_id
from guahao.flows.supply.schedules import list_sessions
from guahao.rules.fairness.applying import (
    ApplicationRefusal,
    Wishes,
    WishesImpossible,
    WithdrawRefusal,
    furthest_applicable,
)
from guahao.rules.kernel.facts import PERIODS
from guahao.rules.kernel.limits import ONE_DAY
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.text import prose
from guahao.store.supply.listings import BookableDepartment
from guahao.web.framework.application_words import wishes_text
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ProblemError
from guahao.web.staff.confirming import Act
from guahao.web.staff.page import StaffPage
from guahao.web.staff.reading import read_date

FIELDS = ("patients", "title", "period", "first_date", "last_date")
KEY = re.compile(r"[A-Za-z0-9_-]{16,40}")
_TWO_WEEKS = timedelta(days=13)
_FIELD_MAX = 40


@dataclass(frozen=True, slots=True)
class Terms:
    """What can be applied for in a department: titles of its sessions, and until which date."""

    department: BookableDepartment
    titles: list[str]
    first: date
    last: date


async def terms_of(page: StaffPage, department_id: int) -> Terms:
    """Return what can be applied for; raise ProblemError for an unknown department."""
    platform = page.services.platform
    departments = await departments_by_id(platform, [department_id])
    if not departments:
        raise ProblemError("not_found")
    [department] = departments
    found = await hospital(platform, department.hospital_id)
    if found is None:
        raise ProblemError("not_found")
    sessions = await list_sessions(
        platform, department.hospital_id, department_id, None, None, None, None
    )
    last = furthest_applicable(page.now, found.rules, platform.policy_today)
    titles = sorted({view.title for view, _ in sessions if view.visit_date > page.today})
    return Terms(department, titles, page.today + ONE_DAY, last)


def read_wishes(form: Mapping[str, str]) -> Wishes | None:
    """Return what the form asks for; None where a date is missing or is none."""
    first, last = read_date(form.get("first_date", "")), read_date(form.get("last_date", ""))
    if first is None or last is None or first > last:
        return None
    period = form.get("period", "")
    # Unknown periods are left to the rules, which refuse wishes that nothing can serve.
    return Wishes(
        first,
        last,
        title=prose(form.get("title", ""))[:_FIELD_MAX] or None,
        periods=(period,) if period else PERIODS,
    )


def show_form(
    page: StaffPage,
    terms: Terms,
    given: Mapping[str, str],
    *,
    tab: str,
    back: str,
    hidden: Mapping[str, str],
    patients: Sequence[tuple[str, str]] = (),
    for_whom: str = "",
    wishes: Wishes | None = None,
    refused: str = "",
    status: int = 200,
    caller: object | None = None,
) -> Answer:
    """Show the form; with `wishes` what is read back, before it is sent.

    `patients`: the choices with their names; `for_whom`: the name of the only patient or of the
    chosen ones. `hidden`: fields that come back as they are. `caller`: who stays at the left.
    """
    typed = {name: given.get(name, "") for name in FIELDS}
    return page.show(
        "staff/apply.html",
        status,
        terms=terms,
        given={
            **typed,
            "first_date": typed["first_date"] or terms.first.isoformat(),
            "last_date": typed["last_date"]
            or min(terms.first + _TWO_WEEKS, terms.last).isoformat(),
        },
        tab=tab,
        back=back,
        hidden=hidden,
        patients=patients,
        for_whom=for_whom,
        read_back=wishes,
        wishes=None if wishes is None else wishes_text(page, wishes),
        periods=PERIODS,
        refused=refused,
        caller=caller,
    )


def withdrawal(page: StaffPage, question: str, back: str, tab: str) -> Act:
    """Return the withdrawal of an application, to be confirmed with a reason."""
    consequences = [
        page.say("撤回后不再参加抽签，已参加的次数不保留。"),
        page.say("以后要约，可以重新登记。"),
    ]
    return Act(question, consequences, page.say("撤回登记"), back, tab)


def dates_wrong_text(page: StaffPage) -> str:
    """Return what to correct where `read_wishes` finds no dates."""
    return page.say("请填写从哪天到哪天，先后不要颠倒。")


def withdrawal_text(page: StaffPage, refused: WithdrawRefusal) -> str:
    """Return why an application is not withdrawn."""
    return {
        WithdrawRefusal.UNKNOWN: page.say("没有这个登记。"),
        WithdrawRefusal.NOT_LIVE: page.say("这个登记已经结束，不用撤回。"),
    }[refused]


def application_refusal_text(
    page: StaffPage, reason: ApplicationRefusal, refused: Refused[Any]
) -> str:
    """Return why nothing was applied for, and what to tell the person.

    `refused`: the refusal with the facts that belong to its reason.
    """
    if isinstance(refused, WishesImpossible):
        if refused.visit_until is None:
            return page.say("这些日期不能登记。请核对日期和时段。")
        return page.say(
            "这些日期不能登记：没有合适的抽签，或超出范围。最早明天，最晚{day}。",
            day=page.day(refused.visit_until),
        )
    from_when = "" if refused.retry_from is None else page.time(refused.retry_from)
    return {
        ApplicationRefusal.UNKNOWN_DEPARTMENT: page.say("这个科室不在平台预约，请换一个科室。"),
        ApplicationRefusal.NOT_YOUR_PATIENT: page.say("请选择这个账户的就诊人。"),
        ApplicationRefusal.SAME_PATIENT_TWICE: page.say("请选择两位不同的就诊人。"),
        ApplicationRefusal.DIFFERENT_ACCOUNTS: page.say("两位就诊人须在同一个账户。"),
        ApplicationRefusal.WISHES_IMPOSSIBLE: page.say("这些日期不能登记。请核对日期和时段。"),
        ApplicationRefusal.UNKNOWN_SESSION: page.say("指定的门诊不存在或已停诊，请重新选择。"),
        ApplicationRefusal.ACCOUNT_RESTRICTED: page.say(
            "这个账户暂时不能登记，{when}恢复。", when=from_when
        ),
        ApplicationRefusal.DOCUMENT_ENDED: page.say(
            "出生医学证明到那时已过期。请凭户口簿或居民身份证登记孩子，再办理候补。"
        ),
        ApplicationRefusal.PERSON_UNCHECKED: page.say(
            "就诊人还没有核实身份，不能参加抽签。请带证件原件到医院窗口核实。"
        ),
        ApplicationRefusal.PATIENT_SUSPENDED: page.say(
            "就诊人因爽约暂停预约，{when}恢复；登记的日期都在此之前。", when=from_when
        ),
        ApplicationRefusal.APPLICATIONS_PAUSED: page.say(
            "就诊人多次放弃抽中的号，{when}以后才能再登记。", when=from_when
        ),
        ApplicationRefusal.ALREADY_APPLIED: page.say(
            "就诊人在这个科室已有登记。要更改日期或职称，请先撤回原来的登记。"
        ),
        ApplicationRefusal.TOO_MANY_APPLICATIONS: page.say(
            "就诊人的登记已达上限。请先撤回一个，再登记这个科室。"
        ),
        ApplicationRefusal.TOO_MANY_TODAY: page.say("这个账户今天登记的次数太多，请明天再办。"),
    }[reason]
