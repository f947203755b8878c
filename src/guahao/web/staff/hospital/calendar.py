"""The calendar of holidays and swapped working days: the city's, and a hospital's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.supply import calendars as flows
from guahao.flows.supply.calendars import Corrected
from guahao.rules.kernel.limits import ONE_DAY
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.staff.staff import HOSPITAL_ROLES, Role, Staff
from guahao.rules.supply.calendar import REASON_MAX, CalendarDay, CalendarRefusal
from guahao.web.http.answers import Answer
from guahao.web.staff.at_hospital import HospitalContext, at_both, place_of
from guahao.web.staff.confirming import Act, confirmed
from guahao.web.staff.months import asked_month, later, months_from, near_month
from guahao.web.staff.page import StaffPage, StaffRoute
from guahao.web.staff.reading import read_date, read_number
from guahao.web.staff.weekdays import WEEKDAYS_SHOWN

_CITY = "/staff/calendar"
_MONTHS_SHOWN = 3
_OFF = "off"


@dataclass(frozen=True, slots=True)
class _Whose:
    """Whose calendar a page is of: a hospital's, or the city's (`place` None)."""

    place: HospitalContext | None
    by: Staff
    address: str

    @property
    def hospital_id(self) -> int | None:
        return None if self.place is None else self.by.own_hospital_id


def calendar_routes() -> list[StaffRoute]:
    """Return the calendar of the city, and that of each hospital."""
    who = frozenset({Role.ADMINISTRATOR})
    return [
        StaffRoute("GET", _CITY, _show, who),
        StaffRoute("POST", _CITY, _correct, who),
        StaffRoute("POST", f"{_CITY}/withdraw", _withdraw, who),
        *at_both("GET", "/calendar", _show),
        *at_both("POST", "/calendar", _correct),
        *at_both("POST", "/calendar/withdraw", _withdraw),
        *at_both("POST", "/calendar/follow", _follow),
    ]


async def _whose(page: StaffPage) -> _Whose:
    is_own = page.staff.role in HOSPITAL_ROLES
    if not is_own and "hospital_id" not in page.request.path_params:
        return _Whose(None, page.staff, _CITY)
    place = await place_of(page)
    return _Whose(place, place.staff, f"{place.address}/calendar")


async def _show(page: StaffPage) -> ASGIApp:
    return await _shown(page, {})


async def _shown(
    page: StaffPage,
    given: dict[str, str],
    refused: str = "",
    status: int = 200,
    preview: Corrected | None = None,
) -> ASGIApp:
    whose = await _whose(page)
    first = near_month(page, read_date(given.get("day", ""))) or asked_month(page)
    months = months_from(first, _MONTHS_SHOWN)
    calendar = await flows.calendar(
        page.services.platform, whose.hospital_id, first, months[-1].last
    )
    return page.show(
        "staff/calendar.html",
        status,
        place=whose.place,
        address=whose.address,
        hospital_id=whose.hospital_id,
        calendar=calendar,
        by_day={day.day: day for day in calendar.days},
        months=months,
        before=f"{later(first, -_MONTHS_SHOWN):%Y-%m}",
        after=f"{later(first, _MONTHS_SHOWN):%Y-%m}",
        weekdays=WEEKDAYS_SHOWN,
        tomorrow=page.today + ONE_DAY,
        reason_max=REASON_MAX,
        given=given,
        preview=preview,
        refused=refused,
    )


async def _correct(page: StaffPage) -> ASGIApp:
    """Show what a correction would do; correct the date once that was seen."""
    whose = await _whose(page)
    form = page.form
    day = read_date(form.get("day", ""))
    like = None if form.get("like") == _OFF else read_number(form.get("like", ""))
    if day is None:
        return await _shown(page, form, *page.refusal(Refused(CalendarRefusal.DATE)))
    platform, reason = page.services.platform, form.get("reason", "")
    if form.get("step") != "save":
        outcome = await flows.preview(platform, whose.hospital_id, day, like, reason)
    else:
        outcome = await flows.correct(platform, whose.by, whose.hospital_id, day, like, reason)
    if isinstance(outcome, Refused):
        return await _shown(page, form, *page.refusal(outcome))
    if form.get("step") != "save":
        return await _shown(page, form, preview=outcome)
    if whose.place is None:
        page.flash(page.say("已更正。各医院的门诊随后几分钟内按新日历调整。"))
    else:
        page.flash(page.say("已更正，门诊已按新日历调整。"))
    return page.redirect(f"{whose.address}?month={day:%Y-%m}")


async def _withdraw(page: StaffPage) -> ASGIApp:
    whose = await _whose(page)
    day = read_date(page.form.get("day", ""))
    if day is None:
        return await _shown(page, {}, *page.refusal(Refused(CalendarRefusal.DATE)))
    reason = confirmed(
        page,
        Act(
            page.say("撤回{day}的更正？", day=page.day(day)),
            [
                page.say("这一天恢复为更正前的安排，门诊随之调整。"),
                page.say("已有人预约的门诊照常出诊，不再放号。"),
            ],
            page.say("撤回更正"),
            whose.address,
            "calendar",
        ),
    )
    if isinstance(reason, Answer):
        return reason
    outcome = await flows.withdraw(page.services.platform, whose.by, whose.hospital_id, day, reason)
    match outcome:
        case CalendarDay():
            page.flash(page.say("已撤回更正。"))
        case Refused(CalendarRefusal.NOT_CORRECTED):
            page.flash(page.refusal(outcome).text)
        case Refused():
            return await _shown(page, {}, *page.refusal(outcome))
        case never:
            assert_never(never)
    return page.redirect(f"{whose.address}?month={day:%Y-%m}")


async def _follow(page: StaffPage) -> ASGIApp:
    """Withdraw the sessions of a date that the calendar has none for."""
    whose = await _whose(page)
    day = read_date(page.form.get("day", ""))
    if day is None:
        return await _shown(page, {}, *page.refusal(Refused(CalendarRefusal.DATE)))
    reason = confirmed(
        page,
        Act(
            page.say("撤下{day}按日历不出诊的门诊？", day=page.day(day)),
            [
                page.say("无人预约的门诊撤下，不能恢复，需要时另加。"),
                page.say("已有人预约的照常出诊，不再放号。医生不来的，请停诊。"),
            ],
            page.say("撤下门诊"),
            whose.address,
            "calendar",
        ),
    )
    if isinstance(reason, Answer):
        return reason
    reached = await flows.follow(page.services.platform, whose.by, day, reason)
    if isinstance(reached, Refused):
        return await _shown(page, {}, *page.refusal(reached))
    page.flash(
        page.say(
            "撤下{free}个无人预约的门诊；{taken}个有预约的照常出诊，不再放号。",
            free=reached.free,
            taken=reached.taken,
        )
    )
    return page.redirect(f"{whose.address}?month={day:%Y-%m}")
