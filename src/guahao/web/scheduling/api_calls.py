"""What the hospital's own systems called, and what they were refused."""

from __future__ import annotations

from functools import partial

from litestar.types import ASGIApp

from guahao.flows.integration.clients import list_calls
from guahao.web.http.reading import as_id
from guahao.web.scheduling.schedule_forms import SCHEDULER
from guahao.web.staff import StaffPage, StaffRoute
from guahao.web.staff.hospital.api_calls import why_words

_CALLS = "/staff/schedule/api-calls"


def api_call_routes() -> list[StaffRoute]:
    """Return the routes of the log, in pages."""
    return [StaffRoute("GET", _CALLS, _show, SCHEDULER)]


async def _show(page: StaffPage) -> ASGIApp:
    before = as_id(page.query("before"))
    calls, after = await list_calls(page.services.platform, page.staff.own_hospital_id, before)
    why = partial(why_words, page)
    return page.show("staff/api_calls.html", calls=calls, after=after, why=why)
