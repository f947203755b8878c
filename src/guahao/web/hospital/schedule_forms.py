"""What a scheduler's forms hold, read and said."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal, InvalidOperation

from guahao.flows.hospital_rules import RulesRefusal
from guahao.flows.stops import StopRefusal
from guahao.flows.timetables import CAPACITY_MAX, FEE_MAX_FEN, BelowBooked, PlanRefusal
from guahao.rules.staff import Role
from guahao.store.timetables import Clinic
from guahao.web.staff import StaffPage

SCHEDULER = frozenset({Role.SCHEDULER})
FEN = 100
_UNREADABLE = -1  # out of every range, so that the flow refuses it


def read_date(text: str) -> date | None:
    """A date of a form, or None."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def read_time(text: str) -> time | None:
    """A clock reading of a form, or None."""
    try:
        return time.fromisoformat(text)
    except ValueError:
        return None


def read_number(text: str) -> int:
    """A whole number of a form; -1 where it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else _UNREADABLE  # noqa: PLR2004


def read_fen(text: str) -> int:
    """Yuan with at most two decimals, in 分; -1 where it is no such sum."""
    try:
        fen = Decimal(text.strip() or "x") * FEN
    except InvalidOperation:
        return _UNREADABLE
    whole = fen.is_finite() and fen == fen.to_integral_value() and 0 <= fen <= FEE_MAX_FEN
    return int(fen) if whole else _UNREADABLE


def read_clinic(form: dict[str, str]) -> Clinic:
    """What is to be held, as it was typed; the flow says what is wrong with it."""
    return Clinic(
        form.get("title", "").strip(),
        form.get("specialty", "").strip(),
        form.get("period", ""),
        read_time(form.get("starts_at", "")),
        read_time(form.get("ends_at", "")),
        read_fen(form.get("fee", "")),
        read_number(form.get("capacity", "")),
    )


def say_plan(page: StaffPage, refused: PlanRefusal | BelowBooked) -> str:
    """Why a plan is not changed, and what helps."""
    if isinstance(refused, BelowBooked):
        return page.say(
            "已有{booked}人预约，号源数不能少于{booked}。要取消门诊请用停诊。",
            booked=refused.booked,
        )
    return {
        PlanRefusal.UNKNOWN: page.say("本院没有这个科室或门诊。"),
        PlanRefusal.TITLE: page.say("请填写职称（40字以内）和时段。"),
        PlanRefusal.HOURS: page.say("结束时间须晚于开始时间；可以都不填。"),
        PlanRefusal.PLACES: page.say("号源数须在0到{most}之间。", most=CAPACITY_MAX),
        PlanRefusal.FEE: page.say(
            "费用须在0到{most}元之间，最多两位小数。", most=FEE_MAX_FEN // FEN
        ),
        PlanRefusal.DATES: page.say("日期不对：最早从明天开始，结束不能早于开始。"),
        PlanRefusal.STOPPED: page.say("已停诊，不能更改。"),
        PlanRefusal.FEE_IS_TOLD: page.say("已有人按原费用预约，费用不能更改。"),
    }[refused]


def say_stop(page: StaffPage, refused: StopRefusal) -> str:
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


def say_rules(page: StaffPage, refused: RulesRefusal) -> str:
    """Why rules are not changed, and what helps."""
    return {
        RulesRefusal.NOT_BEFORE_TOMORROW: page.say("新规则最早从明天起生效。"),
        RulesRefusal.CYCLE_DAYS: page.say("预约周期须在1到92天之间；不填则为平台的三个月。"),
        RulesRefusal.CANCEL_DAYS: page.say("退号截止须在就诊前1到30天：就诊当天不能退号。"),
        RulesRefusal.NO_CHANGE: page.say("与当时已有的规则相同，没有更改。"),
        RulesRefusal.NOT_PENDING: page.say("没有这条待生效的规则，或已经生效。"),
    }[refused]
