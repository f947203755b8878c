"""The hospital's door: its window, and later its schedules. One module a set of pages."""

from __future__ import annotations

from guahao.web.hospital.api_calls import api_call_routes
from guahao.web.hospital.lists import list_routes
from guahao.web.hospital.persons import person_routes
from guahao.web.hospital.pushing import push_routes
from guahao.web.hospital.schedule import schedule_routes
from guahao.web.hospital.schedule_import import import_routes
from guahao.web.hospital.schedule_stops import stop_routes
from guahao.web.hospital.unverified import unverified_routes
from guahao.web.hospital.window import window_routes
from guahao.web.staff import StaffRoute


def routes() -> list[StaffRoute]:
    """Every page of the hospital's staff."""
    return [
        *window_routes(),
        *person_routes(),
        *list_routes(),
        *unverified_routes(),
        *schedule_routes(),
        *import_routes(),
        *stop_routes(),
        *push_routes(),
        *api_call_routes(),
    ]
