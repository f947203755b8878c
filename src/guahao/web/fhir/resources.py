"""Records as FHIR R4 resources, which fhir.resources validates on creation.

The models are those of R4B, FHIR 4.3, whose definitions of these resources are R4's:
nothing here uses what R4B added. Names of our own systems begin with urn:guahao.
"""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from fhir.resources.R4B.appointment import Appointment
from fhir.resources.R4B.healthcareservice import HealthcareService
from fhir.resources.R4B.location import Location
from fhir.resources.R4B.organization import Organization
from fhir.resources.R4B.patient import Patient
from fhir.resources.R4B.schedule import Schedule
from fhir.resources.R4B.slot import Slot

from guahao.rules.kernel.limits import CITY_TIME
from guahao.rules.people.identity import masked_document
from guahao.rules.supply.releasing import city_time
from guahao.store.fairness.applications import ApplicationView
from guahao.store.hospitals.title_book import TitleBook
from guahao.store.kernel.views import AppointmentView, HospitalView, PatientView, SessionView
from guahao.store.supply.listings import BookableDepartment
from guahao.store.supply.replacements import OfferView
from guahao.web.fhir.services import made

Json = dict[str, Any]

ORDER_NO = "urn:guahao:order-no"
CODE = "urn:guahao:identification-code"
STATUS = "urn:guahao:appointment-status"
SESSION_STATE = "urn:guahao:clinic-session-state"
PERIOD = "urn:guahao:period"
TITLE = "urn:guahao:title"
FEE = "urn:guahao:fee-fen"
WAITING_FOR_DRAW = "urn:guahao:waiting-for-draw"
DRAW_AT = "urn:guahao:draw-at"
DEPARTMENT = "urn:guahao:department"
# Ids of what is not booked: an application's, and an offer's by its stopped booking.
WAITLIST, OFFER = "waitlist-", "offer-"
_DOCUMENT = "urn:guahao:id-type:"
# Marks an identifier that is masked (an extension of FHIR).
_RENDERED = "http://hl7.org/fhir/StructureDefinition/rendered-value"
# A text in another language (an extension of FHIR).
_TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"
# The number of free places (SMART Scheduling Links).
_CAPACITY = "http://fhir-registry.smarthealthit.org/StructureDefinition/slot-capacity"
_CANCEL_REASON = "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason"
_DEPARTMENT_TYPE = {
    "system": "http://terminology.hl7.org/CodeSystem/organization-type",
    "code": "prov",
    "display": "Healthcare Provider",
}

# For sessions without hours of their own; FHIR requires start and end.
_PERIOD_STARTS = {"morning": time(8, 0), "afternoon": time(13, 0), "evening": time(17, 30)}

_SLOT_STATUS = {
    "available": "free",
    "by_draw": "busy-tentative",
    "full": "busy",
}  # else busy-unavailable
# `unverified` stays booked: attendance is not known yet.
_STATUS = {
    "booked": "booked",
    "picked_up": "checked-in",
    "cancelled": "cancelled",
    "stopped": "cancelled",
    "no_show": "noshow",
    "unverified": "booked",
}


def organization(view: HospitalView) -> Organization:
    """Return a hospital."""
    return made(
        Organization,
        id=str(view.id),
        active=True,
        type=[{"coding": [_DEPARTMENT_TYPE], "text": view.grade}],
        name=view.name,
        alias=[view.name_en] if view.name_en else None,
        telecom=_phone(view),
        address=[_address(view)],
        **_english("_name", view.name_en),
    )


def location(view: HospitalView) -> Location:
    """Return a hospital's location; a campus with its own code is a hospital of its own."""
    organization = _reference("Organization", view.id)
    return made(Location, **location_fields(view), managingOrganization=organization)


def location_fields(view: HospitalView) -> Json:
    """Return a Location's elements. `description`: where in it patients pick up their number."""
    fields: Json = {
        "id": str(view.id),
        "status": "active",
        "name": view.name,
        "telecom": _phone(view),
        "address": _address(view),
        **_english("_name", view.name_en),
    }
    if not view.pickup_place:
        return fields
    english = _english("_description", view.pickup_place_en)
    return {**fields, "description": view.pickup_place, **english}


def _phone(view: HospitalView) -> list[Json] | None:
    return [{"system": "phone", "value": view.phone}] if view.phone else None


def _address(view: HospitalView) -> Json:
    address: Json = {"district": view.district, "country": "CN"}
    if not view.address:
        return address
    address["line"] = [view.address]
    if view.address_en:
        address["_line"] = [_translated(view.address_en)]
    return address


def _english(element: str, text_en: str) -> Json:
    """Return the English of an element (`_name` of `name`), where there is one."""
    return {element: _translated(text_en)} if text_en else {}


def _translated(text_en: str) -> Json:
    parts = [{"url": "lang", "valueCode": "en"}, {"url": "content", "valueString": text_en}]
    return {"extension": [{"url": _TRANSLATION, "extension": parts}]}


def healthcare_service(department: BookableDepartment) -> HealthcareService:
    """Return a bookable department, without doctors, as the platform books (S1).

    `extraDetails`: what the hospital tells everybody who books.
    """
    notice_en = department.hospital_notice_en if department.hospital_notice else ""
    return made(
        HealthcareService,
        id=str(department.id),
        active=True,
        providedBy=_reference("Organization", department.hospital_id, department.hospital_name),
        category=_parent(department),
        type=[_concept(department.name, department.name_en)],
        location=[_reference("Location", department.hospital_id)],
        name=department.name,
        comment=department.name_en or None,
        extraDetails=department.hospital_notice or None,
        appointmentRequired=True,
        **_english("_name", department.name_en),
        **_english("_extraDetails", notice_en),
    )


def schedule(department: BookableDepartment) -> Schedule:
    """Return a department's schedule; its slots are the clinic sessions."""
    return made(
        Schedule,
        id=str(department.id),
        active=True,
        serviceCategory=_parent(department),
        serviceType=[service_type(department)],
        actor=[
            _reference("HealthcareService", department.id, department.name),
            _reference("Location", department.hospital_id, department.hospital_name),
        ],
    )


def service_type(department: BookableDepartment) -> Json:
    """Return the department as a coded service: its code is the hospital's or the nation's."""
    coding = {"system": DEPARTMENT, "code": department.code, "display": department.name}
    return {"coding": [coding], **_concept(department.name, department.name_en)}


def slot(view: SessionView, state: str, titles: TitleBook) -> Slot:
    """Return a clinic session in its state (`rules.supply.releasing.session_state`)."""
    return made(Slot, **slot_fields(view, state, titles))


def slot_fields(view: SessionView, state: str, titles: TitleBook) -> Json:
    """Return a Slot's elements without validation, which is too slow for thousands."""
    start, end = slot_times(view)
    fields: Json = {
        "id": str(view.id),
        "extension": [
            {"url": _CAPACITY, "valueInteger": view.remaining},
            {"url": SESSION_STATE, "valueCode": state},
            {"url": PERIOD, "valueCode": view.period},
            {"url": FEE, "valueInteger": view.fee_fen},
            *_waiting(view),
        ],
        "serviceType": [_concept(view.department_name, view.department_name_en)],
        "appointmentType": {
            "coding": [{"system": TITLE, "display": view.title}],
            **_concept(view.title, titles.title_en(view.title)),
        },
        "schedule": _reference("Schedule", view.department_id),
        "status": slot_status(state),
        "start": start,
        "end": end,
    }
    specialty = _specialty(view.specialty, titles)
    return {**fields, "specialty": specialty} if specialty else fields


def _waiting(view: SessionView) -> list[Json]:
    """Return how many places wait for a draw, and when it is; nothing where none waits."""
    if not view.held or view.draw_at is None:
        return []
    return [
        {"url": WAITING_FOR_DRAW, "valueInteger": view.held},
        {"url": DRAW_AT, "valueDateTime": view.draw_at.astimezone(CITY_TIME)},
    ]


def slot_status(state: str) -> str:
    """Return FHIR's status for a session's state."""
    return _SLOT_STATUS.get(state, "busy-unavailable")


def slot_times(view: SessionView) -> tuple[datetime, datetime]:
    """Return the session's hours, else the period's, until the hospital's pick-up deadline."""
    start = view.starts_at or _PERIOD_STARTS[view.period]
    end = view.ends_at or max(view.rules.pickup_until(view.period), start)
    return city_time(view.visit_date, start), city_time(view.visit_date, end)


def appointment(view: AppointmentView, titles: TitleBook) -> Appointment:
    """Return a booking for its owner, with the identification code."""
    session = view.session
    start, end = slot_times(session)
    return made(
        Appointment,
        id=str(view.id),
        meta={"lastUpdated": view.changed_at},
        extension=[{"url": STATUS, "valueCode": view.status}],
        identifier=[
            {"use": "usual", "system": ORDER_NO, "value": view.order_no},
            {"use": "secondary", "system": CODE, "value": view.code},
        ],
        status=appointment_status(view),
        cancelationReason=_cancel_reason(view.status),
        serviceType=[_concept(session.department_name, session.department_name_en)],
        specialty=_specialty(session.specialty, titles),
        appointmentType=_concept(session.title, titles.title_en(session.title)),
        start=start,
        end=end,
        slot=[_reference("Slot", session.id)],
        created=view.booked_at,
        participant=[
            _participant("Patient", view.patient.id),
            _participant("HealthcareService", session.department_id, session.department_name),
            _participant("Location", session.hospital_id, session.hospital_name),
        ],
    )


def waitlisted(view: ApplicationView, titles: TitleBook) -> Appointment:
    """Return a live application (候补) for its owner: without a time, as nothing is booked yet."""
    wishes, title = view.wishes, view.wishes.title
    return made(
        Appointment,
        id=f"{WAITLIST}{view.id}",
        meta={"lastUpdated": view.changed_at},
        extension=[{"url": STATUS, "valueCode": view.state}],
        status="waitlist",
        serviceType=[_concept(view.department_name, view.department_name_en)],
        specialty=_specialty(wishes.specialty or "", titles),
        appointmentType=_concept(title, titles.title_en(title)) if title else None,
        requestedPeriod=[
            {"start": wishes.first_date.isoformat(), "end": wishes.last_date.isoformat()}
        ],
        created=view.created_at,
        participant=[
            *(_participant("Patient", patient.id) for patient in view.patients),
            _participant("HealthcareService", view.department_id, view.department_name),
            _participant("Location", view.hospital_id, view.hospital_name),
        ],
    )


def proposed(offer: OfferView, stopped: AppointmentView, titles: TitleBook) -> Appointment:
    """Return the place that is offered instead of a stopped booking, for its patient."""
    session = offer.session
    start, end = slot_times(session)
    return made(
        Appointment,
        id=f"{OFFER}{stopped.id}",
        meta={"lastUpdated": stopped.changed_at},
        status="proposed",
        serviceType=[_concept(session.department_name, session.department_name_en)],
        specialty=_specialty(session.specialty, titles),
        appointmentType=_concept(session.title, titles.title_en(session.title)),
        start=start,
        end=end,
        slot=[_reference("Slot", session.id)],
        participant=[
            {**_participant("Patient", stopped.patient.id), "status": "needs-action"},
            _participant("HealthcareService", session.department_id, session.department_name),
            _participant("Location", session.hospital_id, session.hospital_name),
        ],
    )


def appointment_status(view: AppointmentView) -> str:
    """Return FHIR's status for a booking's status."""
    return _STATUS[view.status]


def _cancel_reason(status: str) -> Json | None:
    code = {"cancelled": "pat", "stopped": "prov"}.get(status)
    return None if code is None else {"coding": [{"system": _CANCEL_REASON, "code": code}]}


def patient(view: PatientView) -> Patient:
    """Return a patient for its owner; the document number is masked, as in the JSON API."""
    identifier: Json = {
        "use": "official",
        "system": f"{_DOCUMENT}{view.id_type}",
        "_value": {"extension": [{"url": _RENDERED, "valueString": masked_document(view.id_no)}]},
    }
    return made(
        Patient, id=str(view.id), active=True, identifier=[identifier], name=[{"text": view.name}]
    )


def _concept(text: str, text_en: str) -> Json:
    """Return a concept that has no code, in Chinese and, where there is one, in English."""
    return {"text": text, **_english("_text", text_en)}


def _specialty(specialty: str, titles: TitleBook) -> list[Json] | None:
    return [_concept(specialty, titles.specialty_en(specialty))] if specialty else None


def _parent(department: BookableDepartment) -> list[Json] | None:
    name, name_en = department.parent_name, department.parent_name_en
    return [_concept(name, name_en)] if name else None


def _participant(kind: str, id: int, display: str | None = None) -> Json:
    return {"actor": _reference(kind, id, display), "required": "required", "status": "accepted"}


def _reference(kind: str, id: int, display: str | None = None) -> Json:
    reference = {"reference": f"{kind}/{id}"}
    return {**reference, "display": display} if display else reference
