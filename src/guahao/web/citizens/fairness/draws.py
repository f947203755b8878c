"""How places were drawn: all draws for everybody, a draw, and an applicant's own part in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import assert_never
from urllib.parse import urlencode

from litestar.types import ASGIApp

from guahao.flows.fairness import drawn as flows
from guahao.flows.fairness.drawn import EntryView
from guahao.rules.fairness.allocating import Skipped, Won
from guahao.rules.kernel.limits import CITY_TIME
from guahao.store.fairness.draws import PublicDraw
from guahao.web.citizens.fairness.applications import own
from guahao.web.citizens.fairness.picture import Picture
from guahao.web.citizens.page import Page, Route
from guahao.web.framework.application_words import soon_text
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ProblemError, as_id, read_id
from guahao.web.words.refusals.booking import passed_over_text

_DRAWS = "/draws"
_VERIFIER = "draw_verifier.py"
_VERIFIER_FILE = Path(flows.__file__).parents[2] / "tools" / _VERIFIER
_SEARCH_MAX = 80
_RESULTS_SHOWN = 100
_AN_HOUR = b"public, max-age=3600"


def draw_pages() -> list[Route]:
    """Return the routes of the list, of a draw with the verifier, and of an own entry."""
    return [
        Route("GET", _DRAWS, _listed),
        Route("GET", _DRAWS + "/{draw_id}", _one),
        Route("GET", "/applications/{application_id}/draws/{draw_id}", _own),
    ]


# All draws ----------------------------------------------------------------------------------------


async def _listed(page: Page) -> ASGIApp:
    """Show the draws to come by day and hospital, and the latest that were held.

    The first page shows the beginning of both; `after` goes on with the one, `before` with the
    other.
    """
    hospital_id, department_id = (as_id(page.query(name)) for name in ("hospital", "department"))
    before, after = as_id(page.query("before")), as_id(page.query("after"))
    q = page.query("q")[:_SEARCH_MAX].strip()
    platform = page.services.platform
    coming: list[PublicDraw] = []
    held: list[PublicDraw] = []
    more_coming = more_held = None
    if before is None:
        coming, more_coming = await flows.coming_draws(
            platform, hospital_id=hospital_id, department_id=department_id, q=q, after=after
        )
    if after is None:
        held, more_held = await flows.draws(
            platform,
            hospital_id=hospital_id,
            department_id=department_id,
            state="done",
            q=q,
            before=before,
        )
    asked = {"hospital": hospital_id, "department": department_id, "q": q}
    return page.render(
        "draws.html",
        names=page.names,
        asked=asked,
        coming=_by_day_and_hospital(coming),
        held=held,
        place=next(iter((*coming, *held)), None) if hospital_id or department_id else None,
        is_later=before is not None or after is not None,
        more_coming=_address(asked, "after", more_coming),
        more_held=_address(asked, "before", more_held),
        when=partial(soon_text, page),
    )


def _by_day_and_hospital(
    coming: Sequence[PublicDraw],
) -> list[tuple[date, list[list[PublicDraw]]]]:
    by_day = groupby(coming, key=lambda draw: draw.draw.draw_at.astimezone(CITY_TIME).date())
    return [
        (day, [list(draws) for _, draws in groupby(found, key=lambda draw: draw.draw.hospital_id)])
        for day, found in by_day
    ]


def _address(asked: Mapping[str, int | str | None], name: str, id: int | None) -> str | None:
    """Return the address of the page that goes on; None where none follows."""
    if id is None:
        return None
    return f"{_DRAWS}?{urlencode({key: said for key, said in asked.items() if said} | {name: id})}"


async def _one(page: Page) -> ASGIApp:
    """Show a draw; the verifier is a file beside them."""
    if page.request.path_params["draw_id"] == _VERIFIER:
        headers = [(b"content-type", b"text/x-python; charset=utf-8"), (b"cache-control", _AN_HOUR)]
        headers.append((b"content-disposition", f'attachment; filename="{_VERIFIER}"'.encode()))
        return Answer(200, _VERIFIER_FILE.read_bytes(), headers)
    found = await flows.draw_page(
        page.services.platform,
        read_id(page.request, "draw_id", "unknown_draw"),
        _RESULTS_SHOWN,
    )
    if found is None:
        raise ProblemError("unknown_draw")
    return page.render(
        "draw.html",
        found=found,
        view=found.view,
        draw=found.view.draw,
        names=page.names,
        when=partial(soon_text, page),
    )


# An own entry -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choice:
    """A session that an entry chose, and what became of it. `reason`: why it was passed over."""

    number: int
    is_won: bool
    reason: str | None


async def _own(page: Page) -> ASGIApp:
    application = await own(page)
    platform = page.services.platform
    draw_id = read_id(page.request, "draw_id", "unknown_draw")
    entry = await flows.own_entry(platform, page.owner, application.id, draw_id)
    found = None if entry is None else await flows.draw_page(platform, draw_id, 0)
    if entry is None or found is None:
        raise ProblemError("unknown_draw")
    choices = _choices(page, entry)
    last = max(
        (found.last[c.number].position for c in choices if c.number in found.last), default=0
    )
    picture = None
    if entry.result is not None:
        picture = Picture(entry.result.position, entry.view.draw.entries or 0, last)
    return page.render(
        "drawn.html",
        application=application,
        entry=entry,
        found=found,
        view=entry.view,
        draw=entry.view.draw,
        is_won=isinstance(entry.result, Won),
        choices=choices,
        last=last,
        picture=picture,
        names=page.names,
        when=partial(soon_text, page),
    )


def _choices(page: Page, entry: EntryView) -> list[Choice]:
    result, policy = entry.result, page.services.platform.policy_today
    if result is None:
        return [Choice(number, is_won=False, reason=None) for number in entry.entry.choices]
    choices = [
        Choice(number, is_won=False, reason=passed_over_text(reason, policy, page.language))
        for number, reason in zip(entry.entry.choices, result.reasons, strict=False)
    ]
    match result:
        case Won():
            return [*choices, Choice(result.session, is_won=True, reason=None)]
        case Skipped():
            return choices
        case never:
            assert_never(never)
