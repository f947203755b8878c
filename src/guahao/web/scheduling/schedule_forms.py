"""What a scheduler's forms hold, read and said."""

from __future__ import annotations

from datetime import date, timedelta

from guahao.rules.booking.replacing import OfferRefusal
from guahao.rules.hospitals.departments import Department
from guahao.rules.hospitals.titles import Title
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.text import prose, typed
from guahao.rules.staff.staff import Role
from guahao.rules.supply.changes import Clinic, SessionRefusal, SessionRefused
from guahao.rules.supply.national_calendar import unknown_within
from guahao.rules.supply.planning import CAPACITY_MAX, FEE_MAX_FEN, PlanRefusal
from guahao.rules.supply.stops import StopRefusal
from guahao.web.staff import StaffPage
from guahao.web.staff.reading import (
    FEN,
    UnreadableTimeError,
    read_date,
    read_fen,
    read_number,
    read_time,
)

SCHEDULER = frozenset({Role.SCHEDULER})
_DAYS_AWAY_MAX = 400


def near_monday(page: StaffPage, text: str) -> date | None:
    """Return the Monday of a typed date's week; None where it is none, or too far from today.

    A far date has neighbours that no calendar holds.
    """
    day = read_date(text)
    if day is None or abs((day - page.today).days) > _DAYS_AWAY_MAX:
        return None
    return monday_of(day)


def unannounced_within(page: StaffPage, last: date | None) -> date | None:
    """Return from which date the national holidays are not known, if dates until `last` meet it."""
    return None if last is None else unknown_within(page.today, last)


def monday_of(day: date) -> date:
    """Return the Monday of a date's week."""
    return day - timedelta(days=day.weekday())


def chosen_department(page: StaffPage, found: list[Department]) -> Department:
    """Return the department asked for; the first where none is, or where it is not theirs."""
    asked = read_number(page.query("department") or page.form.get("department", ""))
    return next((department for department in found if department.id == asked), found[0])


Offered = list[tuple[Title, int | None]]  # a title, and the fee that the hospital's list has


def read_clinic(form: dict[str, str], offered: Offered) -> Clinic | Refused[PlanRefusal]:
    """What is to be held, as it was typed; the flow says what else is wrong with it.

    Where no fee was typed it is the one of the hospital's list.
    """
    title, fee = prose(form.get("title", "")), typed(form.get("fee", ""))
    try:
        starts_at, ends_at = (read_time(form.get(name, "")) for name in ("starts_at", "ends_at"))
    except UnreadableTimeError:
        return Refused(PlanRefusal.TIME)
    listed = {one.name: fee_fen for one, fee_fen in offered if fee_fen is not None}
    return Clinic(
        title,
        prose(form.get("specialty", "")),
        form.get("period", ""),
        starts_at,
        ends_at,
        listed[title] if not fee and title in listed else read_fen(fee),
        read_number(form.get("capacity", "")),
    )


def plan_refusal_text(page: StaffPage, refused: Refused[PlanRefusal] | SessionRefused) -> str:
    """Say why a plan is not changed, and what helps."""
    if isinstance(refused, SessionRefused):
        return {
            SessionRefusal.TITLE_NOT_OFFERED: page.say(
                "请从列表中选择职称。需要新的职称，请联系平台管理员。"
            ),
            SessionRefusal.STOPPED: page.say("已停诊，不能更改。"),
            SessionRefusal.PAST: page.say("新门诊最早从明天开始；已过的门诊不能更改。"),
            SessionRefusal.TOO_FAR: page.say("就诊日期不能超过一年以后。请核对日期。"),
            SessionRefusal.TOLD: page.say("已有人按原费用预约，费用不能更改。"),
            SessionRefusal.BELOW_BOOKED: page.say(
                "已预约和留给停诊患者的号共{booked}个，号源数不能少于{booked}。"
                "要取消门诊请用停诊。",
                booked=refused.booked,
            ),
        }[refused.reason]
    return {
        PlanRefusal.UNKNOWN: page.say("本院没有这个科室或门诊。"),
        PlanRefusal.TITLE: page.say("请填写职称（40字以内）和时段。"),
        PlanRefusal.TIME: page.say("时间看不明白，请写成8:30这样，或不填。"),
        PlanRefusal.HOURS: page.say("结束时间须晚于开始时间；可以都不填。"),
        PlanRefusal.PLACES: page.say("号源数须在0到{most}之间。", most=CAPACITY_MAX),
        PlanRefusal.FEE: page.say(
            "费用须在0到{most}元之间，最多两位小数。", most=FEE_MAX_FEN // FEN
        ),
        PlanRefusal.DATES: page.say("日期不对：最早从明天开始，结束不能早于开始。"),
        PlanRefusal.ENDED: page.say("这条每周排班已经结束，不能更改。请另加一条。"),
        PlanRefusal.TITLE_NOT_OFFERED: page.say(
            "请从列表中选择职称。需要新的职称，请联系平台管理员。"
        ),
    }[refused.reason]


def stop_refusal_text(page: StaffPage, refused: StopRefusal) -> str:
    """Why nothing is stopped or undone, and what helps."""
    return {
        StopRefusal.NO_REASON: page.say("请写明停诊原因。"),
        StopRefusal.DATES: page.say("请选择日期，结束不能早于开始。"),
        StopRefusal.PAST: page.say("过去的日期不能停诊。"),
        StopRefusal.TOO_FAR: page.say("三个月以后还没有放出门诊，请改为结束排班。"),
        StopRefusal.NOTHING: page.say("这个范围内没有可以停诊的门诊。"),
        StopRefusal.TOLD: page.say("已经开始通知患者，不能撤销。需要时请另加门诊。"),
        StopRefusal.UNDONE: page.say("这次停诊已经撤销。"),
    }[refused]


def offer_refusal_text(page: StaffPage, refused: OfferRefusal) -> str:
    """Say why no places are offered to patients of a stop, and what helps."""
    return {
        OfferRefusal.UNDONE: page.say("这次停诊已经撤销。"),
        OfferRefusal.NO_PLACES: page.say("请至少在一个门诊填写要留的号数。"),
        OfferRefusal.TOO_SOON: page.say("期限须在2小时以后，患者才来得及看到并答复。"),
        OfferRefusal.OTHER_CLINIC: page.say("只能留本院同科室、同职称门诊的号。请刷新后重选。"),
        OfferRefusal.SESSION_STOPPED: page.say("所选门诊也已停诊。请另选门诊。"),
        OfferRefusal.DATE_CLOSED: page.say(
            "所选门诊很快停止预约，患者来不及答复。请选更晚的日期。"
        ),
        OfferRefusal.TOO_MANY: page.say(
            "加号后超过每个门诊{most}个号。请减少。", most=CAPACITY_MAX
        ),
        OfferRefusal.NOT_FREE: page.say("所选门诊没有那么多空余的号。请减少，或改为加号。"),
        OfferRefusal.NOBODY: page.say(
            "没有患者可以留号：都已答复、没有登记电话，或按规定不能约这些门诊。"
        ),
    }[refused]
