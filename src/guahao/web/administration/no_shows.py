"""The no-show list, a person's ledger, excuses (S16)."""

from __future__ import annotations

from litestar.types import ASGIApp

from guahao.flows.attendance import ledger as flows
from guahao.flows.attendance.unverified import waiting_hospitals
from guahao.rules.attendance.ledger import ExcuseRefusal
from guahao.rules.attendance.penalties import suspensions_by_date
from guahao.rules.attendance.unverified import CONFIRM_DAYS
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.staff.staff import Role
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ProblemError, as_id, read_id
from guahao.web.staff import Act, StaffPage, StaffRoute, confirmed

READERS = frozenset({Role.SUPERVISOR, Role.ADMINISTRATOR, Role.AUDITOR})
SUPERVISOR = frozenset({Role.SUPERVISOR})
_LIST = "/staff/no-shows"
_ONE = "/staff/no-shows/{patient_id}"


def no_show_routes() -> list[StaffRoute]:
    """Return the list, a person's ledger, and a supervisor's decisions."""
    return [
        StaffRoute("GET", _LIST, _listed, READERS),
        StaffRoute("GET", "/staff/unverified", _unverified, READERS),
        StaffRoute("GET", _ONE, _show, READERS),
        StaffRoute("POST", f"{_ONE}/excuse", _excuse, SUPERVISOR),
        StaffRoute("POST", f"{_ONE}/withdraw", _withdraw, SUPERVISOR),
    ]


async def _listed(page: StaffPage) -> ASGIApp:
    cursor = as_id(page.query("cursor"))
    found, after = await flows.no_show_list(page.services.platform, cursor)
    policies = page.services.platform.policies.known
    rows = []
    for person in found:
        derived = suspensions_by_date(person.no_shows, policies, page.today)
        now = [s for s in derived if s.start <= page.today < s.end]
        rows.append((person, max(now, key=lambda s: s.end, default=None)))
    return page.show("staff/no_shows.html", rows=rows, after=after)


async def _unverified(page: StaffPage) -> ASGIApp:
    """Show where a hospital has not confirmed who came, and for how long."""
    hospitals = await waiting_hospitals(page.services.platform)
    return page.show("staff/unverified_hospitals.html", hospitals=hospitals, days=CONFIRM_DAYS)


async def _show(page: StaffPage) -> ASGIApp:
    return await _ledger(page)


async def _ledger(page: StaffPage, refused: str = "", status: int = 200) -> ASGIApp:
    patient_id = read_id(page.request, "patient_id", "not_found")
    found = await flows.ledger_of(page.services.platform, patient_id)
    if found is None:
        raise ProblemError("not_found")
    return page.show(
        "staff/no_show_ledger.html",
        status,
        ledger=found,
        refused=refused,
        may_excuse=page.staff.role is Role.SUPERVISOR,
        policy=page.services.platform.policy_today,
    )


async def _excuse(page: StaffPage) -> ASGIApp:
    outcome = await flows.excuse(
        page.services.platform, page.staff, _appointment(page), page.form.get("reason", "")
    )
    return await _after(page, outcome, page.say("已记为有正当理由，患者会收到短信。"))


async def _withdraw(page: StaffPage) -> ASGIApp:
    reason = confirmed(page, await _withdrawing(page))
    if isinstance(reason, Answer):
        return reason
    outcome = await flows.withdraw_excuse(
        page.services.platform, page.staff, _appointment(page), reason
    )
    return await _after(page, outcome, page.say("已撤回申诉，爽约重新计入。"))


async def _withdrawing(page: StaffPage) -> Act:
    patient_id = read_id(page.request, "patient_id", "not_found")
    found = await flows.ledger_of(page.services.platform, patient_id)
    if found is None:
        raise ProblemError("not_found")
    return Act(
        page.say("撤回{name}的申诉？", name=page.masked_name(found.patient.name)),
        [
            page.say("这次爽约重新计入，可能立即暂停预约。"),
            page.say("患者会收到短信。已有的预约不受影响。"),
        ],
        page.say("撤回申诉"),
        f"{_LIST}/{patient_id}",
        "no_shows",
    )


def _appointment(page: StaffPage) -> int:
    return as_id(page.form.get("appointment_id", "")) or 0


async def _after(page: StaffPage, outcome: int | Refused[ExcuseRefusal], said: str) -> ASGIApp:
    if isinstance(outcome, Refused):
        return await _ledger(page, *page.refusal(outcome))
    page.flash(said)
    return page.redirect(f"{_LIST}/{outcome}")
