"""Weekly timetables for several weekdays and periods in one form, shown before they are added."""

from __future__ import annotations

from datetime import date

from litestar.types import ASGIApp

from guahao.flows.supply import timetables
from guahao.flows.supply.bulk import weekly as flows
from guahao.flows.supply.bulk.weekly import PlanRefused, WeeklyPlan, WeeklyPreview
from guahao.flows.supply.calendars import rolled_until
from guahao.flows.supply.fees import offered
from guahao.rules.kernel.facts import PERIODS
from guahao.rules.kernel.limits import ONE_DAY
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.text import prose, typed
from guahao.rules.supply.changes import Clinic
from guahao.rules.supply.planning import FOR_EVER, WEEKDAYS, PlanRefusal
from guahao.web.http.reading import ProblemError
from guahao.web.scheduling.schedule_forms import (
    SCHEDULER,
    Offered,
    chosen_department,
    unannounced_within,
)
from guahao.web.staff import StaffPage, StaffRoute
from guahao.web.staff.reading import (
    UnreadableTimeError,
    read_date,
    read_fen,
    read_number,
    read_time,
)
from guahao.web.staff.weekdays import WEEKDAYS_SHOWN

_NEW = "/staff/schedule/new"
_WEEK = "/staff/schedule"
_TICKED = "yes"
# Which field a reason is written under; of the others it is the period's.
_FIELDS = {
    PlanRefusal.UNKNOWN: "department",
    PlanRefusal.DATES: "first",
    PlanRefusal.TITLE: "title",
    PlanRefusal.TITLE_NOT_OFFERED: "title",
    PlanRefusal.FEE: "fee",
    PlanRefusal.PLACES: "capacity_{period}",
    PlanRefusal.HOURS: "ends_{period}",
    PlanRefusal.OUTSIDE_PERIOD: "starts_{period}",
}

Errors = dict[str, str]


def weekly_routes() -> list[StaffRoute]:
    """Return the form, which shows a preview and adds the timetables."""
    return [
        StaffRoute("GET", _NEW, _ask, SCHEDULER),
        StaffRoute("POST", _NEW, _add, SCHEDULER),
    ]


async def _ask(page: StaffPage) -> ASGIApp:
    return await _show(page, {}, {})


async def _show(
    page: StaffPage,
    given: dict[str, str],
    errors: Errors,
    status: int = 200,
    preview: WeeklyPreview | None = None,
) -> ASGIApp:
    found = await timetables.departments(page.services.platform, page.staff)
    if not found:
        raise ProblemError("not_found")
    last = read_date(given.get("last", "")) or FOR_EVER
    weeks: list[list[date]] = []
    if preview is not None:
        days = [day.day for day in preview.days]
        weeks = [days[n : n + len(WEEKDAYS)] for n in range(0, len(days), len(WEEKDAYS))]
    return page.show(
        "staff/schedule_weekly.html",
        status,
        departments=found,
        keys=await timetables.department_keys(page.services.platform, page.staff),
        department=chosen_department(page, found),
        given=given,
        errors=errors,
        titles=await _offered(page, read_date(given.get("first", ""))),
        tomorrow=page.today + ONE_DAY,
        weekdays=WEEKDAYS_SHOWN,
        periods=PERIODS,
        preview=preview,
        weeks=weeks,
        unannounced_from=unannounced_within(page, min(last, rolled_until(page.today))),
        by_day={} if preview is None else {day.day: day for day in preview.days},
    )


async def _offered(page: StaffPage, day: date | None) -> Offered:
    return await offered(page.services.platform, page.staff, day or page.today + ONE_DAY)


async def _add(page: StaffPage) -> ASGIApp:
    form = page.form
    plan, errors = _read(page, await _offered(page, read_date(form.get("first", ""))))
    if plan is None:
        return await _show(page, form, errors, 422)
    platform, by = page.services.platform, page.staff
    if form.get("step") == "preview":
        preview = await flows.preview(platform, by, plan)
        if isinstance(preview, PlanRefused):
            return await _show(page, form, _refusal_text(page, preview), 422)
        return await _show(page, form, {}, 200, preview)
    outcome = await flows.add(platform, by, plan)
    if isinstance(outcome, PlanRefused):
        return await _show(page, form, _refusal_text(page, outcome), 422)
    said = page.say(
        "已添加{timetables}条每周排班，放出{sessions}个门诊。",
        timetables=outcome.timetables,
        sessions=outcome.sessions,
    )
    if outcome.skipped:
        said += page.say("另有{count}条与现有排班相同，没有重复添加。", count=outcome.skipped)
    page.flash(said)
    first = plan.span[0]
    return page.redirect(f"{_WEEK}?department={plan.department_id}&week={first.isoformat()}")


def _read(page: StaffPage, offered: Offered) -> tuple[WeeklyPlan | None, Errors]:
    """Return the plan that was typed, or what is wrong with which field."""
    form, errors = page.form, Errors()
    weekdays = tuple(n for n in WEEKDAYS if form.get(f"weekday_{n}") == _TICKED)
    periods = [period for period in PERIODS if form.get(f"period_{period}") == _TICKED]
    if not weekdays:
        errors["weekdays"] = page.say("请至少选择一个星期。")
    if not periods:
        errors["periods"] = page.say("请至少选择一个时段。")
    first = read_date(form.get("first", ""))
    last = read_date(form["last"]) if form.get("last") else FOR_EVER
    if first is None:
        errors["first"] = page.refusal(Refused(PlanRefusal.DATES)).text
    if last is None:
        errors["last"] = page.refusal(Refused(PlanRefusal.DATES)).text
    clinics = tuple(_clinic(page, period, offered, errors) for period in periods)
    if errors or first is None or last is None:
        return None, errors
    department_id = read_number(form.get("department", ""))
    on_holidays = form.get("on_holidays") == _TICKED
    return WeeklyPlan(department_id, weekdays, (first, last), clinics, on_holidays), errors


def _clinic(page: StaffPage, period: str, offered: Offered, errors: Errors) -> Clinic:
    form = page.form
    title, fee = prose(form.get("title", "")), typed(form.get("fee", ""))
    listed = {one.name: fee_fen for one, fee_fen in offered if fee_fen is not None}
    times = {}
    for name in ("starts", "ends"):
        try:
            times[name] = read_time(form.get(f"{name}_{period}", ""))
        except UnreadableTimeError:
            times[name] = None
            errors[f"{name}_{period}"] = page.refusal(Refused(PlanRefusal.TIME)).text
    return Clinic(
        title,
        prose(form.get("specialty", "")),
        period,
        times["starts"],
        times["ends"],
        listed[title] if not fee and title in listed else read_fen(fee),
        read_number(form.get(f"capacity_{period}", "")),
    )


def _refusal_text(page: StaffPage, refused: PlanRefused) -> Errors:
    errors = Errors()
    for period, reason in refused.faults or (("", refused.reason),):
        field = _FIELDS.get(reason, "weekdays").format(period=period)
        errors.setdefault(field, page.refusal(Refused(reason)).text)
    return errors
