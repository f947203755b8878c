"""A policy tried on recorded requests: its progress, and which answers would differ."""

from __future__ import annotations

from typing import Any

from litestar.types import ASGIApp

from guahao.flows.policy import policy_trials as flows
from guahao.flows.policy.policy_trials import TrialOutcome
from guahao.rules.kernel.outcomes import Refusal
from guahao.rules.policy.trying import BOOKED, Tally
from guahao.rules.staff.staff import Role
from guahao.web.administration.policies.policy import POLICY_PATH, differences
from guahao.web.http.reading import ProblemError, read_id
from guahao.web.staff import StaffPage, StaffRoute

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
        "days_chart": _days_chart(page, outcome),
        "hospitals_chart": _hospitals_chart(page, hospitals[:_IN_PICTURE]),
    }


def _share(part: int, whole: int) -> str:
    """Return a share rounded down, so that 100 means all."""
    return f"{1000 * part // max(whole, 1) / 10:.1f}"


def _days_chart(page: StaffPage, outcome: TrialOutcome) -> dict[str, Any]:
    days = outcome.comparison.by_day
    return {
        "kind": "lines",
        "categories": [day.isoformat() for day in days],
        "series": [
            {
                "colour": "booked",
                "name": page.say("现行约上"),
                "values": [tally.booked_now for tally in days.values()],
            },
            {
                "colour": "picked_up",
                "name": page.say("新政策约上"),
                "values": [tally.booked_then for tally in days.values()],
            },
        ],
    }


def _hospitals_chart(page: StaffPage, hospitals: list[tuple[str, Tally]]) -> dict[str, Any]:
    touched = [(name, tally) for name, tally in hospitals if tally.gained or tally.lost]
    return {
        "kind": "bars",
        "categories": [name for name, _ in touched],
        "series": [
            {
                "colour": "picked_up",
                "name": page.say("改为约上"),
                "values": [tally.gained for _, tally in touched],
            },
            {
                "colour": "no_show",
                "name": page.say("改为约不上"),
                "values": [tally.lost for _, tally in touched],
            },
        ],
    }


def answer_word(page: StaffPage, word: str) -> str:
    """Return an answer's title; an unknown answer by its own name."""
    if word == BOOKED:
        return page.say("约上")
    known = word in set(Refusal)
    return page.problem(word).title if known else word
