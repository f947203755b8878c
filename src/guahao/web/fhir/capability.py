"""The CapabilityStatement: what this server can do (GET /metadata)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from litestar.types import ASGIApp

from guahao.rules.limits import CITY_TIME
from guahao.web.fhir.door import Door, Route, made, resource_answer
from guahao.web.reading import ApiRequest

_SINCE = datetime(2026, 11, 24, tzinfo=CITY_TIME)
_READ = ("read", "search-type")
_TOKEN, _STRING, _DATE, _REFERENCE = "token", "string", "date", "reference"
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
        },
        ("Appointment:patient", "Appointment:actor", "Appointment:slot"),
    ),
    "Patient": (_READ, {"_id": _TOKEN, "name": _STRING}, ()),
}


def capability_routes() -> list[Route]:
    """GET /metadata."""
    return [Route("GET", "/metadata", _metadata)]


async def _metadata(door: Door, _: ApiRequest) -> ASGIApp:
    return resource_answer(
        made(
            CapabilityStatement,
            status="active",
            date=_SINCE,
            kind="instance",
            software={"name": "guahao"},
            implementation={"description": "guahao 预约挂号统一平台", "url": door.base},
            fhirVersion="4.0.1",
            format=["application/fhir+json"],
            rest=[
                {
                    "mode": "server",
                    "security": {
                        "description": "Bearer tokens of /api/v1/auth/token; own data only."
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
        "interaction": [{"code": code} for code in interactions],
        "versioning": "no-version",
        "searchInclude": list(includes) or None,
        "searchParam": [{"name": name, "type": kind} for name, kind in parameters.items()],
    }
