"""What people are told, in Chinese and in English: short, plain, and what they can do next.

A text is made from the records as they are when it is sent. What is no longer true is not
said: a booking cancelled before its success notice went out gets the other notice only.
Names of hospitals, departments and titles stand as they stand at the hospital's door.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from string import Formatter

from guahao.rules.attendance.pickup import pickup_deadline
from guahao.rules.booking.cancelling import cancel_deadline
from guahao.rules.kernel.limits import CITY_TIME
from guahao.rules.kernel.policies import DatedPolicies
from guahao.rules.people.identity import masked_name
from guahao.store.kernel.views import AppointmentView, SessionView
from guahao.store.messages.messages import Outgoing


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


@dataclass(frozen=True, slots=True)
class _Language:
    """One language's sentences and the way it writes dates and times."""

    templates: Mapping[str, str]
    periods: Mapping[str, str]
    pickup_window: str
    cancel: Mapping[str, str]
    over: str  # instead of a moment that has passed
    day: Callable[[date], str]
    full_day: Callable[[date], str]
    moment: Callable[[datetime], str]
    visit: Callable[[SessionView], str]


_TOLD_OF = {
    "reminder": "booked",
    "excused": "no_show",
    "excuse_withdrawn": "no_show",
}  # a kind and its booking's status
_PARTS = {"visit": ("hospital", "department", "clinic"), "cancel": ("cancel_until",)}


def notice(message: Outgoing, context: Context) -> Notice | None:
    """The message's words, or None where there is nothing (true) left to say."""
    if message.expires_at is not None and context.now >= message.expires_at:
        return None
    language = _LANGUAGES[message.language]
    facts = _facts(message, context, language)
    if facts is None:
        return None
    template = language.templates[message.kind]
    names = [name for _, name, _, _ in Formatter().parse(template) if name]
    told = [*names, *(part for name in names for part in _PARTS.get(name, ()))]
    return Notice(template.format_map(facts), {name: facts[name] for name in told})


def _facts(message: Outgoing, context: Context, language: _Language) -> dict[str, str] | None:
    if message.kind in ("otp", "call_code", "move_code"):
        return _otp(message, context.hotline)
    if message.kind in ("moved_away", "moved_here", "displaced", "merged"):
        return _moved(message, context)
    if message.kind == "suspended":
        return _suspended(message, context, language)
    if message.kind == "relieved":
        return _relieved(message, context, language)
    # Every other kind is the status that it tells of, or tells of a booking that stands.
    appointment = message.appointment
    status = _TOLD_OF.get(message.kind, message.kind)
    if appointment is None or appointment.status != status:
        return None
    session = appointment.session
    until = pickup_deadline(session.visit_date, session.period, session.rules)
    if status == "booked" and context.now >= until:
        return None
    return _visit(appointment, until, context, language)


def _otp(message: Outgoing, hotline: str) -> dict[str, str] | None:
    if message.body is None or message.expires_at is None:
        return None
    until = _clock(message.expires_at.time())
    return {"otp": message.body, "until": until, "hotline": hotline}


def _moved(message: Outgoing, context: Context) -> dict[str, str] | None:
    """By the masked name only: an old phone may be in other hands by now."""
    if message.patient is None:
        return None
    return {"patient": masked_name(message.patient.name), "hotline": context.hotline}


def _suspended(message: Outgoing, context: Context, language: _Language) -> dict[str, str] | None:
    patient = message.patient
    if patient is None or patient.suspended_until is None:
        return None
    if patient.suspended_until <= context.now.date():
        return None
    return {
        "patient": patient.name,
        "until": language.full_day(patient.suspended_until),
        **_suspension_rule(context),
    }


def _relieved(message: Outgoing, context: Context, language: _Language) -> dict[str, str] | None:
    """A corrected no-show or a new policy ended the suspension, or brought its end nearer."""
    patient = message.patient
    if patient is None:
        return None
    until = patient.suspended_until
    today = context.now.date()
    if until is None or until <= today:
        until = today
    return {
        "patient": patient.name,
        "until": language.full_day(until),
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
    appointment: AppointmentView, until: datetime, context: Context, language: _Language
) -> dict[str, str]:
    session = appointment.session
    return {
        "patient": appointment.patient.name,
        "code": f"{appointment.code[:4]} {appointment.code[4:]}",
        "visit": language.visit(session),
        "hospital": session.hospital_name,
        "department": session.department_name,
        "clinic": " ".join(part for part in (session.specialty, session.title) if part),
        "date": language.day(session.visit_date),
        "time": _time(session, language),
        "pickup_place": session.pickup_place or language.pickup_window,
        "pickup_until": _clock(until.time()),
        **_cancelling(appointment, context, language),
        **_suspension_rule(context),
    }


def _time(session: SessionView, language: _Language) -> str:
    period = language.periods[session.period]
    if session.starts_at is None:
        return period
    end = "" if session.ends_at is None else f"-{_clock(session.ends_at)}"
    return f"{period} {_clock(session.starts_at)}{end}"


def _cancelling(
    appointment: AppointmentView, context: Context, language: _Language
) -> dict[str, str]:
    """Until when and how (S14); the patient's own way only where the operator allows it."""
    session, booked_on = appointment.session, appointment.booked_at.astimezone(CITY_TIME).date()
    policy = context.policies.for_cancelling(booked_on, context.now.date())
    deadline = cancel_deadline(session.visit_date, session.rules)
    if context.now >= deadline:
        return {"cancel": language.cancel["too_late"], "cancel_until": language.over}
    way = "self" if "patient" in policy.cancel_channels else "phone"
    until = language.moment(deadline)
    how = language.cancel[way].format(until=until, hotline=context.hotline)
    return {"cancel": how, "cancel_until": until}


def _clock(clock: time) -> str:
    return f"{clock:%H:%M}"


# 中文 ----------------------------------------------------------------------------------------

_WEEKDAYS_ZH = "一二三四五六日"


def _day_zh(day: date) -> str:
    return f"{day.month}月{day.day}日 周{_WEEKDAYS_ZH[day.weekday()]}"


def _visit_zh(session: SessionView) -> str:
    specialty = f"（{session.specialty}）" if session.specialty else " "
    return f"{session.hospital_name} {session.department_name}{specialty}{session.title}"


_CHINESE = _Language(
    templates={
        "otp": "【预约挂号】验证码 {otp}，{until}前有效。请勿告诉任何人，客服也不会向您索要。",
        "call_code": (
            "【预约挂号】客服核实码 {otp}，{until}前有效。您正在拨打{hotline}时，请念给客服；"
            "没有打电话的，不要告诉任何人。"
        ),
        "move_code": (
            "【预约挂号】换绑验证码 {otp}，{until}前有效。就诊人将转到这个手机号，"
            "请只告诉正在为您办理的医院窗口或{hotline}客服。"
        ),
        "moved_away": (
            "【预约挂号】就诊人{patient}已转到另一个手机号，这个手机号不再能查看或办理其预约，"
            "请重新登录。不是本人办理的，请立即拨打{hotline}。"
        ),
        "moved_here": (
            "【预约挂号】就诊人{patient}已转到这个手机号，登录后可查看和办理预约。"
            "不是本人办理的，请拨打{hotline}。"
        ),
        "displaced": (
            "【预约挂号】就诊人{patient}已由核验过身份的本人登记到另一个手机号。这个手机号不再能"
            "查看其预约，未就诊的预约已取消。如有疑问，请拨打{hotline}。"
        ),
        "merged": (
            "【预约挂号】就诊人{patient}有多份登记，属于同一个人，现已合并：预约次数、爽约和暂停"
            "合在一起计算，已有的预约不受影响。登记不是本人办理的，请拨打{hotline}。"
        ),
        "booked": (
            "【预约挂号】{patient}预约成功，识别码 {code}。{visit}，{date} {time}。"
            "就诊日{pickup_until}前持登记的有效证件原件、本短信和识别码到{pickup_place}取号，"
            "过时作废。{cancel}"
        ),
        "cancelled": (
            "【预约挂号】{patient}已退号：{visit}，{date} {time}。"
            "可重新预约。如非本人要求，请拨打{hotline}。"
        ),
        "stopped": (
            "【预约挂号】很抱歉，{visit}，{date} {time}停诊，{patient}的预约已取消。"
            "不记爽约，不占预约次数，可另约其他号源，咨询请拨{hotline}。"
        ),
        "reminder": (
            "【预约挂号】就诊提醒：{patient}，{visit}，{date} {time}。识别码 {code}，"
            "就诊日{pickup_until}前持登记的有效证件原件和识别码到{pickup_place}取号，"
            "过时作废并可能记爽约。{cancel}"
        ),
        "no_show": (
            "【预约挂号】{patient}预约的{visit}，{date} {time}未按时取号，已作废并记爽约一次。"
            "可重新预约或到医院窗口挂号。一个自然年内爽约满{first_no_shows}次暂停预约"
            "{first_months}个月，满{second_no_shows}次暂停{second_months}个月。"
            "有正当理由请拨{hotline}申诉。"
        ),
        "excused": (
            "【预约挂号】{patient}预约的{visit}，{date} {time}，申诉成立，这次爽约不再计入。"
            "预约资格可在“我的”中查看，咨询请拨{hotline}。"
        ),
        "suspended": (
            "【预约挂号】{patient}因一个自然年内多次爽约（满{first_no_shows}次暂停"
            "{first_months}个月，满{second_no_shows}次暂停{second_months}个月），"
            "{until}起方可再预约。已有的预约不受影响。有正当理由请拨{hotline}申诉。"
        ),
        "excuse_withdrawn": (
            "【预约挂号】{patient}预约的{visit}，{date} {time}，申诉经复核已撤回，"
            "这次爽约重新计入。预约资格可在“我的”中查看，有异议请拨{hotline}。"
        ),
        "relieved": (
            "【预约挂号】爽约记录已更正或预约规则已放宽，{patient}的暂停预约已重新计算，"
            "{until}起可以预约，咨询请拨{hotline}。"
        ),
    },
    periods={"morning": "上午", "afternoon": "下午", "evening": "晚上"},
    pickup_window="医院挂号窗口",
    cancel={
        "phone": "退号请在{until}前拨打{hotline}。",
        "self": "退号请在{until}前到“我的挂号”办理或拨打{hotline}。",
        "too_late": "已过退号时间，不能退号。",
    },
    over="已截止",
    day=_day_zh,
    full_day=lambda day: f"{day.year}年{_day_zh(day)}",
    moment=lambda moment: f"{_day_zh(moment.date())} {_clock(moment.time())}",
    visit=_visit_zh,
)

# English -------------------------------------------------------------------------------------

_WEEKDAYS_EN = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS_EN = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)


def _day_en(day: date) -> str:
    return f"{_WEEKDAYS_EN[day.weekday()]} {day.day} {_MONTHS_EN[day.month - 1]}"


def _visit_en(session: SessionView) -> str:
    parts = (session.hospital_name, session.department_name, session.specialty, session.title)
    return ", ".join(part for part in parts if part)


_ENGLISH = _Language(
    templates={
        "otp": (
            "[Guahao] Your one-time password is {otp}, valid until {until}."
            " Tell nobody; our agents never ask for it."
        ),
        "call_code": (
            "[Guahao] Your call code is {otp}, valid until {until}. Read it to our agent if you"
            " are calling {hotline} now. If you are not, tell nobody."
        ),
        "move_code": (
            "[Guahao] Your code for moving a patient to this phone is {otp}, valid until {until}."
            " Give it only to the hospital window or the {hotline} agent who is helping you."
        ),
        "moved_away": (
            "[Guahao] {patient} has been moved to another phone. This phone no longer shows or"
            " handles their bookings; please log in again. If you did not ask for this, call"
            " {hotline} at once."
        ),
        "moved_here": (
            "[Guahao] {patient} has been moved to this phone. Log in to see their bookings."
            " If you did not ask for this, call {hotline}."
        ),
        "displaced": (
            "[Guahao] {patient}, verified in person, is now registered with another phone. This"
            " phone no longer shows their bookings; upcoming visits were cancelled."
            " Questions: {hotline}."
        ),
        "merged": (
            "[Guahao] {patient} was registered more than once. The registrations are now one:"
            " booking limits, no-shows and suspensions are counted together. Existing bookings"
            " stay as they are. If you did not register this person, call {hotline}."
        ),
        "booked": (
            "[Guahao] Booked for {patient}, code {code}: {visit}, {date}, {time}."
            " On that day before {pickup_until}, take your number at {pickup_place} with the"
            " original of the registered document, this SMS and the code; later it is void."
            " {cancel}"
        ),
        "cancelled": (
            "[Guahao] Cancelled for {patient}: {visit}, {date}, {time}."
            " You can book again. If you did not ask for this, call {hotline}."
        ),
        "stopped": (
            "[Guahao] We are sorry: the clinic {visit}, {date}, {time}, is stopped and"
            " {patient}'s booking with it. It counts against nothing; please book another,"
            " or call {hotline}."
        ),
        "reminder": (
            "[Guahao] A reminder for {patient}: {visit}, {date}, {time}. Code {code}: on that day"
            " before {pickup_until}, take your number at {pickup_place} with it and the original"
            " of the registered document; later it is void and may be a no-show. {cancel}"
        ),
        "no_show": (
            "[Guahao] {patient}'s number was not taken in time and is void, a no-show:"
            " {visit}, {date}, {time}. You can book again or register at the hospital's window."
            " {first_no_shows} no-shows in a calendar year suspend booking for {first_months}"
            " months, {second_no_shows} for {second_months}."
            " If you had a good reason, call {hotline}."
        ),
        "excused": (
            "[Guahao] {patient}'s no-show is excused and no longer counts: {visit}, {date}, {time}."
            " See under Me whether booking is open, or call {hotline}."
        ),
        "suspended": (
            "[Guahao] {patient} can book again from {until}, because of no-shows in one calendar"
            " year ({first_no_shows} suspend for {first_months} months, {second_no_shows} for"
            " {second_months}). Bookings already made stay."
            " If you had a good reason, call {hotline}."
        ),
        "excuse_withdrawn": (
            "[Guahao] {patient}'s no-show counts again, its excuse was withdrawn on review:"
            " {visit}, {date}, {time}."
            " See under Me whether booking is open, or call {hotline}."
        ),
        "relieved": (
            "[Guahao] A no-show was corrected or the rules were eased: {patient} can book again"
            " from {until}. Questions: {hotline}."
        ),
    },
    periods={"morning": "morning", "afternoon": "afternoon", "evening": "evening"},
    pickup_window="the hospital's registration window",
    cancel={
        "phone": "To cancel, call {hotline} before {until}.",
        "self": "To cancel, go to My registrations or call {hotline} before {until}.",
        "too_late": "It is too late to cancel.",
    },
    over="over",
    day=_day_en,
    full_day=lambda day: f"{_day_en(day)} {day.year}",
    moment=lambda moment: f"{_clock(moment.time())} on {_day_en(moment.date())}",
    visit=_visit_en,
)

FALLBACK_LANGUAGE = "zh"  # every gateway speaks it
_LANGUAGES = {"zh": _CHINESE, "en": _ENGLISH}
KINDS = tuple(_CHINESE.templates)
CHINESE_TEXTS = tuple(_CHINESE.templates.values())
