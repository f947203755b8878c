"""A department's page: choosing a day and a session (S1, S4, S6)."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from itertools import groupby
from urllib.parse import urlencode

from litestar.types import ASGIApp

from guahao.flows.supply.week import SlotState, Week, department_week
from guahao.rules.kernel.limits import CITY_TIME
from guahao.web.citizens.page import Page, Route
from guahao.web.framework.application_words import soon_text
from guahao.web.http.reading import ProblemError, read_id
from guahao.web.words.release_words import release_sentences
from guahao.words.catalogue import Language
from guahao.words.dates import format_short_day
from guahao.words.text import Words, listed

FEW_LEFT = 5  # places; at most so many are shown in orange
_CHOICE_MAX = 80  # characters

_TODAY = Words("今天", "states")
_TOMORROW = Words("明天")


def department_pages() -> list[Route]:
    """Return the route GET /departments/{department_id}."""
    return [Route("GET", "/departments/{department_id}", _department)]


async def _department(page: Page) -> ASGIApp:
    id = read_id(page.request, "department_id", "not_found")
    asked = {name: page.query(name)[:_CHOICE_MAX] for name in ("title", "specialty")}
    week = await department_week(
        page.services.platform,
        id,
        _day(page.query("day") or page.query("week")),
        asked["title"] or None,
        asked["specialty"] or None,
    )
    if week is None:
        raise ProblemError("not_found")
    return page.render(
        "department.html",
        week=week,
        names=page.names,
        asked=asked,
        periods=_by_period(week.sessions),
        few_left=FEW_LEFT,
        release=_Releases(page),
        address=_Addresses(week, asked),
        when_drawn=partial(soon_text, page),
        apply=_ApplyPaths(week, asked),
        by_draw=_by_draw(page, week),
        wanted=_wanted(page, asked),
    )


def _wanted(page: Page, asked: dict[str, str]) -> str:
    """Return the chosen title and specialty as people read them."""
    title = asked["title"] and page.names.title(asked["title"])
    return " · ".join(part for part in (title, asked["specialty"]) if part)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _by_period(sessions: list[SlotState]) -> list[tuple[str, list[SlotState]]]:
    return [
        (period, list(group))
        for period, group in groupby(sessions, lambda state: state.slot.period)
    ]


def _by_draw(page: Page, week: Week) -> list[tuple[str, list[str]]]:
    """Return how draws give out the day's places, for each title of which that differs."""
    said: dict[str, list[str]] = {}
    texts: dict[str, list[str]] = {}
    for title, release in week.by_draw.items():
        sentences = release_sentences(release, page.language, page.hotline, is_personal=False)
        said.setdefault("".join(sentences), []).append(page.names.title(title))
        texts["".join(sentences)] = sentences
    return [(listed(titles, page.language), texts[text]) for text, titles in said.items()]


class _Releases:
    """Writes when a day is released: 明天 08:30, or a date where that is later."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def __call__(self, week: Week, *, short: bool = False) -> dict[date, str]:
        """Return the release times by day; `short` for the narrow cells of the strip."""
        return {
            state.day: self._said(state.opens_at.astimezone(CITY_TIME).date(), short)
            + f" {state.opens_at.astimezone(CITY_TIME):%H:%M}"
            for state in week.days
            if state.opens_at is not None
        }

    def _said(self, day: date, short: bool) -> str:
        page = self._page
        near = {page.today: _TODAY, page.today + timedelta(days=1): _TOMORROW}
        if day in near and not (short and page.language == "en"):
            return near[day].of(page.language)
        return _short(day, page.language) if short else page.day(day)


def _short(day: date, language: Language) -> str:
    """Write 12/4 or 4 Dec, for narrow cells."""
    return format_short_day(day, language) if language == "en" else f"{day.month}/{day.day}"


class _Addresses:
    """URLs of this department for another day, with the same title and specialty."""

    def __init__(self, week: Week, asked: dict[str, str]) -> None:
        self._path = f"/departments/{week.department.department_id}"
        self._asked = asked

    def __call__(self, day: date, **changed: str) -> str:
        fields = {"day": day.isoformat(), **self._asked, **changed}
        return f"{self._path}?{urlencode({name: value for name, value in fields.items() if value})}"


class _ApplyPaths:
    """URLs of the application form, filled in for a session or for the chosen day."""

    def __init__(self, week: Week, asked: dict[str, str]) -> None:
        self._path = f"/departments/{week.department.department_id}/apply"
        self._day = {"day": week.chosen.day.isoformat(), **asked}

    def __call__(self, session_id: int | None = None) -> str:
        fields = self._day if session_id is None else {"session": str(session_id)}
        return f"{self._path}?{urlencode({name: value for name, value in fields.items() if value})}"
