"""The CapabilityStatement: what this server can do (GET /metadata)."""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import version
from typing import Any

from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from litestar.types import ASGIApp

from guahao.rules.kernel.limits import CITY_TIME
from guahao.web.fhir.services import Route, Services, made, resource_answer
from guahao.web.http.reading import ApiRequest

_SINCE = datetime(2026, 11, 24, tzinfo=CITY_TIME)
_READ = ("read", "search-type")
_TOKEN, _STRING, _DATE, _REFERENCE = "token", "string", "date", "reference"
_NOTES = {
    "Slot": "A search needs 1 to 20 schedules or _id; for the whole city see /$bulk-publish."
    " `_sort`: start, -start. From today on.",
    "Appointment": "The account's own. Create books; update and patch cancel a booking and do"
    " nothing else; POST /api/v1/appointments/ID/reschedule reschedules. An application for places"
    " is `waitlist`, a place offered for a stopped clinic `proposed`; both are only read."
    " A key is needed: the header Idempotency-Key, else the first identifier."
    " `_sort`: date, -date.",
    "Patient": "The account's own; the document's number is masked.",
    "Schedule": "`actor`: one HealthcareService or one or more Locations.",
}
# Parameters whose behaviour FHIR leaves open, or that we extend.
_BROADER = {
    "name": "A part of the name, Chinese or English; of a Patient: how it begins.",
    "address": "The district, exactly.",
    "service-type": "A part of the department's name.",
}
# By resource: interactions, search parameters, includes.
RESOURCES: dict[str, tuple[tuple[str, ...], dict[str, str], tuple[str, ...]]] = {
    "Organization": (_READ, {"_id": _TOKEN, "name": _STRING, "address": _STRING}, ()),
    "Location": (
        _READ,
        {"_id": _TOKEN, "name": _STRING, "address": _STRING, "organization": _REFERENCE},
        (),
    ),
    "HealthcareService": (
        _READ,
        {
            "_id": _TOKEN,
            "name": _STRING,
            "service-type": _TOKEN,
            "organization": _REFERENCE,
            "location": _REFERENCE,
        },
        ("HealthcareService:organization", "HealthcareService:location"),
    ),
    "Schedule": (
        _READ,
        {"_id": _TOKEN, "actor": _REFERENCE, "service-type": _TOKEN},
        ("Schedule:actor",),
    ),
    "Slot": (
        _READ,
        {
            "_id": _TOKEN,
            "schedule": _REFERENCE,
            "start": _DATE,
            "status": _TOKEN,
            "appointment-type": _TOKEN,
        },
        ("Slot:schedule",),
    ),
    "Appointment": (
        (*_READ, "create", "update", "patch"),
        {
            "_id": _TOKEN,
            "patient": _REFERENCE,
            "actor": _REFERENCE,
            "slot": _REFERENCE,
            "status": _TOKEN,
            "date": _DATE,
            "identifier": _TOKEN,
            "_lastUpdated": _DATE,
        },
        ("Appointment:patient", "Appointment:actor", "Appointment:slot"),
    ),
    "Patient": (_READ, {"_id": _TOKEN, "name": _STRING}, ()),
}


def capability_routes() -> list[Route]:
    """Return the route GET /metadata."""
    return [Route("GET", "/metadata", _metadata)]


async def _metadata(services: Services, _: ApiRequest) -> ASGIApp:
    return resource_answer(
        made(
            CapabilityStatement,
            status="active",
            date=_SINCE,
            kind="instance",
            software={"name": "guahao", "version": version("guahao")},
            implementation={"description": "guahao 预约挂号统一平台", "url": services.base},
            fhirVersion="4.0.1",
            format=["application/fhir+json"],
            patchFormat=["application/json-patch+json", "application/merge-patch+json"],
            rest=[
                {
                    "mode": "server",
                    "security": {
                        "cors": False,
                        "description": "Bearer tokens of /api/v1/auth/token; own data only.",
                    },
                    "resource": [_resource(kind) for kind in RESOURCES],
                }
            ],
        )
    )


def _resource(kind: str) -> dict[str, Any]:
    interactions, parameters, includes = RESOURCES[kind]
    return {
        "type": kind,
        "documentation": _NOTES.get(kind),
        "interaction": [{"code": code} for code in interactions],
        "versioning": "no-version",
        "readHistory": False,
        "updateCreate": False,
        "conditionalCreate": False,
        "searchInclude": list(includes) or None,
        "searchParam": [_parameter(*item) for item in parameters.items()],
    }


def _parameter(name: str, kind: str) -> dict[str, Any]:
    return {"name": name, "type": kind, "documentation": _BROADER.get(name)}
