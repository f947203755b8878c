"""The audit trail's details in words: fields, their values, and outcomes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal

import msgspec

from guahao.rules.kernel.limits import CITY_TIME
from guahao.web.words.words import STATUSES, task_kinds
from guahao.words.catalogue import Language, translations
from guahao.words.dates import PERIOD_WORDS, format_day
from guahao.words.text import Words

FIELDS = {
    "account": Words("账户"),
    "add": Words("新增门诊", "trail"),
    "add_weekly": Words("新增周排班"),
    "added": Words("新增", "trail"),
    "address": Words("地址", "trail"),
    "after": Words("改后"),
    "also": Words("其他说法"),
    "appointments": Words("预约", "trail"),
    "asked": Words("核对", "trail"),
    "before": Words("改前"),
    "behind": Words("排到几人之后"),
    "body": Words("正文"),
    "body_en": Words("英文正文"),
    "bookings": Words("预约数", "trail"),
    "broken_at": Words("断在第几条"),
    "call": Words("通话"),
    "came": Words("已就诊的预约"),
    "cancel_channels": Words("退号渠道"),
    "cancel_days_before": Words("退号提前天数"),
    "cancel_time": Words("退号截止时间"),
    "cancellations": Words("退号数"),
    "capacity": Words("号源数", "trail"),
    "change": Words("更改门诊", "trail"),
    "change_of": Words("更改", "trail"),
    "change_weekly": Words("更改周排班", "trail"),
    "changed": Words("更改", "trail: changed"),
    "children": Words("儿童科室"),
    "client_id": Words("系统标识"),
    "code": Words("编码"),
    "count": Words("数量"),
    "created": Words("新建"),
    "cycle_days": Words("放号周期（天）"),
    "department": Words("科室"),
    "decision": Words("决定", "trail"),
    "differing": Words("差异数"),
    "displaced_by": Words("取代的登记"),
    "district": Words("区县"),
    "district_en": Words("区县英文名"),
    "document": Words("证件", "trail"),
    "ends_at": Words("结束时间"),
    "entries": Words("名单人数"),
    "event": Words("通知事件"),
    "external_id": Words("医院编号"),
    "failures": Words("连续失败次数"),
    "fee_fen": Words("医事服务费（元）", "trail"),
    "first": Words("首日"),
    "first_suspension_months": Words("首次暂停月数"),
    "first_suspension_no_shows": Words("首次暂停的爽约次数"),
    "from_account": Words("原账户"),
    "checked_only": Words("只收已核实身份的人"),
    "found_by": Words("查找方式"),
    "free": Words("无人预约的门诊"),
    "from": Words("从", "trail"),
    "grade": Words("等级", "trail"),
    "head": Words("最末序号"),
    "hits": Words("查到人数"),
    "holds": Words("完整"),
    "holds_from": Words("生效日期"),
    "horizon_months": Words("可预约月数"),
    "hospital_id": Words("医院", "trail"),
    "id": Words("编号", "trail"),
    "kind": Words("种类", "trail"),
    "kinds": Words("通知种类"),
    "room": Words("诊室", "trail"),
    "own": Words("医院自编号", "trail"),
    "numbers": Words("号码数", "trail"),
    "number": Words("排队号", "trail"),
    "minutes": Words("分钟数", "trail"),
    "last": Words("末日"),
    "landline": Words("座机"),
    "limit": Words("超过的上限"),
    "listed": Words("医院名单数"),
    "login": Words("登录名", "trail"),
    "made": Words("生成门诊数"),
    "move": Words("转手机号申请"),
    "name": Words("名称", "trail"),
    "name_en": Words("英文名"),
    "next_day_stop_time": Words("次日号停约时间", "trail"),
    "no_shows": Words("爽约", "trail"),
    "not_booked_for": Words("预约失败原因"),
    "notice": Words("就诊须知"),
    "notice_en": Words("英文医院提示"),
    "address_en": Words("英文地址"),
    "pickup_place_en": Words("英文取号地点"),
    "on_platform": Words("在平台开放"),
    "outcome": Words("结果", "trail"),
    "overlap_hours": Words("新旧密钥并用小时"),
    "parent_id": Words("上级科室"),
    "per_day": Words("每日限约数"),
    "per_department_and_day": Words("同科同日限约数"),
    "per_long_window": Words("长期限约数"),
    "per_short_window": Words("短期限约数"),
    "long_window_months": Words("长期（月）"),
    "replaced": Words("改约前的预约"),
    "suspended_until": Words("原登记暂停到"),
    "no_shows_pass": Words("爽约随人走"),
    "was_checked_by": Words("原登记核对方式"),
    "registered": Words("已登记", "trail"),
    "referral_percent": Words("转诊占比（%）"),
    "refused": Words("拒绝", "trail"),
    "release_mode": Words("放号方式"),
    "short_window_days": Words("短期（天）"),
    "period": Words("时段", "trail"),
    "persons": Words("就诊人数"),
    "phone": Words("电话", "trail"),
    "pickup_place": Words("取号地点", "trail"),
    "pickup_until_afternoon": Words("下午取号截止", "trail"),
    "pickup_until_evening": Words("晚上取号截止", "trail"),
    "pickup_until_morning": Words("上午取号截止", "trail"),
    "pinned": Words("绑定证书"),
    "quiet_from": Words("夜间不发消息起"),
    "quiet_until": Words("夜间不发消息止"),
    "recorded": Words("记录"),
    "release_time": Words("放号时间", "trail"),
    "retired_at": Words("停用时间"),
    "request": Words("个人信息申请", "trail"),
    "role": Words("岗位", "trail"),
    "same": Words("不变的门诊"),
    "same_weekly": Words("不变的周排班"),
    "scopes": Words("权限", "trail"),
    "second_suspension_months": Words("再次暂停月数"),
    "second_suspension_no_shows": Words("再次暂停的爽约次数"),
    "session_id": Words("门诊单元", "trail"),
    "sessions": Words("门诊数", "trail"),
    "substitute": Words("换医生接诊", "trail"),
    "shown_from": Words("公布时间"),
    "shown_until": Words("撤下时间"),
    "is_maintenance": Words("系统维护或故障"),
    "sms": Words("短信核实码"),
    "specialty": Words("专业", "trail"),
    "review_bookings": Words("复核的预约次数"),
    "review_cancellations": Words("复核的退号次数"),
    "review_days": Words("复核天数"),
    "restricted_until": Words("限制到"),
    "starts_at": Words("开始时间"),
    "stopped": Words("已停诊", "trail"),
    "taken": Words("有人预约的门诊"),
    "task": Words("回电任务"),
    "ticket": Words("登记号（前8位）"),
    "targets": Words("科室", "trail: targets"),
    "title": Words("职称或标题"),
    "title_en": Words("英文标题"),
    "urgent": Words("可能是急症"),
    "to": Words("到", "trail"),
    "to_account": Words("新账户"),
    "unchecked_live_bookings": Words("未核实者同时预约数"),
    "unchecked_may_book_experts": Words("未核实者可约知名专家"),
    "draw_returned_places": Words("退号抽签"),
    "live_applications": Words("每人候补登记数"),
    "declines_before_pause": Words("暂停登记前的放弃次数"),
    "pause_days": Words("暂停登记天数"),
    "long_waits_percent": Words("久候者的号的百分比"),
    "personal_release": Words("个人放号时刻"),
    "until": Words("截止"),
    "url": Words("通知地址"),
    "verified": Words("核实通过"),
    "visit_date": Words("就诊日期", "trail"),
    "weekday": Words("星期", "trail"),
}

VALUES = {
    **STATUSES,
    **PERIOD_WORDS,
    "answered": Words("已答复咨询"),
    "applied": Words("已登记候补"),
    "no_places": Words("没有合适的号"),
    "not_booked": Words("没有约成"),
    "not_verified": Words("没能核实来电人"),
    "other": Words("不约了、中断或其他"),
    "rules": Words("暂停预约或达到上限"),
    "administrator": Words("平台管理员", "trail"),
    "account": Words("账户"),
    "agent": Words("114客服"),
    "call": Words("本次通话"),
    "call_codes_too_often": Words("核实码发得太多"),
    "call_over": Words("通话已结束"),
    "call_too_many_wrong": Words("答错次数过多"),
    "sms": Words("短信核实码"),
    "attendance": Words("取号和就诊"),
    "auditor": Words("审计", "trail"),
    "bookings": Words("预约", "trail"),
    "clerk": Words("医院窗口", "trail"),
    "erasure": Words("删除", "trail"),
    "export": Words("导出"),
    "privacy_already_waiting": Words("已有待审批的申请"),
    "privacy_too_many": Words("查找次数过多"),
    "privacy_unknown_person": Words("没有查到"),
    "code": Words("识别码", "trail"),
    "document": Words("证件", "trail"),
    "draw": Words("抽签放号"),
    "first_come": Words("先到先得"),
    "late": Words("补记"),
    "name": Words("姓名", "trail"),
    "not_reached": Words("没有接通"),
    "order_no": Words("订单号", "trail"),
    "patient": Words("患者本人"),
    "phone": Words("电话", "trail"),
    "reached": Words("已接通"),
    "restored": Words("恢复出诊"),
    "scheduler": Words("医院排班", "trail"),
    "called": Words("已叫号", "queue"),
    "delayed": Words("医生晚到", "queue"),
    "moved": Words("换诊室", "queue"),
    "passed": Words("过号", "queue"),
    "paused": Words("暂停叫号", "queue"),
    "seen": Words("已就诊", "queue"),
    "waiting": Words("候诊", "queue"),
    "supervisor": Words("客服班长", "trail"),
    "supply": Words("号源", "trail"),
}
# Their values are words of ours; everything else is somebody's text, and stays as it is.
_OF_OURS = frozenset(
    {
        "appointments",
        "asked",
        "cancel_channels",
        "found_by",
        "limit",
        "refused",
        "from",
        "kind",
        "kinds",
        "not_booked_for",
        "outcome",
        "period",
        "recorded",
        "release_mode",
    }
    | {"role", "scopes", "to"}
)
_NOTHING = "–"
_FOR_EVER = "9999-12-31"
_WHOLE_MINUTES = re.compile(r"^(\d\d:\d\d):00$")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(rf"{_DAY.pattern}([T ]\d\d:\d\d(:\d\d(\.\d+)?)?([+-]\d\d:?\d\d|Z)?)?")


# Fields whose numbers are ids, and of what.
_THINGS = {
    "hospital_id": "hospital",
    "department": "department",
    "parent_id": "department",
    "session_id": "clinic_session",
    "targets": "department",
}
Names = Mapping[tuple[str, int], str]
_NO_NAMES: Names = {}


def details(text: str, language: Language, names: Names = _NO_NAMES) -> list[tuple[str, str]]:
    """Return an entry's details, flat: each field's name and value in words.

    Before and after stand together, as "20 → 30"; what has a name stands by it.
    """
    return list(_flat("", "", _paired(msgspec.json.decode(text)), language, names))


def things_in(text: str) -> set[tuple[str, int]]:
    """Return the things that an entry's details name by their ids."""
    return set(_things("", msgspec.json.decode(text)))


def _things(name: str, value: object) -> Iterator[tuple[str, int]]:
    if isinstance(value, dict):
        for inner, found in value.items():
            yield from _things(inner, found)
    elif isinstance(value, list):
        for element in value:
            yield from _things(name, element)
    elif name in _THINGS and type(value) is int:
        yield _THINGS[name], value


def field_names(detail: object) -> Iterator[str]:
    """Return the names of all fields within a detail, except ids."""
    if isinstance(detail, Mapping):
        for name, value in detail.items():
            if not name.isdecimal():
                yield name
            yield from field_names(value)


class _Pair(msgspec.Struct):
    """A field before and after."""

    before: object
    after: object


def _paired(detail: dict[str, object]) -> dict[str, object]:
    """Return `before` and `after` field by field; of something new, its fields."""
    if "after" not in detail:
        return detail
    before, after = detail.get("before", {}), detail["after"]
    rest = {name: value for name, value in detail.items() if name not in ("before", "after")}
    if not isinstance(before, dict) or not isinstance(after, dict):
        return {"change_of": _Pair(before, after), **rest} if "before" in detail else detail
    if "before" not in detail:
        return {**after, **rest}
    pairs = {
        name: _Pair(before.get(name), after.get(name))
        if before.get(name) != after.get(name)
        else after.get(name)
        for name in (*before, *(name for name in after if name not in before))
    }
    return {**pairs, **rest}


def _flat(
    path: str, name: str, value: object, language: Language, names: Names
) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for inner, found in value.items():
            said = FIELDS[inner].of(language) if inner in FIELDS else inner
            of = name if inner.isdecimal() else inner
            yield from _flat(f"{path} {said}".strip(), of, found, language, names)
    elif isinstance(value, _Pair):
        both = (_said(name, side, language, names) for side in (value.before, value.after))
        yield path, " → ".join(both)
    else:
        yield path, _said(name, value, language, names)


def _said(name: str, value: object, language: Language, names: Names) -> str:
    if isinstance(value, list):
        return ", ".join(_said(name, element, language, names) for element in value) or _NOTHING
    if name in _THINGS and (_THINGS[name], value) in names:
        return names[_THINGS[name], value]  # type: ignore[index]
    if isinstance(value, bool):
        return "✓" if value else "✗"
    if value is None or value == "":
        return _NOTHING
    if value == _FOR_EVER:
        return "长期" if language == "zh" else "open-ended"
    if name == "fee_fen" and isinstance(value, int):
        return f"{Decimal(value) / 100:.2f}"
    if name == "kind" and isinstance(value, str):
        # A call's reason is named as a message, and some of these as a status.
        kinds = task_kinds(str if language == "zh" else translations(language).gettext)
        if value in kinds:
            return kinds[value]
    if name in _OF_OURS and isinstance(value, str) and value in VALUES:
        return VALUES[value].of(language)
    return _written(str(value), language)


def _written(text: str, language: Language) -> str:
    """Write dates and times as all pages do; a date with its year, because the trail is long."""
    if _MOMENT.fullmatch(text) is None:
        return _WHOLE_MINUTES.sub(r"\1", text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    local = moment if moment.tzinfo is None else moment.astimezone(CITY_TIME)
    day = format_day(local.date(), language, with_year=True)
    if _DAY.fullmatch(text):
        return day
    parted = ", " if language == "en" else " "
    return f"{day}{parted}{local.time().isoformat('minutes')}"
