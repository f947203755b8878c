"""A complaint about a draw: what became of a ticket. By POST, with a reason, in the trail."""

from __future__ import annotations

from litestar.types import ASGIApp

from guahao.flows.fairness.figures import look_up_ticket
from guahao.rules.fairness.allocating import FULL, LONG_WAIT_LOSSES
from guahao.rules.kernel.reasons import stated_reason
from guahao.rules.staff.staff import Role
from guahao.web.administration.reports.city import reason_words
from guahao.web.http.reading import as_id
from guahao.web.staff import Sending, StaffPage, StaffRoute

_CITY = frozenset({Role.ADMINISTRATOR, Role.AUDITOR, Role.SUPERVISOR})
_PATH = "/staff/reports/fairness/ticket"
_FIELD_MAX = 80
_UNPROCESSABLE = 422


def ticket_routes() -> list[StaffRoute]:
    """Look a ticket up."""
    return [StaffRoute("POST", _PATH, _look_up, _CITY, sending=Sending.FREELY)]


async def _look_up(page: StaffPage) -> ASGIApp:
    typed = {
        "draw": page.form.get("draw", "")[:_FIELD_MAX],
        "ticket": page.form.get("ticket", "")[:_FIELD_MAX],
        "reason": stated_reason(page.form.get("reason", "")) or "",
    }
    draw_id = as_id(typed["draw"].strip())
    if draw_id is None or not typed["ticket"].strip() or not typed["reason"]:
        refused = page.say("请填写抽签编号、登记号和原因。")
        return page.show(
            "staff/ticket.html", _UNPROCESSABLE, typed=typed, found=None, refused=refused
        )
    found = await look_up_ticket(
        page.services.platform, page.staff, draw_id, typed["ticket"], typed["reason"]
    )
    refused = "" if found is not None else page.say("这次抽签没有这个登记号。请逐位核对后再查。")
    words = {**reason_words(page), FULL: page.say("号已抽完")}
    return page.show(
        "staff/ticket.html",
        200 if found is not None else 404,
        typed=typed,
        found=found,
        refused=refused,
        reason=lambda reason: words.get(reason, reason),
        long_wait=LONG_WAIT_LOSSES,
    )
