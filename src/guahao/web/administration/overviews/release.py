"""The hour after a release: bookings and refusals as they happen, and the outcome of the last."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from litestar.types import ASGIApp

from guahao.flows.kernel.platform import Platform
from guahao.flows.reports import release_hour as flows
from guahao.flows.reports.recounting import Recount
from guahao.flows.reports.release_hour import ReleaseHour
from guahao.rules.kernel.limits import CITY_TIME, ONE_DAY
from guahao.rules.staff.staff import Role
from guahao.store.reports.refusals import BOOKED
from guahao.store.reports.scope import TooSlowError
from guahao.web.administration.reports.city import OTHER, family, family_words
from guahao.web.administration.reports.parts import channels
from guahao.web.charts import Chart, Series, draw
from guahao.web.http.reading import ProblemError
from guahao.web.staff import StaffPage, StaffRoute
from guahao.web.staff.page import Handler
from guahao.words.dates import format_second

RELEASE_PATH = "/staff/release"
CITY = frozenset({Role.ADMINISTRATOR, Role.AUDITOR, Role.SUPERVISOR})
_DEPARTMENTS_SHOWN = 20
_MOMENT = "%Y-%m-%dT%H:%M"  # of the address; releases are at full minutes


class ReleaseWatch:
    """The figures of the release that the readers of a process share."""

    def __init__(self) -> None:
        self._recount: Recount[ReleaseHour | None] = Recount(flows.good_for)

    async def read(self, platform: Platform, at: datetime | None = None) -> ReleaseHour | None:
        """Return the figures of a release or the last; None where no hospital releases anything.

        Only the moments of releases are counted, so that no address makes the database count more.
        """
        last = await self._recount.get(platform.elapsed, lambda: flows.read(platform))
        if last is None or at not in {release.at for release in last.releases.last}:
            return last
        if at == last.release.at:
            return last
        return await self._recount.get(platform.elapsed, lambda: flows.read(platform, at), at)


def release_routes(watch: ReleaseWatch) -> list[StaffRoute]:
    """Return the page of the release."""
    return [StaffRoute("GET", RELEASE_PATH, _handler(watch), CITY)]


def _handler(watch: ReleaseWatch) -> Handler:
    async def show(page: StaffPage) -> ASGIApp:
        try:
            hour = await watch.read(page.services.platform, _moment(page))
        except TooSlowError as error:
            raise ProblemError("report_too_slow") from error
        shown = {} if hour is None else _shown(page, hour)
        return page.show("staff/release.html", hour=hour, draw=draw, **shown)

    return show


def _moment(page: StaffPage) -> datetime | None:
    """Return the release that the address names; only a minute of the last day can be one."""
    try:
        at = datetime.strptime(page.query("at"), _MOMENT).replace(tzinfo=CITY_TIME)
    except ValueError:
        return None
    return at if page.now - 2 * ONE_DAY < at <= page.now else None


def _shown(page: StaffPage, hour: ReleaseHour) -> dict[str, Any]:
    outcomes = hour.outcomes
    refused: Counter[str] = Counter()
    for outcome, count in outcomes.items():
        if outcome != BOOKED:
            refused[family(outcome)] += count
    words = family_words(page)
    names = channels(page)
    return {
        "moment": f"{hour.release.at:{_MOMENT}}",
        "others": [(f"{release.at:{_MOMENT}}", release) for release in hour.releases.last],
        "booked": outcomes[BOOKED],
        "refused": outcomes.total() - outcomes[BOOKED],
        "places": sum(opening.places for opening in hour.openings),
        "free": sum(opening.free for opening in hour.openings),
        "refusals": [(words[kind], count) for kind, count in refused.most_common()],
        "channels": [(names.get(row.channel, row.channel), row.booked) for row in hour.channels],
        "openings": hour.openings[:_DEPARTMENTS_SHOWN],
        "chart": _chart(page, hour),
        "seconds": int(hour.step.total_seconds()),
        "second": format_second(hour.taken_at.replace(microsecond=0)),
    }


def _chart(page: StaffPage, hour: ReleaseHour) -> Chart:
    """Return requests over the hour: booked, and refused by kind."""
    words = family_words(page)
    kinds = ("sold_out", "limits", "time")
    steps: list[Counter[str]] = [Counter() for _ in hour.steps]
    for families, step in zip(steps, hour.steps, strict=True):
        for outcome, count in step.items():
            families[family(outcome)] += count
    rest = [OTHER, "suspended"]
    moments = [hour.release.at + n * hour.step for n in range(len(steps))]
    is_fine = hour.step < timedelta(minutes=1)
    return Chart(
        "columns",
        page.say("放号后的预约请求"),
        page.say("放号后约上的和未约成的请求，数字见下表。"),
        [format_second(at) for at in moments],
        [
            Series("picked_up", page.say("约上"), [step[BOOKED] for step in steps]),
            *(Series(kind, words[kind], [step[kind] for step in steps]) for kind in kinds),
            Series(OTHER, words[OTHER], [sum(step[kind] for kind in rest) for step in steps]),
        ],
        ticks=[format_second(at) if is_fine else f"{at:%H:%M}" for at in moments],
    )
