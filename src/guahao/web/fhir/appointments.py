"""Appointment: the account's own bookings, under the same rules as everywhere.

Live applications are read as `waitlist`, places offered for a stopped booking as `proposed`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from functools import partial
from hashlib import sha256
from typing import Any, assert_never

import msgspec
from fhir.resources.R4B.appointment import Appointment
from fhir.resources.R4B.resource import Resource
from litestar.types import ASGIApp
from pydantic import ValidationError

from guahao.flows.booking.appointments import list_appointments, own_appointment
from guahao.flows.booking.cancelling import NotCancelled, cancel
from guahao.flows.booking.desk import Busy, NotBooked, OutcomeUnknown, TooFast
from guahao.flows.fairness.applications import live_applications
from guahao.flows.supply.replacing import own_offers
from guahao.flows.supply.schedules import one_session, sessions_by_ids
from guahao.rules.kernel.facts import Actor
from guahao.rules.kernel.outcomes import KeyMismatch, Refused
from guahao.rules.people.logins import LoginRefused
from guahao.rules.supply.releasing import city_time
from guahao.store.fairness.applications import ApplicationView
from guahao.store.hospitals.title_book import TitleBook
from guahao.store.kernel.views import AppointmentView
from guahao.store.supply.replacements import OfferView
from guahao.web.fhir import resources
from guahao.web.fhir.bundles import page_of, searchset
from guahao.web.fhir.dates import in_range
from guahao.web.fhir.patients import own_patients
from guahao.web.fhir.search import Search, read_search, reference_id
from guahao.web.fhir.services import Route, Services, resource_answer, search_routes
from guahao.web.framework.problems import problem_answer
from guahao.web.http.reading import ApiRequest, ProblemError, body_bytes, header, read_id
from guahao.web.words.language import reader_language

_JSON_TYPES = frozenset(
    {
        b"application/json",
        b"application/fhir+json",
        b"application/merge-patch+json",
        b"application/json-patch+json",
    }
)
_KEY_LENGTH_MAX = 64
_WISHES = ("proposed", "pending", "booked")
_PARAMETERS = (
    *("patient", "actor", "status", "date", "slot", "identifier"),
    *("_lastUpdated", "_sort"),
)


def appointment_routes() -> list[Route]:
    """Return read, search, create, and update and patch to cancel."""
    return [
        Route("GET", "/Appointment/{id}", _read),
        *search_routes("Appointment", _search),
        Route("POST", "/Appointment", _create),
        Route("PUT", "/Appointment/{id}", _update),
        Route("PATCH", "/Appointment/{id}", _patch),
    ]


async def _read(services: Services, request: ApiRequest) -> ASGIApp:
    claims = services.tokens.claims_of(request.scope)
    named = request.path_params["id"]
    account_id = await services.tokens.account_by(claims)
    # What is not booked is found among the account's few.
    if named.startswith((resources.WAITLIST, resources.OFFER)):
        for waiting in await _not_booked(services, account_id):
            if waiting.id == named:
                return resource_answer(waiting.make(services.platform.titles))
        raise ProblemError("unknown_appointment")
    id = read_id(request, "id", "unknown_appointment")
    found = await own_appointment(services.platform, account_id, id)
    if found is None:
        raise ProblemError("unknown_appointment")
    return resource_answer(resources.appointment(found, services.platform.titles))


@dataclass(frozen=True, slots=True)
class _Found:
    """What a search decides on: a booking, an offered place or an application.

    `order`: the start of the visit, the kind and the number.
    """

    id: str
    order: tuple[int, int, int]
    status: str
    start: datetime
    changed_at: datetime
    patient_ids: tuple[int, ...]
    department_id: int
    hospital_id: int
    make: Callable[[TitleBook], Appointment]
    session_id: int | None = None
    identifiers: tuple[tuple[str, str], ...] = ()


def _booking(view: AppointmentView) -> _Found:
    session = view.session
    start = resources.slot_times(session)[0]
    return _Found(
        str(view.id),
        (int(start.timestamp()), 0, view.id),
        resources.appointment_status(view),
        start,
        view.changed_at,
        (view.patient.id,),
        session.department_id,
        session.hospital_id,
        partial(resources.appointment, view),
        session.id,
        ((resources.ORDER_NO, view.order_no), (resources.CODE, view.code)),
    )


def _offered(offer: OfferView, stopped: AppointmentView) -> _Found:
    session = offer.session
    start = resources.slot_times(session)[0]
    return _Found(
        f"{resources.OFFER}{stopped.id}",
        (int(start.timestamp()), 1, stopped.id),
        "proposed",
        start,
        stopped.changed_at,
        (stopped.patient.id,),
        session.department_id,
        session.hospital_id,
        partial(resources.proposed, offer, stopped),
        session.id,
    )


def _applied(view: ApplicationView) -> _Found:
    start = city_time(view.wishes.first_date, time())
    return _Found(
        f"{resources.WAITLIST}{view.id}",
        (int(start.timestamp()), 2, view.id),
        "waitlist",
        start,
        view.changed_at,
        tuple(patient.id for patient in view.patients),
        view.department_id,
        view.hospital_id,
        partial(resources.waitlisted, view),
    )


async def _not_booked(services: Services, account_id: int) -> list[_Found]:
    """Return the account's live applications and the places that are offered to it."""
    platform = services.platform
    live = await live_applications(platform, account_id)
    found = [_applied(application) for application in live if application.patients]
    now = platform.db.clock()
    for stopped_id, offer in (await own_offers(platform, account_id)).items():
        if not offer.is_open(now):
            continue
        stopped = await own_appointment(platform, account_id, stopped_id)
        if stopped is not None:
            found.append(_offered(offer, stopped))
    return found


async def _search(services: Services, request: ApiRequest) -> ASGIApp:
    account_id = await services.tokens.account_of(request.scope)
    asked = read_search(services, request, *_PARAMETERS)
    views = [
        *await list_appointments(services.platform, account_id, "current"),
        *await list_appointments(services.platform, account_id, "history"),
    ]
    waiting = await _not_booked(services, account_id)
    is_meant = _filter(asked)
    found = [found for found in (*map(_booking, views), *waiting) if is_meant(found)]
    shown = page_of(found, asked, _order, parts=3, backwards=asked.backwards("date"))
    included = await _included(services, request, asked.includes, shown.items)
    made = [found.make(services.platform.titles) for found in shown.items]
    return searchset(
        services,
        "Appointment",
        asked,
        made,
        total=len(found),
        following=shown.following,
        included=included,
    )


def _order(found: _Found) -> tuple[int, int, int]:
    return found.order


def _filter(asked: Search) -> Callable[[_Found], bool]:
    """Return what the parameters match."""
    ids, slots = asked.words("_id"), asked.ids("slot", "Slot")
    patients, acts = asked.ids("patient", "Patient"), asked.refers("actor")
    wanted, is_named = asked.words("status"), asked.tokens("identifier")
    dated = in_range(asked.given.get("date"), "date")
    changed = in_range(asked.given.get("_lastUpdated"), "_lastUpdated")

    def is_meant(found: _Found) -> bool:
        return (
            (ids is None or found.id in ids)
            and (slots is None or found.session_id in slots)
            and (patients is None or not set(patients).isdisjoint(found.patient_ids))
            and (wanted is None or found.status in wanted)
            and is_named(*found.identifiers)
            and acts(
                *(f"Patient/{id}" for id in found.patient_ids),
                f"HealthcareService/{found.department_id}",
                f"Location/{found.hospital_id}",
            )
            and dated(found.start)
            and changed(found.changed_at)
        )

    return is_meant


async def _included(
    services: Services, request: ApiRequest, wishes: set[str], page: Sequence[_Found]
) -> list[Resource]:
    included: list[Resource] = []
    if wishes & {"Appointment:patient", "Appointment:actor"}:
        shown = {id for found in page for id in found.patient_ids}
        own = await own_patients(services, request)
        included += [resources.patient(view) for view in own if view.id in shown]
    if "Appointment:slot" in wishes:
        ids = sorted({found.session_id for found in page if found.session_id is not None})
        slots = await sessions_by_ids(services.platform, ids)
        included += [resources.slot(*slot, services.platform.titles) for slot in slots]
    return included


async def _create(services: Services, request: ApiRequest) -> ASGIApp:
    claims = services.tokens.claims_of(request.scope)
    wished = await _read_appointment(request)
    if wished.status not in _WISHES:
        raise ProblemError("fhir_invalid", field="Appointment.status")
    slot_id, patient_id = _slot(services, wished), _patient(services, wished)
    key = _idempotency_key(request, wished)
    await _check_times(services, wished, slot_id)
    actor, caller = Actor("account", claims.account_id), services.callers.of(request.scope)
    answer = await services.desk.book(
        actor, key, patient_id, slot_id, "fhir", caller, login_id=claims.login_id
    )
    match answer:
        case AppointmentView():
            place = f"{services.base}/Appointment/{answer.id}".encode()
            booked = resources.appointment(answer, services.platform.titles)
            return resource_answer(booked, 201, [(b"location", place)])
        case Refused():
            problem = services.replies.refused(answer, reader_language(request.scope))
            return problem_answer(request.scope, problem)
        case KeyMismatch():
            return services.refusal(request, "idempotency_mismatch")
        case LoginRefused(reason):
            return services.refusal(request, reason)
        case Busy() | TooFast() | NotBooked() | OutcomeUnknown():
            return services.refusal(
                request, answer.code, retry_after_seconds=answer.retry_after_seconds
            )
        case never:
            assert_never(never)


async def _check_times(services: Services, wished: Appointment, slot_id: int) -> None:
    """Refuse a start or end that differs from the slot's: the client means another slot."""
    if wished.start is None and wished.end is None:
        return
    found = await one_session(services.platform, slot_id)
    if found is not None and (wished.start, wished.end) != resources.slot_times(found[0]):
        raise ProblemError("fhir_invalid", field="Appointment.start")


async def _update(services: Services, request: ApiRequest) -> ASGIApp:
    """Cancel by an update; refuse any other change."""
    account_id = await services.tokens.account_of(request.scope)
    wished = await _read_appointment(request)
    id = read_id(request, "id", "unknown_appointment")
    if wished.id != str(id):
        raise ProblemError("fhir_other_id")
    return await _set_status(services, request, account_id, id, wished.status or "")


async def _patch(services: Services, request: ApiRequest) -> ASGIApp:
    account_id = await services.tokens.account_of(request.scope)
    status = _patched_status(await _read_json(request))
    id = read_id(request, "id", "unknown_appointment")
    return await _set_status(services, request, account_id, id, status)


def _patched_status(patch: Any) -> str:
    """Return the status that a JSON Patch (RFC 6902) or merge patch (RFC 7386) sets alone."""
    match patch:
        case [{"op": "replace", "path": "/status", "value": str(status)}]:
            return status
        case {"status": str(status), **others} if others.keys() <= {"resourceType", "id"}:
            return status
        case _:
            raise ProblemError("fhir_only_cancel")


async def _set_status(
    services: Services, request: ApiRequest, account_id: int, id: int, status: str
) -> ASGIApp:
    if status != "cancelled":
        raise ProblemError("fhir_only_cancel")
    outcome = await cancel(services.platform, account_id, id)
    match outcome:
        case AppointmentView() as booking:
            return resource_answer(resources.appointment(booking, services.platform.titles))
        case NotCancelled(booking=AppointmentView(status="cancelled") as booking):
            # Cancelling twice succeeds and returns the resource as it is.
            return resource_answer(resources.appointment(booking, services.platform.titles))
        case NotCancelled(reason):
            return services.refusal(request, reason)
        case never:
            assert_never(never)


async def _read_appointment(request: ApiRequest) -> Appointment:
    body = await _read_json(request)
    try:
        wished = Appointment.model_validate(body)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"][:4])
        raise ProblemError("fhir_invalid", field=f"Appointment.{place}"[:80]) from None
    except (KeyError, TypeError):  # the library's way to report an unknown resource type
        raise ProblemError("fhir_invalid", field="Appointment.contained") from None
    for name in ("modifierExtension", "implicitRules"):  # must not be ignored
        if getattr(wished, name):
            raise ProblemError("fhir_invalid", field=f"Appointment.{name}")
    return wished


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


def _slot(services: Services, wished: Appointment) -> int:
    """Return the only slot of the request."""
    slots = [_id_of(services, slot.reference, "Slot") for slot in wished.slot or ()]
    if len(slots) != 1 or slots[0] is None:
        raise ProblemError("fhir_invalid", field="Appointment.slot")
    return slots[0]


def _patient(services: Services, wished: Appointment) -> int:
    """Return the only patient among the participants."""
    actors = [part.actor.reference or "" for part in wished.participant if part.actor]
    patients = [_id_of(services, actor, "Patient") for actor in actors if "Patient/" in actor]
    if len(patients) != 1 or patients[0] is None:
        raise ProblemError("fhir_invalid", field="Appointment.participant")
    return patients[0]


def _id_of(services: Services, reference: str | None, kind: str) -> int | None:
    """Return the id of `Kind/1`, relative or under our base URL."""
    local = (reference or "").removeprefix(f"{services.base}/")
    return reference_id(local, kind) if local.startswith(f"{kind}/") else None


def _idempotency_key(request: ApiRequest, wished: Appointment) -> str:
    """Return the key of the header, else the client's own identifier of the appointment."""
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
