"""A policy tried on recorded requests: its progress, and which answers would differ."""

from __future__ import annotations

from typing import Any

from litestar.types import ASGIApp

from guahao.flows.policy import policy_trials as flows
from guahao.flows.policy.policy_trials import TrialOutcome
from guahao.rules.kernel.outcomes import Refusal
from guahao.rules.policy.trying import BOOKED, TrialTally
from guahao.rules.staff.staff import Role
from guahao.web.administration.policies.policy import POLICY_PATH, differences
from guahao.web.charts import Chart, Series, draw
from guahao.web.http.reading import ProblemError, read_id
from guahao.web.staff import StaffPage, StaffRoute
from guahao.words.dates import format_short_day

_ADMINISTRATOR = frozenset({Role.ADMINISTRATOR})
_IN_PICTURE = 15  # hospitals


def trial_routes() -> list[StaffRoute]:
    """Return a trial, while it runs and when it is done."""
    path = f"{POLICY_PATH}/trials/{{trial_id}}"
    return [StaffRoute("GET", path, _show, _ADMINISTRATOR)]


async def _show(page: StaffPage) -> ASGIApp:
    trial_id = read_id(page.request, "trial_id", "not_found")
    view = await flows.view(page.services.platform, trial_id)
    if view is None:
        raise ProblemError("not_found")
    if page.is_partial:
        if not view.trial.is_open:
            page.add_header("hx-refresh", "true")
        return page.show("staff/policy_trial_progress.html", view=view)
    return page.show(
        "staff/policy_trial.html",
        view=view,
        outcome=view.outcome,
        differences=differences(page, view.in_force, view.proposed),
        words=lambda word: answer_word(page, word),
        **({} if view.outcome is None else _shown(page, view.outcome)),
    )


def _shown(page: StaffPage, outcome: TrialOutcome) -> dict[str, Any]:
    compared = outcome.comparison
    hospitals = [
        (page.names.name(*outcome.hospitals[id]), tally)
        for id, tally in compared.by_hospital.items()
    ]
    hospitals.sort(
        key=lambda named: (-named[1].gained - named[1].lost, -named[1].requests, named[0])
    )
    return {
        "share": _share(compared.agreeing, compared.requests),
        "hospitals": hospitals,
        "draw": draw,
        "days_chart": _days_chart(page, outcome),
        "hospitals_chart": _hospitals_chart(page, hospitals[:_IN_PICTURE]),
    }


def _share(part: int, whole: int) -> str:
    """Return a share rounded down, so that 100 means all."""
    return f"{1000 * part // max(whole, 1) / 10:.1f}"


def _days_chart(page: StaffPage, outcome: TrialOutcome) -> Chart:
    days = outcome.comparison.by_day
    tallies = days.values()
    return Chart(
        "lines",
        page.say("按天"),
        page.say("每天约上的请求，现行政策和新政策"),
        [page.day(day) for day in days],
        [
            Series("booked", page.say("现行约上"), [tally.booked_now for tally in tallies]),
            Series("picked_up", page.say("新政策约上"), [tally.booked_then for tally in tallies]),
        ],
        ticks=[format_short_day(day, page.language) for day in days],
    )


def _hospitals_chart(page: StaffPage, hospitals: list[tuple[str, TrialTally]]) -> Chart:
    touched = [(name, tally) for name, tally in hospitals if tally.gained or tally.lost]
    return Chart(
        "bars",
        page.say("按医院"),
        page.say("答复会不同的请求最多的医院"),
        [name for name, _ in touched],
        [
            Series("picked_up", page.say("改为约上"), [tally.gained for _, tally in touched]),
            Series("no_show", page.say("改为约不上"), [tally.lost for _, tally in touched]),
        ],
    )


def answer_word(page: StaffPage, word: str) -> str:
    """Return an answer's title; an unknown answer by its own name."""
    if word == BOOKED:
        return page.say("约上")
    known = word in set(Refusal)
    return page.problem(word).title if known else word
