"""What messages say, in Chinese and in English: short, plain, and what to do next.

A text is made from the records as they are when it is sent. What is no longer true is not
said: a booking cancelled before its success notice went out gets the other notice only.
Names of hospitals, departments and titles stand as they stand at the hospital's door.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from string import Formatter

from guahao.rules.attendance.pickup import pickup_deadline
from guahao.rules.kernel.limits import CITY_TIME
from guahao.rules.kernel.policies import DatedPolicies
from guahao.rules.people.identity import masked_name
from guahao.store.kernel.views import AppointmentView, SessionView
from guahao.store.messages.messages import OFFER_KINDS, ClaimedMessage
from guahao.words.catalogue import Language
from guahao.words.dates import PERIOD_WORDS, format_day
from guahao.words.text import Words


@dataclass(frozen=True, slots=True)
class Notice:
    """A message in words; `params` are the values in `text`, by their template's names.

    And the parts of those that a provider's own template cannot take as one.
    """

    text: str
    params: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Context:
    """What the words depend on besides the records."""

    policies: DatedPolicies
    hotline: str
    now: datetime


_TOLD_OF = {
    "reminder": "booked",
    "excused": "no_show",
    "excuse_withdrawn": "no_show",
    "draw_won": "booked",
    "rescheduled": "booked",
    "substituted": "booked",
    "replacement_offered": "stopped",
    "replacement_lapsed": "stopped",
}  # a kind and its booking's status
_PARTS = {
    "visit": ("hospital", "department", "clinic"),
    "cancel": ("cancel_until",),
    "decline": ("decline_until",),
}
# What became of an application that ended without a place, by its state.
_ENDED = {
    "expired": Words("到期没有抽中"),
    "suspended": Words("暂停预约期间不能抽签"),
    "removed": Words("就诊人已不在原来的账户"),
}


def notice(message: ClaimedMessage, context: Context) -> Notice | None:
    """Return the message's words, or None where there is nothing (true) left to say."""
    if message.expires_at is not None and context.now >= message.expires_at:
        return None
    about = message.appointment
    if message.kind == "substituted" and (about is None or about.substituted_at is None):
        return None
    language: Language = "en" if message.language == "en" else "zh"
    facts = _facts(message, context, language)
    if facts is None:
        return None
    template = TEMPLATES[message.kind].of(language)
    names = [name for _, name, _, _ in Formatter().parse(template) if name]
    told = [*names, *(part for name in names for part in _PARTS.get(name, ()))]
    return Notice(template.format_map(facts), {name: facts[name] for name in told})


def _facts(message: ClaimedMessage, context: Context, language: Language) -> dict[str, str] | None:
    if message.kind in _WITHOUT_VISIT:
        return _without_visit(message, context, language)
    # Every other kind is the status that it tells of, or tells of a booking that stands.
    appointment = message.appointment
    status = _TOLD_OF.get(message.kind, message.kind)
    if appointment is None or appointment.status != status:
        return None
    session = appointment.session
    until = pickup_deadline(session.visit_date, session.period, session.rules)
    if status == "booked" and context.now >= until:
        return None
    facts = _visit(appointment, until, context, language)
    more = _more(message, facts, context, language)
    return None if more is None else {**facts, **more}


_WITHOUT_VISIT = {
    *("otp", "call_code", "move_code", "call_back_missed"),
    *("moved_away", "moved_here", "displaced", "merged"),
    *("suspended", "relieved", "application_registered", "application_ended"),
}


def _without_visit(
    message: ClaimedMessage, context: Context, language: Language
) -> dict[str, str] | None:
    """Return the facts of a message that is about no booking."""
    if message.kind in ("otp", "call_code", "move_code"):
        if message.body is None or message.expires_at is None:
            return None
        until = _clock(message.expires_at.time())
        return {"otp": message.body, "until": until, "hotline": context.hotline}
    if message.kind == "call_back_missed":
        return {"hotline": context.hotline}
    if message.kind == "suspended":
        return _suspended(message, context, language)
    if message.kind == "relieved":
        return _relieved(message, context, language)
    if message.kind in ("application_registered", "application_ended"):
        return _application(message, context, language)
    if message.patient is None:
        return None
    # By the masked name only: an old phone may be in other hands by now.
    return {"patient": masked_name(message.patient.name), "hotline": context.hotline}


def _more(
    message: ClaimedMessage, facts: Mapping[str, str], context: Context, language: Language
) -> dict[str, str] | None:
    """Return what a kind says beside its visit; None where that is not true any more."""
    if message.kind in OFFER_KINDS:
        return _offered(message, context, language)
    if message.kind == "draw_won":
        return _declining(message, facts, context, language)
    if message.kind == "rescheduled":
        given_up = message.replaced
        if given_up is None:
            return None
        return {
            "old_department": given_up.department_name,
            "old_date": format_day(given_up.visit_date, language),
            "old_time": _time(given_up, language),
        }
    return {}


def _suspended(
    message: ClaimedMessage, context: Context, language: Language
) -> dict[str, str] | None:
    patient = message.patient
    if patient is None or patient.suspended_until is None:
        return None
    if patient.suspended_until <= context.now.date():
        return None
    return {
        "patient": patient.name,
        "until": _full_day(patient.suspended_until, language),
        **_suspension_rule(context),
    }


def _relieved(
    message: ClaimedMessage, context: Context, language: Language
) -> dict[str, str] | None:
    """Return the facts where a suspension ended, or its end came nearer."""
    patient = message.patient
    if patient is None:
        return None
    until = patient.suspended_until
    today = context.now.date()
    if until is None or until <= today:
        until = today
    return {
        "patient": patient.name,
        "until": _full_day(until, language),
        **_suspension_rule(context),
    }


def _suspension_rule(context: Context) -> dict[str, str]:
    policy = context.policies.on(context.now.date())
    return {
        "first_no_shows": str(policy.first_suspension_no_shows),
        "first_months": str(policy.first_suspension_months),
        "second_no_shows": str(policy.second_suspension_no_shows),
        "second_months": str(policy.second_suspension_months),
        "hotline": context.hotline,
    }


def _visit(
    appointment: AppointmentView, until: datetime, context: Context, language: Language
) -> dict[str, str]:
    session = appointment.session
    return {
        "patient": appointment.patient.name,
        "code": f"{appointment.code[:4]} {appointment.code[4:]}",
        "visit": _clinic(session, language),
        "hospital": session.hospital_name,
        "department": session.department_name,
        "clinic": " ".join(part for part in (session.specialty, session.title) if part),
        "date": format_day(session.visit_date, language),
        "time": _time(session, language),
        "pickup_place": (session.pickup_place_en if language == "en" else "")
        or session.pickup_place
        or _PICKUP_WINDOW.of(language),
        "pickup_until": _clock(until.time()),
        "penalty": "" if appointment.substituted_at else _MAY_BE_NO_SHOW.of(language),
        **_cancelling(appointment, context, language),
        **_suspension_rule(context),
    }


def _time(session: SessionView, language: Language) -> str:
    period = PERIOD_WORDS[session.period].of(language)
    if session.starts_at is None:
        return period
    end = "" if session.ends_at is None else f"-{_clock(session.ends_at)}"
    return f"{period} {_clock(session.starts_at)}{end}"


def _cancelling(
    appointment: AppointmentView, context: Context, language: Language
) -> dict[str, str]:
    """Say until when and how to cancel (S14), by oneself only where the operator allows it."""
    booked_on = appointment.booked_at.astimezone(CITY_TIME).date()
    policy = context.policies.for_cancelling(booked_on, context.now.date())
    deadline = appointment.cancel_until
    if context.now >= deadline:
        return {"cancel": _CANCEL["too_late"].of(language), "cancel_until": _OVER.of(language)}
    way = "self" if "patient" in policy.cancel_channels else "phone"
    until = _moment(deadline, language)
    how = _CANCEL[way].of(language).format(until=until, hotline=context.hotline)
    return {"cancel": how, "cancel_until": until}


def _declining(
    message: ClaimedMessage, facts: Mapping[str, str], context: Context, language: Language
) -> dict[str, str]:
    """Return until when a win may be declined; once that is over, how it is cancelled."""
    until = message.declinable_until
    if until is None or context.now >= until:
        return {"decline": facts["cancel"], "decline_until": _OVER.of(language)}
    moment = _moment(until.astimezone(CITY_TIME), language)
    how = _DECLINE.of(language).format(until=moment, hotline=context.hotline)
    return {"decline": how, "decline_until": moment}


def _application(
    message: ClaimedMessage, context: Context, language: Language
) -> dict[str, str] | None:
    """Return an application that stands, or that ended without a place."""
    application = message.application
    if application is None or not application.patients:
        return None
    facts = {
        "patient": _NAMES_JOINED.of(language).join(application.patients),
        "hospital": application.hospital_name,
        "department": application.department_name,
        "from_date": format_day(application.first_date, language),
        "until_date": format_day(application.last_date, language),
        "hotline": context.hotline,
    }
    if message.kind == "application_registered":
        return facts if application.state == "live" else None
    reason = _ENDED.get(application.state)
    return None if reason is None else {**facts, "reason": reason.of(language)}


def _offered(
    message: ClaimedMessage, context: Context, language: Language
) -> dict[str, str] | None:
    """Return an offered place while it can be accepted; that it lapsed only where it did."""
    offer = message.offer
    if offer is None:
        return None
    true = (
        offer.is_open(context.now)
        if message.kind == "replacement_offered"
        else offer.state == "lapsed"
    )
    if not true:
        return None
    session = offer.session
    return {
        "offer_date": format_day(session.visit_date, language),
        "offer_time": _time(session, language),
        "accept_until": _moment(offer.accept_until.astimezone(CITY_TIME), language),
    }


def _clinic(session: SessionView, language: Language) -> str:
    if language == "en":
        names = (
            *(session.hospital_name, session.department_name),
            *(session.specialty, session.title),
        )
        return ", ".join(name for name in names if name)
    specialty = f"（{session.specialty}）" if session.specialty else " "
    return f"{session.hospital_name} {session.department_name}{specialty}{session.title}"


def _full_day(day: date, language: Language) -> str:
    return format_day(day, language, with_year=True)


def _moment(moment: datetime, language: Language) -> str:
    day, clock = format_day(moment.date(), language), _clock(moment.time())
    return f"{clock} on {day}" if language == "en" else f"{day} {clock}"


def _clock(clock: time) -> str:
    return f"{clock:%H:%M}"


# Sentences -----------------------------------------------------------------------------------

TEMPLATES: Mapping[str, Words] = {
    "otp": Words("【预约挂号】验证码 {otp}，{until}前有效。请勿告诉任何人，客服也不会向您索要。"),
    "call_code": Words(
        "【预约挂号】客服核实码 {otp}，{until}前有效。您正在拨打{hotline}时，请念给客服；"
        "没有打电话的，不要告诉任何人。"
    ),
    "move_code": Words(
        "【预约挂号】换绑验证码 {otp}，{until}前有效。就诊人将转到这个手机号，"
        "请只告诉正在为您办理的医院窗口或{hotline}客服。"
    ),
    "moved_away": Words(
        "【预约挂号】就诊人{patient}已转到另一个手机号，这个手机号不再能查看或办理其预约，"
        "请重新登录。不是本人办理的，请立即拨打{hotline}。"
    ),
    "moved_here": Words(
        "【预约挂号】就诊人{patient}已转到这个手机号，登录后可查看和办理预约。"
        "不是本人办理的，请拨打{hotline}。"
    ),
    "displaced": Words(
        "【预约挂号】就诊人{patient}已由核验过身份的本人登记到另一个手机号。这个手机号不再能"
        "查看其预约，未就诊的预约已取消。如有疑问，请拨打{hotline}。"
    ),
    "merged": Words(
        "【预约挂号】就诊人{patient}有多份登记，属于同一个人，现已合并：预约次数、爽约和暂停"
        "合在一起计算，已有的预约不受影响。登记不是本人办理的，请拨打{hotline}。"
    ),
    "booked": Words(
        "【预约挂号】{patient}预约成功，识别码 {code}。{visit}，{date} {time}。"
        "就诊日{pickup_until}前持登记的有效证件原件、本短信和识别码到{pickup_place}取号，"
        "过时作废。{cancel}"
    ),
    "rescheduled": Words(
        "【预约挂号】{patient}改约成功：{old_department} {old_date} {old_time}的号已退，"
        "原识别码作废。新识别码 {code}，{visit}，{date} {time}。就诊日{pickup_until}前持登记的"
        "有效证件原件、本短信和新识别码到{pickup_place}取号，过时作废。{cancel}"
    ),
    "cancelled": Words(
        "【预约挂号】{patient}已退号：{visit}，{date} {time}。"
        "可重新预约。如非本人要求，请拨打{hotline}。"
    ),
    "stopped": Words(
        "【预约挂号】很抱歉，{visit}，{date} {time}停诊，{patient}的预约已取消。"
        "不记爽约，不占预约次数，可另约其他号源，咨询请拨{hotline}。"
    ),
    "replacement_offered": Words(
        "【预约挂号】很抱歉，{visit}，{date} {time}停诊，{patient}的预约已取消，不记爽约。"
        "医院为您留了同科室同级别{offer_date} {offer_time}的号，请在{accept_until}前"
        "到“我的挂号”接受，在微信回复“接受”，或拨打{hotline}；过时不再保留。"
    ),
    "replacement_lapsed": Words(
        "【预约挂号】{visit}停诊后为{patient}留的{offer_date} {offer_time}的号，"
        "未在期限内接受或医院已取消，不再保留。可另约其他号源，咨询请拨{hotline}。"
    ),
    "substituted": Words(
        "【预约挂号】{visit}，{date} {time}原医生停诊，同一时间由同职称的其他医生接诊。"
        "{patient}的预约和识别码不变。不来也不记爽约。{cancel}"
    ),
    "reminder": Words(
        "【预约挂号】就诊提醒：{patient}，{visit}，{date} {time}。识别码 {code}，"
        "就诊日{pickup_until}前持登记的有效证件原件和识别码到{pickup_place}取号，"
        "过时作废{penalty}。{cancel}"
    ),
    "no_show": Words(
        "【预约挂号】{patient}预约的{visit}，{date} {time}未按时取号，已作废并记爽约一次。"
        "可重新预约或到医院窗口挂号。一个自然年内爽约满{first_no_shows}次暂停预约"
        "{first_months}个月，满{second_no_shows}次暂停{second_months}个月。"
        "有正当理由请拨{hotline}申诉。"
    ),
    "excused": Words(
        "【预约挂号】{patient}预约的{visit}，{date} {time}，申诉成立，这次爽约不再计入。"
        "预约资格可在“我的”中查看，咨询请拨{hotline}。"
    ),
    "suspended": Words(
        "【预约挂号】{patient}因一个自然年内多次爽约（满{first_no_shows}次暂停"
        "{first_months}个月，满{second_no_shows}次暂停{second_months}个月），"
        "{until}起方可再预约。已有的预约不受影响。有正当理由请拨{hotline}申诉。"
    ),
    "excuse_withdrawn": Words(
        "【预约挂号】{patient}预约的{visit}，{date} {time}，申诉经复核已撤回，"
        "这次爽约重新计入。预约资格可在“我的”中查看，有异议请拨{hotline}。"
    ),
    "relieved": Words(
        "【预约挂号】爽约记录已更正或预约规则已放宽，{patient}的暂停预约已重新计算，"
        "{until}起可以预约，咨询请拨{hotline}。"
    ),
    "draw_won": Words(
        "【预约挂号】{patient}抽签抽中，已预约成功，识别码 {code}。{visit}，{date} {time}。"
        "就诊日{pickup_until}前持登记的有效证件原件、本短信和识别码到{pickup_place}取号，"
        "过时作废。{decline}"
    ),
    "call_back_missed": Words(
        "【预约挂号】您请我们回电，我们打了几次没有打通。请拨打{hotline}，"
        "或在“我的挂号”里再请我们回电。"
    ),
    "application_registered": Words(
        "【预约挂号】已为{patient}登记候补：{hospital} {department}，{from_date}至{until_date}。"
        "有号时自动参加抽签，抽中即预约成功，识别码会发短信给您。要撤回或不是本人要求的，"
        "请到“我的候补”办理或拨打{hotline}。"
    ),
    "application_ended": Words(
        "【预约挂号】{patient}在{hospital} {department}的候补登记已结束：{reason}。"
        "需要时可再登记候补，或预约其他日期、其他医院，咨询请拨打{hotline}。"
    ),
}
_DECLINE = Words("不去的，请在{until}前到“我的挂号”放弃，或拨打{hotline}，号会留给其他人。")
_NAMES_JOINED = Words("、", "names")
_PICKUP_WINDOW = Words("医院挂号窗口")
_CANCEL = {
    "phone": Words("退号请在{until}前拨打{hotline}。"),
    "self": Words("退号请在{until}前到“我的挂号”办理或拨打{hotline}。"),
    "too_late": Words("已过退号时间，不能退号。"),
}
_MAY_BE_NO_SHOW = Words("并可能记爽约")  # after "the booking is void"
_OVER = Words("已截止", "sms")  # instead of a moment that has passed

FALLBACK_LANGUAGE: Language = "zh"  # every gateway speaks it
KINDS = tuple(TEMPLATES)
