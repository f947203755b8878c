"""The calls of hospitals' information systems, under /hospital: one module a noun."""

from __future__ import annotations

from guahao.web.api.services import Route, Services
from guahao.web.hospital_api.access import Access
from guahao.web.hospital_api.attendance import attendance_routes
from guahao.web.hospital_api.bookings import booking_routes
from guahao.web.hospital_api.calendar import calendar_routes
from guahao.web.hospital_api.calls import call_routes
from guahao.web.hospital_api.departments import department_routes
from guahao.web.hospital_api.one_session import one_session_routes
from guahao.web.hospital_api.queue import queue_routes
from guahao.web.hospital_api.reconciliations import reconciliation_routes
from guahao.web.hospital_api.sessions import session_routes
from guahao.web.hospital_api.token import token_routes


def hospital_client_routes(services: Services) -> list[Route]:
    """Return the routes of every call of a hospital's information system."""
    access = Access(services)
    return [
        *token_routes(access),
        *department_routes(access),
        *session_routes(access),
        *one_session_routes(access),
        *calendar_routes(access),
        *booking_routes(access),
        *attendance_routes(access),
        *queue_routes(access),
        *reconciliation_routes(access),
        *call_routes(access),
    ]
