"""What the administrator's and a scheduler's pages of webhooks share."""

from __future__ import annotations

from functools import partial

from litestar.types import ASGIApp

from guahao.flows.integration import webhooks as flows
from guahao.rules.integration.pushing import KINDS, Undelivered
from guahao.web.http.reading import as_id
from guahao.web.staff.page import StaffPage


def kind_words(page: StaffPage) -> dict[str, str]:
    """Return what a hospital may be notified of, in the order of a booking's life."""
    words = {
        "booked": page.say("预约成功"),
        "cancelled": page.say("已取消"),
        "stopped": page.say("停诊"),
        "restored": page.say("恢复预约"),
        "picked_up": page.say("已取号"),
        "no_show": page.names.status("no_show"),
        "unverified": page.say("未核实"),
    }
    return {kind: words[kind] for kind in KINDS}


def error_text(page: StaffPage, error: str) -> str:
    """Say why an event was not taken: our own reasons in words, others' as they came."""
    words: dict[str, str] = {
        Undelivered.NO_ANSWER: page.say("10秒内没有应答"),
        Undelivered.FORBIDDEN_ADDRESS: page.say("域名指向不允许的地址"),
        Undelivered.WAITS: page.say("排在同一预约的前一事件之后"),
        Undelivered.TOO_OLD: page.say("发生已超过七天"),
    }
    return words.get(error, error)


async def show_dead_letters(page: StaffPage, hospital_id: int, tab: str) -> ASGIApp:
    """Show how a hospital's webhook does, and a page of its dead letters."""
    platform = page.services.platform
    after = as_id(page.query("after")) or 0
    letters, more = await flows.dead_letters(platform, page.staff.who, hospital_id, after)
    found = await flows.states(platform, hospital_id)
    return page.show(
        "staff/dead_letters.html",
        tab=tab,
        standing=found[0] if found else None,
        letters=letters,
        more=more,
        kinds=kind_words(page),
        error_text=partial(error_text, page),
    )


async def send_again(page: StaffPage, hospital_id: int) -> ASGIApp:
    """Send one dead letter, or all, again; go back to the list."""
    event = page.form.get("event", "")
    event_id = None if event == "all" else as_id(event) or 0
    count = await flows.send_again(page.services.platform, page.staff.who, hospital_id, event_id)
    if count:
        page.flash(page.say("{count}条已重新排入发送。", count=count))
    else:
        page.flash(page.say("没有可重发的事件，可能已由他人重发。"))
    return page.redirect(page.path.removesuffix("/again"))
