"""Every page of the citizens and of the staff, by the application's own routes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

import psycopg

from guahao.rules.staff.staff import Role
from guahao.web.app import staff_routes
from guahao.web.citizens import routes

# An example of each id in a path, in the demo city with a booking of its newest account. A new name
# is to be added here. Empty: the demo city has none, so its page is left out.
_FREE = """
    SELECT s.id FROM clinic_sessions s JOIN hospitals h ON h.id = s.hospital_id
    WHERE s.visit_date = '2026-12-02' AND s.booked < s.capacity - 5 AND s.held = 0
      AND s.reserved = 0 ORDER BY s.id LIMIT 1
"""
EXAMPLES = {
    "hospital_id": "SELECT 1",
    "department_id": f"SELECT department_id FROM clinic_sessions WHERE id = ({_FREE})",
    "session_id": _FREE,
    "appointment_id": "SELECT max(id) FROM appointments",
    "patient_id": "SELECT patient_id FROM appointments ORDER BY id DESC LIMIT 1",
    "application_id": "SELECT min(id) FROM applications",
    "draw_id": "SELECT min(id) FROM draws",
    "call_id": "SELECT min(id) FROM calls",
    "move_id": "SELECT min(id) FROM moves",
    "timetable_id": "SELECT min(id) FROM timetables WHERE hospital_id = 1",
    "import_id": "SELECT min(id) FROM supply_imports WHERE hospital_id = 1",
    "stop_id": "SELECT min(id) FROM stops WHERE hospital_id = 1",
    "reconciliation_id": "",
    "title_id": "SELECT min(id) FROM titles",
    "term_id": "SELECT min(id) FROM search_terms",
    "hospital_client_id": "SELECT min(id) FROM hospital_clients",
    "announcement_id": "SELECT min(id) FROM announcements",
    "trial_id": "",
    "request_id": "",
}
# Of these each demo city has an example; of the others perhaps none, so that no page is walked.
_SURE = {
    *("hospital_id", "department_id", "session_id", "appointment_id", "patient_id"),
    *("timetable_id", "title_id"),
}
_NO_PAGE = re.compile(r"\.svg$|/challenge$|/excel$|/csv$|/export$|/template$|\.js$|/faults$")
_PLACE = re.compile(r"\{(\w+)\}")


def examples(database_url: str) -> dict[str, str]:
    """Return an example of each id that the demo city has."""
    found = {}
    with psycopg.connect(database_url, autocommit=True) as conn:
        for name, query in EXAMPLES.items():
            row = conn.execute(query).fetchone() if query else None
            if row is not None and row[0] is not None:
                found[name] = str(row[0])
    return found


def citizens_paths(ids: dict[str, str]) -> list[str]:
    """Return the path of every page of the citizens."""
    return _filled((route.path for route in routes() if route.method == "GET"), ids)


def staff_paths(role: Role, ids: dict[str, str]) -> list[str]:
    """Return the path of every page that this role can open."""
    own = [
        route.path
        for route in staff_routes()
        if route.method == "GET" and role in (route.roles or frozenset())
    ]
    return _filled(own, ids)


def open_paths(ids: dict[str, str]) -> list[str]:
    """Return the path of every page of the staff before they have logged in."""
    return _filled((r.path for r in staff_routes() if r.method == "GET" and not r.roles), ids)


@cache
def _walked() -> re.Pattern[str]:
    paths = [route.path for route in routes() if route.method == "GET"]
    paths += [route.path for route in staff_routes() if route.method == "GET"]
    walked = [
        path
        for path in paths
        if not _NO_PAGE.search(path) and _SURE.issuperset(_PLACE.findall(path))
    ]
    return re.compile("|".join(_PLACE.sub(r"\\d+", path) for path in walked))


def is_walked(path: str) -> bool:
    """Return whether the walk opens a page of this path, with an id of the demo city."""
    return _walked().fullmatch(path) is not None


def _filled(paths: Iterable[str], ids: dict[str, str]) -> list[str]:
    filled = []
    for path in paths:
        names = _PLACE.findall(path)
        assert not set(names) - EXAMPLES.keys(), f"{path}: add an example of its ids"
        if not _NO_PAGE.search(path) and all(name in ids for name in names):
            filled.append(path.format_map(ids))
    return filled
