"""Hospitals and their departments (S1, S5)."""

from __future__ import annotations

import msgspec
from litestar.types import ASGIApp
from msgspec import UNSET, UnsetType

from guahao.flows.hospitals.directory import departments, hospital, search_hospitals
from guahao.store.kernel.views import HospitalView
from guahao.web.api.services import Route, Services
from guahao.web.framework.openapi import Endpoint
from guahao.web.http.answers import json_answer
from guahao.web.http.reading import ApiRequest, Id, ProblemError, ShortText, read_id, read_query
from guahao.web.words.language import reader_language
from guahao.words.catalogue import Language
from guahao.words.text import Words

_TAG = Words("医院与科室", "api")


class HospitalQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The search for hospitals."""

    q: ShortText | UnsetType = UNSET
    district: ShortText | UnsetType = UNSET
    grade: ShortText | UnsetType = UNSET
    cursor: Id | UnsetType = UNSET


class HospitalOut(msgspec.Struct):
    """A hospital in a list."""

    id: int
    name: str
    grade: str
    district: str
    address: str
    phone: str


class PickupDeadlines(msgspec.Struct):
    """The times until which to pick up a number, by period (S11)."""

    morning: str
    afternoon: str
    evening: str


class HospitalDetail(HospitalOut):
    """A hospital with its own rules; `cycle_days` null: the platform's limit applies."""

    cycle_days: int | None
    release_time: str
    next_day_stop_time: str
    cancel_days_before: int
    cancel_time: str
    pickup_deadlines: PickupDeadlines
    pickup_place: str
    notice: str


class HospitalList(msgspec.Struct):
    """A page of hospitals."""

    items: list[HospitalOut]
    next: str | None


class ParentOut(msgspec.Struct):
    """A first-level department."""

    id: int
    name: str


class DepartmentOut(msgspec.Struct):
    """A department; those with a parent can be booked."""

    id: int
    name: str
    parent: ParentOut | None


class DepartmentList(msgspec.Struct):
    """All departments of a hospital."""

    items: list[DepartmentOut]
    next: str | None = None


_HOSPITAL = (3, "城东人民医院", "三级甲等", "城东区", "城东区春风路1号", "010-55550101")
_LIST = Endpoint(
    "GET",
    "/hospitals",
    _TAG,
    Words("查找医院"),
    HospitalList([HospitalOut(*_HOSPITAL)], "3"),
    query=HospitalQuery,
    needs_token=False,
)
_ONE = Endpoint(
    "GET",
    "/hospitals/{hospital_id}",
    _TAG,
    Words("医院及其预约规则"),
    HospitalDetail(
        *_HOSPITAL,
        cycle_days=28,
        release_time="08:30",
        next_day_stop_time="15:00",
        cancel_days_before=1,
        cancel_time="15:00",
        pickup_deadlines=PickupDeadlines("11:30", "16:30", "20:00"),
        pickup_place="门诊楼一层挂号窗口",
        notice="",
    ),
    needs_token=False,
    problems=("unknown_hospital",),
)
_DEPARTMENTS = Endpoint(
    "GET",
    "/hospitals/{hospital_id}/departments",
    _TAG,
    Words("医院的科室"),
    DepartmentList(
        [
            DepartmentOut(40, "内科", None),
            DepartmentOut(41, "心血管内科", ParentOut(40, "内科")),
        ]
    ),
    needs_token=False,
    problems=("unknown_hospital",),
)


def hospital_routes(services: Services) -> list[Route]:
    """Return GET /hospitals, /hospitals/{id} and /hospitals/{id}/departments."""

    async def listed(request: ApiRequest) -> ASGIApp:
        query = read_query(request, HospitalQuery)
        if query.q is not UNSET:
            caller, now = services.callers.of(request.scope), services.platform.db.seconds()
            wait_seconds = services.desk.velocity.search(caller, now)
            if wait_seconds is not None:
                raise ProblemError("too_many_requests", retry_after_seconds=wait_seconds)
        found, following = await search_hospitals(
            services.platform,
            query.q or None,
            query.district or None,
            query.grade or None,
            query.cursor or None,
        )
        language = reader_language(request.scope)
        items = [HospitalOut(*_shown(view, language)) for view in found]
        return json_answer(HospitalList(items, str(following) if following else None))

    async def show(request: ApiRequest) -> ASGIApp:
        id = read_id(request, "hospital_id", "unknown_hospital")
        view = await hospital(services.platform, id)
        if view is None:
            raise ProblemError("unknown_hospital")
        return json_answer(_detail(view, reader_language(request.scope)))

    async def of_hospital(request: ApiRequest) -> ASGIApp:
        id = read_id(request, "hospital_id", "unknown_hospital")
        found = await departments(services.platform, id)
        if found is None:
            raise ProblemError("unknown_hospital")
        language = reader_language(request.scope)
        names = {view.id: _named(view.name, view.name_en, language) for view in found}
        shown = [DepartmentOut(view.id, names[view.id], None) for view in found]
        for view, department in zip(found, shown, strict=True):
            if view.parent_id is not None:
                name = names.get(view.parent_id, view.parent_name or "")
                department.parent = ParentOut(view.parent_id, name)
        return json_answer(DepartmentList(shown))

    return [Route(_LIST, listed), Route(_ONE, show), Route(_DEPARTMENTS, of_hospital)]


def _named(name: str, name_en: str, language: Language) -> str:
    """Return the name in the reader's language, where it has one."""
    return name_en if language == "en" and name_en else name


def _shown(view: HospitalView, language: Language) -> tuple[int, str, str, str, str, str]:
    name = _named(view.name, view.name_en, language)
    address = _named(view.address, view.address_en, language)
    return view.id, name, view.grade, view.district, address, view.phone


def _detail(view: HospitalView, language: Language) -> HospitalDetail:
    rules = view.rules
    return HospitalDetail(
        *_shown(view, language),
        cycle_days=rules.cycle_days,
        release_time=rules.release_time.isoformat("minutes"),
        next_day_stop_time=rules.next_day_stop_time.isoformat("minutes"),
        cancel_days_before=rules.cancel_days_before,
        cancel_time=rules.cancel_time.isoformat("minutes"),
        pickup_deadlines=PickupDeadlines(
            rules.pickup_until_morning.isoformat("minutes"),
            rules.pickup_until_afternoon.isoformat("minutes"),
            rules.pickup_until_evening.isoformat("minutes"),
        ),
        pickup_place=_named(view.pickup_place, view.pickup_place_en, language),
        notice=_named(view.notice, view.notice_en, language),
    )
