"""The JSON API: a module for each noun; `routes` returns its routes, under PREFIX."""

from __future__ import annotations

from guahao.web.api.applications import application_routes
from guahao.web.api.appointments import BOOK, appointment_routes, booking_handler
from guahao.web.api.auth import auth_routes
from guahao.web.api.fairness import fairness_routes, log_routes
from guahao.web.api.hospitals import hospital_routes
from guahao.web.api.patients import patient_routes
from guahao.web.api.replacements import replacement_routes
from guahao.web.api.search import search_routes
from guahao.web.api.services import Route, Services
from guahao.web.api.sessions import session_routes
from guahao.web.api.status import status_routes
from guahao.web.api.together import together_routes
from guahao.web.framework.direct import DirectCall

PREFIX = "/api/v1"

__all__ = ["PREFIX", "Route", "Services", "booking_call", "log_routes", "routes"]


def routes(services: Services) -> list[Route]:
    """Return every route of the API except those for hospitals' systems (web/hospital_api)."""
    return [
        *auth_routes(services),
        *patient_routes(services),
        *hospital_routes(services),
        *search_routes(services),
        *session_routes(services),
        *appointment_routes(services),
        *together_routes(services),
        *replacement_routes(services),
        *application_routes(services),
        *fairness_routes(services),
        *status_routes(services),
    ]


def booking_call(services: Services) -> DirectCall:
    """Return the booking call for the front, which serves it before routing."""
    handler = booking_handler(services)
    return DirectCall(BOOK.method, PREFIX + BOOK.path, handler, services.replies)
