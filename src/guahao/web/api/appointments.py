"""Booking a place, looking up and cancelling a booking (S7-S10, S13, S14)."""

from __future__ import annotations

import re
from datetime import date, datetime
from functools import lru_cache
from typing import Annotated, Literal, assert_never

import msgspec
from litestar.types import ASGIApp
from msgspec import UNSET, UnsetType

from guahao.flows.booking.appointments import list_appointments, look_up, own_appointment
from guahao.flows.booking.cancelling import NotCancelled, cancel
from guahao.flows.booking.desk import Busy, NotBooked, OutcomeUnknown, TooFast
from guahao.flows.booking.rescheduling import Rescheduled, RescheduleRequest
from guahao.flows.fairness.declining import decline
from guahao.flows.hall.queues import OwnQueue, own_queue
from guahao.rules.attendance.pickup import pickup_deadline
from guahao.rules.booking.rescheduling import NotRescheduled, RescheduleRefusal
from guahao.rules.fairness.declining import DeclineRefusal
from guahao.rules.kernel.facts import Actor
from guahao.rules.kernel.limits import CITY_TIME
from guahao.rules.kernel.outcomes import CancelRefusal, KeyMismatch, Refusal, Refused, Throttled
from guahao.rules.people.logins import LoginRefused
from guahao.security_log import SecurityEvent, note
from guahao.store.hospitals.title_book import TitleBook
from guahao.store.kernel.views import AppointmentView
from guahao.web.api.patients import EXAMPLE as EXAMPLE_PATIENT
from guahao.web.api.patients import PatientOut, patient_out
from guahao.web.api.queue import QueueOut, queue_out
from guahao.web.api.services import DirectHandler, Route, Services
from guahao.web.api.sessions import Period, clock
from guahao.web.framework.openapi import Endpoint
from guahao.web.framework.problems import problem_answer
from guahao.web.http.answers import Answer, json_answer
from guahao.web.http.reading import (
    NO_CONTROLS,
    ApiRequest,
    Id,
    ProblemError,
    Received,
    header,
    read_body,
    read_id,
    read_query,
)
from guahao.web.words.language import reader_language
from guahao.web.words.words import named
from guahao.words.text import Words

TAG = Words("预约", "api")
_KEY = re.compile(rb"[\x21-\x7e]{1,64}")
_STATUSES = ("booked", "picked_up", "cancelled", "stopped", "no_show", "unverified")
_BRING = Words("就诊人登记的证件原件、预约短信和识别码")


class BookingIn(msgspec.Struct, forbid_unknown_fields=True):
    """A request for a place for a patient."""

    clinic_session_id: Id
    patient_id: Id


class RescheduleIn(msgspec.Struct, forbid_unknown_fields=True):
    """A request for a place in another session, for the booking's own patient."""

    clinic_session_id: Id


class LookupIn(msgspec.Struct, forbid_unknown_fields=True):
    """A look-up by code and document number; the code alone is not enough (S9)."""

    code: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{8}(?![\s\S])")]
    id_no: Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=NO_CONTROLS)]


class AppointmentQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The view of the list: current bookings or the history."""

    view: Literal["current", "history"] = "current"


class Pickup(msgspec.Struct):
    """Where and until when to pick up the number, and what to bring (S11)."""

    place: str
    until: datetime
    bring: str


class Cancelling(msgspec.Struct):
    """Until when and by whom the booking can be cancelled, and the hotline (S14)."""

    until: datetime
    by: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ("agent", "patient")})]
    hotline: str


class AppointmentOut(msgspec.Struct):
    """A booking for its owner, with the fields of its session.

    `…_en`: the English names, empty where there are none.
    `declinable_until`: of a place won in a draw, until when POST …/decline gives it back; null
    where it was not won, or is no longer booked.
    `substituted`: another doctor of the same title sees the patient in the same hours; the booking
    can be cancelled until the visit, and not coming won't count as a no-show.
    `pickup`, `cancel` and `queue` are filled in only for a single booking, not in lists; `queue`
    from the pick-up on.
    """

    id: int
    order_no: str
    code: str
    status: Annotated[str, msgspec.Meta(extra_json_schema={"enum": _STATUSES})]
    channel: str
    booked_at: datetime
    clinic_session_id: int
    hospital_id: int
    hospital_name: str
    hospital_name_en: str
    department_id: int
    department_name: str
    department_name_en: str
    title: str
    title_en: str
    specialty: str
    specialty_en: str
    visit_date: date
    period: Period
    starts_at: str | None
    ends_at: str | None
    fee_fen: int
    patient_id: int
    patient_name: str
    patient: PatientOut
    won_in_draw: bool
    declinable_until: datetime | None
    substituted: bool
    pickup: Pickup | UnsetType = UNSET
    cancel: Cancelling | UnsetType = UNSET
    queue: QueueOut | UnsetType = UNSET


class AppointmentList(msgspec.Struct):
    """All of the account's bookings, without paging."""

    items: list[AppointmentOut]
    next: str | None = None


KEY_PROBLEMS = (
    "idempotency_key_required",
    "idempotency_key_invalid",
    "idempotency_mismatch",
    "busy",
    "too_many_bookings",
    "booking_unavailable",
    "outcome_unknown",
)
EXAMPLE = AppointmentOut(
    id=501,
    order_no="0000005017",
    code="04821957",
    status="booked",
    channel="api",
    booked_at=datetime(2026, 12, 1, 9, 30, tzinfo=CITY_TIME),
    clinic_session_id=9001,
    hospital_id=3,
    hospital_name="城东人民医院",
    hospital_name_en="Chengdong People's Hospital",
    department_id=41,
    department_name="心血管内科",
    department_name_en="Cardiology",
    title="主任医师",
    title_en="Chief physician",
    specialty="冠心病",
    specialty_en="Coronary heart disease",
    visit_date=date(2026, 12, 3),
    period="morning",
    starts_at="08:00",
    ends_at="12:00",
    fee_fen=8000,
    patient_id=17,
    patient_name="示例",
    patient=EXAMPLE_PATIENT,
    won_in_draw=True,
    declinable_until=datetime(2026, 12, 2, 9, 30, tzinfo=CITY_TIME),
    substituted=False,
)
_EXAMPLE_DETAIL = msgspec.structs.replace(
    EXAMPLE,
    pickup=Pickup("门诊楼一层挂号窗口", datetime(2026, 12, 3, 11, 30, tzinfo=CITY_TIME), _BRING.zh),
    cancel=Cancelling(datetime(2026, 12, 2, 15, 0, tzinfo=CITY_TIME), "agent", "114"),
)
BOOK = Endpoint(
    "POST",
    "/appointments",
    TAG,
    Words("预约", "api: book a place"),
    EXAMPLE,
    status=201,
    body=BookingIn(9001, 17),
    headers={"Idempotency-Key": Words("每次预约一个新的编号，重试时沿用：1到64个可见ASCII字符")},
    problems=(
        *Refusal,
        *KEY_PROBLEMS,
    ),
)
_LIST = Endpoint(
    "GET",
    "/appointments",
    TAG,
    Words("我的挂号"),
    AppointmentList([EXAMPLE]),
    query=AppointmentQuery,
)
_ONE = Endpoint(
    "GET",
    "/appointments/{appointment_id}",
    TAG,
    Words("预约详情", "api"),
    _EXAMPLE_DETAIL,
    problems=("unknown_appointment",),
)
_CANCEL = Endpoint(
    "POST",
    "/appointments/{appointment_id}/cancel",
    TAG,
    Words("退号", "api"),
    EXAMPLE,
    problems=tuple(CancelRefusal),
)
_RESCHEDULE = Endpoint(
    "POST",
    "/appointments/{appointment_id}/reschedule",
    TAG,
    Words("改约：约上新号才退旧号", "api"),
    msgspec.structs.replace(
        EXAMPLE, id=502, order_no="0000005025", won_in_draw=False, declinable_until=None
    ),
    status=201,
    body=RescheduleIn(9002),
    headers=BOOK.headers,
    problems=(*RescheduleRefusal, *Refusal, *KEY_PROBLEMS),
)
_DECLINE = Endpoint(
    "POST",
    "/appointments/{appointment_id}/decline",
    TAG,
    Words("放弃抽中的号", "api"),
    msgspec.structs.replace(EXAMPLE, status="cancelled", declinable_until=None),
    problems=tuple(DeclineRefusal),
)
_LOOK_UP = Endpoint(
    "POST",
    "/appointments/lookup",
    TAG,
    Words("凭识别码和证件号码查询"),
    _EXAMPLE_DETAIL,
    body=LookupIn("04821957", "11010519491231002X"),
    needs_token=False,
    problems=("unknown_appointment", "lookup_throttled"),
)
_booking_decoder = msgspec.json.Decoder(BookingIn)
_reschedule_decoder = msgspec.json.Decoder(RescheduleIn)
_lookup_decoder = msgspec.json.Decoder(LookupIn)


def appointment_routes(services: Services) -> list[Route]:
    """Return the routes of /appointments: what can be done with a booking, and looking it up."""
    handlers = _Handlers(services)
    return [
        Route(BOOK, handlers.book),
        Route(_LIST, handlers.listed),
        Route(_ONE, handlers.show),
        Route(_CANCEL, handlers.cancel),
        Route(_RESCHEDULE, handlers.reschedule),
        Route(_DECLINE, handlers.decline),
        Route(_LOOK_UP, handlers.look_up),
    ]


def booking_handler(services: Services) -> DirectHandler:
    """Return the handler of BOOK, which the front calls before routing."""
    return _Handlers(services).book


class _Handlers:
    def __init__(self, services: Services) -> None:
        self._services = services

    async def book(self, request: Received) -> ASGIApp:
        """Book a place. The busiest handler: it does only what booking needs."""
        services = self._services
        claims = services.tokens.claims_of(request.scope)
        key = idempotency_key(request)
        body = await read_body(request, _booking_decoder)
        answer = await services.desk.book(
            Actor("account", claims.account_id),
            key,
            body.patient_id,
            body.clinic_session_id,
            "api",
            services.callers.of(request.scope),
            login_id=claims.login_id,
        )
        match answer:  # the most frequent first
            case AppointmentView():
                return json_answer(appointment_out(answer, services.platform.titles), 201)
            case Refused():
                problem = services.replies.refused(answer, reader_language(request.scope))
                return problem_answer(request.scope, problem)
            case Busy() | TooFast() | NotBooked() | OutcomeUnknown():
                return services.refusal(
                    request, answer.code, retry_after_seconds=answer.retry_after_seconds
                )
            case KeyMismatch():
                return services.refusal(request, "idempotency_mismatch")
            case LoginRefused(reason):
                return services.refusal(request, reason)
            case never:
                assert_never(never)

    async def listed(self, request: ApiRequest) -> ASGIApp:
        claims = self._services.tokens.claims_of(request.scope)
        query = read_query(request, AppointmentQuery)
        account_id = await self._services.tokens.account_by(claims)
        found = await list_appointments(self._services.platform, account_id, query.view)
        titles = self._services.platform.titles
        return json_answer(AppointmentList([appointment_out(view, titles) for view in found]))

    async def show(self, request: ApiRequest) -> ASGIApp:
        claims = self._services.tokens.claims_of(request.scope)
        id = read_id(request, "appointment_id", "unknown_appointment")
        account_id = await self._services.tokens.account_by(claims)
        found = await own_appointment(self._services.platform, account_id, id)
        if found is None:
            raise ProblemError("unknown_appointment")
        queue = None
        if found.status == "picked_up":
            queue = await own_queue(self._services.platform, found.id)
        return self._detail(request, found, queue)

    async def cancel(self, request: ApiRequest) -> ASGIApp:
        claims = self._services.tokens.claims_of(request.scope)
        id = read_id(request, "appointment_id", "unknown_appointment")
        account_id = await self._services.tokens.account_by(claims)
        outcome = await cancel(self._services.platform, account_id, id)
        if isinstance(outcome, NotCancelled):
            problem = self._services.replies.not_cancelled(outcome, reader_language(request.scope))
            return problem_answer(request.scope, problem)
        return json_answer(appointment_out(outcome, self._services.platform.titles))

    async def reschedule(self, request: ApiRequest) -> ASGIApp:
        """Book another place instead of a booking; only then the booking is cancelled."""
        services = self._services
        claims = services.tokens.claims_of(request.scope)
        id = read_id(request, "appointment_id", "unknown_appointment")
        key = idempotency_key(request)
        body = await read_body(request, _reschedule_decoder)
        asked = RescheduleRequest(
            Actor("account", claims.account_id),
            key,
            claims.account_id,
            id,
            body.clinic_session_id,
            "api",
            claims.login_id,
        )
        answer = await services.desk.reschedule(asked, services.callers.of(request.scope))
        match answer:
            case Rescheduled(booking):
                return json_answer(appointment_out(booking, services.platform.titles), 201)
            case NotRescheduled():
                problem = services.replies.stands(answer, reader_language(request.scope))
                return problem_answer(request.scope, problem)
            case Refused(reason):
                assert isinstance(reason, Refusal)
                refused = Refused(reason, answer.retry_from, answer.visit_from)
                problem = services.replies.refused(refused, reader_language(request.scope))
                return problem_answer(request.scope, problem)
            case KeyMismatch():
                return services.refusal(request, "idempotency_mismatch")
            case LoginRefused(reason):
                return services.refusal(request, reason)
            case NotBooked() | Busy() | TooFast() | OutcomeUnknown():
                return services.refusal(
                    request, answer.code, retry_after_seconds=answer.retry_after_seconds
                )
            case never:
                assert_never(never)

    async def decline(self, request: ApiRequest) -> ASGIApp:
        account_id = await self._services.tokens.account_of(request.scope)
        id = read_id(request, "appointment_id", "unknown_appointment")
        outcome = await decline(self._services.platform, account_id, id)
        if isinstance(outcome, Refused):
            language = reader_language(request.scope)
            problem = self._services.replies.decline_refused(outcome, language)
            return problem_answer(request.scope, problem)
        return json_answer(appointment_out(outcome, self._services.platform.titles))

    async def look_up(self, request: ApiRequest) -> ASGIApp:
        body = await read_body(request, _lookup_decoder)
        caller = self._services.callers.of(request.scope)
        found = await look_up(self._services.platform, body.code, body.id_no, caller)
        match found:
            case AppointmentView():
                return self._detail(request, found)
            case None:
                note(request.scope, SecurityEvent.CODE_WRONG)
                raise ProblemError("unknown_appointment")
            case Throttled(retry_after_seconds=seconds):
                return self._services.refusal(
                    request, "lookup_throttled", retry_after_seconds=seconds
                )
            case never:
                assert_never(never)

    def _detail(
        self, request: ApiRequest, view: AppointmentView, queue: OwnQueue | None = None
    ) -> Answer:
        session, platform = view.session, self._services.platform
        language = reader_language(request.scope)
        by = "patient" if "patient" in platform.cancelling_policy(view).cancel_channels else "agent"
        shown = appointment_out(view, platform.titles)
        shown.pickup = Pickup(
            named(session.pickup_place, session.pickup_place_en, language),
            pickup_deadline(session.visit_date, session.period, session.rules),
            _BRING.of(language),
        )
        shown.cancel = Cancelling(view.cancel_until, by, platform.settings.hotline)
        if queue is not None:
            shown.queue = queue_out(queue)
        return json_answer(shown)


def idempotency_key(request: Received) -> str:
    """Return the request's Idempotency-Key; raise ProblemError."""
    key = header(request.scope, b"idempotency-key")
    if key is None:
        raise ProblemError("idempotency_key_required")
    if not _KEY.fullmatch(key):
        raise ProblemError("idempotency_key_invalid")
    return key.decode("ascii")


def appointment_out(view: AppointmentView, titles: TitleBook) -> AppointmentOut:
    """Return a booking as its owner reads it."""
    session = view.session
    patient = patient_out(view.patient)
    until = view.decline_until
    return AppointmentOut(
        id=view.id,
        order_no=view.order_no,
        code=view.code,
        status=view.status,
        channel=view.channel,
        booked_at=_to_the_second(view.booked_at),
        clinic_session_id=session.id,
        hospital_id=session.hospital_id,
        hospital_name=session.hospital_name,
        hospital_name_en=session.hospital_name_en,
        department_id=session.department_id,
        department_name=session.department_name,
        department_name_en=session.department_name_en,
        title=session.title,
        title_en=titles.title_en(session.title),
        specialty=session.specialty,
        specialty_en=titles.specialty_en(session.specialty),
        visit_date=session.visit_date,
        period=session.period,
        starts_at=clock(session.starts_at),
        ends_at=clock(session.ends_at),
        fee_fen=session.fee_fen,
        patient_id=patient.id,
        patient_name=patient.name,
        patient=patient,
        won_in_draw=view.won_in_draw,
        declinable_until=None if until is None else _to_the_second(until),
        substituted=view.substituted_at is not None,
    )


@lru_cache(256)  # all bookings of a batch have the same moment
def _to_the_second(moment: datetime) -> datetime:
    return moment.astimezone(CITY_TIME).replace(microsecond=0)
