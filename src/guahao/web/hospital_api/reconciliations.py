"""The hospital's own list of bookings, compared with ours; nothing else is changed."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from guahao.flows.integration import reconciling as flows
from guahao.flows.integration.reconciling import Listed, ReconciliationDetail
from guahao.flows.supply.feeding import ITEMS_MAX
from guahao.rules.integration.clients import Scope
from guahao.rules.integration.reconciling import (
    STATUSES,
    Cure,
    Difference,
    HospitalListItem,
    ListRefusal,
)
from guahao.rules.kernel.facts import PERIODS
from guahao.rules.kernel.limits import CITY_TIME
from guahao.rules.kernel.outcomes import Refused
from guahao.store.integration.reconciliations import Reconciliation, SavedDifference
from guahao.web.api.services import Route
from guahao.web.framework.openapi import Endpoint
from guahao.web.hospital_api.access import TAG, Access, CallRequest
from guahao.web.hospital_api.bulk import BYTES_MAX
from guahao.web.http.answers import Answer, json_answer
from guahao.web.http.reading import (
    NO_CONTROLS,
    ExternalId,
    Id,
    ProblemError,
    invalid,
    read_body,
    read_id,
    read_query,
)
from guahao.web.words.differences import CURES
from guahao.words.catalogue import Language
from guahao.words.text import Words

_Status = Annotated[str, msgspec.Meta(pattern=rf"^({'|'.join(STATUSES)})(?![\s\S])")]
_Period = Annotated[str, msgspec.Meta(pattern=rf"^({'|'.join(PERIODS)})(?![\s\S])")]
_OrderNo = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,19}(?![\s\S])")]
_IdNo = Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=NO_CONTROLS)]
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_ListedMax = msgspec.Meta(max_length=ITEMS_MAX)


class HospitalListItemIn(msgspec.Struct, forbid_unknown_fields=True):
    """A booking as the hospital has it; what is left out is not compared."""

    order_no: _OrderNo
    status: _Status
    visit_date: date
    period: _Period | None = None
    session_external_id: ExternalId | None = None
    id_no: _IdNo | None = None

    def listed(self) -> Listed:
        """Return the booking as the flow takes it."""
        theirs = HospitalListItem(
            *(self.order_no, self.status, self.visit_date),
            *(self.period, self.session_external_id),
        )
        return Listed(theirs, self.id_no)


class HospitalListIn(msgspec.Struct, forbid_unknown_fields=True):
    """Every booking of these visit dates, both included; `made_at`: when the list was made."""

    made_at: _Moment
    date_from: date
    date_to: date
    bookings: Annotated[list[HospitalListItemIn], _ListedMax]


class _RawList(msgspec.Struct, forbid_unknown_fields=True):
    made_at: _Moment
    date_from: date
    date_to: date
    bookings: Annotated[list[msgspec.Raw], _ListedMax]


class ReconciliationOut(msgspec.Struct):
    """A comparison in numbers. `too_new`: changed here since the list was made, left out."""

    id: int
    at: datetime
    made_at: datetime
    date_from: date
    date_to: date
    listed: int
    agreed: int
    too_new: int
    differing: int


class DifferenceOut(msgspec.Struct):
    """A difference: what each side says, and what would cure it; `proposal` in words."""

    order_no: str
    visit_date: date
    kind: Annotated[str, msgspec.Meta(extra_json_schema={"enum": tuple(Difference)})]
    here: str
    there: str
    cure: Annotated[str, msgspec.Meta(extra_json_schema={"enum": tuple(Cure)})]
    proposal: str
    settled_at: datetime | None


class ReconciliationReport(ReconciliationOut):
    """A comparison with its differences."""

    differences: list[DifferenceOut]


class ReconciliationList(msgspec.Struct):
    """A page, newest first."""

    items: list[ReconciliationOut]
    next: str | None


class ReconciliationQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which page."""

    cursor: Id | UnsetType = UNSET


_NIGHT = datetime(2026, 12, 2, 2, 0, tzinfo=CITY_TIME)
_NUMBERS: tuple[Any, ...] = (31, _NIGHT, _NIGHT, date(2026, 12, 1), date(2026, 12, 9), 412, 410)
_EXAMPLE_DIFFERENCE = DifferenceOut(
    *("0000005017", date(2026, 12, 3), "status_differs", "cancelled", "booked"),
    *("cancel_at_hospital", CURES[Cure.CANCEL_THERE].zh, None),
)
_EXAMPLE = ReconciliationReport(*[*_NUMBERS, 1, 1, [_EXAMPLE_DIFFERENCE]])
_SEND = Endpoint(
    "POST",
    "/hospital/reconciliations",
    TAG,
    Words("对账", "api"),
    _EXAMPLE,
    status=201,
    body=HospitalListIn(
        *(_NIGHT, date(2026, 12, 1), date(2026, 12, 9)),
        [HospitalListItemIn("0000005017", "booked", date(2026, 12, 3), "morning")],
    ),
    needs_token=False,
    scope=Scope.BOOKINGS,
    problems=("list_too_large", *ListRefusal),
)
_LIST = Endpoint(
    "GET",
    "/hospital/reconciliations",
    TAG,
    Words("历次对账"),
    ReconciliationList([ReconciliationOut(*[*_NUMBERS, 1, 1])], None),
    query=ReconciliationQuery,
    needs_token=False,
    scope=Scope.BOOKINGS,
)
_ONE = Endpoint(
    "GET",
    "/hospital/reconciliations/{reconciliation_id}",
    TAG,
    Words("一次对账的差异"),
    _EXAMPLE,
    needs_token=False,
    scope=Scope.BOOKINGS,
    problems=("unknown_reconciliation",),
)
_list_decoder = msgspec.json.Decoder(_RawList)
_item_decoder = msgspec.json.Decoder(HospitalListItemIn)


def reconciliation_routes(access: Access) -> list[Route]:
    """Return the routes of POST and GET /hospital/reconciliations, GET one."""
    return [access.route(_SEND, _send), access.route(_LIST, _listed), access.route(_ONE, _one)]


async def _send(call: CallRequest) -> Answer:
    body, listed = await _read(call)
    days = (body.date_from, body.date_to)
    outcome = await flows.reconcile(call.services.platform, call.client, body.made_at, days, listed)
    if isinstance(outcome, Refused):
        return call.refuse(outcome.reason)
    call.items_ok = outcome.reconciliation.agreed
    call.items_failed = outcome.reconciliation.differing
    return json_answer(_report_out(outcome, call.language), 201)


async def _read(call: CallRequest) -> tuple[_RawList, list[Listed]]:
    """Read all or nothing: of half a list, the other half would be reported as missing."""
    try:
        body = await read_body(call.request, _list_decoder, BYTES_MAX)
    except ProblemError as error:
        if error.code == "body_too_large":
            raise ProblemError("list_too_large") from None
        raise
    return body, [_item(number, raw) for number, raw in enumerate(body.bookings)]


def _item(number: int, raw: msgspec.Raw) -> Listed:
    try:
        return _item_decoder.decode(raw).listed()
    except msgspec.ValidationError as error:
        problem = invalid(error)
        place = f"bookings[{number}]" + (f".{problem.field}" if problem.field else "")
        code = "invalid_field" if problem.field is None else problem.code
        raise ProblemError(code, field=place) from None
    except UnicodeDecodeError:
        raise ProblemError("invalid_encoding") from None


async def _listed(call: CallRequest) -> Answer:
    query = read_query(call.request, ReconciliationQuery)
    found, after = await flows.listed(call.services.platform, call.client, query.cursor or None)
    items = [ReconciliationOut(*_numbers(one)) for one in found]
    return json_answer(ReconciliationList(items, None if after is None else str(after)))


async def _one(call: CallRequest) -> Answer:
    id = read_id(call.request, "reconciliation_id", "unknown_reconciliation")
    found = await flows.report(call.services.platform, call.client, id)
    if found is None:
        return call.refuse("unknown_reconciliation")
    return json_answer(_report_out(found, call.language))


def _report_out(report: ReconciliationDetail, language: Language) -> ReconciliationReport:
    differences = [_difference_out(one, language) for one in report.differences]
    return ReconciliationReport(*[*_numbers(report.reconciliation), differences])


def _numbers(one: Reconciliation) -> tuple[Any, ...]:
    return (
        *(one.id, _moment(one.at), _moment(one.made_at), one.first_date, one.last_date),
        *(one.listed, one.agreed, one.too_new, one.differing),
    )


def _difference_out(one: SavedDifference, language: Language) -> DifferenceOut:
    return DifferenceOut(
        *(one.order_no, one.visit_date, one.kind, one.here, one.there, one.cure),
        CURES[one.cure].of(language),
        None if one.settled_at is None else _moment(one.settled_at),
    )


def _moment(at: datetime) -> datetime:
    return at.astimezone(CITY_TIME).replace(microsecond=0)
