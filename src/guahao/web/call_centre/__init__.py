"""The call centre's pages (114): find the caller and serve them. A module for each page."""

from __future__ import annotations

from guahao.web.call_centre.apply import apply_routes
from guahao.web.call_centre.book import book_routes
from guahao.web.call_centre.card import card_routes
from guahao.web.call_centre.moves import move_routes
from guahao.web.call_centre.overview import overview_routes
from guahao.web.call_centre.register import register_routes
from guahao.web.call_centre.reschedule import reschedule_routes
from guahao.web.call_centre.results import result_routes
from guahao.web.call_centre.search import search_routes
from guahao.web.call_centre.supply import supply_routes
from guahao.web.call_centre.tasks import task_routes
from guahao.web.staff import StaffRoute


def routes() -> list[StaffRoute]:
    """Return every page of the agents and their supervisors."""
    return [
        *search_routes(),
        *overview_routes(),
        *register_routes(),
        *book_routes(),
        *card_routes(),
        *reschedule_routes(),
        *result_routes(),
        *apply_routes(),
        *move_routes(),
        *supply_routes(),
        *task_routes(),
    ]
