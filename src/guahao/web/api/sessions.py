"""Clinic sessions: a department's supply over its whole horizon (S1, S4-S7)."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated

import msgspec
from litestar.types import ASGIApp
from msgspec import UNSET, UnsetType

from guahao.flows.supply.schedules import list_sessions
from guahao.rules.kernel.facts import PERIODS
from guahao.rules.kernel.limits import CITY_TIME
from guahao.store.hospitals.title_book import TitleBook
from guahao.store.kernel.views import SessionView
from guahao.web.api.services import Route, Services
from guahao.web.framework.openapi import Endpoint
from guahao.web.http.answers import json_answer
from guahao.web.http.reading import ApiRequest, Id, ProblemError, ShortText, read_query
from guahao.words.text import Words

Period = Annotated[str, msgspec.Meta(extra_json_schema={"enum": PERIODS})]
_STATES = ("available", "by_draw", "full", "not_released", "closed", "stopped")


class SessionQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The department, and filters on its sessions."""

    hospital_id: Id
    department_id: Id
    date_from: date | UnsetType = UNSET
    date_to: date | UnsetType = UNSET
    title: ShortText | UnsetType = UNSET
    specialty: ShortText | UnsetType = UNSET


class SessionOut(msgspec.Struct):
    """A clinic session. `fee_fen` in 分; `starts_at` and `ends_at` where it is timed.

    `title_en`, `specialty_en`: in English, empty where the city has none. Filters and applications
    take `title` and `specialty`.
    `waiting_for_draw`: places that only a draw gives out, at `draw_at`.
    """

    id: int
    hospital_id: int
    department_id: int
    title: str
    title_en: str
    specialty: str
    specialty_en: str
    visit_date: date
    period: Period
    starts_at: str | None
    ends_at: str | None
    fee_fen: int
    capacity: int
    remaining: int
    state: Annotated[str, msgspec.Meta(extra_json_schema={"enum": _STATES})]
    waiting_for_draw: int = 0
    draw_at: datetime | None = None


class SessionList(msgspec.Struct):
    """A department's sessions, without paging."""

    items: list[SessionOut]
    next: str | None = None


_LIST = Endpoint(
    "GET",
    "/clinic-sessions",
    Words("号源"),
    Words("一个科室的号源"),
    SessionList(
        [
            SessionOut(
                id=9001,
                hospital_id=3,
                department_id=41,
                title="主任医师",
                title_en="Chief physician",
                specialty="冠心病",
                specialty_en="Coronary heart disease",
                visit_date=date(2026, 12, 3),
                period="morning",
                starts_at="08:00",
                ends_at="12:00",
                fee_fen=8000,
                capacity=20,
                remaining=6,
                state="available",
            )
        ]
    ),
    query=SessionQuery,
    needs_token=False,
    problems=("missing_field", "invalid_period"),
)


def clock(reading: time | None) -> str | None:
    """Write HH:MM."""
    return None if reading is None else reading.isoformat("minutes")


def session_routes(services: Services) -> list[Route]:
    """Return the route GET /clinic-sessions."""

    async def listed(request: ApiRequest) -> ASGIApp:
        query = read_query(request, SessionQuery)
        date_from, date_to = query.date_from or None, query.date_to or None
        if date_from and date_to and date_from > date_to:
            raise ProblemError("invalid_period")
        found = await list_sessions(
            services.platform,
            query.hospital_id,
            query.department_id,
            date_from,
            date_to,
            query.title or None,
            query.specialty or None,
        )
        titles = services.platform.titles
        return json_answer(SessionList([_session_out(*row, titles) for row in found]))

    return [Route(_LIST, listed)]


def _session_out(view: SessionView, state: str, titles: TitleBook) -> SessionOut:
    return SessionOut(
        view.id,
        view.hospital_id,
        view.department_id,
        view.title,
        titles.title_en(view.title),
        view.specialty,
        titles.specialty_en(view.specialty),
        view.visit_date,
        view.period,
        clock(view.starts_at),
        clock(view.ends_at),
        view.fee_fen,
        view.capacity,
        view.remaining,
        state,
        view.held,
        None if view.draw_at is None else view.draw_at.astimezone(CITY_TIME),
    )
