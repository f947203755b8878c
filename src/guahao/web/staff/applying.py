"""Applying for places (登记/候补) for a person who calls or stands at the window.

The agent's and the clerk's pages share the form, and what is read back before it is sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from guahao.flows.hospitals.directory import hospital
from guahao.flows.supply.listings import departments_by_id
from guahao.flows.supply.schedules import list_sessions
from guahao.rules.fairness.applying import Wishes, furthest_applicable
from guahao.rules.kernel.facts import PERIODS
from guahao.rules.kernel.limits import ONE_DAY
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
