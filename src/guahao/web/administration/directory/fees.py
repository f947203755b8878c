"""A hospital's fees (医事服务费) for each title, from a date on, with a preview in numbers."""

from __future__ import annotations

from datetime import date

from litestar.types import ASGIApp

from guahao.flows.supply import fees as flows
from guahao.flows.supply.fees import FeeList, FeeReach
from guahao.rules.kernel.limits import ONE_DAY
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.staff.staff import Role
from guahao.rules.supply.fees import DatedFee, FeeRefusal
from guahao.web.staff import StaffPage, StaffRoute
from guahao.web.staff.at_hospital import ANY, place_of
from guahao.web.staff.reading import read_date, read_fen

_ADMINISTRATOR = frozenset({Role.ADMINISTRATOR})


def fee_routes() -> list[StaffRoute]:
    """Return the list and the form that changes it."""
    return [
        StaffRoute("GET", f"{ANY}/fees", _show, _ADMINISTRATOR),
        StaffRoute("POST", f"{ANY}/fees", _change, _ADMINISTRATOR),
    ]


async def _show(page: StaffPage) -> ASGIApp:
    return await _listed(page)


async def _listed(
    page: StaffPage,
    refused: str = "",
    status: int = 200,
    preview: tuple[DatedFee, FeeReach] | None = None,
) -> ASGIApp:
    place = await place_of(page)
    found = await flows.fee_list(page.services.platform, place.staff)
    return page.show(
        "staff/fees.html",
        status,
        place=place,
        titles=[
            title
            for title in found.titles
            if title.retired_at is None or _fees_of(found, title.name)
        ],
        now={title.name: _on_day(found, title.name, page.today) for title in found.titles},
        pending={
            title.name: [fee for fee in _fees_of(found, title.name) if fee.holds_from > page.today]
            for title in found.titles
        },
        version=found.version,
        given=page.form,
        tomorrow=page.today + ONE_DAY,
        preview=preview,
        refused=refused,
    )


def _fees_of(found: FeeList, title: str) -> list[DatedFee]:
    return [fee for fee in found.fees if fee.title == title]


def _on_day(found: FeeList, title: str, day: date) -> DatedFee | None:
    """Return the fee in force on a day."""
    begun = [fee for fee in _fees_of(found, title) if fee.holds_from <= day]
    return begun[-1] if begun else None


async def _change(page: StaffPage) -> ASGIApp:
    """Show first what a change would do; save it when it is sent again."""
    place, form = await place_of(page), page.form
    holds_from = read_date(form.get("holds_from", ""))
    if holds_from is None:
        return await _listed(page, *page.refusal(Refused(FeeRefusal.DATE)))
    fee = DatedFee(form.get("title", ""), holds_from, read_fen(form.get("fee", "")))
    platform = page.services.platform
    if form.get("step") not in ("save", "save_all"):
        found = await flows.preview(platform, place.staff, fee)
        if isinstance(found, Refused):
            return await _listed(page, *page.refusal(found))
        return await _listed(page, preview=(fee, found))
    to_sessions = form["step"] == "save_all"
    seen = form.get("version", "")
    outcome = await flows.change(platform, place.staff, seen, fee, to_sessions=to_sessions)
    if isinstance(outcome, Refused):
        return await _listed(page, *page.refusal(outcome))
    page.flash(
        page.say("已保存，{day}起的门诊按新费用；更改了{applied}个无人预约的门诊。",
                 day=page.day(holds_from), applied=outcome.applied)
    )  # fmt: skip
    return page.redirect(f"{place.address}/fees")
