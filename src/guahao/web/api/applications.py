"""Applications (候补): apply for places of a department, list and withdraw applications."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import msgspec
from litestar.types import ASGIApp
from msgspec import UNSET, UnsetType

from guahao.flows.fairness.applications import (
    LISTED,
    ApplicationRequest,
    apply,
    own_application,
    own_applications,
    withdraw,
)
from guahao.rules.fairness.applying import (
    ISO_WEEKDAYS,
    NOTICE_HOURS,
    NOTICE_HOURS_MOST,
    PATIENTS_MOST,
    RANKED_MOST,
    ApplicationRefusal,
    ApplicationState,
    Wishes,
    WithdrawRefusal,
)
from guahao.rules.kernel.facts import PERIODS, Actor
from guahao.rules.kernel.limits import CITY_TIME
from guahao.rules.kernel.outcomes import KeyMismatch, Refused
from guahao.rules.kernel.text import typed
from guahao.store.fairness.applications import ApplicationView
from guahao.store.hospitals.title_book import TitleBook
from guahao.web.api.appointments import idempotency_key
from guahao.web.api.patients import EXAMPLE as EXAMPLE_PATIENT
from guahao.web.api.patients import PatientOut, patient_out
from guahao.web.api.services import Route, Services
from guahao.web.framework.openapi import Endpoint
from guahao.web.framework.problems import problem_answer
from guahao.web.http.answers import json_answer
from guahao.web.http.reading import (
    ApiRequest,
    Id,
    ProblemError,
    ShortText,
    read_body,
    read_id,
    read_query,
)
from guahao.web.words.language import reader_language
from guahao.words.text import Words

_TAG = Words("候补登记", "api")
_Period = Annotated[str, msgspec.Meta(pattern=rf"^({'|'.join(PERIODS)})(?![\s\S])")]
_Weekday = Annotated[int, msgspec.Meta(ge=1, le=7)]


class ApplicationIn(msgspec.Struct, forbid_unknown_fields=True):
    """What one or two patients of the account want in a department.

    Left out, `title` and `specialty` stand for any; `ranked_sessions` empty: the earliest that
    fits. `may_split`: of two patients one may be booked alone. `notice_hours`: a win leaves so
    many hours until the cancel deadline.
    """

    patient_ids: Annotated[list[Id], msgspec.Meta(min_length=1, max_length=PATIENTS_MOST)]
    department_id: Id
    first_date: date
    last_date: date
    title: ShortText | None = None
    specialty: ShortText | None = None
    periods: Annotated[list[_Period], msgspec.Meta(min_length=1, max_length=len(PERIODS))] = (
        msgspec.field(default_factory=lambda: list(PERIODS))
    )
    iso_weekdays: Annotated[list[_Weekday], msgspec.Meta(min_length=1, max_length=7)] = (
        msgspec.field(default_factory=lambda: list(ISO_WEEKDAYS))
    )
    ranked_sessions: Annotated[list[Id], msgspec.Meta(max_length=RANKED_MOST)] = msgspec.field(
        default_factory=list
    )
    may_split: bool = False
    notice_hours: Annotated[int, msgspec.Meta(ge=0, le=NOTICE_HOURS_MOST)] = NOTICE_HOURS


class ApplicationQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The page of the list."""

    cursor: Id | UnsetType = UNSET


class ApplicationOut(msgspec.Struct):
    """An application for its owner.

    `…_en`: the English names, empty where there are none.
    `lost`: the days on which it lost draws in this department. `appointment_ids`: the bookings that
    it won.
    """

    id: int
    state: Annotated[str, msgspec.Meta(extra_json_schema={"enum": [*ApplicationState]})]
    hospital_id: int
    hospital_name: str
    hospital_name_en: str
    department_id: int
    department_name: str
    department_name_en: str
    patients: list[PatientOut]
    first_date: date
    last_date: date
    title: str | None
    title_en: str
    specialty: str | None
    specialty_en: str
    periods: list[str]
    iso_weekdays: list[int]
    ranked_sessions: list[int]
    may_split: bool
    notice_hours: int
    channel: str
    lost: int
    appointment_ids: list[int]
    created_at: datetime
    changed_at: datetime


class ApplicationList(msgspec.Struct):
    """The account's applications, the newest first; `next`: the cursor of the next page."""

    items: list[ApplicationOut]
    next: str | None = None


_EXAMPLE = ApplicationOut(
    id=301,
    state="live",
    hospital_id=3,
    hospital_name="城东人民医院",
    hospital_name_en="Chengdong People's Hospital",
    department_id=41,
    department_name="心血管内科",
    department_name_en="Cardiology",
    patients=[EXAMPLE_PATIENT],
    first_date=date(2026, 12, 3),
    last_date=date(2026, 12, 16),
    title="主任医师",
    title_en="Chief physician",
    specialty=None,
    specialty_en="",
    periods=["morning", "afternoon"],
    iso_weekdays=[1, 2, 3, 4, 5],
    ranked_sessions=[],
    may_split=False,
    notice_hours=24,
    channel="api",
    lost=0,
    appointment_ids=[],
    created_at=datetime(2026, 12, 1, 9, 30, tzinfo=CITY_TIME),
    changed_at=datetime(2026, 12, 1, 9, 30, tzinfo=CITY_TIME),
)
_APPLY = Endpoint(
    "POST",
    "/applications",
    _TAG,
    Words("登记候补", "api"),
    _EXAMPLE,
    status=201,
    body=ApplicationIn(
        patient_ids=[17],
        department_id=41,
        first_date=date(2026, 12, 3),
        last_date=date(2026, 12, 16),
        title="主任医师",
        periods=["morning", "afternoon"],
        iso_weekdays=[1, 2, 3, 4, 5],
    ),
    headers={"Idempotency-Key": Words("每次登记一个新的编号，重试时沿用：1到64个可见ASCII字符")},
    problems=(
        *ApplicationRefusal,
        "idempotency_key_required",
        "idempotency_key_invalid",
        "idempotency_mismatch",
    ),
)
_LIST = Endpoint(
    "GET",
    "/applications",
    _TAG,
    Words("我的候补"),
    ApplicationList([_EXAMPLE]),
    query=ApplicationQuery,
)
_ONE = Endpoint(
    "GET",
    "/applications/{application_id}",
    _TAG,
    Words("候补详情"),
    _EXAMPLE,
    problems=(WithdrawRefusal.UNKNOWN,),
)
_WITHDRAW = Endpoint(
    "POST",
    "/applications/{application_id}/withdraw",
    _TAG,
    Words("撤回候补", "api"),
    msgspec.structs.replace(_EXAMPLE, state="withdrawn"),
    problems=tuple(WithdrawRefusal),
)
_decoder = msgspec.json.Decoder(ApplicationIn)


def application_routes(services: Services) -> list[Route]:
    """Return the routes of /applications: apply, list, show and withdraw."""
    platform = services.platform

    async def register(request: ApiRequest) -> ASGIApp:
        account_id = await services.tokens.account_of(request.scope)
        key = idempotency_key(request)
        body = await read_body(request, _decoder)
        made = await apply(
            platform,
            ApplicationRequest(
                Actor("account", account_id),
                key,
                tuple(body.patient_ids),
                body.department_id,
                _wishes(body),
                "api",
            ),
        )
        match made:
            case ApplicationView():
                return json_answer(_application_out(made, platform.titles), 201)
            case KeyMismatch():
                return services.refusal(request, "idempotency_mismatch")
            case Refused():
                language = reader_language(request.scope)
                problem = services.replies.application_refused(made, language)
                return problem_answer(request.scope, problem)

    async def listed(request: ApiRequest) -> ASGIApp:
        account_id = await services.tokens.account_of(request.scope)
        query = read_query(request, ApplicationQuery)
        found = await own_applications(platform, account_id, query.cursor or None)
        more = str(found[-1].id) if len(found) == LISTED else None
        shown = [_application_out(view, platform.titles) for view in found]
        return json_answer(ApplicationList(shown, more))

    async def show(request: ApiRequest) -> ASGIApp:
        account_id = await services.tokens.account_of(request.scope)
        id = read_id(request, "application_id", WithdrawRefusal.UNKNOWN)
        found = await own_application(platform, account_id, id)
        if found is None:
            raise ProblemError(WithdrawRefusal.UNKNOWN)
        return json_answer(_application_out(found, platform.titles))

    async def withdrawn(request: ApiRequest) -> ASGIApp:
        account_id = await services.tokens.account_of(request.scope)
        id = read_id(request, "application_id", WithdrawRefusal.UNKNOWN)
        outcome = await withdraw(platform, account_id, id)
        if isinstance(outcome, Refused):
            return services.refusal(request, outcome.reason)
        return json_answer(_application_out(outcome, platform.titles))

    return [
        Route(_APPLY, register),
        Route(_LIST, listed),
        Route(_ONE, show),
        Route(_WITHDRAW, withdrawn),
    ]


def _wishes(body: ApplicationIn) -> Wishes:
    return Wishes(
        body.first_date,
        body.last_date,
        None if body.title is None else typed(body.title),
        None if body.specialty is None else typed(body.specialty),
        tuple(body.periods),
        tuple(body.iso_weekdays),
        tuple(body.ranked_sessions),
        body.may_split,
        body.notice_hours,
    )


def _application_out(view: ApplicationView, titles: TitleBook) -> ApplicationOut:
    wishes = view.wishes
    return ApplicationOut(
        view.id,
        view.state,
        view.hospital_id,
        view.hospital_name,
        view.hospital_name_en,
        view.department_id,
        view.department_name,
        view.department_name_en,
        [patient_out(patient) for patient in view.patients],
        wishes.first_date,
        wishes.last_date,
        wishes.title,
        titles.title_en(wishes.title or ""),
        wishes.specialty,
        titles.specialty_en(wishes.specialty or ""),
        list(wishes.periods),
        list(wishes.iso_weekdays),
        list(wishes.ranked_sessions),
        wishes.may_split,
        wishes.notice_hours,
        view.channel,
        view.lost,
        list(view.appointments),
        view.created_at.astimezone(CITY_TIME).replace(microsecond=0),
        view.changed_at.astimezone(CITY_TIME).replace(microsecond=0),
    )
