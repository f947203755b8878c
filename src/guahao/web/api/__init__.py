"""The JSON API: one module a noun; `routes` is what it answers, under PREFIX."""

from __future__ import annotations

from guahao.web.api.appointments import appointment_routes
from guahao.web.api.auth import auth_routes
from guahao.web.api.door import Door, Route
from guahao.web.api.hospitals import hospital_routes
from guahao.web.api.patients import patient_routes
from guahao.web.api.sessions import session_routes
from guahao.web.api.status import status_routes

PREFIX = "/api/v1"

__all__ = ["PREFIX", "Door", "Route", "routes"]


def routes(door: Door) -> list[Route]:
    """Return every call of the API but those of hospitals' systems (web/hospital_api)."""
    return [
        *auth_routes(door),
        *patient_routes(door),
        *hospital_routes(door),
        *session_routes(door),
        *appointment_routes(door),
        *status_routes(door),
    ]
