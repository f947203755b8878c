"""What every outcome is to its reader: a status, a title, and a sentence that helps.

A sentence says what happened and what the reader can do instead, in Chinese and English;
where there is a time from which it would be allowed, it names it. Every door answers with
these. A new outcome needs its entry in `REPLIES`; a test counts them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache

from guahao.flows.people.patients import PatientRefusal
from guahao.flows.people.removing import RemoveRefusal
from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.outcomes import CancelRefusal, Refusal, Refused
from guahao.rules.kernel.text import NameFault
from guahao.web.http.challenge import Challenge
from guahao.web.words.fields import expected
from guahao.web.words.language import Language, Words, say_date, say_moment
from guahao.web.words.name_words import say_name_fault
from guahao.web.words.replies_hospital import HOSPITAL_REPLIES
from guahao.web.words.replies_log_ins import LOG_IN_REPLIES
from guahao.web.words.reply import Reply


@dataclass(frozen=True, slots=True)
class Problem:
    """A reply in one language, ready to be sent by any door."""

    code: str
    status: int
    title: str
    detail: str
    language: Language
    retry_from: datetime | None = None
    visit_from: date | None = None
    retry_after_seconds: int | None = None
    field: str | None = None
    challenge: Challenge | None = None


class Replies:
    """The sentences with this platform's numbers and hotline in them.

    `policy`: asked for each sentence, for its numbers are those of the day.
    """

    def __init__(self, policy: Callable[[], Policy], hotline: str) -> None:
        self._policy = policy
        self._hotline = hotline

    def refused(self, refused: Refused[Refusal], language: Language) -> Problem:
        """A refused booking, with the date or time from which it would be allowed."""
        return self.problem(
            refused.reason.value,
            language,
            retry_from=refused.retry_from,
            visit_from=refused.visit_from,
        )

    def name_refused(self, fault: NameFault, language: Language) -> Problem:
        """A name that cannot be one, with the character that is wrong."""
        problem = self.problem(PatientRefusal.NAME_INVALID, language)
        return replace(problem, detail=say_name_fault(fault, language))

    def problem(
        self,
        code: str,
        language: Language,
        *,
        retry_from: datetime | None = None,
        visit_from: date | None = None,
        retry_after_seconds: int | None = None,
        deadline: datetime | None = None,
        field: str | None = None,
    ) -> Problem:
        """Any outcome by its code. `deadline` is named in the sentence only."""
        reply = REPLIES[code]
        when = _when(retry_from or deadline, visit_from, language)
        words = reply.dated if when and reply.dated else reply.detail
        facts = {
            **_numbers(self._policy()),
            "hotline": self._hotline,
            "when": when,
            "field": field,
            "seconds": retry_after_seconds,
        }
        facts["expected"] = expected(field).of(language)
        return Problem(
            code,
            reply.status,
            reply.title.of(language),
            words.of(language).format_map(facts),
            language,
            retry_from,
            visit_from,
            retry_after_seconds,
            field,
        )


@lru_cache(8)
def _numbers(policy: Policy) -> dict[str, object]:
    return {
        "per_department_and_day": policy.per_department_and_day,
        "per_day": policy.per_day,
        "per_short_window": policy.per_short_window,
        "short_window_days": policy.short_window_days,
        "per_long_window": policy.per_long_window,
        "long_window_months": policy.long_window_months,
    }


def _when(moment: datetime | None, day: date | None, language: Language) -> str | None:
    if moment is not None:
        return say_moment(moment, language)
    return None if day is None else say_date(day, language)


_BOOKING: dict[str, Reply] = {
    Refusal.UNKNOWN_SESSION: Reply(
        404,
        Words("没有这个号源", "No such clinic session"),
        Words(
            "没有这个门诊单元。请重新查询号源，再选择一个预约。",
            "There is no such clinic session. Please list the sessions again and choose one.",
        ),
    ),
    Refusal.NOT_YOUR_PATIENT: Reply(
        403,
        Words("不是您的就诊人", "Not your patient"),
        Words(
            "该就诊人不在您的账户下。请选择您账户下的就诊人，或先登记就诊人。",
            "This patient is not registered to your account. Please choose one of your own"
            " patients, or register the patient first.",
        ),
    ),
    Refusal.SESSION_STOPPED: Reply(
        409,
        Words("已停诊", "Clinic stopped"),
        Words(
            "该门诊已停诊。请选择其他日期或其他门诊。",
            "The hospital has stopped this clinic. Please choose another date or session.",
        ),
    ),
    Refusal.SAME_DAY: Reply(
        409,
        Words("不能预约当日", "No same-day booking"),
        Words(
            "当日及已过日期的号不能预约。请选择以后的日期；今天要就诊，请到医院窗口挂号。",
            "The visit day itself and past days cannot be booked. Please choose a later date,"
            " or register at the hospital's window for today.",
        ),
        Words(
            "当日及已过日期的号不能预约。最早可约{when}；今天要就诊，请到医院窗口挂号。",
            "The visit day itself and past days cannot be booked. The first date you can book"
            " is {when}; for today, register at the hospital's window.",
        ),
    ),
    Refusal.NEXT_DAY_CLOSED: Reply(
        409,
        Words("次日号源已截止", "Booking for the next day has closed"),
        Words(
            "次日的号今天已停止预约。请选择以后的日期，或就诊当天到医院窗口挂号。",
            "Booking for the next day has closed for today. Please choose a later date, or"
            " register at the hospital's window on the day.",
        ),
        Words(
            "次日的号今天已停止预约。最早可约{when}，或就诊当天到医院窗口挂号。",
            "Booking for the next day has closed for today. The first date you can book is"
            " {when}, or register at the hospital's window on the day.",
        ),
    ),
    Refusal.BEYOND_HORIZON: Reply(
        409,
        Words("未到预约周期", "Not open for booking yet"),
        Words(
            "该日期还没有进入这家医院的预约周期。请选择更早的日期。",
            "This date is beyond the hospital's booking cycle. Please choose an earlier date.",
        ),
        Words(
            "该日期还没有进入这家医院的预约周期，{when}起可以预约。请届时再约，或选择更早的日期。",
            "This date is beyond the hospital's booking cycle; it opens from {when}. Please"
            " come back then, or choose an earlier date.",
        ),
    ),
    Refusal.NOT_RELEASED: Reply(
        409,
        Words("尚未放号", "Not released yet"),
        Words(
            "该日期的号今天还没有放出。请稍后再约，或选择更早的日期。",
            "Places for this date are not released yet. Please come back later today, or"
            " choose an earlier date.",
        ),
        Words(
            "该日期的号将于{when}放出。请届时再约，或选择更早的日期。",
            "Places for this date are released from {when}. Please come back then, or choose"
            " an earlier date.",
        ),
    ),
    Refusal.ACCOUNT_RESTRICTED: Reply(
        409,
        Words("账户暂停自助预约", "Booking restricted"),
        Words(
            "该账户预约或退号过于频繁，暂不能自助预约。请拨打{hotline}由客服预约。",
            "This account booked or cancelled unusually often and cannot book by itself for now."
            " Please call {hotline} to book.",
        ),
        Words(
            "该账户预约或退号过于频繁，{when}起可再自助预约。此前请拨打{hotline}由客服预约。",
            "This account booked or cancelled unusually often and can book by itself again from"
            " {when}. Until then, please call {hotline} to book.",
        ),
    ),
    Refusal.DOCUMENT_ENDED: Reply(
        409,
        Words("出生医学证明已到期", "Birth certificate has ended"),
        Words(
            "出生医学证明只能用到一周岁前。请用孩子的户口簿或居民身份证重新登记，再预约；"
            "名额已满时先移除原来的登记。",
            "A birth certificate serves until the day before the first birthday. Please register"
            " the child again with the household register or resident ID, then book; where there"
            " is no room, remove the old registration first.",
        ),
    ),
    Refusal.PERSON_UNCHECKED: Reply(
        409,
        Words("须先核实身份", "Identity not checked yet"),
        Words(
            "该就诊人的身份还没有核实，不能约这个号。请带证件原件到任一医院窗口核实，"
            "或先去就诊一次：凭证件原件取号后即为已核实。",
            "This patient's identity is not checked yet, so this place cannot be booked. Bring"
            " the original document to any hospital's window, or go to an existing booking"
            " first: picking up with the original document counts as the check.",
        ),
    ),
    Refusal.PATIENT_SUSPENDED: Reply(
        409,
        Words("预约资格已暂停", "Booking is suspended"),
        Words(
            "该就诊人因多次爽约，预约资格已暂停。期间可到医院窗口挂号；如有异议，请拨打{hotline}。",
            "After several no-shows this patient's right to book is suspended. Until then"
            " register at the hospital's window; to object, call {hotline}.",
        ),
        Words(
            "该就诊人因多次爽约，预约资格已暂停，{when}起恢复。期间可到医院窗口挂号；"
            "如有异议，请拨打{hotline}。",
            "After several no-shows this patient's right to book is suspended; it returns from"
            " {when}. Until then register at the hospital's window; to object, call {hotline}.",
        ),
    ),
    Refusal.DUPLICATE_DEPARTMENT: Reply(
        409,
        Words("已约过该科室", "Already booked in this department"),
        Words(
            "同一就诊人同一天在同一医院同一科室只能预约{per_department_and_day}个号，已经约过。"
            "请选择其他日期或其他科室。",
            "A patient can book {per_department_and_day} place a day in one department of one"
            " hospital, and has it. Please choose another date or department.",
        ),
        Words(
            "同一就诊人同一天在同一医院同一科室只能预约{per_department_and_day}个号，已经约过。"
            "可改约{when}起的日期，或选择其他科室。",
            "A patient can book {per_department_and_day} place a day in one department of one"
            " hospital, and has it. Please choose a date from {when}, or another department.",
        ),
    ),
    Refusal.DAY_LIMIT: Reply(
        409,
        Words("当天预约已满额", "Limit for one day reached"),
        Words(
            "同一就诊人同一天最多预约{per_day}个号，已经约满。请选择其他日期。",
            "A patient can book at most {per_day} places for one day, and has them. Please"
            " choose another date.",
        ),
        Words(
            "同一就诊人同一天最多预约{per_day}个号，已经约满。可改约{when}起的日期。",
            "A patient can book at most {per_day} places for one day, and has them. Please"
            " choose a date from {when}.",
        ),
    ),
    Refusal.SEVEN_DAY_LIMIT: Reply(
        409,
        Words("七日内预约已满额", "Limit for seven days reached"),
        Words(
            "同一就诊人{short_window_days}天内最多预约{per_short_window}个号，已经约满。"
            "请选择间隔更久的日期。",
            "A patient can book at most {per_short_window} places within {short_window_days}"
            " days, and has them. Please choose a date further away.",
        ),
        Words(
            "同一就诊人{short_window_days}天内最多预约{per_short_window}个号，已经约满。"
            "可改约{when}起的日期。",
            "A patient can book at most {per_short_window} places within {short_window_days}"
            " days, and has them. Please choose a date from {when}.",
        ),
    ),
    Refusal.THREE_MONTH_LIMIT: Reply(
        409,
        Words("三个月内预约已满额", "Limit for three months reached"),
        Words(
            "同一就诊人{long_window_months}个月内最多预约{per_long_window}个号，已经约满。"
            "请选择间隔更久的日期，或到医院窗口挂号。",
            "A patient can book at most {per_long_window} places within {long_window_months}"
            " months, and has them. Please choose a date further away, or register at the"
            " hospital's window.",
        ),
        Words(
            "同一就诊人{long_window_months}个月内最多预约{per_long_window}个号，已经约满。"
            "可改约{when}起的日期，或到医院窗口挂号。",
            "A patient can book at most {per_long_window} places within {long_window_months}"
            " months, and has them. Please choose a date from {when}, or register at the"
            " hospital's window.",
        ),
    ),
    Refusal.SOLD_OUT: Reply(
        409,
        Words("已约满", "Fully booked"),
        Words(
            "这个号已经约满。请选择其他日期、职称或医院；有人退号时，号会重新放出。",
            "This session is fully booked. Please choose another date, title or hospital; a"
            " cancelled place becomes free again.",
        ),
    ),
    "idempotency_mismatch": Reply(
        422,
        Words("同一编号用于不同请求", "Key used for another request"),
        Words(
            "这个Idempotency-Key已用于另一个预约请求。新的预约请换一个新的编号。",
            "This Idempotency-Key was used for a different booking request. Please send a new"
            " booking with a new key.",
        ),
    ),
    "busy": Reply(
        503,
        Words("预约人数过多", "Too many bookings at once"),
        Words(
            "现在预约的人太多，这次没有预约成功。请在{seconds}秒后重试。",
            "Too many people are booking right now, and nothing was booked. Please try again"
            " in {seconds} seconds.",
        ),
    ),
    "booking_unavailable": Reply(
        503,
        Words("暂时不能预约", "Booking is not possible for the moment"),
        Words(
            "系统暂时不能办理预约，这次没有约上，也没有占用号源。请在{seconds}秒后用同一个"
            "Idempotency-Key重新提交。",
            "The service cannot take bookings for the moment, and nothing was booked. Please send"
            " the same request with the same Idempotency-Key in {seconds} seconds.",
        ),
    ),
    "outcome_unknown": Reply(
        503,
        Words("结果尚不确定", "Outcome not known"),
        Words(
            "系统暂时无法确认是否预约成功。请在{seconds}秒后用同一个Idempotency-Key重新提交，"
            "不会重复预约。",
            "We cannot tell yet whether the booking was made. Please send the same request with"
            " the same Idempotency-Key in {seconds} seconds: it will not book twice.",
        ),
    ),
}

_CANCELLING: dict[str, Reply] = {
    CancelRefusal.CANCEL_BY_PHONE: Reply(
        403,
        Words("请电话退号", "Please cancel by phone"),
        Words(
            "不能在这里退号。请拨打{hotline}，由客服核对身份后办理。",
            "Bookings are not cancelled here. Please call {hotline}; an agent will do it for you.",
        ),
        Words(
            "不能在这里退号。请在{when}之前拨打{hotline}，由客服核对身份后办理。",
            "Bookings are not cancelled here. Please call {hotline} before {when}; an agent will"
            " do it for you.",
        ),
    ),
    CancelRefusal.NOT_CANCELLABLE: Reply(
        409,
        Words("不能退号", "Cannot be cancelled"),
        Words(
            "这个预约已取号、已退号、已停诊或已过期，不能退号。请在“我的挂号”中查看它的状态。",
            "This booking has been picked up, cancelled, stopped or has lapsed, so there is"
            " nothing to cancel. Please see its status under My registrations.",
        ),
    ),
    CancelRefusal.CANCEL_TOO_LATE: Reply(
        409,
        Words("已过退号时间", "Too late to cancel"),
        Words(
            "已过这家医院的退号时间，不能退号。请按时就诊；有正当理由去不了的，就诊日后可拨打"
            "{hotline}申诉。",
            "The hospital's deadline for cancelling has passed. Please come to your visit. If you"
            " have a good reason not to, call {hotline} after that day to have the no-show"
            " excused.",
        ),
        Words(
            "退号时间已于{when}截止，不能退号。请按时就诊；有正当理由去不了的，就诊日后可拨打"
            "{hotline}申诉。",
            "The deadline for cancelling was {when}. Please come to your visit. If you have a good"
            " reason not to, call {hotline} after that day to have the no-show excused.",
        ),
    ),
    "unknown_appointment": Reply(
        404,
        Words("没有这个预约", "No such booking"),
        Words(
            "没有找到这个预约。请核对识别码和证件号码，或登录后在“我的挂号”中查看。",
            "No such booking was found. Please check the code and the document number, or log"
            " in and look under My registrations.",
        ),
    ),
    "lookup_throttled": Reply(
        429,
        Words("查询过于频繁", "Too many look-ups"),
        Words(
            "查询次数过多，请在{seconds}秒后再试，或拨打{hotline}。",
            "There were too many look-ups. Please try again in {seconds} seconds, or call"
            " {hotline}.",
        ),
    ),
}

_PATIENTS: dict[str, Reply] = {
    PatientRefusal.PHONE_LIMIT: Reply(
        409,
        Words("该手机号已登记满两位就诊人", "This phone has its two patients"),
        Words(
            "一个手机号最多登记两位就诊人。请先在“我的就诊人”里移除一位，或用另一个手机号登记。",
            "A phone number can have at most two patients. Remove one under My patients first, or"
            " register with another phone number.",
        ),
    ),
    RemoveRefusal.LIVE_BOOKING: Reply(
        409,
        Words("还有预约，不能移除", "A booking stands in the way"),
        Words(
            "这位就诊人还有没就诊的预约，不能移除。请先退号，或就诊以后再移除。",
            "This patient has a booking that is still to come and cannot be removed. Please cancel"
            " it first, or remove the patient after the visit.",
        ),
    ),
    RemoveRefusal.SUSPENDED: Reply(
        409,
        Words("暂停预约期间不能移除", "Not during a suspension"),
        Words(
            "这位就诊人的预约资格已暂停，暂停期间不能移除。如有异议，请拨打{hotline}申诉。",
            "This patient cannot be removed while suspended from booking. To object to the"
            " suspension, call {hotline}.",
        ),
    ),
    PatientRefusal.ID_INVALID: Reply(
        422,
        Words("证件无效", "Document not valid"),
        Words(
            "证件类型或证件号码有误。请核对证件原件后重新填写。",
            "The document's type or number cannot be right. Please compare it with the"
            " original and enter it again.",
        ),
    ),
    PatientRefusal.COUNTER_ONLY: Reply(
        422,
        Words("请到医院窗口登记", "Register at a hospital's window"),
        Words(
            "这种证件要看过原件才能登记。请带证件原件到医院挂号窗口登记。",
            "This kind of document is registered with the original in hand. Please take it to a"
            " hospital's registration window.",
        ),
    ),
    PatientRefusal.BIRTH_DATE_INVALID: Reply(
        422,
        Words("请填写孩子的出生日期", "Please enter the child's date of birth"),
        Words(
            "出生医学证明用到一周岁前。请填写证明上的出生日期；已满一周岁的，请凭户口簿或"
            "居民身份证登记。",
            "A birth certificate serves until the day before the first birthday. Please enter the"
            " date of birth on it; register an older child with the household register or"
            " resident ID.",
        ),
    ),
    PatientRefusal.GUARDIAN_NEEDED: Reply(
        409,
        Words("须先有已核实的成年就诊人", "A checked adult is needed first"),
        Words(
            "新生儿要由本账户里身份已核实的成年人登记。请先登记您本人并核实身份，"
            "或带出生医学证明原件到医院窗口登记。",
            "A newborn is registered by an adult of this account whose identity is checked. Please"
            " register yourself first, or take the original birth certificate to a hospital's"
            " window.",
        ),
    ),
    "own_data_wrong": Reply(
        422,
        Words("证件号码不对", "Document number not right"),
        Words(
            "请填写这个账户里一位就诊人的证件号码。",
            "Please enter the document number of one of this account's patients.",
        ),
    ),
    "own_data_too_often": Reply(
        429,
        Words("次数过多", "Too many times"),
        Words(
            "今天的次数用完了，请明天再办，或拨打{hotline}。",
            "You have reached today's limit. Please come back tomorrow, or call {hotline}.",
        ),
    ),
    "erasure_live_booking": Reply(
        409,
        Words("还有没办结的预约", "A booking is still open"),
        Words(
            "请先取消预约或等就诊结束、医院登记后，再删除个人信息。",
            "Please cancel the booking, or wait until the visit is over and the hospital has"
            " recorded it. Then you can erase your information.",
        ),
    ),
    "erasure_changed_meanwhile": Reply(
        409,
        Words("刚刚有变化，没有删除", "Something just changed, nothing was deleted"),
        Words("请再试一次。", "Please try again."),
    ),
    "erasure_suspended": Reply(
        409,
        Words("暂停预约期间不能删除", "Not while suspended"),
        Words(
            "请在恢复预约后删除个人信息。有异议请拨打{hotline}。",
            "You can erase your information when the suspension has ended. To object to it,"
            " call {hotline}.",
        ),
    ),
    PatientRefusal.CONSENT_REQUIRED: Reply(
        422,
        Words("需要您的同意", "Consent needed"),
        Words(
            "登记前请阅读《个人信息保护说明》的最新版本，同意后勾选。",
            "Please read the current privacy notice, and tick the box if you consent.",
        ),
    ),
    PatientRefusal.GUARDIAN_REQUIRED: Reply(
        422,
        Words("需要监护人同意", "A guardian's consent is needed"),
        Words(
            "就诊人未满14周岁，请由父母或其他监护人同意后登记。",
            "This patient is under 14. A parent or another guardian has to consent.",
        ),
    ),
    PatientRefusal.OTHER_NAME: Reply(
        409,
        Words("已经登记，姓名不同", "Registered by another name"),
        Words(
            "这位就诊人已在您的账户里，姓名与这次填写的不同。登记时写错了的，请带证件原件到医院挂号窗口"
            "更正。",
            "This patient is on your account already, by another name. To correct the name, take"
            " the original document to a hospital's registration window.",
        ),
    ),
    PatientRefusal.NOT_REGISTERED: Reply(
        409,
        Words("没有登记成功", "Not registered"),
        Words(
            "没有登记成功。请先核对姓名和证件号码；都没有错而且是本人的，请带证件原件到医院挂号窗口"
            "办理，或拨打{hotline}。",
            "The patient could not be registered. Please check the name and the document number"
            " first; if both are right and the document is yours, take the original to a"
            " hospital's registration window, or call {hotline}.",
        ),
    ),
    PatientRefusal.IDENTITY_MISMATCH: Reply(
        409,
        Words("姓名和证件不一致", "Name and document do not match"),
        Words(
            "姓名和证件号码核验不一致。请核对证件原件，或到医院挂号窗口办理。",
            "Name and document number do not belong together. Please compare them with the"
            " original, or come to a hospital's registration window.",
        ),
    ),
    PatientRefusal.ID_TAKEN: Reply(
        409,
        Words("该证件已登记", "Document already registered"),
        Words(
            "该证件已经登记过。请用当时的手机号登录；手机号换了或不是本人登记的，请拨打{hotline}，"
            "或带证件原件到任一医院窗口，转到您的手机号。",
            "This document is registered already. Please log in with the phone it was registered"
            " to. If you have another phone now, or it was not you, call {hotline} or take the"
            " original to any hospital's window: they move it to your phone.",
        ),
    ),
    PatientRefusal.NAME_INVALID: Reply(
        422,
        Words("姓名无效", "Name not valid"),
        Words(
            "姓名有误。请填写证件上的真实姓名，1至50个字，不含数字和其他符号。",
            "The name cannot be right. Please enter the real name as on the document: 1 to 50"
            " letters, no digits or other signs.",
        ),
    ),
}

_ACCOUNTS: dict[str, Reply] = {
    "phone_invalid": Reply(
        422,
        Words("手机号无效", "Phone number not valid"),
        Words(
            "手机号有误。请填写能接收短信的中国大陆11位手机号。",
            "The phone number cannot be right. Please enter a mainland China mobile number of"
            " 11 digits that can receive an SMS.",
        ),
    ),
    "token_required": Reply(
        401,
        Words("请先登录", "Please log in"),
        Words(
            "此操作需要登录。请先获取令牌，再以Authorization: Bearer发送。",
            "This needs you to be logged in. Please get a token and send it as"
            " Authorization: Bearer.",
        ),
    ),
    "token_invalid": Reply(
        401,
        Words("登录无效", "Login not valid"),
        Words(
            "令牌无效。请重新登录。",
            "The token is not valid. Please log in again.",
        ),
    ),
    "token_expired": Reply(
        401,
        Words("登录已过期", "Login expired"),
        Words(
            "登录已过期。请重新登录。",
            "The login has expired. Please log in again.",
        ),
    ),
}

_READING: dict[str, Reply] = {
    "unknown_hospital": Reply(
        404,
        Words("没有这家医院", "No such hospital"),
        Words(
            "没有这家医院。请重新查询医院列表。",
            "There is no such hospital. Please look through the list of hospitals again.",
        ),
    ),
    "malformed_json": Reply(
        400,
        Words("JSON格式错误", "Malformed JSON"),
        Words(
            "请求内容不是完整的JSON。请检查后重新发送。",
            "The body is not well-formed JSON. Please correct it and send it again.",
        ),
    ),
    "invalid_encoding": Reply(
        400,
        Words("编码错误", "Invalid encoding"),
        Words(
            "请求内容不是有效的UTF-8。请用UTF-8编码后重新发送。",
            "The request is not valid UTF-8. Please encode it as UTF-8 and send it again.",
        ),
    ),
    "not_an_object": Reply(
        422,
        Words("内容有误", "Not an object"),
        Words(
            "请求内容应是一个JSON对象。请对照接口文档后重新发送。",
            "The body must be one JSON object. Please see the API's description and send it again.",
        ),
    ),
    "missing_field": Reply(
        422,
        Words("缺少字段", "Missing field"),
        Words(
            "缺少字段{field}。请补充后重新发送。",
            "The field {field} is missing. Please add it and send the request again.",
        ),
    ),
    "unknown_field": Reply(
        422,
        Words("多余字段", "Unknown field"),
        Words(
            "不认识字段{field}。请去掉后重新发送。",
            "The field {field} is not known here. Please leave it out and send the request again.",
        ),
    ),
    "invalid_field": Reply(
        422,
        Words("字段有误", "Invalid field"),
        Words(
            "字段{field}的值有误：{expected}。请改正后重新发送。",
            "The field {field} cannot be right: {expected}. Please correct it and send the"
            " request again.",
        ),
    ),
    "invalid_period": Reply(
        422,
        Words("日期范围有误", "Invalid range of dates"),
        Words(
            "date_from不能晚于date_to。请改正后重新查询。",
            "date_from must not be later than date_to. Please correct them and ask again.",
        ),
    ),
    "unsupported_media_type": Reply(
        415,
        Words("内容类型不支持", "Unsupported content type"),
        Words(
            "请以Content-Type: application/json发送JSON内容。",
            "Please send JSON, with Content-Type: application/json.",
        ),
    ),
    "body_too_large": Reply(
        413,
        Words("内容过长", "Body too large"),
        Words(
            "请求内容过长，最多16 KB。请缩短后重新发送。",
            "The body is too large; 16 KB is the most. Please shorten it and send it again.",
        ),
    ),
    "query_too_long": Reply(
        414,
        Words("查询条件过长", "Query too long"),
        Words(
            "查询条件过长或过多。请减少后重新查询。",
            "The query is too long or has too many fields. Please ask with fewer.",
        ),
    ),
    "form_not_ours": Reply(
        403,
        Words("请重新打开页面", "Please open the page again"),
        Words(
            "这次提交没有生效：页面打开得太久，或者不是从本站打开的。请返回上一页，刷新后再提交。",
            "Nothing was done: the page was open for too long, or was not opened from this site."
            " Please go back, reload it and send it again.",
        ),
    ),
    "idempotency_key_required": Reply(
        400,
        Words("缺少Idempotency-Key", "Idempotency-Key missing"),
        Words(
            "预约请求必须带Idempotency-Key请求头。请为每次预约生成一个新的编号，重试时沿用。",
            "A booking needs the header Idempotency-Key. Please make a new key for each booking,"
            " and send the same one when you retry.",
        ),
    ),
    "idempotency_key_invalid": Reply(
        400,
        Words("Idempotency-Key无效", "Idempotency-Key not valid"),
        Words(
            "Idempotency-Key应为1至64个可见ASCII字符，不含空格。请换一个编号重新发送。",
            "The Idempotency-Key must be 1 to 64 visible ASCII characters without spaces."
            " Please send another key.",
        ),
    ),
}

_SERVER: dict[str, Reply] = {
    "bad_request": Reply(
        400,
        Words("请求有误", "Bad request"),
        Words(
            "无法理解这个请求。请对照接口文档检查后重新发送。",
            "The request cannot be understood. Please check it against the API's description.",
        ),
    ),
    "not_found": Reply(
        404,
        Words("没有这个页面", "Not found"),
        Words(
            "没有这个地址。请检查地址，接口列表见/schema。",
            "There is nothing at this address. Please check it; the calls are listed at /schema.",
        ),
    ),
    "method_not_allowed": Reply(
        405,
        Words("方法不支持", "Method not allowed"),
        Words(
            "这个地址不支持该请求方法。可用的方法见Allow响应头。",
            "This address does not take that method. The header Allow names those it takes.",
        ),
    ),
    "too_many_requests": Reply(
        429,
        Words("请求过于频繁", "Too many requests"),
        Words(
            "您的请求过于频繁，请在{seconds}秒后再试。",
            "There were too many requests from your address. Please try again in {seconds}"
            " seconds.",
        ),
    ),
    "too_many_bookings": Reply(
        429,
        Words("预约过于频繁", "Too many booking attempts"),
        Words(
            "预约过于频繁，这次没有预约。请在{seconds}秒后再试，或拨打{hotline}由客服预约。",
            "There were too many booking attempts, and nothing was booked. Please try again in"
            " {seconds} seconds, or call {hotline} to book.",
        ),
    ),
    "too_many_registrations": Reply(
        429,
        Words("登记过于频繁", "Too many registrations"),
        Words(
            "登记过于频繁，这次没有登记。请在{seconds}秒后再试，或拨打{hotline}由客服登记。",
            "There were too many registrations, and nobody was registered. Please try again in"
            " {seconds} seconds, or call {hotline} to register.",
        ),
    ),
    "body_too_slow": Reply(
        408,
        Words("请求发送超时", "The request took too long"),
        Words(
            "请求的内容没有及时发送完。请检查网络后重新发送。",
            "The request did not arrive in time. Please check your connection and send it again.",
        ),
    ),
    "internal_error": Reply(
        500,
        Words("系统错误", "Internal error"),
        Words(
            "系统出了错，我们会处理。请稍后再试；着急的话，请拨打{hotline}由客服办理。",
            "Something went wrong on our side, and we will look into it. Please try again later;"
            " if it cannot wait, call {hotline}, and an agent will do it for you.",
        ),
    ),
    "unavailable": Reply(
        503,
        Words("服务暂不可用", "Temporarily unavailable"),
        Words(
            "系统暂时不可用。请在{seconds}秒后重试。",
            "The service is not available for the moment. Please try again in {seconds} seconds.",
        ),
    ),
}

_STAFF: dict[str, Reply] = {
    "staff_not_your_page": Reply(
        403,
        Words("没有权限", "Not yours to open"),
        Words(
            "您的岗位不能使用这个页面。如工作需要，请联系平台管理员调整岗位。",
            "Your role does not open this page. If your work needs it, please ask an administrator"
            " to change your role.",
        ),
    ),
    "form_sent_twice": Reply(
        409,
        Words("同一份表单正在处理", "The same form is being handled"),
        Words(
            "这份表单刚才已提交了一次。请返回上一页看看结果，如没有办成，再提交一次。",
            "This form was sent a moment ago. Please go back, look whether it was done, and send it"
            " again if it was not.",
        ),
    ),
    "report_too_slow": Reply(
        503,
        Words("统计用时太久", "The report took too long"),
        Words(
            "这次统计用时太久，已经停止，没有影响预约。请缩短日期范围或只选一家医院，再试一次。",
            "This report took too long and was ended; bookings were not affected. Please choose"
            " fewer days or one hospital, and try again.",
        ),
    ),
}

_FHIR: dict[str, Reply] = {
    "fhir_invalid": Reply(
        422,
        Words("资源有误", "Invalid resource"),
        Words(
            "资源的{field}有误。请按FHIR R4改正后重新发送。",
            "The element {field} is not right. Please correct it as FHIR R4 describes and send"
            " it again.",
        ),
    ),
    "fhir_other_id": Reply(
        400,
        Words("id不一致", "Another id"),
        Words(
            "资源中的id应与地址中的一致。请先读取该资源，修改后整个发回。",
            "The id in the resource must be the one in the address. Please read the resource,"
            " change it and send the whole of it back.",
        ),
    ),
    "fhir_only_cancel": Reply(
        422,
        Words("只能取消", "Only cancelling"),
        Words(
            "预约只能改为cancelled。如需改期，请取消后重新预约。",
            "The status of an appointment can only become cancelled. To change the date, please"
            " cancel and book again.",
        ),
    ),
    "fhir_key_required": Reply(
        422,
        Words("缺少请求编号", "Key required"),
        Words(
            "请在Idempotency-Key或Appointment.identifier中给出您自己的编号，重试时沿用。",
            "Please give your own key in Idempotency-Key or in Appointment.identifier, and the"
            " same when you try again.",
        ),
    ),
    "fhir_parameter_unknown": Reply(
        400,
        Words("不认识的检索参数", "Unknown search parameter"),
        Words(
            "不认识检索参数{field}。可用的参数见/metadata。",
            "The search parameter {field} is not known here. Please see /metadata for those that"
            " are.",
        ),
    ),
    "fhir_chain": Reply(
        400,
        Words("不支持链式检索", "Chained searches are not supported"),
        Words(
            "不支持链式参数{field}。请分两步：先按条件查到被引用的资源（例如Schedule?actor=…），"
            "再用它的编号查询（例如Slot?schedule=…）。",
            "The chained parameter {field} is not supported. Search in two steps: first for the"
            " resource that is referred to (such as Schedule?actor=…), then by its id (such as"
            " Slot?schedule=…).",
        ),
    ),
    "fhir_include_iterate": Reply(
        400,
        Words("不支持逐级包含", "Nested includes are not supported"),
        Words(
            "不支持_include:iterate。请逐级查询：先用_include（例如_include=Slot:schedule），"
            "再用返回的编号查下一级（例如Schedule?_id=…&_include=Schedule:actor）。",
            "The parameter _include:iterate is not supported. Go level by level: first _include,"
            " such as _include=Slot:schedule, then the next level by the ids that came back:"
            " Schedule?_id=…&_include=Schedule:actor.",
        ),
    ),
    "fhir_parameter_invalid": Reply(
        400,
        Words("检索参数有误", "Invalid search parameter"),
        Words(
            "检索参数{field}的值有误。请改正后重新查询。",
            "The value of the search parameter {field} is not right. Please correct it and search"
            " again.",
        ),
    ),
    "fhir_search_too_broad": Reply(
        400,
        Words("检索范围过大", "Search too broad"),
        Words(
            "查询Slot请给出1到20个schedule或_id；全市号源请用/$bulk-publish。",
            "A search for Slot needs 1 to 20 schedules or _id; for the whole city please use"
            " /$bulk-publish.",
        ),
    ),
    "fhir_format": Reply(
        406,
        Words("只支持JSON", "Only JSON"),
        Words(
            "只提供FHIR 4.0的application/fhir+json。请用_format=json，或在Accept中写明。",
            "Only application/fhir+json of FHIR 4.0 is served. Please use _format=json, or name it"
            " in Accept.",
        ),
    ),
}

REPLIES: dict[str, Reply] = {
    **HOSPITAL_REPLIES,
    **LOG_IN_REPLIES,
    **_BOOKING,
    **_CANCELLING,
    **_PATIENTS,
    **_ACCOUNTS,
    **_READING,
    **_SERVER,
    **_FHIR,
    **_STAFF,
}
