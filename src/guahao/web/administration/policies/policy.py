"""The platform's policy: in force, to come, and a new policy with what patients read."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date, time
from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.policy import policies as flows
from guahao.flows.policy import policy_trials as trials
from guahao.flows.policy.policies import PolicyOverview
from guahao.rules.kernel.limits import HospitalRules, Policy
from guahao.rules.kernel.outcomes import Done, Refused
from guahao.rules.kernel.policies import (
    POLICY_BOUNDS,
    DatedPolicy,
    PolicyRefusal,
    changed_numbers,
    out_of_bounds,
)
from guahao.rules.kernel.reasons import stated_reason
from guahao.rules.kernel.text import typed
from guahao.rules.policy.changing import PolicyChangeRefusal, check_change
from guahao.rules.staff.staff import Role
from guahao.web.http.answers import Answer
from guahao.web.staff import Act, StaffPage, StaffRoute, confirmed
from guahao.web.words.refusals import Said
from guahao.web.words.release_words import policy_sentences

_ADMINISTRATOR = frozenset({Role.ADMINISTRATOR})
POLICY_PATH = "/staff/policy"
_TIMES = ("quiet_from", "quiet_until")
_SWITCHES = ("unchecked_may_book_experts", "draw_returned_places", "personal_release")
_NOON = time(12, 0)
_UNREADABLE = -1  # out of every number's bounds


def policy_routes() -> list[StaffRoute]:
    """Return what holds and what comes; preview, save and withdraw."""
    return [
        StaffRoute("GET", POLICY_PATH, _show, _ADMINISTRATOR),
        StaffRoute("POST", POLICY_PATH, _change, _ADMINISTRATOR),
        StaffRoute("POST", f"{POLICY_PATH}/withdraw", _withdraw, _ADMINISTRATOR),
    ]


async def _show(page: StaffPage) -> ASGIApp:
    return await _shown(page)


async def _shown(
    page: StaffPage, refused: str = "", status: int = 200, preview: DatedPolicy | None = None
) -> ASGIApp:
    found = await flows.overview(page.services.platform)
    return page.show(
        "staff/policy.html",
        status,
        found=found,
        given=page.form or _as_form(found),
        preview=preview,
        # What would hold on the new policy's first day without it.
        before=None if preview is None else found.history.policies.on(preview.holds_from),
        refused=refused,
        bounds=POLICY_BOUNDS,
        trials=await trials.latest(page.services.platform),
        days=trials.DAYS,
        usual=HospitalRules(),
        words=number_words(page),
        differences=lambda before, after: differences(page, before, after),
        fair_sentences=lambda policy: policy_sentences(policy, page.language),
        parts="help_parts.en.html" if page.language == "en" else "help_parts.zh.html",
    )


def _as_form(found: PolicyOverview) -> dict[str, str]:
    numbers = {name: str(getattr(found.today, name)) for name in POLICY_BOUNDS}
    times = {name: f"{getattr(found.today, name):%H:%M}" for name in _TIMES}
    by_patient = "yes" if "patient" in found.today.cancel_channels else "no"
    switches = {name: "yes" if getattr(found.today, name) else "no" for name in _SWITCHES}
    first_day = found.earliest.isoformat()
    return {
        **numbers,
        **times,
        "patient_may_cancel": by_patient,
        **switches,
        "holds_from": first_day,
    }


def read_policy(form: dict[str, str]) -> tuple[date | None, Policy]:
    """Return the date and the numbers typed; text that is no number is out of bounds."""
    numbers = {name: _number(form.get(name, "1")) for name in POLICY_BOUNDS}
    channels = {"agent", "patient"} if form.get("patient_may_cancel") == "yes" else {"agent"}
    policy = replace(
        Policy(cancel_channels=frozenset(channels)),
        unchecked_may_book_experts=form.get("unchecked_may_book_experts") == "yes",
        draw_returned_places=form.get("draw_returned_places", "yes") == "yes",
        personal_release=form.get("personal_release") == "yes",
        **numbers,  # type: ignore[arg-type]
        quiet_from=_time(form.get("quiet_from", f"{Policy().quiet_from:%H:%M}")),
        quiet_until=_time(form.get("quiet_until", f"{Policy().quiet_until:%H:%M}")),
    )
    return _date(form.get("holds_from", "")), policy


def _time(text: str) -> time:
    """Return the time typed; noon, which quiet hours never reach, if it cannot be read."""
    try:
        typed = time.fromisoformat(text.strip())
    except ValueError:
        return _NOON
    return _NOON if typed.tzinfo else typed.replace(second=0, microsecond=0)


def _number(text: str) -> int:
    text = typed(text)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else _UNREADABLE  # noqa: PLR2004


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(typed(text))
    except ValueError:
        return None


async def _change(page: StaffPage) -> ASGIApp:
    """Show first what patients will read; save when it is sent again."""
    holds_from, policy = read_policy(page.form)
    found = await flows.overview(page.services.platform)
    if holds_from is None:
        return await _shown(page, page.say("请填写生效日期。"), 422)
    new = DatedPolicy(holds_from, policy)
    refusal = check_change(found.history, new)
    if refusal is None and stated_reason(page.form.get("reason", "")) is None:
        refusal = PolicyChangeRefusal.REASON_NEEDED
    if refusal is not None:
        return await _shown(page, *_refusal(page, Refused(refusal), found, policy))
    if page.form.get("step") == "try":
        days = _number(page.form.get("days", ""))
        days = days if 1 <= days <= trials.DAYS_MAX else trials.DAYS
        trial_id = await trials.start(page.services.platform, page.staff, new, days)
        return page.redirect(f"{POLICY_PATH}/trials/{trial_id}")
    if page.form.get("step") != "save":
        # What is previewed is what is decided upon: its version goes with the button.
        page.form["seen"] = found.version
        return await _shown(page, preview=new)
    outcome = await flows.change(
        page.services.platform, page.staff, new, page.form["reason"], page.form.get("seen", "")
    )
    match outcome:
        case Refused():
            return await _shown(page, *_refusal(page, outcome, found, policy))
        case DatedPolicy():
            page.flash(page.say("已保存，从{day}起生效。", day=page.day(holds_from)))
            return page.redirect(POLICY_PATH)
        case never:
            assert_never(never)


async def _withdraw(page: StaffPage) -> ASGIApp:
    holds_from = _date(page.form.get("holds_from", ""))
    seen = page.form.get("seen", "")
    outcome: Done | Refused[PolicyChangeRefusal] = Refused(PolicyChangeRefusal.NOT_PENDING)
    if holds_from is not None:
        asked = confirmed(page, _withdrawing(page, holds_from))
        if isinstance(asked, Answer):
            return asked
        outcome = await flows.withdraw(page.services.platform, page.staff, holds_from, asked, seen)
    match outcome:
        case Refused():
            found = await flows.overview(page.services.platform)
            page.form = {}
            return await _shown(page, *_refusal(page, outcome, found, found.today))
        case Done():
            page.flash(page.say("已撤回。"))
            return page.redirect(POLICY_PATH)
        case never:
            assert_never(never)


def _withdrawing(page: StaffPage, holds_from: date) -> Act:
    return Act(
        page.say("撤回{day}起的政策？", day=page.day(holds_from)),
        [
            page.say("这一天起不再改变，全市继续用之前的政策。"),
            page.say("撤回后不能恢复，需要时重新制定。"),
        ],
        page.say("撤回"),
        POLICY_PATH,
        "policy",
    )


# In words -----------------------------------------------------------------------------------


def number_words(page: StaffPage) -> dict[str, str]:
    """Return the names of a policy's numbers."""
    return {
        "horizon_months": page.say("最多提前几个月预约"),
        "per_department_and_day": page.say("同一天同一医院同一科室最多几个号"),
        "per_day": page.say("同一天最多几个号"),
        "per_short_window": page.say("连续天数上限：最多几个号"),
        "short_window_days": page.say("连续天数上限：按任意连续几天计"),
        "per_long_window": page.say("连续月数上限：最多几个号"),
        "long_window_months": page.say("连续月数上限：按任意连续几个月计"),
        "first_suspension_no_shows": page.say("一年内爽约满几次，首次暂停"),
        "first_suspension_months": page.say("首次暂停几个月"),
        "second_suspension_no_shows": page.say("一年内爽约满几次，再次暂停"),
        "second_suspension_months": page.say("再次暂停几个月"),
        "review_bookings": page.say("账户预约超过几次要复核"),
        "review_cancellations": page.say("账户退号超过几次要复核"),
        "review_days": page.say("复核按最近几天计"),
        "unchecked_live_bookings": page.say("未核实身份的人同时最多几个预约"),
        "unchecked_may_book_experts": page.say("未核实身份的人能否约知名专家"),
        "cancel_channels": page.say("患者能否自己退号"),
        "quiet_from": page.say("夜间几点起不发消息"),
        "quiet_until": page.say("早上几点起再发消息"),
        "draw_returned_places": page.say("满号退回后的放号方式"),
        "live_applications": page.say("每人同时最多几个候补登记"),
        "declines_before_pause": page.say("90天内放弃几次抽中的号就暂停登记"),
        "pause_days": page.say("暂停登记几天"),
        "long_waits_percent": page.say("抽签中留给久候者的号，最多百分之几"),
        "personal_release": page.say("放号时每位就诊人有自己的预约时刻"),
    }


def differences(page: StaffPage, before: Policy, after: Policy) -> list[tuple[str, str, str]]:
    """Return what changes: the number's name, before, after."""
    words = number_words(page)
    assert set(words) == {field.name for field in fields(Policy)}
    return [
        (words[name], _said(page, before, name), _said(page, after, name))
        for name in changed_numbers(before, after)
    ]


def _said(page: StaffPage, policy: Policy, name: str) -> str:
    if name == "cancel_channels":
        return page.say("能") if "patient" in policy.cancel_channels else page.say("只能打电话")
    if name == "unchecked_may_book_experts":
        return page.say("能") if policy.unchecked_may_book_experts else page.say("不能")
    if name == "draw_returned_places":
        return page.say("抽签") if policy.draw_returned_places else page.say("先到先得")
    if name == "personal_release":
        return page.say("是") if policy.personal_release else page.say("否")
    if name in _TIMES:
        return f"{getattr(policy, name):%H:%M}"
    return str(getattr(policy, name))


def _refusal(
    page: StaffPage,
    refused: Refused[PolicyRefusal | PolicyChangeRefusal],
    found: PolicyOverview,
    policy: Policy,
) -> Said:
    """Return why nothing is changed, with the numbers, the day and the change that it is about."""
    latest = max(found.entries, key=lambda entry: entry.decided_at, default=None)
    last_change = (
        ""
        if latest is None
        else page.say(
            "（最近一次：{who}，{when}）", who=latest.by, when=page.time(latest.decided_at)
        )
    )
    return page.refusal(
        refused,
        numbers=_numbers_text(page, policy),
        day=page.day(found.earliest),
        last_change=last_change,
    )


def _numbers_text(page: StaffPage, policy: Policy) -> str:
    words = number_words(page)
    return ("; " if page.language == "en" else "；").join(
        page.say(
            "“{name}”须在{low}到{high}之间",
            name=words[name],
            low=POLICY_BOUNDS[name][0],
            high=POLICY_BOUNDS[name][1],
        )
        for name in out_of_bounds(policy)
    )
