"""GET /hospital/calls: what the hospital's own systems called, and what they were refused."""

from __future__ import annotations

from dataclasses import astuple
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from guahao.flows.integration.clients import list_calls
from guahao.rules.kernel.limits import CITY_TIME
from guahao.web.api.services import Route
from guahao.web.framework.openapi import Endpoint
from guahao.web.hospital_api.access import TAG, Access, CallRequest
from guahao.web.http.answers import Answer, json_answer
from guahao.web.http.reading import Id, read_query
from guahao.words.text import Words

Limit = Annotated[int, msgspec.Meta(ge=1, le=200)]
_LIMIT = 100


class HospitalCallQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which page."""

    cursor: Id | UnsetType = UNSET
    limit: Limit = _LIMIT


class HospitalCallOut(msgspec.Struct):
    """One call. `why`: the problem's code; of refused credentials, exactly what was wrong."""

    at: datetime
    client_id: str
    call: str
    status: int
    why: str
    items_ok: int
    items_failed: int
    duration_ms: int
    request_id: str


class HospitalCallList(msgspec.Struct):
    """A page, newest first."""

    items: list[HospitalCallOut]
    next: str | None


_CALLS = Endpoint(
    "GET",
    "/hospital/calls",
    TAG,
    Words("接口调用记录"),
    HospitalCallList(
        [
            HospitalCallOut(
                datetime(2026, 12, 1, 9, 30, tzinfo=CITY_TIME),
                "hc_0123456789abcdef",
                "PUT /hospital/clinic-sessions",
                200,
                "",
                9990,
                10,
                2150,
                "5f1c7d2e9a0b4c68",
            )
        ],
        None,
    ),
    query=HospitalCallQuery,
    needs_token=False,
    scope="",
)


def call_routes(access: Access) -> list[Route]:
    """Return the routes of GET /hospital/calls."""

    async def calls(call: CallRequest) -> Answer:
        query = read_query(call.request, HospitalCallQuery)
        found, after = await list_calls(
            call.services.platform, call.client.own_hospital_id, query.cursor or None, query.limit
        )
        items = [
            HospitalCallOut(
                entry.at.astimezone(CITY_TIME).replace(microsecond=0),
                entry.client_id,
                *astuple(entry.outcome),
            )
            for entry in found
        ]
        return json_answer(HospitalCallList(items, None if after is None else str(after)))

    return [access.route(_CALLS, calls)]
