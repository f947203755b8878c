"""A hospital's booking rules from a date on, with what patients will read (S4-S6, S11, S14)."""

from __future__ import annotations

from datetime import date
from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.hospitals import hospital_rules as flows
from guahao.rules.hospitals.hospital_rules import DatedRules, RulesRefusal, check_rules
from guahao.rules.kernel.limits import ONE_DAY, HospitalRules
from guahao.rules.kernel.outcomes import Done, Refused
from guahao.rules.kernel.text import typed
from guahao.rules.supply.releasing import furthest
from guahao.web.http.answers import Answer
from guahao.web.staff.at_hospital import HospitalContext, at_both, place_of
from guahao.web.staff.confirming import Act, confirmed
from guahao.web.staff.page import StaffPage, StaffRoute
from guahao.web.staff.reading import UnreadableTimeError, read_date, read_number, read_time

_TIMES = (
    *("release_time", "next_day_stop_time", "cancel_time"),
    *("pickup_until_morning", "pickup_until_afternoon", "pickup_until_evening"),
)


def rules_routes() -> list[StaffRoute]:
    """Return the routes of the rules in force and to come, for schedulers and administrators."""
    return [
        *at_both("GET", "/rules", _show),
        *at_both("POST", "/rules", _change),
        *at_both("POST", "/rules/withdraw", _withdraw),
    ]


async def _show(page: StaffPage) -> ASGIApp:
    return await _shown(page)


async def _shown(
    page: StaffPage,
    refused: str = "",
    status: int = 200,
    preview: tuple[date, HospitalRules] | None = None,
) -> ASGIApp:
    place = await place_of(page)
    overview = await flows.overview(page.services.platform, place.staff)
    policy = page.services.platform.policy_today
    return page.show(
        "staff/schedule_rules.html",
        status,
        place=place,
        overview=overview,
        given=page.form or rules_form(overview.today),
        preview=preview,
        tomorrow=page.today + ONE_DAY,
        months=policy.horizon_months,
        furthest_of=lambda day, rules: furthest(day, rules, policy),
        refused=refused,
    )


def rules_form(rules: HospitalRules) -> dict[str, str]:
    """Return rules as a form holds them."""
    times = {name: getattr(rules, name).isoformat("minutes") for name in _TIMES}
    cycle = "" if rules.cycle_days is None else str(rules.cycle_days)
    return {
        **times,
        "cycle_days": cycle,
        "cancel_days_before": str(rules.cancel_days_before),
        "checked_only": "yes" if rules.checked_only else "no",
    }


def read_rules(form: dict[str, str]) -> HospitalRules | None:
    """Read the rules typed in; None where a time is missing or is none."""
    try:
        times = {name: read_time(form.get(name, "")) for name in _TIMES}
    except UnreadableTimeError:
        return None
    if None in times.values():
        return None
    cycle = typed(form.get("cycle_days", ""))
    return HospitalRules(
        cycle_days=read_number(cycle) if cycle else None,
        cancel_days_before=read_number(form.get("cancel_days_before", "")),
        checked_only=form.get("checked_only") == "yes",
        **times,  # type: ignore[arg-type]
    )


async def _change(page: StaffPage) -> ASGIApp:
    """Show what patients will read first; save when it is sent again."""
    holds_from, rules = read_date(page.form.get("holds_from", "")), read_rules(page.form)
    if holds_from is None:
        return await _shown(page, *page.refusal(Refused(RulesRefusal.NOT_BEFORE_TOMORROW)))
    if rules is None:
        return await _shown(page, page.say("请填写每个时间，写成8:30这样。"), 422)
    if page.form.get("step") != "save":
        refused = check_rules(DatedRules(holds_from, rules), page.today)
        if refused is None:
            return await _shown(page, preview=(holds_from, rules))
        return await _shown(page, *page.refusal(Refused(refused)))
    place = await place_of(page)
    seen = page.form.get("version", "")
    outcome = await flows.change(page.services.platform, place.staff, holds_from, rules, seen)
    if isinstance(outcome, Refused):
        return await _shown(page, *page.refusal(outcome))
    page.flash(page.say("已保存，从{day}起生效。", day=page.day(holds_from)))
    return page.redirect(f"{place.address}/rules")


async def _withdraw(page: StaffPage) -> ASGIApp:
    place = await place_of(page)
    holds_from = read_date(page.form.get("holds_from", ""))
    outcome: Done | Refused[RulesRefusal] = Refused(RulesRefusal.NOT_PENDING)
    if holds_from is not None:
        reason = confirmed(page, _withdrawing(page, place, holds_from))
        if isinstance(reason, Answer):
            return reason
        outcome = await flows.withdraw(page.services.platform, place.staff, holds_from, reason)
    match outcome:
        case Done():
            page.flash(page.say("已撤回。"))
        case Refused():
            page.flash(page.refusal(outcome).text)
        case never:
            assert_never(never)
    return page.redirect(f"{place.address}/rules")


def _withdrawing(page: StaffPage, place: HospitalContext, holds_from: date) -> Act:
    return Act(
        page.say("撤回{day}起的预约规则？", day=page.day(holds_from)),
        [page.say("这一天起不再改变，继续用之前的规则。撤回后不能恢复，需要时重新填写。")],
        page.say("撤回"),
        f"{place.address}/rules",
        "hospitals" if place.hospital else "rules",
    )
