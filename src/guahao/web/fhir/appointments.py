"""Appointment: the account's own bookings; created and cancelled by the same desk and rules."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import msgspec
from fhir.resources.R4B.appointment import Appointment
from fhir.resources.R4B.resource import Resource
from litestar.types import ASGIApp
from pydantic import ValidationError

from guahao.flows.appointments import list_appointments, own_appointment
from guahao.flows.cancelling import cancel
from guahao.flows.desk import Busy
from guahao.flows.schedules import one_session
from guahao.rules.facts import Actor
from guahao.rules.outcomes import CancelRefusal, KeyMismatch, Refused
from guahao.store.views import AppointmentView
from guahao.web.answers import Answer
from guahao.web.fhir import resources
from guahao.web.fhir.bundles import page_of, searchset
from guahao.web.fhir.door import Door, Route, resource_answer
from guahao.web.fhir.patients import own_patients
from guahao.web.fhir.search import in_range, read_search, reference_id
from guahao.web.language import reader_language
from guahao.web.problems import problem_answer
from guahao.web.reading import ApiRequest, ProblemError, body_bytes, header, read_id

_JSON_TYPES = frozenset(
    {
        b"application/json",
        b"application/fhir+json",
        b"application/merge-patch+json",
        b"application/json-patch+json",
    }
)
_KEY_LENGTH_MAX = 64


def appointment_routes() -> list[Route]:
    """Read, search, create; update and patch to cancel."""
    return [
        Route("GET", "/Appointment/{id}", _read),
        Route("GET", "/Appointment", _search),
        Route("POST", "/Appointment", _create),
        Route("PUT", "/Appointment/{id}", _update),
        Route("PATCH", "/Appointment/{id}", _patch),
    ]


async def _read(door: Door, request: ApiRequest) -> ASGIApp:
    account_id = door.tokens.account_of(request.scope)
    id = read_id(request, "id", "unknown_appointment")
    found = await own_appointment(door.platform, account_id, id)
    if found is None:
        raise ProblemError("unknown_appointment")
    return resource_answer(resources.appointment(found))


async def _search(door: Door, request: ApiRequest) -> ASGIApp:
    account_id = door.tokens.account_of(request.scope)
    asked = read_search(request, "patient", "actor", "status", "date", "slot", "identifier")
    views = [
        *await list_appointments(door.platform, account_id, "current"),
        *await list_appointments(door.platform, account_id, "history"),
    ]
    patients, slots = asked.ids("patient", "Patient"), asked.ids("slot", "Slot")
    if patients is None and asked.text("actor"):
        patients = asked.ids("actor", "Patient")
    wanted = _statuses(asked.words("status"))
    dated = in_range(asked.given.get("date"), "date")
    named = asked.text("identifier")
    ids = asked.ids("_id")
    found = [
        view
        for view in views
        if (ids is None or view.id in ids)
        and (patients is None or view.patient.id in patients)
        and (slots is None or view.session.id in slots)
        and (wanted is None or view.status in wanted)
        and (named is None or named.rpartition("|")[2] in (view.order_no, view.code))
        and dated(resources.slot_times(view.session)[0])
    ]
    page, after = page_of(found, asked)
    included = await _included(door, request, asked.includes, page)
    made = [resources.appointment(view) for view in page]
    return searchset(
        door, "Appointment", asked, made, next_cursor=after, total=len(found), included=included
    )


def _statuses(words: set[str] | None) -> set[str] | None:
    if words is None:
        return None
    return {ours for word in words for ours in resources.OUR_STATUSES.get(word, ())}


async def _included(
    door: Door, request: ApiRequest, wishes: set[str], page: Sequence[AppointmentView]
) -> list[Resource]:
    included: list[Resource] = []
    if wishes & {"Appointment:patient", "Appointment:actor"}:
        shown = {view.patient.id for view in page}
        own = await own_patients(door, request)
        included += [resources.patient(view) for view in own if view.id in shown]
    if "Appointment:slot" in wishes:
        ids = sorted({view.session.id for view in page})
        slots = [await one_session(door.platform, id) for id in ids]
        included += [resources.slot(*one) for one in slots if one is not None]
    return included


async def _create(door: Door, request: ApiRequest) -> ASGIApp:
    account_id = door.tokens.account_of(request.scope)
    wished = await _read_appointment(request)
    slot_id, patient_id = _slot(wished), _patient(wished)
    key = _idempotency_key(request, wished)
    answer = await door.desk.book(Actor("account", account_id), key, patient_id, slot_id, "fhir")
    if isinstance(answer, AppointmentView):
        place = f"{door.base}/Appointment/{answer.id}".encode()
        return resource_answer(resources.appointment(answer), 201, [(b"location", place)])
    if isinstance(answer, Refused):
        problem = door.replies.refused(answer, reader_language(request.scope))
        return problem_answer(request.scope, problem)
    if isinstance(answer, KeyMismatch):
        return door.refusal(request, "idempotency_mismatch")
    code = "busy" if isinstance(answer, Busy) else "outcome_unknown"
    return door.refusal(request, code, retry_after_seconds=answer.retry_after_seconds)


async def _update(door: Door, request: ApiRequest) -> ASGIApp:
    """Only the status can be changed, and only to `cancelled`."""
    account_id = door.tokens.account_of(request.scope)
    wished = await _read_appointment(request)
    id = read_id(request, "id", "unknown_appointment")
    if wished.id is not None and wished.id != str(id):
        raise ProblemError("fhir_invalid", field="Appointment.id")
    return await _set_status(door, request, account_id, id, wished.status or "")


async def _patch(door: Door, request: ApiRequest) -> ASGIApp:
    account_id = door.tokens.account_of(request.scope)
    status = _patched_status(await _read_json(request))
    id = read_id(request, "id", "unknown_appointment")
    return await _set_status(door, request, account_id, id, status)


def _patched_status(patch: Any) -> str:
    """The new status of a JSON Patch (RFC 6902) or a merge patch (RFC 7386) of it alone."""
    match patch:
        case [{"op": "replace", "path": "/status", "value": str(status)}]:
            return status
        case {"status": str(status), **others} if others.keys() <= {"resourceType", "id"}:
            return status
        case _:
            raise ProblemError("fhir_only_cancel")


async def _set_status(
    door: Door, request: ApiRequest, account_id: int, id: int, status: str
) -> ASGIApp:
    if status != "cancelled":
        raise ProblemError("fhir_only_cancel")
    outcome = await cancel(door.platform, account_id, id)
    if outcome is None:
        raise ProblemError("unknown_appointment")
    if isinstance(outcome, CancelRefusal):
        return await _not_cancelled(door, request, account_id, id, outcome)
    return resource_answer(resources.appointment(outcome))


async def _not_cancelled(
    door: Door, request: ApiRequest, account_id: int, id: int, refusal: CancelRefusal
) -> Answer:
    """Cancelling twice is what was wished for: the resource as it is."""
    found = await own_appointment(door.platform, account_id, id)
    if found is not None and found.status == "cancelled":
        return resource_answer(resources.appointment(found))
    return door.refusal(request, refusal)


async def _read_appointment(request: ApiRequest) -> Appointment:
    body = await _read_json(request)
    try:
        return Appointment.model_validate(body)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"][:4])
        raise ProblemError("fhir_invalid", field=f"Appointment.{place}"[:80]) from None


async def _read_json(request: ApiRequest) -> Any:
    content_type = (header(request.scope, b"content-type") or b"").partition(b";")[0]
    if content_type.strip().lower() not in _JSON_TYPES:
        raise ProblemError("unsupported_media_type")
    try:
        return msgspec.json.decode(await body_bytes(request))
    except UnicodeDecodeError:
        raise ProblemError("invalid_encoding") from None
    except (msgspec.DecodeError, RecursionError):
        raise ProblemError("malformed_json") from None


def _slot(wished: Appointment) -> int:
    """The one slot that is asked for."""
    slots = [reference_id(slot.reference or "", "Slot") for slot in wished.slot or ()]
    if len(slots) != 1 or slots[0] is None:
        raise ProblemError("fhir_invalid", field="Appointment.slot")
    return slots[0]


def _patient(wished: Appointment) -> int:
    """The one patient among the participants."""
    actors = [part.actor.reference or "" for part in wished.participant if part.actor]
    patients = [reference_id(actor, "Patient") for actor in actors if "Patient/" in actor]
    if len(patients) != 1 or patients[0] is None:
        raise ProblemError("fhir_invalid", field="Appointment.participant")
    return patients[0]


def _idempotency_key(request: ApiRequest, wished: Appointment) -> str:
    """The header's, else the requester's own identifier of the appointment."""
    given = header(request.scope, b"idempotency-key")
    if given is not None:
        if not 1 <= len(given) <= _KEY_LENGTH_MAX or not given.isascii():
            raise ProblemError("idempotency_key_invalid")
        key = given.decode("ascii")
        if not key.isprintable() or " " in key:
            raise ProblemError("idempotency_key_invalid")
        return key
    for identifier in wished.identifier or ():
        if identifier.value:
            named = f"{identifier.system or ''}|{identifier.value}"
            return sha256(named.encode()).hexdigest()
    raise ProblemError("fhir_key_required")
