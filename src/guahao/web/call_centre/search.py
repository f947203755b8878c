"""A search box for phone, document number, name, code or order number."""

from __future__ import annotations

from litestar.types import ASGIApp

from guahao.flows.call_centre import calls as flows
from guahao.flows.call_centre.calls import Hit
from guahao.flows.call_centre.results import CALLS_LISTED, CALLS_LISTED_MAX, recent_calls
from guahao.rules.call_centre.calls import is_over
from guahao.rules.call_centre.results import is_recordable
from guahao.rules.people.identity import hidden_phone
from guahao.rules.people.phones import valid_any_phone
from guahao.rules.staff.staff import CALL_CENTRE_ROLES
from guahao.web.call_centre.results import choices_without_account, result_text
from guahao.web.framework import cookies as cookie_names
from guahao.web.http.reading import ProblemError
from guahao.web.staff import Sending, StaffPage, StaffRoute

CALLS_PATH = "/staff/calls"
_TYPED_MAX = 80


def search_routes() -> list[StaffRoute]:
    """Return the search, and the action that starts a call."""
    return [
        StaffRoute("GET", CALLS_PATH, _show, CALL_CENTRE_ROLES),
        StaffRoute("POST", CALLS_PATH, _search, CALL_CENTRE_ROLES, sending=Sending.FREELY),
        StaffRoute("POST", "/staff/calls/begin", _begin, CALL_CENTRE_ROLES),
    ]


async def _show(page: StaffPage) -> ASGIApp:
    """Show the search; with the number that the telephone system sent, once."""
    sent = page.sealed(cookie_names.CALLER) or ""
    if sent:
        page.drop_cookie(cookie_names.CALLER)
    return await _listed(page, sent, None, is_sent=bool(sent))


async def _search(page: StaffPage) -> ASGIApp:
    """Find callers; a single hit opens its card at once."""
    typed = page.form.get("q", "")[:_TYPED_MAX]
    hits = await flows.search(page.services.platform, page.staff, typed)
    accounts = {hit.account_id: hit.reference for hit in hits.found}
    if len(accounts) == 1:
        return await _take_on(page, accounts.popitem()[1])
    phone = valid_any_phone(typed)
    if phone is not None and not hits.found:
        page.seal(cookie_names.NEW_CALLER, typed)  # for the registration that follows
    return await _listed(page, typed, hits.found)


async def _listed(
    page: StaffPage, typed: str, found: list[Hit] | None, *, is_sent: bool = False
) -> ASGIApp:
    limit = CALLS_LISTED_MAX if page.query("calls") == "all" else CALLS_LISTED
    recent = await recent_calls(page.services.platform, page.staff, limit + 1)
    has_more, recent = len(recent) > limit, recent[:limit]
    going_on = [call.id for call in recent if not is_over(call, page.now)]
    return page.show(
        "staff/calls.html",
        typed=typed,
        found=None if found is None else found[: flows.HITS_MAX],
        more=found is not None and len(found) > flows.HITS_MAX,
        recent=recent,
        hidden_phone=hidden_phone,
        open_call_id=going_on[0] if going_on else None,
        # By itself only where no caller is on the line: taking a call on ends the call before.
        sends_itself=is_sent and not going_on,
        is_sent=is_sent,
        results={call.id: result_text(page, call) for call in recent},
        without_account=choices_without_account(page),
        recordable={call.id for call in recent if is_recordable(call, page.now)},
        has_more=has_more and limit < CALLS_LISTED_MAX,
    )


async def _begin(page: StaffPage) -> ASGIApp:
    return await _take_on(page, page.form.get("reference", ""))


async def _take_on(page: StaffPage, reference: str) -> ASGIApp:
    call_id = await flows.begin_call(page.services.platform, page.staff, reference)
    if call_id is None:
        raise ProblemError("not_found")
    return page.redirect(f"{CALLS_PATH}/{call_id}")
