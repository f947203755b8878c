"""Applications and draws in words, as citizens and staff read them."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from guahao.rules.fairness.applying import ISO_WEEKDAYS, Wishes
from guahao.rules.kernel.facts import PERIODS
from guahao.rules.kernel.limits import CITY_TIME
from guahao.store.fairness.applications import ApplicationView
from guahao.web.framework.page_base import BasePage
from guahao.words.text import listed


def wishes_text(page: BasePage, wishes: Wishes) -> str:
    """Write 12月1日 周二至12月14日 周一 · 主任医师 · 上午."""
    dates = (
        page.day(wishes.first_date)
        if wishes.first_date == wishes.last_date
        else page.say(
            "{first}至{last}", first=page.day(wishes.first_date), last=page.day(wishes.last_date)
        )
    )
    parts = [
        dates,
        page.say("所有职称") if wishes.title is None else page.names.title(wishes.title),
    ]
    if wishes.specialty is not None:
        parts.append(page.names.specialty(wishes.specialty))
    if set(wishes.periods) != set(PERIODS):
        parts.append(listed([page.period(period) for period in wishes.periods], page.language))
    if len(set(wishes.iso_weekdays)) < len(ISO_WEEKDAYS):
        parts.append(listed([weekday(page, n) for n in wishes.iso_weekdays], page.language))
    if wishes.ranked_sessions:
        parts.append(page.say("指定的{count}个门诊", count=len(wishes.ranked_sessions)))
    return " · ".join(parts)


def weekday(page: BasePage, iso_weekday: int) -> str:
    """Write 周一 or Mon."""
    return page.weekday(date(2024, 1, iso_weekday))


def application_state_text(page: BasePage, application: ApplicationView) -> str:
    """Write 登记中 or 已抽中."""
    return {
        "live": page.say("登记中"),
        "won": page.say("已抽中"),
        "withdrawn": page.say(
            "已撤回",
        ),
        "expired": page.say("已到期"),
        "suspended": page.say("因暂停预约终止"),
        "removed": page.say("就诊人已移除"),
    }[application.state]


def soon_text(page: BasePage, moment: datetime, beside: datetime | None = None) -> str:
    """Write 今天12:00, 明天08:00, or the date with the time; the time alone `beside` its day."""
    local = moment.astimezone(CITY_TIME)
    clock = f"{local:%H:%M}"
    if beside is not None and beside.astimezone(CITY_TIME).date() == local.date():
        return clock
    if local.date() == page.today:
        return page.say("今天{clock}", clock=clock)
    if local.date() == page.today + timedelta(days=1):
        return page.say("明天{clock}", clock=clock)
    return page.time(local)
