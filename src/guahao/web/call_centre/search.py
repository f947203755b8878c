"""One search box for phone, document number, name, code or order number."""

from __future__ import annotations

from litestar.types import ASGIApp

from guahao.flows import calls as flows
from guahao.rules.calls import is_over
from guahao.rules.staff import CALL_CENTRE_ROLES
from guahao.store.calls import Found
from guahao.web.reading import ProblemError, as_id
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
    return await _listed(page, "", None)


async def _search(page: StaffPage) -> ASGIApp:
    """One hit is opened at once: Enter, and the card is there."""
    typed = page.form.get("q", "")[:_TYPED_MAX]
    found = await flows.search(page.door.platform, page.staff, typed)
    accounts = {hit.account_id for hit in found}
    if len(accounts) == 1:
        return await _take_on(page, accounts.pop())
    return await _listed(page, typed, found)


async def _listed(page: StaffPage, typed: str, found: list[Found] | None) -> ASGIApp:
    recent = await flows.recent_calls(page.door.platform, page.staff)
    going_on = [one.id for one in recent if not is_over(one.opened_at, one.ended_at, page.now)]
    return page.show(
        "staff/calls.html",
        typed=typed,
        found=None if found is None else found[: flows.HITS_MAX],
        more=found is not None and len(found) > flows.HITS_MAX,
        recent=recent,
        open_call_id=going_on[0] if going_on else None,
    )


async def _begin(page: StaffPage) -> ASGIApp:
    account_id = as_id(page.form.get("account_id", ""))
    if account_id is None:
        raise ProblemError("not_found")
    return await _take_on(page, account_id)


async def _take_on(page: StaffPage, account_id: int) -> ASGIApp:
    call_id = await flows.begin_call(page.door.platform, page.staff, account_id)
    if call_id is None:
        raise ProblemError("not_found")
    return page.redirect(f"{CALLS_PATH}/{call_id}")
