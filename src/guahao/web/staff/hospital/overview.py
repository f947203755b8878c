"""A hospital's day: expected, arrived, missing; stopped; to be confirmed; the next release."""

from __future__ import annotations

from litestar.types import ASGIApp

from guahao.flows.reports import overviews as flows
from guahao.flows.reports.overviews import HospitalDay
from guahao.flows.reports.recounting import Recount
from guahao.rules.reports.today import PERIODS, ExpectedBookings, Tally, next_deadline, tally
from guahao.rules.staff.staff import Role
from guahao.store.reports.scope import TooSlowError
from guahao.web.charts import Chart, Series, draw
from guahao.web.http.reading import ProblemError
from guahao.web.staff.at_hospital import ANY, OWN, place_of
from guahao.web.staff.page import Handler, StaffPage, StaffRoute

_PATH = "/overview"
_GOOD_SECONDS = 10.0


def hospital_overview_routes() -> list[StaffRoute]:
    """Return the overview: for a hospital's own staff, and for administrators."""
    show = _handler(Recount(lambda _: _GOOD_SECONDS))
    return [
        StaffRoute("GET", OWN + _PATH, show, frozenset({Role.SCHEDULER, Role.CLERK})),
        StaffRoute("GET", ANY + _PATH, show, frozenset({Role.ADMINISTRATOR})),
    ]


def _handler(recount: Recount[HospitalDay]) -> Handler:
    async def show(page: StaffPage) -> ASGIApp:
        place = await place_of(page)
        platform = page.services.platform
        try:
            day = await recount.get(
                platform.elapsed,
                lambda: flows.hospital_day(platform, place.staff),
                place.staff.own_hospital_id,
            )
        except TooSlowError as error:
            raise ProblemError("report_too_slow") from error
        return page.show(
            "staff/hospital_overview.html",
            place=place,
            day=day,
            draw=draw,
            total=_tally(day, day.expected),
            departments=_departments(page, day),
            deadline=next_deadline(day.expected, day.today, day.rules, page.now),
            chart=_by_hour(page, day),
            is_clerk=page.staff.role is Role.CLERK,
        )

    return show


def _tally(day: HospitalDay, rows: list[ExpectedBookings]) -> Tally:
    return tally(rows, day.today, day.rules, day.taken_at)


def _departments(page: StaffPage, day: HospitalDay) -> list[tuple[str, Tally]]:
    """Return the day by department, those with most missing first."""
    rows: dict[int, list[ExpectedBookings]] = {}
    for row in day.expected:
        rows.setdefault(row.department_id, []).append(row)
    named = [
        (page.names.name(of[0].department_name, of[0].department_name_en), _tally(day, of))
        for of in rows.values()
    ]
    return sorted(named, key=lambda pair: (-pair[1].missing, -pair[1].expected, pair[0]))


def _by_hour(page: StaffPage, day: HospitalDay) -> Chart:
    """Return the day by hour; sessions without times by their period, at its beginning."""
    rows: dict[tuple[int, int, str], list[ExpectedBookings]] = {}
    for row in day.expected:
        period = PERIODS.index(row.period)
        name = page.period(row.period) if row.hour is None else f"{row.hour:02}:00"
        rows.setdefault((period, -1 if row.hour is None else row.hour, name), []).append(row)
    keys = sorted(rows)
    tallies = [_tally(day, rows[key]) for key in keys]
    return Chart(
        "columns",
        page.say("今日各时段"),
        page.say("今日各时段已到、待到和未到的人数，数字见下表。"),
        [name for _, _, name in keys],
        [
            Series("picked_up", page.say("已到"), [tally.arrived for tally in tallies]),
            Series("booked", page.say("待到"), [tally.waiting for tally in tallies]),
            Series("no_show", page.say("未到"), [tally.missing for tally in tallies]),
        ],
    )
