"""One search box for phone, document number, name, code or order number."""

from __future__ import annotations

from litestar.types import ASGIApp

from guahao.flows import calls as flows
from guahao.rules.staff import CALL_CENTRE_ROLES
from guahao.web.reading import ID_MAX, ProblemError
from guahao.web.staff import StaffPage, StaffRoute

CALLS_PATH = "/staff/calls"
_TYPED_MAX = 80


def search_routes() -> list[StaffRoute]:
    """The search, and taking a caller on."""
    return [
        StaffRoute("GET", CALLS_PATH, _show, CALL_CENTRE_ROLES),
        StaffRoute("POST", CALLS_PATH, _search, CALL_CENTRE_ROLES),
        StaffRoute("POST", "/staff/calls/begin", _begin, CALL_CENTRE_ROLES),
    ]


async def _show(page: StaffPage) -> ASGIApp:
    recent = await flows.recent_calls(page.door.platform, page.staff)
    return page.show("staff/calls.html", typed="", found=None, more=False, recent=recent)


async def _search(page: StaffPage) -> ASGIApp:
    """One hit is opened at once: Enter, and the card is there."""
    typed = page.form.get("q", "")[:_TYPED_MAX]
    found = await flows.search(page.door.platform, page.staff, typed)
    accounts = {hit.account_id for hit in found}
    if len(accounts) == 1:
        return await _take_on(page, accounts.pop())
    recent = await flows.recent_calls(page.door.platform, page.staff)
    return page.show(
        "staff/calls.html",
        typed=typed,
        found=found[: flows.HITS_MAX],
        more=len(found) > flows.HITS_MAX,
        recent=recent,
    )


async def _begin(page: StaffPage) -> ASGIApp:
    text = page.form.get("account_id", "")
    if not text.isascii() or not text.isdigit() or int(text) > ID_MAX:
        raise ProblemError("not_found")
    return await _take_on(page, int(text))


async def _take_on(page: StaffPage, account_id: int) -> ASGIApp:
    call_id = await flows.begin_call(page.door.platform, page.staff, account_id)
    if call_id is None:
        raise ProblemError("not_found")
    return page.redirect(f"{CALLS_PATH}/{call_id}")
