"""The bookings made at a hospital: of a visit date, what changed, by code and document."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, assert_never

import msgspec
from msgspec import UNSET, UnsetType

from guahao.flows.attendance.window import TooManyGuesses
from guahao.flows.integration import hospital_bookings as flows
from guahao.rules.integration.clients import Scope
from guahao.rules.kernel.limits import CITY_TIME
from guahao.rules.people.identity import masked_document, masked_name
from guahao.store.integration.hospital_bookings import HospitalBooking
from guahao.store.integration.hospital_events import BEGINNING, EventCursor
from guahao.web.api.appointments import LookupIn
from guahao.web.api.queue import QueueOut
from guahao.web.api.services import Route
from guahao.web.api.sessions import Period, clock
from guahao.web.framework.openapi import Endpoint
from guahao.web.hospital_api.access import TAG, Access, CallRequest
from guahao.web.hospital_api.calls import Limit
from guahao.web.http.answers import Answer, json_answer
from guahao.web.http.reading import Id, ProblemError, read_body, read_query
from guahao.words.text import Words

_STATUSES = ("booked", "picked_up", "cancelled", "stopped", "no_show", "unverified")
_KINDS = ("booked", "cancelled", "stopped", "restored", "picked_up", "no_show", "unverified")
_LIMIT = 200


class HospitalPatientOut(msgspec.Struct):
    """The person as registered; masked where the call says so."""

    name: str
    id_type: str
    id_no: str


class HospitalBookingOut(msgspec.Struct):
    """A booking as it stands now, with the hospital's own ids; never with its code."""

    id: int
    order_no: str
    status: Annotated[str, msgspec.Meta(extra_json_schema={"enum": _STATUSES})]
    channel: str
    booked_at: datetime
    changed_at: datetime
    clinic_session_id: int
    session_external_id: str | None
    department_external_id: str | None
    department_name: str
    title: str
    specialty: str
    visit_date: date
    period: Period
    starts_at: str | None
    ends_at: str | None
    fee_fen: int
    patient: HospitalPatientOut
    queue: QueueOut | UnsetType = UNSET  # with the answer to a pick-up


class HospitalBookingQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Of which visit date, and which page."""

    visit_date: date
    cursor: Id | UnsetType = UNSET
    limit: Limit = _LIMIT


class HospitalBookingList(msgspec.Struct):
    """A page, in the order in which they were booked."""

    items: list[HospitalBookingOut]
    next: str | None


class HospitalChangeQuery(msgspec.Struct, forbid_unknown_fields=True):
    """After which cursor: the `next` of the answer before. Without it, from the beginning."""

    after: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{1,15}-[0-9a-f]{1,15}(?![\s\S])")] | (
        UnsetType
    ) = UNSET
    limit: Limit = _LIMIT


class HospitalChangeOut(msgspec.Struct):
    """What happened, and the booking as it stands now, which may be later than this event.

    `event_id`: as a webhook gives it; of one booking a later event has the greater.
    """

    cursor: str
    event_id: int
    kind: Annotated[str, msgspec.Meta(extra_json_schema={"enum": _KINDS})]
    at: datetime
    booking: HospitalBookingOut


class HospitalChangeList(msgspec.Struct):
    """Changes in order, none missed and none twice; `next` leads on, also where nothing came.

    `complete` false: some were forgotten, because nobody asked for too long. Then list the
    bookings of every date anew and go on from `next`.
    """

    items: list[HospitalChangeOut]
    next: str
    complete: bool


EXAMPLE_BOOKING = HospitalBookingOut(
    id=501,
    order_no="0000005017",
    status="booked",
    channel="wechat",
    booked_at=datetime(2026, 12, 1, 9, 30, tzinfo=CITY_TIME),
    changed_at=datetime(2026, 12, 1, 9, 30, tzinfo=CITY_TIME),
    clinic_session_id=9001,
    session_external_id="S-20261203-0412-AM",
    department_external_id="D-0304",
    department_name="心血管内科",
    title="主任医师",
    specialty="冠心病",
    visit_date=date(2026, 12, 3),
    period="morning",
    starts_at="08:00",
    ends_at="12:00",
    fee_fen=8000,
    patient=HospitalPatientOut("示例", "01", "11010519491231002X"),
)
_LIST = Endpoint(
    "GET",
    "/hospital/bookings",
    TAG,
    Words("某日预约"),
    HospitalBookingList([EXAMPLE_BOOKING], None),
    query=HospitalBookingQuery,
    needs_token=False,
    scope=Scope.BOOKINGS,
    problems=("missing_field",),
)
_CHANGES = Endpoint(
    "GET",
    "/hospital/changes",
    TAG,
    Words("预约变动"),
    HospitalChangeList(
        [HospitalChangeOut("2f1-3", 3, "booked", EXAMPLE_BOOKING.booked_at, EXAMPLE_BOOKING)],
        "2f1-3",
        True,
    ),
    query=HospitalChangeQuery,
    needs_token=False,
    scope=Scope.BOOKINGS,
)
_LOOK_UP = Endpoint(
    "POST",
    "/hospital/bookings/lookup",
    TAG,
    Words("凭识别码和证件号码查询", "api"),
    EXAMPLE_BOOKING,
    body=LookupIn("04821957", "11010519491231002X"),
    needs_token=False,
    scope=Scope.BOOKINGS,
    problems=("own_booking_unknown", "guesses_throttled"),
)
_lookup = msgspec.json.Decoder(LookupIn)


def booking_routes(access: Access) -> list[Route]:
    """Return the routes of /hospital/bookings, its lookup and /hospital/changes."""
    return [
        access.route(_LIST, _listed),
        access.route(_CHANGES, _changes),
        access.route(_LOOK_UP, _look_up),
    ]


async def _listed(call: CallRequest) -> Answer:
    query = read_query(call.request, HospitalBookingQuery)
    found, after = await flows.bookings_of_day(
        call.services.platform, call.client, query.visit_date, query.cursor or None, query.limit
    )
    call.items_ok = len(found)
    items = [booking_out(one) for one in found]
    return json_answer(HospitalBookingList(items, None if after is None else str(after)))


async def _changes(call: CallRequest) -> Answer:
    query = read_query(call.request, HospitalChangeQuery)
    after = EventCursor.read(query.after) if query.after else BEGINNING
    if after is None:
        raise ProblemError("invalid_field", field="after")
    found = await flows.changes(call.services.platform, call.client, after, query.limit)
    call.items_ok = len(found.events)
    shown = {id: booking_out(one) for id, one in found.bookings.items()}
    items = [
        HospitalChangeOut(
            str(event.cursor),
            event.id,
            event.kind,
            _moment(event.at),
            shown[event.appointment_id],
        )
        for event in found.events
    ]
    return json_answer(HospitalChangeList(items, str(found.next), found.complete))


async def _look_up(call: CallRequest) -> Answer:
    body = await read_body(call.request, _lookup)
    found = await flows.look_up(call.services.platform, call.client, body.code, body.id_no)
    match found:
        case HospitalBooking():
            call.items_ok = 1
            return json_answer(booking_out(found))
        case None:
            raise ProblemError("own_booking_unknown")
        case TooManyGuesses():
            return guesses_throttled(call, found)
        case never:
            assert_never(never)


def guesses_throttled(call: CallRequest, found: TooManyGuesses) -> Answer:
    """Refuse wrong codes or documents that came too often."""
    left = found.retry_from - call.services.platform.db.clock()
    seconds = max(1, round(left.total_seconds()))
    return call.refuse("guesses_throttled", retry_after_seconds=seconds)


def booking_out(one: HospitalBooking, *, masked: bool = False) -> HospitalBookingOut:
    """Return a booking for its hospital."""
    session, patient = one.session, one.patient
    return HospitalBookingOut(
        one.id,
        one.order_no,
        one.status,
        one.channel,
        _moment(one.booked_at),
        _moment(one.changed_at),
        one.session_id,
        one.session_external_id,
        one.department_external_id,
        one.department_name,
        session.title,
        session.specialty,
        session.visit_date,
        session.period,
        clock(session.starts_at),
        clock(session.ends_at),
        session.fee_fen,
        HospitalPatientOut(
            masked_name(patient.name) if masked else patient.name,
            patient.id_type,
            masked_document(patient.id_no) if masked else patient.id_no,
        ),
    )


def _moment(at: datetime) -> datetime:
    return at.astimezone(CITY_TIME).replace(microsecond=0)
