"""The hospital's clinic sessions: publishing and listing them, by its own ids."""

from __future__ import annotations

from datetime import date, time
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from guahao.flows.supply.feeding import WantedSession, list_sessions, publish_sessions
from guahao.rules.integration.clients import Scope
from guahao.rules.kernel.facts import PERIODS
from guahao.rules.kernel.text import prose
from guahao.rules.supply.planning import CAPACITY_MAX, FEE_MAX_FEN, WORDS_MAX
from guahao.store.supply.feeding import HospitalSession
from guahao.web.api.services import Route
from guahao.web.api.sessions import Period, clock
from guahao.web.framework.openapi import Endpoint
from guahao.web.hospital_api.access import TAG, Access, CallRequest
from guahao.web.hospital_api.bulk import EXAMPLE, BulkReader, ItemsMax, bulk_answer
from guahao.web.hospital_api.calls import Limit
from guahao.web.http.answers import Answer, json_answer
from guahao.web.http.reading import NAMED, NO_CONTROLS, ExternalId, Id, ProblemError, read_query
from guahao.words.text import Words

_Clock = Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9](?![\s\S])")]
_Period = Annotated[str, msgspec.Meta(pattern=rf"^({'|'.join(PERIODS)})(?![\s\S])")]
_Title = Annotated[str, msgspec.Meta(max_length=WORDS_MAX, pattern=NAMED)]
_Words = Annotated[str, msgspec.Meta(max_length=WORDS_MAX, pattern=NO_CONTROLS)]
Places = Annotated[int, msgspec.Meta(ge=0, le=CAPACITY_MAX)]


class HospitalSessionItemIn(msgspec.Struct, forbid_unknown_fields=True):
    """A clinic session. `fee_fen` in 分; times HH:MM, both, the start alone, or neither.

    The start lies within its period: morning 05:00–12:59, afternoon 11:00–18:59, evening
    16:00–23:59.
    """

    external_id: ExternalId
    department_external_id: ExternalId
    title: _Title
    visit_date: date
    period: _Period
    fee_fen: Annotated[int, msgspec.Meta(ge=0, le=FEE_MAX_FEN)]
    capacity: Places
    specialty: _Words = ""
    starts_at: _Clock | None = None
    ends_at: _Clock | None = None

    def wanted(self) -> WantedSession:
        """Return the session as the flow takes it."""
        return WantedSession(
            self.external_id,
            self.department_external_id,
            prose(self.title),
            prose(self.specialty),
            self.visit_date,
            self.period,
            _time(self.starts_at),
            _time(self.ends_at),
            self.fee_fen,
            self.capacity,
        )


class HospitalSessionsIn(msgspec.Struct, forbid_unknown_fields=True):
    """All sessions, or those that changed."""

    items: Annotated[list[HospitalSessionItemIn], ItemsMax]


class HospitalSessionQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which days: from today on, and 31 days, where nothing is said."""

    date_from: date | UnsetType = UNSET
    date_to: date | UnsetType = UNSET
    cursor: Id | UnsetType = UNSET
    limit: Limit = 200


class HospitalSessionOut(msgspec.Struct):
    """A session. `external_id` null: planned on the platform's own pages."""

    id: int
    external_id: str | None
    department_external_id: str | None
    department_name: str
    title: str
    specialty: str
    visit_date: date
    period: Period
    starts_at: str | None
    ends_at: str | None
    fee_fen: int
    capacity: int
    booked: int
    stopped: bool
    attendance_known: bool


class HospitalSessionList(msgspec.Struct):
    """A page, in the order in which they were made."""

    items: list[HospitalSessionOut]
    next: str | None


EXAMPLE_SESSION = HospitalSessionOut(
    id=9001,
    external_id="S-20261203-0412-AM",
    department_external_id="D-0304",
    department_name="心血管内科",
    title="主任医师",
    specialty="冠心病",
    visit_date=date(2026, 12, 3),
    period="morning",
    starts_at="08:00",
    ends_at="12:00",
    fee_fen=8000,
    capacity=20,
    booked=14,
    stopped=False,
    attendance_known=False,
)
_PUBLISH = Endpoint(
    "PUT",
    "/hospital/clinic-sessions",
    TAG,
    Words("发布号源"),
    EXAMPLE,
    body=HospitalSessionsIn(
        [
            HospitalSessionItemIn(
                *("S-20261203-0412-AM", "D-0304", "主任医师", date(2026, 12, 3), "morning"),
                *(8000, 20, "冠心病", "08:00", "12:00"),
            )
        ]
    ),
    needs_token=False,
    scope=Scope.SUPPLY,
    problems=("list_too_large",),
)
_LIST = Endpoint(
    "GET",
    "/hospital/clinic-sessions",
    TAG,
    Words("本院号源"),
    HospitalSessionList([EXAMPLE_SESSION], "9001"),
    query=HospitalSessionQuery,
    needs_token=False,
    scope=Scope.SUPPLY,
    problems=("invalid_period",),
)
_reader = BulkReader(HospitalSessionItemIn, "external_id")


def session_routes(access: Access) -> list[Route]:
    """Return the routes of PUT and GET /hospital/clinic-sessions."""
    return [access.route(_PUBLISH, _publish), access.route(_LIST, _listed)]


async def _publish(call: CallRequest) -> Answer:
    items = await _reader.read(call)
    readable = [one.wanted() for one in items if isinstance(one, HospitalSessionItemIn)]
    outcomes = await publish_sessions(call.services.platform, call.client, readable)
    return bulk_answer(call, items, outcomes)


async def _listed(call: CallRequest) -> Answer:
    query = read_query(call.request, HospitalSessionQuery)
    first, last = query.date_from or None, query.date_to or None
    if first and last and first > last:
        raise ProblemError("invalid_period")
    found, after = await list_sessions(
        call.services.platform, call.client, first, last, query.cursor or None, query.limit
    )
    items = [session_out(one) for one in found]
    return json_answer(HospitalSessionList(items, None if after is None else str(after)))


def session_out(found: HospitalSession) -> HospitalSessionOut:
    """Return a session for its hospital."""
    session = found.session
    return HospitalSessionOut(
        *(found.id, found.external_id, found.department_external_id, found.department_name),
        *(session.title, session.specialty, session.visit_date, session.period),
        *(clock(session.starts_at), clock(session.ends_at), session.fee_fen, session.capacity),
        *(found.booked, found.stopped, found.attendance_known),
    )


def _time(reading: str | None) -> time | None:
    return None if reading is None else time.fromisoformat(reading)
