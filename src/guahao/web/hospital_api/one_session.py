"""One session by the hospital's own id: its places, stopping it, taking that back, closing it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, assert_never

import msgspec

from guahao.flows.attendance.window import ClosedSession
from guahao.flows.supply import own_sessions as flows
from guahao.flows.supply.own_sessions import OwnPlaces, PlacesResult, StopResult
from guahao.flows.supply.replacing import Offered
from guahao.rules.attendance.window import WindowRefusal
from guahao.rules.booking.replacing import OfferRefusal
from guahao.rules.integration.clients import Scope
from guahao.rules.kernel.limits import CITY_TIME
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.supply.changes import SessionRefused
from guahao.rules.supply.stops import StopRefusal, UnstopRefusal
from guahao.web.api.services import Route
from guahao.web.framework.openapi import Endpoint
from guahao.web.hospital_api.access import TAG, Access, CallRequest
from guahao.web.hospital_api.sessions import (
    EXAMPLE_SESSION,
    HospitalSessionOut,
    Places,
    session_out,
)
from guahao.web.http.answers import Answer, json_answer
from guahao.web.http.reading import NAMED, ExternalId, ProblemError, read_body
from guahao.words.text import Words

_ONE = "/hospital/clinic-sessions/{external_id}"
_UNKNOWN = "own_session_unknown"


class HospitalPlacesIn(msgspec.Struct, forbid_unknown_fields=True):
    """How many places the session has from now on."""

    capacity: Places


class HospitalPlacesOut(msgspec.Struct):
    """The session as it is now; `changed` false: it had so many places already."""

    changed: bool
    session: HospitalSessionOut


class HospitalStopIn(msgspec.Struct, forbid_unknown_fields=True):
    """Why; for the hospital's own records. Without names.

    `substitute`: another doctor of the title sees the patients in the same hours; their bookings
    stay.
    """

    reason: Annotated[str, msgspec.Meta(max_length=200, pattern=NAMED)]
    substitute: bool = False


class HospitalStopOut(msgspec.Struct):
    """The session as it is now; `changed` false: it was so already.

    `bookings` were stopped with it; their patients are notified at `told_from`, and until then
    the stop can be undone. `substitute`: the bookings stay, and another doctor sees the patients.
    """

    changed: bool
    session: HospitalSessionOut
    bookings: int
    told_from: datetime | None
    can_be_undone: bool
    substitute: bool


class HospitalOfferIn(msgspec.Struct, forbid_unknown_fields=True):
    """Places of a session to offer: so many added to it, so many of its free ones."""

    external_id: ExternalId
    added: Places = 0
    from_free: Places = 0


class HospitalReplacementIn(msgspec.Struct, forbid_unknown_fields=True):
    """Places of the same department and title, and until when patients can accept them."""

    sessions: Annotated[list[HospitalOfferIn], msgspec.Meta(min_length=1, max_length=50)]
    accept_until: Annotated[datetime, msgspec.Meta(tz=True)]


class HospitalReplacementOut(msgspec.Struct):
    """So many patients were offered a place, in the order of booking; `without` have none yet."""

    offers: int
    without: int


class HospitalCloseOut(msgspec.Struct):
    """The session's attendance is known; so many had not come and are no-shows now."""

    id: int
    no_shows: int


_STOPPED = msgspec.structs.replace(EXAMPLE_SESSION, stopped=True, booked=0)
_CAPACITY = Endpoint(
    "PUT",
    f"{_ONE}/capacity",
    TAG,
    Words("加号、减号"),
    HospitalPlacesOut(True, EXAMPLE_SESSION),
    body=HospitalPlacesIn(20),
    needs_token=False,
    scope=Scope.SUPPLY,
    problems=(_UNKNOWN, "item_stopped", "item_past", "item_below_booked"),
)
_STOP = Endpoint(
    "POST",
    f"{_ONE}/stop",
    TAG,
    Words("停诊", "api"),
    HospitalStopOut(
        True, _STOPPED, 14, datetime(2026, 12, 1, 9, 35, tzinfo=CITY_TIME), True, False
    ),
    body=HospitalStopIn("医生外出"),
    needs_token=False,
    scope=Scope.SUPPLY,
    problems=(_UNKNOWN, StopRefusal.PAST, StopRefusal.TOO_FAR),
)
_UNSTOP = Endpoint(
    "POST",
    f"{_ONE}/unstop",
    TAG,
    Words("撤销停诊", "api"),
    HospitalStopOut(True, EXAMPLE_SESSION, 0, None, False, False),
    needs_token=False,
    scope=Scope.SUPPLY,
    problems=(_UNKNOWN, StopRefusal.TOLD, StopRefusal.UNDONE, UnstopRefusal.WIDER),
)
_REPLACE = Endpoint(
    "POST",
    f"{_ONE}/replacements",
    TAG,
    Words("为停诊患者留号"),
    HospitalReplacementOut(14, 0),
    body=HospitalReplacementIn(
        [HospitalOfferIn("S-1210-AM", added=10, from_free=4)],
        datetime(2026, 12, 2, 18, 0, tzinfo=CITY_TIME),
    ),
    needs_token=False,
    scope=Scope.SUPPLY,
    problems=(_UNKNOWN, *(reason for reason in OfferRefusal if reason != OfferRefusal.UNKNOWN)),
)
_CLOSE = Endpoint(
    "POST",
    f"{_ONE}/close",
    TAG,
    Words("结束本场取号", "api"),
    HospitalCloseOut(9001, 2),
    needs_token=False,
    scope=Scope.ATTENDANCE,
    problems=(_UNKNOWN, WindowRefusal.STOPPED, WindowRefusal.TOO_EARLY),
)
_places = msgspec.json.Decoder(HospitalPlacesIn)
_offers = msgspec.json.Decoder(HospitalReplacementIn)
_reason = msgspec.json.Decoder(HospitalStopIn)


def one_session_routes(access: Access) -> list[Route]:
    """Return PUT capacity, POST stop, unstop, replacements and close."""
    return [
        access.route(_CAPACITY, _capacity),
        access.route(_STOP, _stop),
        access.route(_UNSTOP, _unstop),
        access.route(_REPLACE, _offer_replacement),
        access.route(_CLOSE, _close),
    ]


def _external_id(call: CallRequest) -> str:
    external_id: str = call.request.path_params["external_id"]
    if "\0" in external_id:
        raise ProblemError(_UNKNOWN)
    return external_id


async def _capacity(call: CallRequest) -> Answer:
    body = await read_body(call.request, _places)
    platform, client = call.services.platform, call.client
    outcome = await flows.change_places(platform, client, _external_id(call), body.capacity)
    match outcome:
        case SessionRefused(reason):
            return call.refuse(reason)
        case Refused():
            raise ProblemError(_UNKNOWN)  # the body allows no number that a plan refuses
        case PlacesResult(session, changed):
            return json_answer(HospitalPlacesOut(changed, session_out(session)))
        case never:
            assert_never(never)


async def _stop(call: CallRequest) -> Answer:
    body = await read_body(call.request, _reason)
    return _stop_answer(
        call,
        await flows.stop(
            call.services.platform,
            call.client,
            _external_id(call),
            body.reason,
            substitute=body.substitute,
        ),
    )


async def _unstop(call: CallRequest) -> Answer:
    return _stop_answer(
        call, await flows.unstop(call.services.platform, call.client, _external_id(call))
    )


def _stop_answer(
    call: CallRequest, outcome: StopResult | Refused[StopRefusal | UnstopRefusal]
) -> Answer:
    if isinstance(outcome, Refused):
        if outcome.reason is StopRefusal.UNKNOWN:
            raise ProblemError(_UNKNOWN)
        return call.refuse(outcome.reason)
    report = outcome.report
    return json_answer(
        HospitalStopOut(
            outcome.changed,
            session_out(outcome.session),
            0 if report is None else report.progress.bookings,
            None if report is None else report.stop.notify_at.astimezone(CITY_TIME),
            report is not None and report.stop.can_be_undone,
            report is not None and report.stop.substitute,
        )
    )


async def _offer_replacement(call: CallRequest) -> Answer:
    body = await read_body(call.request, _offers)
    outcome = await flows.offer_replacement(
        call.services.platform,
        call.client,
        _external_id(call),
        [OwnPlaces(one.external_id, one.added, one.from_free) for one in body.sessions],
        body.accept_until.astimezone(CITY_TIME),
    )
    match outcome:
        case Offered(offers, without):
            return json_answer(HospitalReplacementOut(offers, without))
        case Refused(OfferRefusal.UNKNOWN):
            raise ProblemError(_UNKNOWN)
        case Refused(reason):
            return call.refuse(reason)
        case never:
            assert_never(never)


async def _close(call: CallRequest) -> Answer:
    outcome = await flows.close(call.services.platform, call.client, _external_id(call))
    match outcome:
        case Refused(WindowRefusal.UNKNOWN):
            raise ProblemError(_UNKNOWN)
        case Refused(reason):
            return call.refuse(reason)
        case ClosedSession(session_id, no_shows):
            return json_answer(HospitalCloseOut(session_id, no_shows))
        case never:
            assert_never(never)
