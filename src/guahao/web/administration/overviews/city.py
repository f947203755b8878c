"""The city's overview: for administrators with what needs them, for the commission without."""

from __future__ import annotations

from datetime import date, timedelta

from litestar.types import ASGIApp

from guahao.clock import uptime
from guahao.flows.reports import overviews as flows
from guahao.flows.reports.overviews import PERIOD_DAYS, CityFigures
from guahao.flows.reports.recounting import Recount
from guahao.flows.supply.sold_out import SoldOut, sold_out
from guahao.rules.operations.checks import late_tasks
from guahao.rules.operations.status import STALE_SECONDS
from guahao.rules.staff.staff import Role
from guahao.store.reports.refusals import BOOKED
from guahao.store.reports.scope import Grouping, TooSlowError
from guahao.web.administration.overviews.release import ReleaseWatch
from guahao.web.administration.reports.parts import channels
from guahao.web.charts import Chart, Series, draw, of_most_five
from guahao.web.framework.metrics import public_answers
from guahao.web.http.reading import ProblemError
from guahao.web.staff import StaffPage, StaffRoute
from guahao.web.staff.page import Handler
from guahao.words.dates import format_short_day

OVERVIEW_PATH = "/staff/overview"
_GOOD_SECONDS = 300.0  # a month of a large city takes the database a second or two
_WITHIN_FIVE_MINUTES = 2  # how many of sold_out.WITHIN


def overview_routes(watch: ReleaseWatch) -> list[StaffRoute]:
    """Return the overview of the city."""
    readers = frozenset({Role.ADMINISTRATOR, Role.AUDITOR})
    recount: Recount[tuple[CityFigures, SoldOut]] = Recount(lambda _: _GOOD_SECONDS)
    return [StaffRoute("GET", OVERVIEW_PATH, _handler(watch, recount), readers)]


async def _counted(page: StaffPage) -> tuple[CityFigures, SoldOut]:
    platform = page.services.platform
    city = await flows.city_figures(platform, page.staff)
    return city, await sold_out(platform, page.staff, city.coming, Grouping.TITLE)


def _handler(watch: ReleaseWatch, recount: Recount[tuple[CityFigures, SoldOut]]) -> Handler:
    async def show(page: StaffPage) -> ASGIApp:
        platform = page.services.platform
        try:
            hour = await watch.read(platform)
            city, gone = await recount.get(platform.elapsed, lambda: _counted(page))
        except TooSlowError as error:
            raise ProblemError("report_too_slow") from error
        observed = platform.observed
        age = uptime() - observed.taken_at
        facts = observed.facts if observed.facts is not None and age <= STALE_SECONDS else None
        queues = None if facts is None else facts.undelivered
        outcomes = None if hour is None else hour.outcomes
        return page.show(
            "staff/overview.html",
            is_administrator=page.staff.role is Role.ADMINISTRATOR,
            hour=hour,
            booked=0 if outcomes is None else outcomes[BOOKED],
            refused=0 if outcomes is None else outcomes.total() - outcomes[BOOKED],
            city=city,
            days=PERIOD_DAYS,
            draw=draw,
            made=_made(page, city),
            channels=_channels(page, city),
            totals=_totals(city, gone),
            facts=facts,
            late=[] if facts is None else late_tasks(facts.tasks or ()),
            waiting=None if queues is None else sum(queue.count for queue in queues),
            answers=public_answers(),
        )

    return show


def _totals(city: CityFigures, gone: SoldOut) -> dict[str, int]:
    """Return the sums that the figures show."""
    groups = gone.groups
    return {
        "made": sum(row.made for row in city.made),
        "picked_up": sum(row.picked_up for row in city.visits),
        "no_show": sum(row.no_show for row in city.visits),
        "cancelled": sum(row.cancelled for row in city.visits),
        "visits": sum(row.made for row in city.visits),
        "written": sum(row.written for row in city.messages),
        "undelivered": sum(row.undelivered for row in city.messages),
        "draws": sum(row.draws for row in city.draws),
        "patients": sum(row.patients for row in city.draws),
        "won": sum(row.won for row in city.draws),
        "returned": sum(row.returned for row in city.swaps),
        "rebooked": sum(row.rebooked for row in city.swaps),
        "offered": sum(group.offered for group in groups),
        "sold_out": sum(group.sold_out for group in groups),
        "at_once": sum(sum(group.within[:_WITHIN_FIVE_MINUTES]) for group in groups),
    }


def _made(page: StaffPage, city: CityFigures) -> Chart:
    """Return the bookings of each day."""
    by_day = {row.key: row.made for row in city.made}
    first = city.taken_at.date() - timedelta(days=PERIOD_DAYS - 1)
    days: list[date] = [first + timedelta(days=n) for n in range(PERIOD_DAYS)]
    return Chart(
        "lines",
        page.say("每天预约数"),
        page.say("最近30天每天预约数的图，数字见下表。"),
        [page.day(day) for day in days],
        [Series("made", page.say("预约数"), [by_day.get(day, 0) for day in days])],
        ticks=[format_short_day(day, page.language) for day in days],
    )


def _channels(page: StaffPage, city: CityFigures) -> Chart:
    """Return the share of each channel, as a single bar."""
    names = channels(page)
    rows = sorted(city.channels, key=lambda row: -row.made)
    tones = ("made", "picked_up", "no_show", "cancelled", "failed")
    series = [
        Series(tones[min(n, len(tones) - 1)], names.get(str(row.key), str(row.key)), [row.made])
        for n, row in enumerate(rows)
    ]
    return Chart(
        "bars",
        page.say("各渠道"),
        page.say("最近30天各渠道预约数的图，数字见下表。"),
        [page.say("预约数")],
        of_most_five(series, page.say("其他")),
    )
