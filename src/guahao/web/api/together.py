"""Booking two patients in one request: both or neither."""

from __future__ import annotations

from typing import Annotated, assert_never

import msgspec
from litestar.types import ASGIApp

from guahao.flows.booking.desk import Busy, NotBooked, OutcomeUnknown, TooFast
from guahao.flows.booking.together import PairBooked, PairNotBooked, PairRequest, WantedPlace
from guahao.rules.booking.together import PairFault
from guahao.rules.kernel.facts import Actor
from guahao.rules.kernel.outcomes import KeyMismatch, Refusal, Refused
from guahao.rules.people.logins import LoginRefused
from guahao.web.api.appointments import (
    EXAMPLE,
    KEY_PROBLEMS,
    TAG,
    AppointmentOut,
    appointment_out,
    idempotency_key,
)
from guahao.web.api.services import Route, Services
from guahao.web.framework.openapi import Endpoint
from guahao.web.framework.problems import problem_answer
from guahao.web.http.answers import json_answer
from guahao.web.http.reading import ApiRequest, Id, read_body
from guahao.web.words.language import reader_language
from guahao.words.text import Words


class PlaceItemIn(msgspec.Struct, forbid_unknown_fields=True):
    """A place for a patient."""

    clinic_session_id: Id
    patient_id: Id


class TogetherIn(msgspec.Struct, forbid_unknown_fields=True):
    """Two places, each for a patient of its own."""

    places: Annotated[list[PlaceItemIn], msgspec.Meta(min_length=2, max_length=2)]


class TogetherOut(msgspec.Struct):
    """Both bookings, in the order of the request."""

    items: list[AppointmentOut]


_FIRST = msgspec.structs.replace(EXAMPLE, won_in_draw=False, declinable_until=None)
_SECOND = msgspec.structs.replace(
    _FIRST,
    id=502,
    order_no="0000005025",
    code="70315526",
    patient_id=18,
    patient=msgspec.structs.replace(EXAMPLE.patient, id=18),
)
_TOGETHER = Endpoint(
    "POST",
    "/appointments/together",
    TAG,
    Words("两位就诊人一起预约：都约上，或都不约"),
    TogetherOut([_FIRST, _SECOND]),
    status=201,
    body=TogetherIn([PlaceItemIn(9001, 17), PlaceItemIn(9001, 18)]),
    headers={"Idempotency-Key": Words("每次预约一个新的编号，重试时沿用：1到64个可见ASCII字符")},
    problems=(*PairFault, *Refusal, *KEY_PROBLEMS),
)
_decoder = msgspec.json.Decoder(TogetherIn)


def together_routes(services: Services) -> list[Route]:
    """Return the route of /appointments/together."""

    async def book(request: ApiRequest) -> ASGIApp:
        claims = services.tokens.claims_of(request.scope)
        key = idempotency_key(request)
        body = await read_body(request, _decoder)
        first, second = (
            WantedPlace(place.patient_id, place.clinic_session_id) for place in body.places
        )
        actor = Actor("account", claims.account_id)
        answer = await services.desk.book_together(
            PairRequest(actor, key, (first, second), "api", claims.login_id),
            services.callers.of(request.scope),
        )
        match answer:
            case PairBooked(bookings):
                titles = services.platform.titles
                shown = [appointment_out(view, titles) for view in bookings]
                return json_answer(TogetherOut(shown), 201)
            case PairNotBooked(refused, patient_ids, names):
                language = reader_language(request.scope)
                problem = services.replies.pair_refused(refused, patient_ids, names, language)
                return problem_answer(request.scope, problem)
            case Refused(reason) | LoginRefused(reason):
                return services.refusal(request, reason)
            case KeyMismatch():
                return services.refusal(request, "idempotency_mismatch")
            case Busy() | TooFast() | OutcomeUnknown() | NotBooked():
                return services.refusal(
                    request, answer.code, retry_after_seconds=answer.retry_after_seconds
                )
            case never:
                assert_never(never)

    return [Route(_TOGETHER, book)]
