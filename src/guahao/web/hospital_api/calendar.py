"""Which weekday's timetables hold on each date, for the hospital's own system."""

from __future__ import annotations

from datetime import date

import msgspec
from msgspec import UNSET, UnsetType

from guahao.flows.supply import calendars
from guahao.rules.integration.clients import Scope
from guahao.rules.supply.calendar import CalendarSource
from guahao.web.api.services import Route
from guahao.web.framework.openapi import Endpoint
from guahao.web.hospital_api.access import TAG, Access, CallRequest
from guahao.web.http.answers import Answer, json_answer
from guahao.web.http.reading import ProblemError, read_query
from guahao.words.text import Words


class HospitalCalendarQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which dates, both included: from today on, and 31 days, where nothing is said."""

    date_from: date | UnsetType = UNSET
    date_to: date | UnsetType = UNSET


class HospitalCalendarDay(msgspec.Struct):
    """A date. `follows_weekday`: 1 is Monday; null: a day off. `source`: who says so."""

    visit_date: date
    follows_weekday: int | None
    source: CalendarSource
    reason: str


class HospitalCalendar(msgspec.Struct):
    """Every date asked for, in order. `unknown_from`: no national calendar is known from then."""

    items: list[HospitalCalendarDay]
    unknown_from: date | None


_READ = Endpoint(
    "GET",
    "/hospital/calendar",
    TAG,
    Words("节假日与调休"),
    HospitalCalendar(
        [HospitalCalendarDay(date(2026, 10, 10), 3, CalendarSource.NATIONAL, "国庆节调休")],
        date(2027, 1, 1),
    ),
    query=HospitalCalendarQuery,
    needs_token=False,
    scope=Scope.SUPPLY,
    problems=("invalid_period",),
)


def calendar_routes(access: Access) -> list[Route]:
    """Return the routes of GET /hospital/calendar."""
    return [access.route(_READ, _read)]


async def _read(call: CallRequest) -> Answer:
    query = read_query(call.request, HospitalCalendarQuery)
    platform = call.services.platform
    found = await calendars.asked_days(
        platform, call.client, query.date_from or None, query.date_to or None
    )
    if found is None:
        raise ProblemError("invalid_period")
    days, unknown_from = found
    return json_answer(
        HospitalCalendar(
            [HospitalCalendarDay(day.day, day.like, day.source, day.reason) for day in days],
            unknown_from,
        )
    )
