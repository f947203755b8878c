"""Stopping (停诊): who is affected, then the reason, then the progress of the notifications."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.supply import replacing, timetables
from guahao.flows.supply import stops as flows
from guahao.flows.supply.stops import GRACE
from guahao.rules.booking.replacing import OfferRefusal, PlacesOffered
from guahao.rules.kernel.facts import PERIODS
from guahao.rules.kernel.limits import CITY_TIME, ONE_DAY
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.reasons import REASON_MAX
from guahao.rules.supply.planning import CAPACITY_MAX, WEEKDAYS
from guahao.rules.supply.stops import StopRefusal
from guahao.store.supply.stops import Affected, Stop, StopScope
from guahao.web.http.reading import ProblemError, as_id, read_id
from guahao.web.scheduling.schedule_forms import SCHEDULER
from guahao.web.staff import StaffPage, StaffRoute
from guahao.web.staff.reading import read_date, read_number
from guahao.web.staff.weekdays import WEEKDAYS_SHOWN

_STOP = "/staff/schedule/stop"
_ONE = "/staff/schedule/stops/{stop_id}"
_EVENING = time(18, 0)
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}")


def stop_routes() -> list[StaffRoute]:
    """Return the routes of what to stop, and of what became of it."""
    return [
        StaffRoute("GET", _STOP, _ask, SCHEDULER),
        StaffRoute("POST", _STOP, _stop, SCHEDULER),
        StaffRoute("GET", _ONE, _show, SCHEDULER),
        StaffRoute("POST", _ONE + "/undo", _undo, SCHEDULER),
        StaffRoute("POST", _ONE + "/replacement", _offer, SCHEDULER),
    ]


def _scope(given: dict[str, str]) -> StopScope | None:
    """Return what was asked for; None where the dates are missing."""
    first = read_date(given.get("first", ""))
    last = read_date(given.get("last", "")) or first
    if first is None or last is None:
        return None
    return StopScope(
        first,
        last,
        read_number(given["department"]) if given.get("department") else None,
        given.get("title") or None,
        given.get("period") if given.get("period") in PERIODS else None,
        read_number(given["session"]) if given.get("session") else None,
        [n for n in WEEKDAYS if given.get(f"weekday_{n}")] or None,
    )


_FIELDS = (
    *("first", "last", "department", "title", "period", "session"),
    *(f"weekday_{n}" for n in WEEKDAYS),
)


async def _ask(page: StaffPage) -> ASGIApp:
    given = {name: page.query(name) for name in _FIELDS}
    if not any(given.values()):
        return await _show_form(page, given, None, "")
    scope = _scope(given)
    if scope is None:
        return await _show_form(page, given, None, *page.refusal(Refused(StopRefusal.DATES)))
    found = await flows.preview(page.services.platform, page.staff, scope)
    if isinstance(found, Refused):
        return await _show_form(page, given, None, *page.refusal(found))
    return await _show_form(page, given, found, "")


async def _show_form(
    page: StaffPage,
    given: dict[str, str],
    found: list[Affected] | None,
    refused: str,
    status: int = 200,
) -> ASGIApp:
    scope = _scope(given)
    by_session = (
        await flows.affected_sessions(page.services.platform, page.staff, scope)
        if found and scope
        else []
    )
    return page.show(
        "staff/schedule_stop.html",
        status,
        given=given,
        departments=await timetables.departments(page.services.platform, page.staff),
        keys=await timetables.department_keys(page.services.platform, page.staff),
        titles=page.services.platform.titles.offered,
        periods=PERIODS,
        weekdays=WEEKDAYS_SHOWN,
        found=found,
        by_session=by_session,
        sessions=sum(one.sessions for one in found or ()),
        bookings=sum(one.bookings for one in found or ()),
        without_phone=sum(one.without_phone for one in found or ()),
        minutes=int(GRACE.total_seconds() // 60),
        refused=refused,
        instead=page.form.get("instead", ""),
        stops=await flows.latest(page.services.platform, page.staff),
    )


async def _stop(page: StaffPage) -> ASGIApp:
    given = {name: page.form.get(name, "") for name in _FIELDS}
    scope = _scope(given)
    if scope is None:
        return await _show_form(page, given, None, *page.refusal(Refused(StopRefusal.DATES)))
    reason = page.form.get("reason", "")[:REASON_MAX]
    substitute = page.form.get("instead") == "substitute"
    outcome = await flows.stop(
        page.services.platform, page.staff, scope, reason, substitute=substitute
    )
    if isinstance(outcome, Refused):
        again = await flows.preview(page.services.platform, page.staff, scope)
        found = None if isinstance(again, Refused) else again
        return await _show_form(page, given, found, *page.refusal(outcome))
    return page.redirect(f"/staff/schedule/stops/{outcome}")


async def _show(page: StaffPage) -> ASGIApp:
    id = read_id(page.request, "stop_id", "not_found")
    report = await flows.report(page.services.platform, page.staff, id)
    if report is None:
        raise ProblemError("not_found")
    if page.is_partial:
        return page.show(
            "staff/schedule_stop_progress.html",
            report=report,
            is_open=_is_open(report, page.today),
        )
    return await _show_stop(page, report)


async def _show_stop(
    page: StaffPage, report: flows.StopReport, refused: str = "", status: int = 200
) -> ASGIApp:
    offered = None
    if report.stop.undone_at is None and not report.stop.substitute:
        offered = await replacing.replacement(page.services.platform, page.staff, report.stop.id)
    return page.show(
        "staff/schedule_stopped.html",
        status,
        report=report,
        is_open=_is_open(report, page.today),
        replacement=offered,
        given=page.form,
        # The evening of tomorrow by default: a day for each patient to answer.
        until=page.form.get("until")
        or datetime.combine(page.today + ONE_DAY, _EVENING).isoformat(timespec="minutes"),
        places_max=CAPACITY_MAX,
        refused=refused,
    )


async def _offer(page: StaffPage) -> ASGIApp:
    """Offer places in other sessions to the patients of a stop."""
    id = read_id(page.request, "stop_id", "not_found")
    report = await flows.report(page.services.platform, page.staff, id)
    if report is None:
        raise ProblemError("not_found")
    places, until = _places(page.form), _until(page.form.get("until", ""))
    if places is None or until is None:
        refused = page.say("请填写0到{most}之间的整数，并选择期限。", most=CAPACITY_MAX)
        return await _show_stop(page, report, refused, 422)
    outcome = await replacing.offer(page.services.platform, page.staff, id, places, until)
    match outcome:
        case Refused(OfferRefusal.UNKNOWN):
            raise ProblemError("not_found")
        case Refused():
            return await _show_stop(page, report, *page.refusal(outcome))
        case replacing.Offered(offers, without):
            page.flash(
                page.say(
                    "已为{offers}位患者留号，还有{without}位没有。", offers=offers, without=without
                )
            )
            return page.redirect(f"/staff/schedule/stops/{id}")
        case never:
            assert_never(never)


def _places(form: dict[str, str]) -> list[PlacesOffered] | None:
    """Read the places by session (added_12, free_12); None where a number is malformed."""
    numbers: dict[int, dict[str, int]] = {}
    for name, text in form.items():
        kind, _, session = name.partition("_")
        if kind not in ("added", "free") or not text.strip():
            continue
        session_id, number = as_id(session), read_number(text)
        if session_id is None or not 0 <= number <= CAPACITY_MAX:
            return None
        numbers.setdefault(session_id, {})[kind] = number
    return [
        PlacesOffered(session_id, given.get("added", 0), given.get("free", 0))
        for session_id, given in sorted(numbers.items())
    ]


def _until(text: str) -> datetime | None:
    """Read a moment on the city's clock, as a browser's field writes it."""
    if not _MOMENT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=CITY_TIME)
    except ValueError:
        return None


def _is_open(report: flows.StopReport, today: date) -> bool:
    """Return whether looking again will show something new."""
    is_over = report.stop.notified_at is not None or report.stop.undone_at is not None
    is_recent = report.stop.at.date() == today
    return is_recent and (not is_over or report.progress.on_the_way > 0)


async def _undo(page: StaffPage) -> ASGIApp:
    id = read_id(page.request, "stop_id", "not_found")
    outcome = await flows.undo(page.services.platform, page.staff, id)
    match outcome:
        case Refused(StopRefusal.UNKNOWN):
            raise ProblemError("not_found")
        case Refused():
            page.flash(page.refusal(outcome).text)
        case Stop(substitute=True):
            page.flash(page.say("换医生已撤销。"))
        case Stop():
            page.flash(page.say("停诊已撤销。"))
        case never:
            assert_never(never)
    return page.redirect(f"/staff/schedule/stops/{id}")
