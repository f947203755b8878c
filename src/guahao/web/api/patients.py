"""Patients: real persons registered to an account's phone (S2, S3)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, assert_never

import msgspec
from litestar.types import ASGIApp

from guahao.flows.people.patients import register_patient
from guahao.flows.people.removing import remove_patient
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.text import NameFault
from guahao.rules.people.consent import NOTICE_VERSION, Consent
from guahao.rules.people.identity import masked_document
from guahao.rules.people.registering import PatientRefusal
from guahao.rules.people.removing import RemoveRefusal
from guahao.store.kernel.views import PatientView
from guahao.web.api.services import Route, Services
from guahao.web.framework.openapi import Endpoint
from guahao.web.framework.problems import problem_answer
from guahao.web.http.answers import json_answer
from guahao.web.http.reading import NO_CONTROLS, ApiRequest, ProblemError, read_body, read_id
from guahao.web.words.language import reader_language
from guahao.words.text import Words

TAG = Words("账户与就诊人")


class PatientIn(msgspec.Struct, forbid_unknown_fields=True):
    """The patient to register.

    `consent` is the version of the privacy notice that the person has consented to; a client that
    does not send it yet registers adults as before, and no consent is recorded. A patient under
    14 needs it, with `guardian_consent`.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=60, pattern=NO_CONTROLS)]
    id_type: Literal["01", "02", "03", "04", "06", "07", "99"]
    id_no: Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=NO_CONTROLS)]
    birth_date: date | None = None  # of a newborn with a birth certificate
    consent: Annotated[str, msgspec.Meta(max_length=20, pattern=NO_CONTROLS)] | None = None
    guardian_consent: bool = False


class PatientOut(msgspec.Struct):
    """A patient for the owner of the account; the document number is masked."""

    id: int
    name: str
    id_type: str
    id_no: str
    suspended_until: date | None


EXAMPLE = PatientOut(17, "示例", "01", "1101****002X", None)
_REGISTER = Endpoint(
    "POST",
    "/patients",
    TAG,
    Words("登记就诊人"),
    EXAMPLE,
    status=201,
    body=PatientIn("示例", "01", "11010519491231002X", consent=NOTICE_VERSION),
    problems=(*PatientRefusal, "too_many_registrations"),
)
_REMOVE = Endpoint(
    "DELETE",
    "/patients/{patient_id}",
    TAG,
    Words("移除就诊人"),
    EXAMPLE,
    problems=tuple(RemoveRefusal),
)
_decoder = msgspec.json.Decoder(PatientIn)


def patient_out(view: PatientView) -> PatientOut:
    """Return a patient as its owner sees it."""
    return PatientOut(
        view.id, view.name, view.id_type, masked_document(view.id_no), view.suspended_until
    )


def patient_routes(services: Services) -> list[Route]:
    """Return POST /patients and DELETE /patients/{patient_id}."""

    async def register(request: ApiRequest) -> ASGIApp:
        claims = services.tokens.claims_of(request.scope)
        body = await read_body(request, _decoder)
        account_id = await services.tokens.account_by(claims)
        wait_seconds = services.desk.velocity.registration(
            account_id, services.callers.of(request.scope), services.platform.db.clock().timestamp()
        )
        if wait_seconds is not None:
            return services.refusal(
                request, "too_many_registrations", retry_after_seconds=wait_seconds
            )
        consent = None
        if body.consent is not None:
            consent = Consent(body.consent, "api", body.guardian_consent)
        try:
            outcome = await register_patient(
                services.platform,
                account_id,
                body.name,
                body.id_type,
                body.id_no,
                body.birth_date,
                consent=consent,
            )
        except LookupError:
            raise ProblemError("token_invalid") from None
        match outcome:
            case PatientView():
                return json_answer(patient_out(outcome), 201)
            case NameFault() as fault:
                problem = services.replies.name_refused(fault, reader_language(request.scope))
                return problem_answer(request.scope, problem)
            case Refused(reason):
                return services.refusal(request, reason)
            case never:
                assert_never(never)

    async def remove(request: ApiRequest) -> ASGIApp:
        account_id = await services.tokens.account_of(request.scope)
        patient_id = read_id(request, "patient_id", RemoveRefusal.NOT_YOURS)
        outcome = await remove_patient(services.platform, account_id, patient_id)
        if isinstance(outcome, Refused):
            return services.refusal(request, outcome.reason)
        return json_answer(patient_out(outcome))

    return [Route(_REGISTER, register), Route(_REMOVE, remove)]
