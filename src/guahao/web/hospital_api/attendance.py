"""At the hospital's own window: handing out numbers, and saying who came."""

from __future__ import annotations

from typing import Annotated, assert_never

import msgspec
from msgspec import UNSET, UnsetType

from guahao.flows.attendance.attendance import AttendanceReport, Reported, report
from guahao.flows.attendance.window import NotHandedOut, TooManyGuesses, hand_out
from guahao.flows.hall.queues import own_places
from guahao.flows.integration import hospital_bookings
from guahao.rules.attendance.attendance import AttendanceRefusal
from guahao.rules.integration.clients import Scope
from guahao.rules.kernel.outcomes import PickupRefusal, Refused
from guahao.store.kernel.views import AppointmentView
from guahao.web.api.appointments import LookupIn
from guahao.web.api.queue import QueueOut, place_out
from guahao.web.api.services import Route
from guahao.web.framework.openapi import Endpoint
from guahao.web.hospital_api.access import TAG, Access, CallRequest
from guahao.web.hospital_api.bookings import (
    EXAMPLE_BOOKING,
    HospitalPatientOut,
    booking_out,
    guesses_throttled,
)
from guahao.web.hospital_api.bulk import BulkReader, ItemsMax, UnreadableItem, counted
from guahao.web.http.answers import Answer, json_answer
from guahao.web.http.reading import Id, read_body
from guahao.words.text import Words

RESULTS = ("changed", "unchanged", "refused")


class HospitalAttendanceItemIn(msgspec.Struct, forbid_unknown_fields=True):
    """Whether the person of a booking came to be seen."""

    appointment_id: Id
    seen: bool


class HospitalAttendanceIn(msgspec.Struct, forbid_unknown_fields=True):
    """Of one session, of one day, or all that was not reported yet."""

    items: Annotated[list[HospitalAttendanceItemIn], ItemsMax]


class HospitalAttendanceItemOut(msgspec.Struct):
    """What became of an item: the booking's status by now, or why it was refused."""

    appointment_id: int | None
    result: Annotated[str, msgspec.Meta(extra_json_schema={"enum": RESULTS})]
    status: str | UnsetType = UNSET
    code: str | UnsetType = UNSET
    detail: str | UnsetType = UNSET
    field: str | UnsetType = UNSET


class HospitalAttendanceOut(msgspec.Struct):
    """An answer for each item, in the order of the request, and how many of each."""

    changed: int
    unchanged: int
    refused: int
    items: list[HospitalAttendanceItemOut]


_PICK_UP = Endpoint(
    "POST",
    "/hospital/pickups",
    TAG,
    Words("取号", "api"),
    msgspec.structs.replace(
        EXAMPLE_BOOKING,
        status="picked_up",
        patient=HospitalPatientOut("示*", "01", "1101**********002X"),
        queue=QueueOut(12, "09:50", "10:00", "waiting", ""),
    ),
    body=LookupIn("04821957", "11010519491231002X"),
    needs_token=False,
    scope=Scope.ATTENDANCE,
    problems=(*PickupRefusal, "guesses_throttled"),
)
_ATTENDANCE = Endpoint(
    "PUT",
    "/hospital/attendance",
    TAG,
    Words("上报就诊"),
    HospitalAttendanceOut(
        1,
        0,
        1,
        [
            HospitalAttendanceItemOut(501, "changed", "picked_up"),
            HospitalAttendanceItemOut(
                502,
                "refused",
                code="attendance_unknown",
                detail="本院没有这个预约。请核对编号。",
            ),
        ],
    ),
    body=HospitalAttendanceIn(
        [HospitalAttendanceItemIn(501, True), HospitalAttendanceItemIn(502, False)]
    ),
    needs_token=False,
    scope=Scope.ATTENDANCE,
    problems=("list_too_large",),
)
_lookup = msgspec.json.Decoder(LookupIn)
_reader = BulkReader(HospitalAttendanceItemIn, "appointment_id")


def attendance_routes(access: Access) -> list[Route]:
    """Return the routes of POST /hospital/pickups, PUT /hospital/attendance."""
    return [access.route(_PICK_UP, _pick_up), access.route(_ATTENDANCE, _attendance)]


async def _pick_up(call: CallRequest) -> Answer:
    body = await read_body(call.request, _lookup)
    platform, client = call.services.platform, call.client
    outcome = await hand_out(platform, client, body.code, body.id_no)
    match outcome:
        case AppointmentView(id):
            booking = await hospital_bookings.own_booking(platform, client, id)
            assert booking is not None
            call.items_ok = 1
            shown = booking_out(booking, masked=True)
            place = (await own_places(platform, [id])).get(id)
            if place is not None:
                shown.queue = place_out(place)
            return json_answer(shown)
        case NotHandedOut(reason, visit_date=visit_date, at=at):
            wrong_day = reason is PickupRefusal.WRONG_DAY
            return call.refuse(reason, visit_from=visit_date if wrong_day else None, deadline=at)
        case TooManyGuesses():
            return guesses_throttled(call, outcome)
        case never:
            assert_never(never)


async def _attendance(call: CallRequest) -> Answer:
    items = await _reader.read(call)
    reports = [
        AttendanceReport(item.appointment_id, item.seen)
        for item in items
        if isinstance(item, HospitalAttendanceItemIn)
    ]
    found = iter(await report(call.services.platform, call.client, reports))
    shown = [
        _refused(call, item.id, item.code, item.field)
        if isinstance(item, UnreadableItem)
        else _item_out(call, item.appointment_id, next(found))
        for item in items
    ]
    return json_answer(HospitalAttendanceOut(**counted(call, RESULTS, shown), items=shown))


def _item_out(
    call: CallRequest, id: int, outcome: Reported | Refused[AttendanceRefusal]
) -> HospitalAttendanceItemOut:
    if isinstance(outcome, Refused):
        return _refused(call, id, outcome.reason, None)
    result = "changed" if outcome.changed else "unchanged"
    return HospitalAttendanceItemOut(id, result, outcome.status)


def _refused(
    call: CallRequest, id: int | None, code: str, field: str | None
) -> HospitalAttendanceItemOut:
    problem = call.services.replies.problem(code, call.language, field=field)
    return HospitalAttendanceItemOut(
        id,
        "refused",
        code=code,
        detail=problem.detail,
        field=UNSET if field is None else field,
    )
