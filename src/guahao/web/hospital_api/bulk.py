"""Many items in one call: each is read, carried out or refused for itself, in its order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar, assert_never

import msgspec
from msgspec import UNSET, UnsetType

from guahao.flows.supply.feeding import ITEMS_MAX, Outcome
from guahao.rules.supply.changes import SessionRefused, UpsertResult
from guahao.rules.supply.feeding import ItemRefusal
from guahao.web.hospital_api.access import CallRequest
from guahao.web.http.answers import Answer, json_answer
from guahao.web.http.reading import ID_MAX, ProblemError, invalid, read_body
from guahao.words.text import Words

_NAME_MAX = 64  # characters of an external id
BYTES_MAX = 8 * 1024 * 1024
RESULTS = (*(result.value for result in UpsertResult), "refused")

_BESIDE = Words(
    "已照办。但平台上的每周排班在同一天同一时段也开出这个门诊，开始时间不同，号源加倍。"
    "只要一个时，请发送相同的开始时间以接管它，或请排班员结束该每周排班。"
)

Item = TypeVar("Item", bound=msgspec.Struct)
ItemsMax = msgspec.Meta(min_length=1, max_length=ITEMS_MAX)


class _Items(msgspec.Struct, forbid_unknown_fields=True):
    items: Annotated[list[msgspec.Raw], ItemsMax]


class BesideOut(msgspec.Struct):
    """What was done all the same, but is probably not meant so.

    `clinic_session_id`: the session that the item stands beside; null where the timetable has
    still to make it.
    """

    code: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["beside_timetable"]})]
    detail: str
    clinic_session_id: int | None


class BulkItemOut(msgspec.Struct):
    """What became of an item. Refused: `code` and `detail`, and the `field` where it is one.

    `id`: the platform's. `booked`: how many are, where fewer places were asked for.
    `warning`: of a session that a weekly timetable offers a second time.
    """

    external_id: str | None
    result: Annotated[str, msgspec.Meta(extra_json_schema={"enum": RESULTS})]
    id: int | UnsetType = UNSET
    code: str | UnsetType = UNSET
    detail: str | UnsetType = UNSET
    field: str | UnsetType = UNSET
    booked: int | UnsetType = UNSET
    warning: BesideOut | UnsetType = UNSET


class BulkOut(msgspec.Struct):
    """An answer for each item, in the order of the request, and how many of each.

    `warned`: how many items have a warning; only where there is one.
    """

    created: int
    changed: int
    unchanged: int
    refused: int
    items: list[BulkItemOut]
    warned: int | UnsetType = UNSET


EXAMPLE = BulkOut(
    1,
    0,
    0,
    1,
    [
        BulkItemOut("S-20261203-0412-AM", "created", 9001),
        BulkItemOut(
            "S-20261203-0413-AM",
            "refused",
            code="item_department_unknown",
            detail="没有这个科室，或它是一级科室。请先发布科室，再发布号源。",
        ),
    ],
)


@dataclass(frozen=True, slots=True)
class UnreadableItem:
    """An item that is not as described; `name`: what it calls itself, if it can be read."""

    name: Any
    code: str
    field: str | None

    @property
    def external_id(self) -> str | None:
        """Return the name as the hospital's id, shortened, if it is a text."""
        return self.name[:_NAME_MAX] if isinstance(self.name, str) else None

    @property
    def id(self) -> int | None:
        """Return the name as an id of the platform, if it can be one."""
        is_number = isinstance(self.name, int) and not isinstance(self.name, bool)
        return self.name if is_number and 0 < self.name <= ID_MAX else None


class BulkReader(Generic[Item]):
    """Reads the items of a body, each strictly and for itself; `key` is what names one."""

    def __init__(self, item: type[Item], key: str) -> None:
        self._body = msgspec.json.Decoder(_Items)
        self._item = msgspec.json.Decoder(item)
        self._key = key

    async def read(self, call: CallRequest) -> list[Item | UnreadableItem]:
        """Return all items; raise ProblemError if there is no list or it is too large."""
        try:
            body = await read_body(call.request, self._body, BYTES_MAX)
        except ProblemError as error:
            if error.code == "body_too_large":
                raise ProblemError("list_too_large") from None
            raise
        return [self._one(raw) for raw in body.items]

    def _one(self, raw: msgspec.Raw) -> Item | UnreadableItem:
        try:
            return self._item.decode(raw)
        except msgspec.ValidationError as error:
            problem = invalid(error)
            return UnreadableItem(self._name(raw), problem.code, problem.field)
        except UnicodeDecodeError:
            return UnreadableItem(None, "invalid_encoding", None)
        except (msgspec.DecodeError, RecursionError):
            return UnreadableItem(None, "malformed_json", None)

    def _name(self, raw: msgspec.Raw) -> Any:
        try:
            item = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return item.get(self._key) if isinstance(item, dict) else None


def bulk_answer(call: CallRequest, items_in: Sequence[Any], readable: Iterable[Outcome]) -> Answer:
    """Return what became of the items, counted. `readable`: the outcomes of the readable ones."""
    found = iter(readable)
    items = [
        _refused(call, item.external_id, item.code, item.field)
        if isinstance(item, UnreadableItem)
        else _item_out(call, item.external_id, next(found))
        for item in items_in
    ]
    warned = sum(item.warning is not UNSET for item in items)
    counts = counted(call, RESULTS, items)
    return json_answer(BulkOut(**counts, items=items, warned=warned or UNSET))


def counted(call: CallRequest, results: Sequence[str], items: Sequence[Any]) -> dict[str, int]:
    """Count the items by result and record the counts for the call log."""
    counts = dict.fromkeys(results, 0)
    for item in items:
        counts[item.result] += 1
    call.items_failed = counts["refused"]
    call.items_ok = len(items) - counts["refused"]
    return counts


def _item_out(call: CallRequest, external_id: str, outcome: Outcome) -> BulkItemOut:
    match outcome.what:
        case UpsertResult() as result:
            done = BulkItemOut(external_id, result, UNSET if outcome.id is None else outcome.id)
            if outcome.beside is not None:
                detail = _BESIDE.of(call.language)
                done.warning = BesideOut("beside_timetable", detail, outcome.beside.session_id)
            return done
        case SessionRefused(reason, booked=booked):
            return _refused(call, external_id, reason, None, outcome.id, booked)
        case ItemRefusal() as reason:
            return _refused(call, external_id, reason, None, outcome.id)
        case never:
            assert_never(never)


def _refused(
    call: CallRequest,
    external_id: str | None,
    code: str,
    field: str | None,
    id: int | None = None,
    booked: int | None = None,
) -> BulkItemOut:
    problem = call.services.replies.problem(code, call.language, field=field)
    return BulkItemOut(
        external_id,
        "refused",
        UNSET if id is None else id,
        code,
        problem.detail,
        UNSET if field is None else field,
        UNSET if booked is None else booked,
    )
