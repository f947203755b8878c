"""Places that hospitals keep for patients of a stopped clinic: list, accept and decline."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, assert_never

import msgspec
from litestar.types import ASGIApp

from guahao.flows.supply import replacing
from guahao.rules.booking.replacing import ReplacementRefusal
from guahao.rules.kernel.limits import CITY_TIME
from guahao.rules.kernel.outcomes import Refusal, Refused
from guahao.store.hospitals.title_book import TitleBook
from guahao.store.kernel.views import AppointmentView
from guahao.store.supply.replacements import OfferView
from guahao.web.api.appointments import EXAMPLE as EXAMPLE_BOOKING
from guahao.web.api.appointments import TAG, appointment_out
from guahao.web.api.services import Route, Services
from guahao.web.api.sessions import Period, clock
from guahao.web.framework.openapi import Endpoint
from guahao.web.framework.problems import problem_answer
from guahao.web.http.answers import json_answer
from guahao.web.http.reading import ApiRequest, ProblemError, read_id
from guahao.web.words.language import reader_language
from guahao.words.text import Words

_STATES = ("open", "accepted", "declined", "lapsed")
_CHANNEL = "api"


class ReplacementOut(msgspec.Struct):
    """A place that is kept for the patient of a stopped booking, in a session of the same title.

    It can be accepted and declined while it is `open`, before `accept_until`. No fee difference is
    asked of the patient.
    """

    appointment_id: int
    state: Annotated[str, msgspec.Meta(extra_json_schema={"enum": _STATES})]
    accept_until: datetime
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


class ReplacementList(msgspec.Struct):
    """What was kept for the account's patients for visits to come, without paging."""

    items: list[ReplacementOut]
    next: str | None = None


_EXAMPLE = ReplacementOut(
    appointment_id=501,
    state="open",
    accept_until=datetime(2026, 12, 4, 18, 0, tzinfo=CITY_TIME),
    clinic_session_id=9017,
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
    visit_date=date(2026, 12, 10),
    period="morning",
    starts_at="08:00",
    ends_at="12:00",
    fee_fen=8000,
)
_ONE = "/appointments/{appointment_id}/replacement"
_LIST = Endpoint(
    "GET",
    "/replacements",
    TAG,
    Words("停诊后为我留的号"),
    ReplacementList([_EXAMPLE]),
)
_ACCEPT = Endpoint(
    "POST",
    f"{_ONE}/accept",
    TAG,
    Words("接受停诊后留的号"),
    msgspec.structs.replace(EXAMPLE_BOOKING, won_in_draw=False, declinable_until=None),
    problems=(*ReplacementRefusal, *Refusal),
)
_DECLINE = Endpoint(
    "POST",
    f"{_ONE}/decline",
    TAG,
    Words("谢绝停诊后留的号"),
    msgspec.structs.replace(_EXAMPLE, state="declined"),
    problems=tuple(ReplacementRefusal),
)


def replacement_routes(services: Services) -> list[Route]:
    """Return the routes that list, accept and decline replacement places."""

    async def listed(request: ApiRequest) -> ASGIApp:
        account_id = await services.tokens.account_of(request.scope)
        offers = await replacing.own_offers(services.platform, account_id)
        ordered = sorted(
            offers.values(), key=lambda offer: (offer.session.visit_date, offer.session.id)
        )
        titles, now = services.platform.titles, services.platform.db.clock()
        shown = [_replacement_out(offer, titles, now) for offer in ordered]
        return json_answer(ReplacementList(shown))

    async def accept(request: ApiRequest) -> ASGIApp:
        account_id, id = await _asked(request)
        outcome = await replacing.accept(services.platform, account_id, id, _CHANNEL)
        match outcome:
            case AppointmentView():
                return json_answer(appointment_out(outcome, services.platform.titles))
            case Refused(reason, retry_from, visit_from):
                problem = services.replies.problem(
                    reason,
                    reader_language(request.scope),
                    retry_from=retry_from,
                    visit_from=visit_from,
                )
                return problem_answer(request.scope, problem)
            case never:
                assert_never(never)

    async def decline(request: ApiRequest) -> ASGIApp:
        account_id, id = await _asked(request)
        outcome = await replacing.decline(services.platform, account_id, id)
        if isinstance(outcome, Refused):
            return services.refusal(request, outcome.reason)
        offer = (await replacing.own_offers(services.platform, account_id)).get(id)
        if offer is None:
            raise ProblemError(ReplacementRefusal.UNKNOWN)
        titles, now = services.platform.titles, services.platform.db.clock()
        return json_answer(_replacement_out(offer, titles, now))

    async def _asked(request: ApiRequest) -> tuple[int, int]:
        account_id = await services.tokens.account_of(request.scope)
        return account_id, read_id(request, "appointment_id", ReplacementRefusal.UNKNOWN)

    return [Route(_LIST, listed), Route(_ACCEPT, accept), Route(_DECLINE, decline)]


def _replacement_out(offer: OfferView, titles: TitleBook, now: datetime) -> ReplacementOut:
    session = offer.session
    has_lapsed = offer.state == "open" and not offer.is_open(now)
    return ReplacementOut(
        offer.stopped_appointment_id,
        "lapsed" if has_lapsed else offer.state,
        offer.accept_until.astimezone(CITY_TIME).replace(microsecond=0),
        session.id,
        session.hospital_id,
        session.hospital_name,
        session.hospital_name_en,
        session.department_id,
        session.department_name,
        session.department_name_en,
        session.title,
        titles.title_en(session.title),
        session.specialty,
        titles.specialty_en(session.specialty),
        session.visit_date,
        session.period,
        clock(session.starts_at),
        clock(session.ends_at),
        session.fee_fen,
    )
