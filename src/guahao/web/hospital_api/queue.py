"""Queue numbers and calls of a hospital's own system (docs/decisions/0057)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from guahao.flows.hall.queues import ROOM_MAX, ReportedEntry, report, set_own_numbers
from guahao.rules.hall.calling import QueueRefusal, QueueReport, QueueState
from guahao.rules.hall.numbers import NUMBER_MAX
from guahao.rules.integration.clients import Scope
from guahao.rules.kernel.limits import CITY_TIME
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.text import typed
from guahao.web.api.queue import QUEUE_STATES, State
from guahao.web.api.services import Route
from guahao.web.framework.openapi import Endpoint
from guahao.web.hospital_api.access import TAG, Access, CallRequest
from guahao.web.hospital_api.attendance import RESULTS
from guahao.web.hospital_api.bulk import BulkReader, ItemsMax, UnreadableItem, counted
from guahao.web.http.answers import Answer, json_answer
from guahao.web.http.reading import Id, read_body
from guahao.words.text import Words


class HospitalQueueItemIn(msgspec.Struct, forbid_unknown_fields=True):
    """Where a booking stood at a moment. `number`: of a system that gives its own."""

    appointment_id: Id
    state: Annotated[str, msgspec.Meta(pattern=f"^({'|'.join(QUEUE_STATES)})(?![\\s\\S])")]
    at: Annotated[datetime, msgspec.Meta(tz=True)]
    number: Annotated[int, msgspec.Meta(ge=1, le=NUMBER_MAX)] | UnsetType = UNSET
    room: Annotated[str, msgspec.Meta(max_length=ROOM_MAX)] = ""


class HospitalQueueIn(msgspec.Struct, forbid_unknown_fields=True):
    """In any order, and again where an answer was lost: of a booking the latest moment holds."""

    items: Annotated[list[HospitalQueueItemIn], ItemsMax]


class HospitalQueueItemOut(msgspec.Struct):
    """What became of an item: number and state of the booking by now, or why it was refused."""

    appointment_id: int | None
    result: Annotated[str, msgspec.Meta(extra_json_schema={"enum": RESULTS})]
    number: int | UnsetType | None = UNSET
    state: State | UnsetType = UNSET
    code: str | UnsetType = UNSET
    detail: str | UnsetType = UNSET
    field: str | UnsetType = UNSET


class HospitalQueueOut(msgspec.Struct):
    """An answer for each item, in the order of the request, and how many of each."""

    changed: int
    unchanged: int
    refused: int
    items: list[HospitalQueueItemOut]


class HospitalQueueSettings(msgspec.Struct, forbid_unknown_fields=True):
    """Whether the hospital's own system gives the queue numbers."""

    own_numbers: bool


_AT = datetime(2026, 12, 3, 8, 40, tzinfo=CITY_TIME)
_QUEUE = Endpoint(
    "PUT",
    "/hospital/queue",
    TAG,
    Words("上报叫号", "api"),
    HospitalQueueOut(
        1,
        0,
        1,
        [
            HospitalQueueItemOut(501, "changed", 12, "called"),
            HospitalQueueItemOut(
                502,
                "refused",
                code="queue_not_picked_up",
                detail="该预约还没有取号。请先取号，再上报叫号。",
            ),
        ],
    ),
    body=HospitalQueueIn(
        [
            HospitalQueueItemIn(501, "called", _AT, room="3诊室"),
            HospitalQueueItemIn(502, "called", _AT, room="3诊室"),
        ]
    ),
    needs_token=False,
    scope=Scope.ATTENDANCE,
    problems=("list_too_large",),
)
_SETTINGS = Endpoint(
    "PUT",
    "/hospital/queue/settings",
    TAG,
    Words("排队号来源", "api"),
    HospitalQueueSettings(True),
    body=HospitalQueueSettings(True),
    needs_token=False,
    scope=Scope.ATTENDANCE,
)
_reader = BulkReader(HospitalQueueItemIn, "appointment_id")
_settings = msgspec.json.Decoder(HospitalQueueSettings)


def queue_routes(access: Access) -> list[Route]:
    """Return the routes of PUT /hospital/queue, PUT /hospital/queue/settings."""
    return [access.route(_QUEUE, _report), access.route(_SETTINGS, _set)]


async def _report(call: CallRequest) -> Answer:
    items = await _reader.read(call)
    reports = [
        QueueReport(
            item.appointment_id,
            item.at,
            QueueState(item.state),
            None if item.number is UNSET else item.number,
            typed(item.room),
        )
        for item in items
        if isinstance(item, HospitalQueueItemIn)
    ]
    found = iter(await report(call.services.platform, call.client, reports))
    shown = [
        _refused(call, item.id, item.code, item.field)
        if isinstance(item, UnreadableItem)
        else _item_out(call, item.appointment_id, next(found))
        for item in items
    ]
    return json_answer(HospitalQueueOut(**counted(call, RESULTS, shown), items=shown))


async def _set(call: CallRequest) -> Answer:
    body = await read_body(call.request, _settings)
    await set_own_numbers(call.services.platform, call.client, body.own_numbers)
    call.items_ok = 1
    return json_answer(body)


def _item_out(
    call: CallRequest, id: int, outcome: ReportedEntry | Refused[QueueRefusal]
) -> HospitalQueueItemOut:
    if isinstance(outcome, Refused):
        return _refused(call, id, outcome.reason, None)
    result = "changed" if outcome.changed else "unchanged"
    return HospitalQueueItemOut(id, result, outcome.entry.number, outcome.entry.state.value)


def _refused(
    call: CallRequest, id: int | None, code: str, field: str | None
) -> HospitalQueueItemOut:
    problem = call.services.replies.problem(code, call.language, field=field)
    return HospitalQueueItemOut(
        id,
        "refused",
        code=code,
        detail=problem.detail,
        field=UNSET if field is None else field,
    )
