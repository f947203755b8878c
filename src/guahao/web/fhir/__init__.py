"""The FHIR R4 facade under /fhir/r4, with a module for each resource; `fhir_routes` returns all
routes, including the supply as open data (`bulk`).

It uses the same flows and booking desk as the other routers; only the formats are FHIR's.
"""

from __future__ import annotations

from litestar.handlers import HTTPRouteHandler

from guahao.web.fhir.appointments import appointment_routes
from guahao.web.fhir.bulk import bulk_routes
from guahao.web.fhir.capability import capability_routes
from guahao.web.fhir.directory import directory_routes
from guahao.web.fhir.patients import patient_routes
from guahao.web.fhir.services import PREFIX, Services
from guahao.web.fhir.slots import slot_routes

__all__ = ["PREFIX", "Services", "fhir_routes"]


def fhir_routes(services: Services) -> list[HTTPRouteHandler]:
    """Return the handlers of all interactions."""
    routes = [
        *capability_routes(),
        *directory_routes(),
        *slot_routes(),
        *patient_routes(),
        *appointment_routes(),
    ]
    return [*[route.for_litestar(services) for route in routes], *bulk_routes(services)]
