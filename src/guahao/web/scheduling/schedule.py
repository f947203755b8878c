"""The hospital's plan: a department's week, its timetables, single sessions and their places."""

from __future__ import annotations

from datetime import date, timedelta

from litestar.types import ASGIApp

from guahao.flows.supply import calendars
from guahao.flows.supply import timetables as flows
from guahao.flows.supply.calendars import MetDays
from guahao.flows.supply.fees import offered
from guahao.flows.supply.timetables import AddedSession
from guahao.rules.kernel.facts import PERIODS
from guahao.rules.kernel.limits import ONE_DAY
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.supply.changes import PLANNED_DAYS, SessionRefused
from guahao.rules.supply.planning import FOR_EVER, WEEKDAYS, PlanRefusal
from guahao.store.supply.timetables import PlannedSession, Timetable
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ProblemError, read_id
from guahao.web.scheduling.schedule_forms import (
    SCHEDULER,
    Offered,
    chosen_department,
    monday_of,
    near_monday,
    read_clinic,
    unannounced_within,
)
from guahao.web.staff import Act, StaffPage, StaffRoute, confirmed
from guahao.web.staff.months import asked_month, later, month_of
from guahao.web.staff.reading import read_date, read_fen, read_number
from guahao.web.staff.weekdays import WEEKDAYS_SHOWN

_WEEK = "/staff/schedule"
_MONTH = "/staff/schedule/month"
_NEW = "/staff/schedule/once"
_TIMETABLE = "/staff/schedule/timetables/{timetable_id}"
_SESSION = "/staff/schedule/sessions/{session_id}"


def schedule_routes() -> list[StaffRoute]:
    """Return the routes of the week, and what can be added and changed in it."""
    return [
        StaffRoute("GET", _WEEK, _week, SCHEDULER),
        StaffRoute("GET", _MONTH, _month, SCHEDULER),
        StaffRoute("GET", _NEW, _ask_new, SCHEDULER),
        StaffRoute("POST", _NEW, _add, SCHEDULER),
        StaffRoute("GET", _TIMETABLE, _timetable, SCHEDULER),
        StaffRoute("POST", _TIMETABLE, _change, SCHEDULER),
        StaffRoute("POST", _TIMETABLE + "/end", _end, SCHEDULER),
        StaffRoute("GET", _SESSION, _session, SCHEDULER),
        StaffRoute("POST", _SESSION, _change_session, SCHEDULER),
    ]


async def _week(page: StaffPage) -> ASGIApp:
    found = await flows.departments(page.services.platform, page.staff)
    if not found:
        return page.show("staff/schedule_week.html", departments=found, department=None)
    department = chosen_department(page, found)
    monday = near_monday(page, page.query("week")) or monday_of(page.today)
    week = await flows.week(page.services.platform, page.staff, department.id, monday)
    if week is None:
        raise ProblemError("not_found")
    days = [monday + timedelta(days=n) for n in range(len(WEEKDAYS))]
    calendar = await calendars.days(page.services.platform, page.staff, days[0], days[-1])
    cells: dict[tuple[str, date], list[PlannedSession]] = {}
    for session in week.sessions:
        cells.setdefault((session.clinic.period, session.visit_date), []).append(session)
    return page.show(
        "staff/schedule_week.html",
        departments=found,
        keys=await flows.department_keys(page.services.platform, page.staff),
        department=department,
        days=days,
        by_day={day.day: day for day in calendar},
        periods=PERIODS,
        cells=cells,
        timetables=sorted(week.timetables, key=lambda one: one.iso_weekday),
        for_ever=FOR_EVER,
        unannounced_from=unannounced_within(page, days[-1]),
        week_of=lambda weeks: (monday + timedelta(weeks=weeks)).isoformat(),
    )


async def _month(page: StaffPage) -> ASGIApp:
    """Show a department's sessions of a month by date, with holidays and states."""
    platform, by = page.services.platform, page.staff
    found = await flows.departments(platform, by)
    if not found:
        raise ProblemError("not_found")
    department = chosen_department(page, found)
    first = asked_month(page)
    month = month_of(first)
    sessions = await flows.sessions_between(platform, by, department.id, first, month.last)
    by_date: dict[date, list[PlannedSession]] = {}
    for session in sessions:
        by_date.setdefault(session.visit_date, []).append(session)
    days = await calendars.days(platform, by, first, month.last)
    return page.show(
        "staff/schedule_month.html",
        departments=found,
        keys=await flows.department_keys(platform, by),
        department=department,
        month=month,
        before=f"{later(first, -1):%Y-%m}",
        after=f"{later(first, 1):%Y-%m}",
        sessions=by_date,
        by_day={day.day: day for day in days},
        unannounced_from=unannounced_within(page, month.last),
        weekdays=WEEKDAYS_SHOWN,
    )


# Adding -------------------------------------------------------------------------------------


async def _ask_new(page: StaffPage) -> ASGIApp:
    return await _show_new(page, {"first": page.query("first")}, "")


async def _show_new(
    page: StaffPage, given: dict[str, str], refused: str, status: int = 200
) -> ASGIApp:
    found = await flows.departments(page.services.platform, page.staff)
    if not found:
        raise ProblemError("not_found")
    first = read_date(given.get("first", "")) or page.today + ONE_DAY
    may_be = 0 < (first - page.today).days <= PLANNED_DAYS  # any other date is refused
    return page.show(
        "staff/schedule_once.html",
        status,
        departments=found,
        keys=await flows.department_keys(page.services.platform, page.staff),
        department=chosen_department(page, found),
        given=given,
        refused=refused,
        titles=await _offered(page, first),
        first=first,
        met=await _met(page, first) if may_be else None,
        weekdays=WEEKDAYS_SHOWN,
    )


def _special_day(page: StaffPage, met: MetDays) -> str:
    """Say that an added session is on a day off or a swapped day: without scripts it comes late."""
    for day, _ in met.sessions:
        shown = page.day(day.day)
        if day.is_off:
            return page.say("注意：{day}是休息日（{reason}）。", day=shown, reason=day.reason)
        weekday = page.weekday(WEEKDAYS_SHOWN[day.weekday - 1])
        return page.say("注意：{day}是调休上班日，按{weekday}出诊。", day=shown, weekday=weekday)
    return ""


async def _met(page: StaffPage, day: date) -> MetDays:
    """Return what the calendar says of a session's day."""
    return await calendars.met_days(
        page.services.platform, page.staff.own_hospital_id, {}, {day: 1}
    )


async def _offered(page: StaffPage, day: date | None) -> Offered:
    """Return the titles to choose from, with the fees of a day; of tomorrow where none is given."""
    return await offered(page.services.platform, page.staff, day or page.today + ONE_DAY)


async def _add(page: StaffPage) -> ASGIApp:
    form = page.form
    first = read_date(form.get("first", ""))
    new = read_clinic(form, await _offered(page, first))
    department_id = read_number(form.get("department", ""))
    platform, by = page.services.platform, page.staff
    if isinstance(new, Refused):
        outcome: AddedSession | Refused[PlanRefusal] | SessionRefused = new
    elif first is None:
        outcome = Refused(PlanRefusal.DATES)
    else:
        outcome = await flows.add_session(platform, by, department_id, first, new)
    if isinstance(outcome, Refused):
        return await _show_new(page, form, *page.refusal(outcome))
    assert first is not None
    said = page.say("已添加。")
    if outcome.doubles:
        said += page.say(
            "注意：同一门诊在这段时间已有号源，现在号源加倍。只要一个时，请把其中一个的号源数改为0。"
        )
    page.flash(said + _special_day(page, await _met(page, first)))
    return page.redirect(f"{_WEEK}?department={department_id}&week={first.isoformat()}")


# A timetable --------------------------------------------------------------------------------


async def _timetable(page: StaffPage) -> ASGIApp:
    return await _show_timetable(page, "")


async def _show_timetable(page: StaffPage, refused: str, status: int = 200) -> ASGIApp:
    id = read_id(page.request, "timetable_id", "not_found")
    found = await flows.timetable(page.services.platform, page.staff, id)
    if found is None:
        raise ProblemError("not_found")
    return page.show(
        "staff/schedule_timetable.html",
        status,
        timetable=found[0],
        following=found[1],
        weekday=date(2024, 1, found[0].iso_weekday),
        for_ever=FOR_EVER,
        titles=await _offered(page, _fee_day(page, found[0])),
        given=page.form,
        refused=refused,
        met=await calendars.met_days(
            page.services.platform,
            page.staff.own_hospital_id,
            {found[0].iso_weekday: (found[0].valid_from, found[0].valid_until)},
            {},
        ),
        weekdays=WEEKDAYS_SHOWN,
    )


def _fee_day(page: StaffPage, timetable: Timetable) -> date:
    """Return the date whose fee applies: the timetable's first, or today."""
    return max(timetable.valid_from, page.today)


async def _change(page: StaffPage) -> ASGIApp:
    id = read_id(page.request, "timetable_id", "not_found")
    found = await flows.timetable(page.services.platform, page.staff, id)
    if found is None:
        raise ProblemError("not_found")
    new = read_clinic(page.form, await _offered(page, _fee_day(page, found[0])))
    if isinstance(new, Refused):
        return await _show_timetable(page, *page.refusal(new))
    outcome = await flows.change(
        *(page.services.platform, page.staff, id, new),
        on_holidays=page.form.get("on_holidays") == "yes",
    )
    if isinstance(outcome, Refused):
        return await _show_timetable(page, *page.refusal(outcome))
    page.flash(
        page.say(
            "已更改：{free}个无人预约的门诊已随之更改，{taken}个有预约的只改了号源数。",
            free=outcome.free,
            taken=outcome.taken,
        )
    )
    return page.redirect(f"{_WEEK}?department={found[0].department_id}")


async def _end(page: StaffPage) -> ASGIApp:
    id = read_id(page.request, "timetable_id", "not_found")
    found = await flows.timetable(page.services.platform, page.staff, id)
    if found is None:
        raise ProblemError("not_found")
    last = read_date(page.form.get("last", ""))
    if last is None:
        return await _show_timetable(page, *page.refusal(Refused(PlanRefusal.DATES)))
    reason = confirmed(page, _ending(page, found[0], last))
    if isinstance(reason, Answer):
        return reason
    outcome = await flows.end(page.services.platform, page.staff, id, last, reason)
    if isinstance(outcome, Refused):
        return await _show_timetable(page, *page.refusal(outcome))
    page.flash(
        page.say(
            "排班已结束：撤下{free}个无人预约的门诊；{taken}个有预约的照常出诊，不再放号。",
            free=outcome.free,
            taken=outcome.taken,
        )
    )
    return page.redirect(f"{_WEEK}?department={found[0].department_id}")


def _ending(page: StaffPage, timetable: Timetable, last: date) -> Act:
    return Act(
        page.say("{day}后结束这条每周排班？", day=page.day(last)),
        [
            page.say("之后无人预约的门诊撤下，不能恢复，需要时另加。"),
            page.say("已有人预约的照常出诊，不再放号。医生不来的，请停诊。"),
        ],
        page.say("结束排班"),
        f"/staff/schedule/timetables/{timetable.id}",
        "schedule",
    )


# A session ----------------------------------------------------------------------------------


async def _session(page: StaffPage) -> ASGIApp:
    return await _show_session(page, "")


async def _show_session(page: StaffPage, refused: str, status: int = 200) -> ASGIApp:
    id = read_id(page.request, "session_id", "unknown_session")
    session = await flows.session(page.services.platform, page.staff, id)
    if session is None:
        raise ProblemError("unknown_session")
    return page.show(
        "staff/schedule_session.html",
        status,
        session=session,
        refused=refused,
        given=page.form,
        met=await _met(page, session.visit_date),
        weekdays=WEEKDAYS_SHOWN,
    )


async def _change_session(page: StaffPage) -> ASGIApp:
    id = read_id(page.request, "session_id", "unknown_session")
    outcome = await flows.change_session(
        page.services.platform,
        page.staff,
        id,
        read_number(page.form.get("capacity", "")),
        read_fen(page.form.get("fee", "")),
    )
    if isinstance(outcome, Refused):
        # Of another hospital's session the page itself says that there is none.
        return await _show_session(page, *page.refusal(outcome))
    page.flash(page.say("已更改。"))
    session = outcome.session
    week = session.visit_date.isoformat()
    return page.redirect(f"{_WEEK}?department={session.department_id}&week={week}")
