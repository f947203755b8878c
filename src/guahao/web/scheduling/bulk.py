"""Changing many sessions, copying a week, and undoing either: each shown before it is done."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

from litestar.types import ASGIApp

from guahao.flows.supply import calendars, timetables
from guahao.flows.supply.bulk import acts as flows
from guahao.flows.supply.bulk.acts import ChangedSession, CopiedSession, CopyPlan
from guahao.rules.kernel.facts import PERIODS
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.reasons import REASON_MAX
from guahao.rules.supply.bulk import (
    UNDO_FOR,
    BulkRefusal,
    Change,
    CopyFate,
    UndoFate,
)
from guahao.rules.supply.changes import SessionRefused, UpsertResult
from guahao.rules.supply.planning import WEEKDAYS
from guahao.store.supply.bulk import Selection
from guahao.web.http.reading import ProblemError, read_id
from guahao.web.scheduling.schedule_forms import (
    SCHEDULER,
    chosen_department,
    monday_of,
    near_monday,
)
from guahao.web.staff import StaffPage, StaffRoute
from guahao.web.staff.reading import read_date, read_fen, read_number
from guahao.web.staff.weekdays import WEEKDAYS_SHOWN

_CHANGE = "/staff/schedule/bulk"
_COPY = "/staff/schedule/copy"
_UNDO = "/staff/schedule/acts/{act_id}/undo"
_SHOWN = 300  # rows of a preview
_WEEKS_OFFERED = 12
_TICKED = "yes"


def bulk_routes() -> list[StaffRoute]:
    """Return the two forms with their previews, and the undoing."""
    return [
        StaffRoute("GET", _CHANGE, _ask_change, SCHEDULER),
        StaffRoute("POST", _CHANGE, _change, SCHEDULER),
        StaffRoute("GET", _COPY, _ask_copy, SCHEDULER),
        StaffRoute("POST", _COPY, _copy, SCHEDULER),
        StaffRoute("POST", _UNDO, _undo, SCHEDULER),
    ]


# Changing ---------------------------------------------------------------------------------

_FIELDS = (
    *("first", "last", "department", "title", "specialty", "period"),
    *(f"weekday_{n}" for n in WEEKDAYS),
    *("capacity", "fee", "new_title"),
)


async def _ask_change(page: StaffPage) -> ASGIApp:
    given = {name: page.query(name) for name in _FIELDS}
    if not page.query("preview"):
        return await _show_change(page, given)
    selection, change = _selection(given), _change_of(given)
    if selection is None:
        return await _show_change(page, given, *page.refusal(Refused(BulkRefusal.DATES)))
    found = await flows.preview_change(page.services.platform, page.staff, selection, change)
    if isinstance(found, Refused):
        return await _show_change(page, given, *page.refusal(found))
    return await _show_change(page, given, found=found)


async def _change(page: StaffPage) -> ASGIApp:
    form = page.form
    given = {name: form.get(name, "") for name in _FIELDS}
    selection, change = _selection(given), _change_of(given)
    if selection is None:
        return await _show_change(page, given, *page.refusal(Refused(BulkRefusal.DATES)))
    platform, by = page.services.platform, page.staff
    reason = form.get("reason", "")[:REASON_MAX]
    outcome = await flows.change(platform, by, selection, change, reason, form.get("version", ""))
    if isinstance(outcome, Refused):
        found = None
        if outcome.reason is BulkRefusal.CHANGED_MEANWHILE:
            anew = await flows.preview_change(platform, by, selection, change)
            found = None if isinstance(anew, Refused) else anew
        return await _show_change(page, given, *page.refusal(outcome), found)
    page.flash(page.say("已更改{count}个门诊。24小时内可以撤销。", count=outcome.sessions))
    return page.redirect(_CHANGE)


async def _show_change(
    page: StaffPage,
    given: dict[str, str],
    refused: str = "",
    status: int = 200,
    found: list[ChangedSession] | None = None,
) -> ASGIApp:
    platform, by = page.services.platform, page.staff
    departments = await timetables.departments(platform, by)
    outcomes = [session.outcome for session in found or ()]
    changed_on = Counter(
        session.facts.terms.visit_date
        for session in found or ()
        if session.outcome == UpsertResult.CHANGED
    )
    return page.show(
        "staff/schedule_bulk.html",
        status,
        given=given,
        departments=departments,
        names={one.id: page.names.name(one.name, one.name_en) for one in departments},
        keys=await timetables.department_keys(platform, by),
        titles=platform.titles.offered,
        periods=PERIODS,
        weekdays=WEEKDAYS_SHOWN,
        found=None if found is None else found[:_SHOWN],
        in_all=len(outcomes),
        changed=outcomes.count(UpsertResult.CHANGED),
        unchanged=outcomes.count(UpsertResult.UNCHANGED),
        left=sum(isinstance(outcome, SessionRefused) for outcome in outcomes),
        why=lambda outcome: (
            page.refusal(outcome).text if isinstance(outcome, SessionRefused) else ""
        ),
        met=await calendars.met_days(platform, by.own_hospital_id, {}, changed_on),
        version="" if found is None else flows.change_version(found),
        acts=await flows.latest(platform, by),
        undo_until=lambda act: page.now < act.at + UNDO_FOR and act.undone_at is None,
        fates=_fates(page),
        reason_max=REASON_MAX,
        refused=refused,
    )


def _selection(given: dict[str, str]) -> Selection | None:
    first = read_date(given["first"])
    last = read_date(given["last"]) if given["last"] else first
    if first is None or last is None:
        return None
    return Selection(
        first,
        last,
        read_number(given["department"]) if given["department"] else None,
        given["title"] or None,
        given["specialty"] or None,
        given["period"] if given["period"] in PERIODS else None,
        tuple(n for n in WEEKDAYS if given[f"weekday_{n}"] == _TICKED),
    )


def _change_of(given: dict[str, str]) -> Change:
    return Change(
        read_number(given["capacity"]) if given["capacity"] else None,
        read_fen(given["fee"]) if given["fee"] else None,
        given["new_title"] or None,
    )


# Copying ----------------------------------------------------------------------------------


async def _ask_copy(page: StaffPage) -> ASGIApp:
    return await _show_copy(page, {name: page.query(name) for name in ("department", "week")})


async def _copy(page: StaffPage) -> ASGIApp:
    """Show what a copy would make; make it once that was seen."""
    form, platform, by = page.form, page.services.platform, page.staff
    monday = near_monday(page, form.get("week", ""))
    if monday is None:
        return await _show_copy(page, form, *page.refusal(Refused(BulkRefusal.DATES)))
    targets = tuple(
        target
        for name, value in form.items()
        if name.startswith("to_")
        and value == _TICKED
        and (target := near_monday(page, name.removeprefix("to_"))) is not None
        and name == f"to_{target.isoformat()}"
    )
    plan = CopyPlan(
        read_number(form.get("department", "")), monday, targets, form.get("title") or None
    )
    if form.get("step") != "save":
        found = await flows.preview_copy(platform, by, plan)
        if isinstance(found, Refused):
            return await _show_copy(page, form, *page.refusal(found))
        return await _show_copy(page, form, found=found)
    outcome = await flows.copy(platform, by, plan, form.get("version", ""))
    if isinstance(outcome, Refused):
        found_now = None
        if outcome.reason in (BulkRefusal.CHANGED_MEANWHILE, BulkRefusal.NOTHING):
            anew = await flows.preview_copy(platform, by, plan)
            found_now = None if isinstance(anew, Refused) else anew
        return await _show_copy(page, form, *page.refusal(outcome), found_now)
    page.flash(page.say("已复制，新增{count}个门诊。24小时内可以撤销。", count=outcome.sessions))
    return page.redirect(f"{_COPY}?department={plan.department_id}&week={monday.isoformat()}")


async def _show_copy(
    page: StaffPage,
    given: dict[str, str],
    refused: str = "",
    status: int = 200,
    found: list[CopiedSession] | None = None,
) -> ASGIApp:
    platform, by = page.services.platform, page.staff
    departments = await timetables.departments(platform, by)
    if not departments:
        raise ProblemError("not_found")
    monday = near_monday(page, given.get("week", "")) or monday_of(page.today)
    outcomes = [session.outcome for session in found or ()]
    copied_on = Counter(
        session.wanted.visit_date
        for session in found or ()
        if isinstance(session.outcome, CopyFate)
    )
    mondays = flows.mondays_after(max(monday, page.today - timedelta(weeks=1)), _WEEKS_OFFERED)
    days = await calendars.days(platform, by, mondays[0], _sunday(mondays[-1]))
    return page.show(
        "staff/schedule_copy.html",
        status,
        given=given,
        departments=departments,
        keys=await timetables.department_keys(platform, by),
        department=chosen_department(page, departments),
        titles=platform.titles.offered,
        monday=monday,
        mondays=mondays,
        sunday=_sunday,
        special={
            start: [day for day in days if day.is_special and start <= day.day <= _sunday(start)]
            for start in mondays
        },
        weekdays=WEEKDAYS_SHOWN,
        found=None if found is None else found[:_SHOWN],
        counts={fate.value: outcomes.count(fate) for fate in CopyFate},
        left=sum(isinstance(outcome, SessionRefused) for outcome in outcomes),
        said={
            CopyFate.NEW: page.say("新增"),
            CopyFate.EXISTS: page.say("已有，不重复"),
            CopyFate.COLLIDES: page.say("与同样的门诊时间重叠，不复制"),
            CopyFate.DAY_OFF: page.say("休息日，不复制"),
        },
        why=lambda outcome: (
            page.refusal(outcome).text if isinstance(outcome, SessionRefused) else ""
        ),
        met=await calendars.met_days(platform, by.own_hospital_id, {}, copied_on),
        version="" if found is None else flows.copy_version(found),
        acts=await flows.latest(platform, by),
        undo_until=lambda act: page.now < act.at + UNDO_FOR and act.undone_at is None,
        fates=_fates(page),
        refused=refused,
    )


def _sunday(monday: date) -> date:
    return monday + timedelta(days=6)


# Undoing ----------------------------------------------------------------------------------


async def _undo(page: StaffPage) -> ASGIApp:
    id = read_id(page.request, "act_id", "not_found")
    outcome = await flows.undo(page.services.platform, page.staff, id)
    if isinstance(outcome, Refused):
        if outcome.reason is BulkRefusal.UNKNOWN:
            raise ProblemError("not_found")
        page.flash(page.refusal(outcome).text)
        return page.redirect(_CHANGE)
    said = _fates(page)
    parts = [f"{said[fate]} {count}" for fate, count in sorted(outcome.fates.items())]
    page.flash(page.say("已撤销：{what}。", what=" · ".join(parts)))
    return page.redirect(_COPY if outcome.act.kind == "copy" else _CHANGE)


def _fates(page: StaffPage) -> dict[str, str]:
    return {
        UndoFate.RESTORED: page.say("恢复原样"),
        UndoFate.REMOVED: page.say("撤下"),
        UndoFate.CLOSED: page.say("已有人预约，照常出诊、不再放号"),
        UndoFate.CHANGED_SINCE: page.say("之后又改过，保持不变"),
        UndoFate.REFUSED: page.say("已有人按新内容预约，保持不变"),
        UndoFate.GONE: page.say("已不存在"),
    }
