"""A hospital's schedules, stops and imports, and what its own system does with them."""

from __future__ import annotations

from guahao.web.scheduling.api_calls import api_call_routes
from guahao.web.scheduling.bulk import bulk_routes
from guahao.web.scheduling.pushing import push_routes
from guahao.web.scheduling.schedule import schedule_routes
from guahao.web.scheduling.schedule_import import import_routes
from guahao.web.scheduling.schedule_stops import stop_routes
from guahao.web.scheduling.weekly import weekly_routes
from guahao.web.staff import StaffRoute


def routes() -> list[StaffRoute]:
    """Return every page of scheduling."""
    return [
        *schedule_routes(),
        *bulk_routes(),
        *weekly_routes(),
        *import_routes(),
        *stop_routes(),
        *push_routes(),
        *api_call_routes(),
    ]
