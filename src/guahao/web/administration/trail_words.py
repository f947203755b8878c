"""What the audit trail's details say, in words: fields, their values, and what became of what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

import msgspec

from guahao.web.words.language import Language, Words
from guahao.web.words.wording import PERIOD_WORDS
from guahao.web.words.words import STATUSES

FIELDS = {
    "account": Words("账户", "account"),
    "add": Words("新增门诊", "sessions added"),
    "add_weekly": Words("新增周排班", "timetables added"),
    "added": Words("新增", "added"),
    "address": Words("地址", "address"),
    "after": Words("改后", "after"),
    "appointments": Words("预约", "bookings"),
    "asked": Words("核对", "asked"),
    "before": Words("改前", "before"),
    "body": Words("正文", "text"),
    "body_en": Words("英文正文", "English text"),
    "bookings": Words("预约数", "bookings"),
    "broken_at": Words("断在第几条", "broken at entry"),
    "call": Words("通话", "call"),
    "came": Words("已就诊的预约", "bookings that came"),
    "cancel_channels": Words("退号渠道", "who may cancel"),
    "cancel_days_before": Words("退号提前天数", "days before to cancel"),
    "cancel_time": Words("退号截止时间", "cancel by"),
    "cancellations": Words("退号数", "cancellations"),
    "capacity": Words("号源数", "places"),
    "change": Words("更改门诊", "sessions changed"),
    "change_of": Words("更改", "change"),
    "change_weekly": Words("更改周排班", "timetables changed"),
    "changed": Words("更改", "changed"),
    "client_id": Words("系统标识", "client id"),
    "code": Words("编码", "code"),
    "count": Words("数量", "number"),
    "created": Words("新建", "made"),
    "cycle_days": Words("放号周期（天）", "cycle (days)"),
    "decision": Words("决定", "decision"),
    "differing": Words("差异数", "differences"),
    "displaced_by": Words("取代的登记", "displaced by"),
    "district": Words("区县", "district"),
    "district_en": Words("区县英文名", "district in English"),
    "document": Words("证件", "document"),
    "ends_at": Words("结束时间", "ends at"),
    "entries": Words("名单人数", "persons on the list"),
    "event": Words("通知事件", "event"),
    "external_id": Words("医院编号", "hospital's id"),
    "failures": Words("连续失败次数", "failures in a row"),
    "fee_fen": Words("医事服务费（元）", "fee (yuan)"),
    "first": Words("首日", "first day"),
    "first_suspension_months": Words("首次暂停月数", "first suspension (months)"),
    "first_suspension_no_shows": Words("首次暂停的爽约次数", "no-shows for the first suspension"),
    "from_account": Words("原账户", "from account"),
    "checked_only": Words("只收已核实身份的人", "checked persons only"),
    "found_by": Words("查找方式", "found by"),
    "free": Words("无人预约的门诊", "sessions without a booking"),
    "from": Words("从", "from"),
    "grade": Words("等级", "grade"),
    "head": Words("最末序号", "last entry"),
    "hits": Words("查到人数", "persons found"),
    "holds": Words("完整", "whole"),
    "holds_from": Words("生效日期", "holds from"),
    "horizon_months": Words("可预约月数", "horizon (months)"),
    "hospital_id": Words("医院", "hospital"),
    "id": Words("编号", "id"),
    "kind": Words("种类", "kind"),
    "kinds": Words("通知种类", "kinds of events"),
    "last": Words("末日", "last day"),
    "landline": Words("座机", "landline"),
    "limit": Words("超过的上限", "limit passed"),
    "listed": Words("医院名单数", "bookings in the hospital's list"),
    "login": Words("登录名", "login"),
    "made": Words("生成门诊数", "sessions made"),
    "move": Words("转手机号申请", "move"),
    "name": Words("名称", "name"),
    "name_en": Words("英文名", "English name"),
    "next_day_stop_time": Words("次日号停约时间", "next day closes at"),
    "no_shows": Words("爽约", "no-shows"),
    "notice": Words("就诊须知", "notice"),
    "on_platform": Words("在平台开放", "on the platform"),
    "outcome": Words("结果", "outcome"),
    "overlap_hours": Words("新旧密钥并用小时", "hours of overlap"),
    "parent_id": Words("上级科室", "parent department"),
    "per_day": Words("每日限约数", "bookings a day"),
    "per_department_and_day": Words("同科同日限约数", "bookings a department and day"),
    "per_long_window": Words("长期限约数", "bookings in the long window"),
    "per_short_window": Words("短期限约数", "bookings in the short window"),
    "long_window_months": Words("长期（月）", "long window (months)"),
    "suspended_until": Words("原登记暂停到", "was suspended until"),
    "no_shows_pass": Words("爽约随人走", "no-shows pass"),
    "was_checked_by": Words("原登记核对方式", "earlier check by"),
    "registered": Words("已登记", "registered"),
    "refused": Words("拒绝", "refused"),
    "short_window_days": Words("短期（天）", "short window (days)"),
    "period": Words("时段", "period"),
    "persons": Words("就诊人数", "patients"),
    "phone": Words("电话", "phone"),
    "pickup_place": Words("取号地点", "pick-up place"),
    "pickup_until_afternoon": Words("下午取号截止", "afternoon pick-up until"),
    "pickup_until_evening": Words("晚上取号截止", "evening pick-up until"),
    "pickup_until_morning": Words("上午取号截止", "morning pick-up until"),
    "pinned": Words("绑定证书", "certificate pinned"),
    "quiet_from": Words("夜间不发消息起", "quiet from"),
    "quiet_until": Words("夜间不发消息止", "quiet until"),
    "recorded": Words("记录", "recorded"),
    "release_time": Words("放号时间", "released at"),
    "retired_at": Words("停用时间", "retired at"),
    "request": Words("个人信息申请", "privacy request"),
    "role": Words("岗位", "role"),
    "same": Words("不变的门诊", "sessions as they were"),
    "same_weekly": Words("不变的周排班", "timetables as they were"),
    "scopes": Words("权限", "scopes"),
    "second_suspension_months": Words("再次暂停月数", "second suspension (months)"),
    "second_suspension_no_shows": Words("再次暂停的爽约次数", "no-shows for the second suspension"),
    "session_id": Words("门诊单元", "session"),
    "sessions": Words("门诊数", "sessions"),
    "shown_from": Words("公布时间", "shown from"),
    "shown_until": Words("撤下时间", "shown until"),
    "is_maintenance": Words("系统维护或故障", "maintenance or incident"),
    "sms": Words("短信核实码", "SMS code"),
    "specialty": Words("专业", "specialty"),
    "review_bookings": Words("复核的预约次数", "bookings to review"),
    "review_cancellations": Words("复核的退号次数", "cancellations to review"),
    "review_days": Words("复核天数", "days of a review"),
    "restricted_until": Words("限制到", "restricted until"),
    "starts_at": Words("开始时间", "starts at"),
    "stopped": Words("已停诊", "stopped"),
    "taken": Words("有人预约的门诊", "sessions with bookings"),
    "task": Words("回电任务", "call task"),
    "title": Words("职称或标题", "title"),
    "title_en": Words("英文标题", "English title"),
    "to": Words("到", "to"),
    "to_account": Words("新账户", "to account"),
    "unchecked_live_bookings": Words("未核实者同时预约数", "live bookings if unchecked"),
    "unchecked_may_book_experts": Words("未核实者可约知名专家", "experts if unchecked"),
    "until": Words("截止", "until"),
    "url": Words("通知地址", "URL"),
    "verified": Words("核实通过", "verified"),
    "visit_date": Words("就诊日期", "visit date"),
    "weekday": Words("星期", "weekday"),
}

VALUES = {
    **STATUSES,
    **PERIOD_WORDS,
    "administrator": Words("平台管理员", "administrator"),
    "account": Words("账户", "account"),
    "agent": Words("114客服", "114 agent"),
    "call": Words("本次通话", "this call"),
    "call_codes_too_often": Words("核实码发得太多", "too many codes"),
    "call_over": Words("通话已结束", "the call is over"),
    "call_too_many_wrong": Words("答错次数过多", "too many wrong answers"),
    "sms": Words("短信核实码", "SMS code"),
    "attendance": Words("取号和就诊", "attendance"),
    "auditor": Words("审计", "auditor"),
    "bookings": Words("预约", "bookings"),
    "clerk": Words("医院窗口", "window clerk"),
    "erasure": Words("删除", "erasure"),
    "export": Words("导出", "export"),
    "privacy_already_waiting": Words("已有待审批的申请", "one is waiting already"),
    "privacy_too_many": Words("查找次数过多", "too many look-ups"),
    "privacy_unknown_person": Words("没有查到", "not found"),
    "code": Words("识别码", "code"),
    "document": Words("证件", "document"),
    "late": Words("补记", "late"),
    "name": Words("姓名", "name"),
    "not_reached": Words("没有接通", "not reached"),
    "order_no": Words("订单号", "order number"),
    "patient": Words("患者本人", "patient"),
    "phone": Words("电话", "phone"),
    "reached": Words("已接通", "reached"),
    "restored": Words("恢复出诊", "restored"),
    "scheduler": Words("医院排班", "scheduler"),
    "supervisor": Words("客服班长", "supervisor"),
    "supply": Words("号源", "supply"),
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
        "outcome",
        "period",
        "recorded",
    }
    | {"role", "scopes", "to"}
)
_NOTHING = "–"
_FOR_EVER = "9999-12-31"
_WHOLE_MINUTES = re.compile(r"^(\d\d:\d\d):00$")


def details(text: str, language: Language) -> list[tuple[str, str]]:
    """What an entry holds besides, flat: each field's name and value in words.

    What was before and is after stands together, as "20 → 30".
    """
    return list(_flat("", "", _paired(msgspec.json.decode(text)), language))


def field_names(detail: object) -> Iterator[str]:
    """The names of all fields within a detail; ids, which are names of nothing, left out."""
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
    """`before` and `after` of the same fields, field by field; of something new, its fields."""
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


def _flat(path: str, name: str, value: object, language: Language) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for inner, found in value.items():
            said = FIELDS[inner].of(language) if inner in FIELDS else inner
            of = name if inner.isdecimal() else inner
            yield from _flat(f"{path} {said}".strip(), of, found, language)
    elif isinstance(value, _Pair):
        both = (_said(name, one, language) for one in (value.before, value.after))
        yield path, " → ".join(both)
    else:
        yield path, _said(name, value, language)


def _said(name: str, value: object, language: Language) -> str:
    if isinstance(value, list):
        return ", ".join(_said(name, one, language) for one in value) or _NOTHING
    if isinstance(value, bool):
        return "✓" if value else "✗"
    if value is None or value == "":
        return _NOTHING
    if value == _FOR_EVER:
        return "长期" if language == "zh" else "open-ended"
    if name == "fee_fen" and isinstance(value, int):
        return f"{Decimal(value) / 100:.2f}"
    if name in _OF_OURS and isinstance(value, str) and value in VALUES:
        return VALUES[value].of(language)
    return _WHOLE_MINUTES.sub(r"\1", str(value))
