"""The hospital's window: pick-up, lists, registering persons. One module a set of pages."""

from __future__ import annotations

from guahao.web.staff import StaffRoute
from guahao.web.window.apply import apply_routes
from guahao.web.window.counter import counter_routes
from guahao.web.window.lists import list_routes
from guahao.web.window.persons import person_routes
from guahao.web.window.queue import queue_routes
from guahao.web.window.stopped import stopped_routes
from guahao.web.window.unverified import unverified_routes
from guahao.web.window.window import window_routes


def routes() -> list[StaffRoute]:
    """Return every page of the window."""
    return [
        *window_routes(),
        *person_routes(),
        *apply_routes(),
        *list_routes(),
        *counter_routes(),
        *queue_routes(),
        *unverified_routes(),
        *stopped_routes(),
    ]
