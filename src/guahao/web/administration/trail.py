"""The auditor's page: who did or saw what, when and why; and whether the chain is intact."""

from __future__ import annotations

import asyncio
from datetime import date
from functools import partial

from litestar.types import ASGIApp

from guahao.flows.kernel.platform import Platform
from guahao.flows.staff import trail as flows
from guahao.flows.staff.trail import TrailVerdict
from guahao.rules.staff.staff import Role
from guahao.store.staff.trail import TrailEntry, Wanted
from guahao.store.staff.trail_names import Thing, ThingName
from guahao.trail_sinks import Noted, last_noted
from guahao.web.administration.directory.directory_words import directory_words
from guahao.web.administration.policies.schedule_words import schedule_words
from guahao.web.administration.trail_words import details, things_in
from guahao.web.http.reading import as_id
from guahao.web.staff import StaffPage, StaffRoute

_READERS = frozenset({Role.AUDITOR, Role.ADMINISTRATOR})
_TRAIL = "/staff/trail"
_TEXT_MAX = 40


def trail_routes() -> list[StaffRoute]:
    """Return the list and the verification."""
    return [
        StaffRoute("GET", _TRAIL, _show, _READERS),
        StaffRoute("POST", f"{_TRAIL}/verify", _verify, _READERS),
    ]


async def _show(page: StaffPage) -> ASGIApp:
    wanted = Wanted(
        as_id(page.query("before")),
        _date(page.query("first")),
        _date(page.query("last")),
        page.query("who")[:_TEXT_MAX] or None,
        page.query("action")[:_TEXT_MAX] or None,
        as_id(page.query("subject")),
        page.query("kind")[:_TEXT_MAX] or None,
        as_id(page.query("hospital")),
    )
    platform = page.services.platform
    entries, after = await flows.list_trail(platform, wanted)
    named, hospitals = await flows.things(platform, _things(entries))
    names = {thing: _thing_text(page, name) for thing, name in named.items()}
    noted = await _noted(platform)
    verdict = await flows.check_head(platform, noted.head)
    return page.show(
        "staff/trail.html",
        noted=noted,
        sent_out=platform.settings.trail_file or platform.settings.trail_syslog,
        touched="" if verdict.holds else _touched_text(page, verdict),
        entries=entries,
        after=after,
        wanted=wanted,
        actions=action_words(page),
        subjects=_subject_words(page),
        details=partial(details, language=page.language, names=names),
        names=names,
        hospitals=hospitals,
    )


def _things(entries: list[TrailEntry]) -> set[Thing]:
    """Return what the entries are about, and who acted."""
    found: set[Thing] = set()
    for entry in entries:
        found |= things_in(entry.detail)
        if entry.subject_kind and entry.subject_id is not None:
            found.add((entry.subject_kind, entry.subject_id))
        if entry.who.kind == "staff":
            found.add(("staff", entry.who.id))
        if entry.who.hospital_id is not None:
            found.add(("hospital", entry.who.hospital_id))
    return found


def _thing_text(page: StaffPage, thing: ThingName) -> str:
    """Return a place's name with its hospital's and, of a session, its day; a member's name."""
    own = page.names.name(thing.name, thing.name_en)
    if thing.visit_date is not None and thing.period is not None:
        own = f"{own} {page.visit(thing.visit_date, thing.period)}"
    within = page.names.name(thing.within, thing.within_en) if thing.within else ""
    return f"{own} · {within}" if within and thing.kind != "staff" else own


async def _noted(platform: Platform) -> Noted:
    """Return the last head of the trail that was stored outside of the database."""
    file = platform.settings.trail_file
    return Noted() if file is None else await asyncio.to_thread(last_noted, file, platform.vault)


async def _verify(page: StaffPage) -> ASGIApp:
    platform = page.services.platform
    verdict = await flows.verify_trail(platform, (await _noted(platform)).head)
    await flows.record_verification(platform, page.staff, verdict)
    if verdict.holds:
        page.flash(page.say("操作记录完整：共{count}条，未被改动。", count=verdict.entries))
    else:
        page.flash(_touched_text(page, verdict))
    return page.redirect(_TRAIL)


def _touched_text(page: StaffPage, verdict: TrailVerdict) -> str:
    why = {
        "missing": page.say("有记录被删除或调换"),
        "changed": page.say("有记录被改动"),
        "cut": page.say("末尾的记录被删除"),
        "other_past": page.say("与留存的校验值不符"),
        "head_forged": page.say("末尾的校验值不是本平台写的"),
        "emptied": page.say("记录被清空"),
        "rolled_back": page.say("比外送的校验值旧：恢复过备份，或末尾被删"),
        "other_key": page.say("平台密钥与写入时的不同"),
    }[verdict.why or ""]
    return page.say(
        "操作记录不完整：从第{seq}条起，{why}。请立即联系平台负责人，不要重启或清理系统。",
        seq=verdict.broken_at,
        why=why,
    )


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _subject_words(page: StaffPage) -> dict[str, str]:
    """Return the kinds of records; a kind without a word is shown by its own name."""
    return {
        "account": page.say("账户记录"),
        "announcement": page.say("公告记录"),
        "application": page.say("候补登记记录"),
        "appointment": page.say("预约记录"),
        "clinic_session": page.say("门诊单元"),
        "department": page.say("科室记录"),
        "draw": page.say("抽签记录"),
        "hospital": page.say("医院记录"),
        "hospital_client": page.say("医院系统"),
        "patient": page.say("就诊人记录"),
        "release_mode": page.say("放号方式"),
        "search_term": page.say("搜索用语"),
        "reconciliation": page.say("对账"),
        "reconciliation_difference": page.say("对账差异"),
        "staff": page.say("人员记录"),
        "stop": page.say("停诊操作"),
        "supply_act": page.say("批量操作"),
        "supply_import": page.say("号源导入"),
        "timetable": page.say("周排班"),
        "title": page.say("职称"),
    }


def action_words(page: StaffPage) -> dict[str, str]:
    """Return the actions' names; an action without a word is shown by its own name."""
    return (
        _login_words(page)
        | _window_words(page)
        | {
            "search_callers": page.say("查找来电人"),
            "begin_call": page.say("接听来电"),
            "verify_caller": page.say("核实来电人"),
            "confirm_answerer": page.say("确认接听人"),
            "send_call_code": page.say("发送核实码"),
            "look_at_personal_data": page.say("查看完整信息"),
            "export_personal_data": page.say("导出个人信息"),
            "erase_personal_data": page.say("删除个人信息"),
            "request_export": page.say("申请导出个人信息"),
            "request_erasure": page.say("申请删除个人信息"),
            "approve_export": page.say("批准导出个人信息"),
            "decline_privacy_request": page.say("驳回个人信息申请"),
            "withdraw_privacy_request": page.say("撤回个人信息申请"),
            "end_call": page.say("结束通话"),
            "record_call_result": page.say("记录通话结果"),
            "cancel_appointment": page.say("退号"),
            "decline_appointment": page.say("放弃抽中的号"),
            "accept_replacement": page.say("代接受停诊留号"),
            "decline_replacement": page.say("代谢绝停诊留号"),
            "apply_for_places": page.say("登记候补"),
            "withdraw_application": page.say("撤回候补登记"),
            "resend_code": page.say("重发识别码"),
            "reconcile": page.say("对账"),
            "settle_difference": page.say("处理对账差异"),
            "review_account": page.say("复核账户"),
            "excuse_no_show": page.say("申诉成立"),
            "withdraw_excuse": page.say("撤回申诉"),
            "take_call_task": page.say("领取回电任务"),
            "finish_call_task": page.say("完成回电任务"),
            "register_caller": page.say("登记来电人"),
            "ask_to_move": page.say("申请转手机号"),
            "ask_to_settle": page.say("申请处理登记争议"),
            "move_code_wrong": page.say("新手机验证码错误"),
            "move_person": page.say("转到另一个手机号"),
            "settle_dispute": page.say("处理登记争议"),
            "reject_move": page.say("拒绝转手机号"),
            "correct_name": page.say("更正姓名"),
            "check_person": page.say("按证件核对"),
            "check_person_failed": page.say("核对失败"),
            "remove_patient": page.say("移除就诊人"),
            "book_appointment": page.say("为来电人预约"),
            "reschedule_appointment": page.say("更改预约"),
            "verify_trail": page.say("校验操作记录"),
            "accept_trail": page.say("确认操作记录"),
            "change_policy": page.say("制定政策"),
            "withdraw_policy": page.say("撤回政策"),
            "add_hospital_client": page.say("增加医院系统"),
            "rotate_hospital_client": page.say("更换医院系统密钥"),
            "change_hospital_client": page.say("更改医院系统"),
            "disable_hospital_client": page.say("停用医院系统"),
            "enable_hospital_client": page.say("恢复医院系统"),
            "publish_departments": page.say("医院系统发布科室"),
            "publish_sessions": page.say("医院系统发布号源"),
            "read_bookings": page.say("医院系统查看预约"),
            "confirm_attendance": page.say("确认就诊"),
            "report_attendance": page.say("医院系统上报就诊"),
            **directory_words(page),
            **schedule_words(page),
            "decide_release_mode": page.say("决定放号方式"),
            "withdraw_release_mode": page.say("撤回放号方式"),
            "look_up_ticket": page.say("查询登记号"),
        }
    )


def _window_words(page: StaffPage) -> dict[str, str]:
    """Return what a hospital's window does."""
    return {
        "hand_out_number": page.say("取号"),
        "correct_pick_up": page.say("更正取号"),
        "close_session": page.say("结束本场取号"),
        "enter_from_paper": page.say("补录取号"),
        "print_day_list": page.say("打印名单"),
        "list_stopped_patients": page.say("查看停诊患者名单"),
        "give_counter_place": page.say("给出窗口号"),
        "undo_counter_place": page.say("撤销给出的窗口号"),
        "call_number": page.say("叫号"),
        "move_in_queue": page.say("更改候诊状态"),
        "announce_queue": page.say("候诊屏通知"),
        "report_queue": page.say("医院上报叫号"),
        "set_own_numbers": page.say("更改排队号来源"),
        "register_person": page.say("窗口登记就诊人"),
        "look_up_person": page.say("窗口查找就诊人"),
        "print_code": page.say("打印识别码"),
    }


def _login_words(page: StaffPage) -> dict[str, str]:
    """Return the names of actions on the staff's own accounts and the platform's key."""
    return {
        "add_staff": page.say("增加人员"),
        "reset_password": page.say("重置密码"),
        "reset_second_factor": page.say("重置验证器"),
        "disable_staff": page.say("停用人员"),
        "enable_staff": page.say("恢复人员"),
        "change_role": page.say("改任岗位"),
        "change_password": page.say("更改密码"),
        "change_password_failed": page.say("更改密码失败"),
        "enrol_second_factor": page.say("绑定验证器"),
        "log_in": page.say("登录"),
        "log_in_failed": page.say("登录失败"),
        "second_factor_failed": page.say("验证码错误"),
        "log_out": page.say("退出"),
        "end_sessions": page.say("强制退出"),
        "rotate_keys": page.say("更换平台密钥"),
    }
