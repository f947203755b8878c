"""The status, title and sentence of every outcome.

A sentence says what happened and what the reader can do instead, in Chinese and English, and from
when it would be allowed, where that is known. All routers respond with these. A new outcome needs
an entry in `REPLIES`; a test checks this.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache

from guahao.flows.booking.cancelling import NotCancelled
from guahao.rules.booking.rescheduling import NotRescheduled, RescheduleRefusal
from guahao.rules.booking.resending import RESENT_AN_HOUR, ResendRefusal
from guahao.rules.booking.together import PairFault
from guahao.rules.call_centre.call_backs import CALL_BACKS_A_DAY, CallBackRefusal
from guahao.rules.fairness.applying import ApplicationRefusal, WishesImpossible
from guahao.rules.fairness.declining import DeclinedTooLate, DeclineRefusal
from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.outcomes import BeforeOwnMoment, CancelRefusal, Refusal, Refused
from guahao.rules.kernel.text import NameFault
from guahao.rules.people.registering import PatientRefusal
from guahao.rules.people.removing import RemoveRefusal
from guahao.web.http.challenge import Challenge
from guahao.web.words.fields import expected
from guahao.web.words.hours import PERIOD_HOURS
from guahao.web.words.name_words import name_fault_text
from guahao.web.words.replies_applications import APPLICATION_REPLIES
from guahao.web.words.replies_hospital import HOSPITAL_REPLIES
from guahao.web.words.replies_logins import LOGIN_REPLIES
from guahao.web.words.replies_replacing import REPLACEMENT_REPLIES
from guahao.web.words.reply import Reply
from guahao.words.catalogue import Language
from guahao.words.dates import format_day, format_moment, format_second
from guahao.words.text import Words

_OWN_MOMENT = "own_moment"  # not released yet for this patient, but for the earliest
_TOO_FEW = "too_few_for_two"  # sold out for two, perhaps not for one


@dataclass(frozen=True, slots=True)
class Problem:
    """A reply in the reader's language, ready to be sent by any router."""

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
    patient_ids: tuple[int, ...] | None = None


class Replies:
    """The sentences, filled in with this platform's numbers and hotline.

    `policy` and `today` are called for each sentence, because both change from day to day.
    """

    def __init__(
        self, policy: Callable[[], Policy], today: Callable[[], date], hotline: str
    ) -> None:
        self._policy = policy
        self._today = today
        self._hotline = hotline

    def refused(self, refused: Refused[Refusal], language: Language) -> Problem:
        """Return the problem of a refused booking, with the time from which it would be allowed."""
        if isinstance(refused, BeforeOwnMoment):
            # The contract's code, with a sentence that names the second.
            problem = self.problem(_OWN_MOMENT, language, retry_from=refused.retry_from)
            return replace(problem, code=refused.reason.value)
        return self.problem(
            refused.reason.value,
            language,
            retry_from=refused.retry_from,
            visit_from=refused.visit_from,
        )

    def pair_refused(
        self,
        refused: Refused[Refusal],
        patient_ids: tuple[int, ...],
        names: Sequence[str],
        language: Language,
    ) -> Problem:
        """Return the problem of two bookings that were refused, with the patients it is about.

        `names`: theirs, as far as the reader may know them.
        """
        problem = self.refused(refused, language)
        if refused.reason is Refusal.SOLD_OUT and len(patient_ids) > 1:
            problem = replace(self.problem(_TOO_FEW, language), code=problem.code)
        elif not isinstance(refused, BeforeOwnMoment):
            words = _NEITHER_FOR if len(names) == len(patient_ids) == 1 else _NEITHER
            detail = words.of(language).format(name="".join(names), detail=problem.detail)
            problem = replace(problem, detail=detail)
        return replace(problem, patient_ids=patient_ids)

    def application_refused(
        self, refused: Refused[ApplicationRefusal], language: Language
    ) -> Problem:
        """Return the problem of a refused application; impossible wishes name the last date."""
        return self.problem(
            refused.reason,
            language,
            retry_from=refused.retry_from,
            latest=refused.visit_until if isinstance(refused, WishesImpossible) else None,
        )

    def decline_refused(self, refused: Refused[DeclineRefusal], language: Language) -> Problem:
        """Return the problem of a place that is not declined, with the end of its time."""
        ended_at = refused.ended_at if isinstance(refused, DeclinedTooLate) else None
        return self.problem(refused.reason, language, deadline=ended_at)

    def not_cancelled(self, refused: NotCancelled, language: Language) -> Problem:
        """Return the problem of a booking that is not cancelled, with its deadline."""
        until = None if refused.booking is None else refused.booking.cancel_until
        return self.problem(refused.reason, language, deadline=until)

    def stands(self, refused: NotRescheduled, language: Language) -> Problem:
        """Return the problem of a booking that is not rescheduled, with its deadline."""
        return self.problem(refused.reason, language, deadline=refused.until)

    def name_refused(self, fault: NameFault, language: Language) -> Problem:
        """Return the problem of an invalid name, which quotes the wrong character."""
        problem = self.problem(PatientRefusal.NAME_INVALID, language)
        return replace(problem, detail=name_fault_text(fault, language))

    def problem(
        self,
        code: str,
        language: Language,
        *,
        retry_from: datetime | None = None,
        visit_from: date | None = None,
        retry_after_seconds: int | None = None,
        deadline: datetime | None = None,
        latest: date | None = None,
        field: str | None = None,
    ) -> Problem:
        """Return the problem of an outcome's code. `deadline` and `latest` only appear in
        the sentence.
        """
        reply = REPLIES[code]
        when = None
        if code == _OWN_MOMENT and retry_from is not None:
            when = format_second(retry_from)
        elif moment := retry_from or deadline:
            when = format_moment(moment, language, self._today())
        elif day := visit_from or latest:
            when = format_day(day, language, self._today())
        words = reply.dated if when and reply.dated else reply.detail
        facts = {
            **numbers(self._policy()),
            **PERIOD_HOURS,
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


_NEITHER = Words("两位都没有约上。{detail}")
_NEITHER_FOR = Words("两位都没有约上，因为{name}：{detail}")


@lru_cache(8)
def numbers(policy: Policy) -> dict[str, object]:
    """Return the numbers of the law, by the {places} of sentences that name them."""
    return {
        "per_department_and_day": policy.per_department_and_day,
        "per_day": policy.per_day,
        "per_short_window": policy.per_short_window,
        "short_window_days": policy.short_window_days,
        "per_long_window": policy.per_long_window,
        "long_window_months": policy.long_window_months,
        "live_applications": policy.live_applications,
        "declines_before_pause": policy.declines_before_pause,
        "resent_an_hour": RESENT_AN_HOUR,
        "call_backs_a_day": CALL_BACKS_A_DAY,
    }


_BOOKING: dict[str, Reply] = {
    Refusal.UNKNOWN_SESSION: Reply(
        404,
        Words("没有这个号源"),
        Words("没有找到这个号源。请重新查询，另选一个预约。"),
    ),
    Refusal.NOT_YOUR_PATIENT: Reply(
        403,
        Words("不是您的就诊人"),
        Words("该就诊人不在您的账户下。请选择您账户下的就诊人，或先登记就诊人。"),
    ),
    Refusal.SESSION_STOPPED: Reply(
        409,
        Words("已停诊"),
        Words("该门诊已停诊。请选择其他日期或其他门诊。"),
    ),
    Refusal.SAME_DAY: Reply(
        409,
        Words("不能预约当天"),
        Words("当天和已过日期的号不能预约。请选择以后的日期；今天要就诊，请到医院窗口挂号。"),
        Words("当天和已过日期的号不能预约。最早可约{when}；今天要就诊，请到医院窗口挂号。"),
    ),
    Refusal.NEXT_DAY_CLOSED: Reply(
        409,
        Words("次日号源已截止"),
        Words("次日的号今天已停止预约。请选择以后的日期，或就诊当天到医院窗口挂号。"),
        Words("次日的号今天已停止预约。最早可约{when}，或就诊当天到医院窗口挂号。"),
    ),
    Refusal.BEYOND_HORIZON: Reply(
        409,
        Words("未到预约周期"),
        Words("该日期还没有进入这家医院的预约周期。请选择更早的日期。"),
        Words(
            "该日期还没有进入这家医院的预约周期，{when}起可以预约。请届时再约，或选择更早的日期。"
        ),
    ),
    Refusal.NOT_RELEASED: Reply(
        409,
        Words("尚未放号"),
        Words("该日期的号今天还没有放出。请稍后再约，或选择更早的日期。"),
        Words("该日期的号将于{when}放出。请届时再约，或选择更早的日期。"),
    ),
    _OWN_MOMENT: Reply(
        409,
        Words("还没到您的预约时刻"),
        Words("该日期的号刚刚放出，每位就诊人有自己的预约时刻。请稍后再约。"),
        Words(
            "该日期的号刚刚放出，这位就诊人从{when}起可以预约。请到时再提交一次；"
            "提前提交、多次提交、换账户，时刻都不会变。"
        ),
    ),
    Refusal.ACCOUNT_RESTRICTED: Reply(
        409,
        Words("账户暂停自助预约"),
        Words("该账户预约或退号过于频繁，暂不能自助预约。请拨打{hotline}由客服预约。"),
        Words("该账户预约或退号过于频繁，{when}起可再自助预约。此前请拨打{hotline}由客服预约。"),
    ),
    Refusal.DOCUMENT_ENDED: Reply(
        409,
        Words("出生医学证明已到期"),
        Words(
            "出生医学证明只能用到一周岁前。请用孩子的户口簿或居民身份证重新登记，再预约；"
            "名额已满时先移除原来的登记。"
        ),
    ),
    Refusal.PERSON_UNCHECKED: Reply(
        409,
        Words("须先核实身份"),
        Words(
            "该就诊人的身份还没有核实，不能约这个号。请带证件原件到任一医院窗口核实，"
            "或先去就诊一次：凭证件原件取号后即为已核实。"
        ),
    ),
    Refusal.PATIENT_SUSPENDED: Reply(
        409,
        Words("预约资格已暂停"),
        Words(
            "该就诊人因多次爽约，预约资格已暂停。期间可到医院窗口挂号；如有异议，请拨打{hotline}。"
        ),
        Words(
            "该就诊人因多次爽约，预约资格已暂停，{when}起恢复。期间可到医院窗口挂号；"
            "如有异议，请拨打{hotline}。"
        ),
    ),
    Refusal.DUPLICATE_DEPARTMENT: Reply(
        409,
        Words("已约过该科室"),
        Words(
            "这位就诊人这天在该科室已有预约，同一科室每天最多{per_department_and_day}个。"
            "请换个日期或换个科室。"
        ),
        Words(
            "这位就诊人这天在该科室已有预约，同一科室每天最多{per_department_and_day}个。"
            "最早可约{when}，也可换个科室。"
        ),
    ),
    Refusal.DAY_LIMIT: Reply(
        409,
        Words("当天已约满"),
        Words("这位就诊人这天已约满{per_day}个号。请换个日期。"),
        Words("这位就诊人这天已约满{per_day}个号。最早可约{when}。"),
    ),
    Refusal.SEVEN_DAY_LIMIT: Reply(
        409,
        Words("七天内已约满"),
        Words(
            "这位就诊人在连续{short_window_days}天内已约{per_short_window}个号，"
            "达到上限。请换个相隔更久的日期。"
        ),
        Words(
            "这位就诊人在连续{short_window_days}天内已约{per_short_window}个号，"
            "达到上限。最早可约{when}。"
        ),
    ),
    Refusal.THREE_MONTH_LIMIT: Reply(
        409,
        Words("三个月内已约满"),
        Words(
            "这位就诊人在连续{long_window_months}个月内已约{per_long_window}个号，"
            "达到上限。请换个相隔更久的日期，或到医院窗口挂号。"
        ),
        Words(
            "这位就诊人在连续{long_window_months}个月内已约{per_long_window}个号，"
            "达到上限。最早可约{when}，也可到医院窗口挂号。"
        ),
    ),
    Refusal.BY_DRAW: Reply(
        409,
        Words("这个号抽签放出"),
        Words("这个号由抽签放出。请在科室页面登记候补，抽中后系统自动预约并发短信通知。"),
        Words(
            "这个号由抽签放出，{when}抽签。请在科室页面登记候补，抽中后系统自动预约并发短信通知。"
        ),
    ),
    Refusal.SOLD_OUT: Reply(
        409,
        Words("已约满"),
        Words("这个号已经约满。请登记候补，或选择其他日期、职称或医院；有人退号时会抽签放出。"),
    ),
    _TOO_FEW: Reply(
        409,
        Words("号不够两位一起约"),
        Words(
            "剩下的号不够两位一起约，这次都没有约上。还剩一个号时，可以先为其中一位预约；"
            "也可以登记候补，或选择其他日期、职称或医院。"
        ),
    ),
    PairFault.SAME_PATIENT: Reply(
        422,
        Words("要两位不同的就诊人"),
        Words("一起预约要选两位不同的就诊人。只为一位预约，请用单独的预约。"),
    ),
    PairFault.OTHER_CLINIC: Reply(
        422,
        Words("不是同一科室同一天"),
        Words("一起预约的两个号须在同一科室、同一天。其他的请分别预约。"),
    ),
    "idempotency_mismatch": Reply(
        422,
        Words("同一编号用于不同请求"),
        Words("这个Idempotency-Key已用于另一个请求。新的请求请换一个新的编号。"),
    ),
    "busy": Reply(
        503,
        Words("预约人数过多"),
        Words("现在预约的人太多，这次没有预约成功。请在{seconds}秒后重试。"),
    ),
    "booking_unavailable": Reply(
        503,
        Words("暂时不能预约"),
        Words(
            "系统暂时不能办理预约，这次没有约上，也没有占用号源。请在{seconds}秒后用同一个"
            "Idempotency-Key重新提交。"
        ),
    ),
    "outcome_unknown": Reply(
        503,
        Words("结果尚不确定"),
        Words(
            "系统暂时无法确认是否预约成功。请在{seconds}秒后用同一个Idempotency-Key重新提交，"
            "不会重复预约。"
        ),
    ),
}

_CANCELLING: dict[str, Reply] = {
    CancelRefusal.CANCEL_BY_PHONE: Reply(
        403,
        Words("请电话退号"),
        Words("不能在这里退号。请拨打{hotline}，由客服核对身份后办理。"),
        Words("不能在这里退号。请在{when}之前拨打{hotline}，由客服核对身份后办理。"),
    ),
    CancelRefusal.NOT_CANCELLABLE: Reply(
        409,
        Words("不能退号"),
        Words("这个预约已取号、已退号、已停诊或已过期，不能退号。请在“我的挂号”中查看它的状态。"),
    ),
    CancelRefusal.CANCEL_TOO_LATE: Reply(
        409,
        Words("已过退号时间"),
        Words(
            "已过这家医院的退号时间，不能退号。请按时就诊；有正当理由去不了的，就诊日后可拨打"
            "{hotline}申诉。"
        ),
        Words(
            "退号时间已于{when}截止，不能退号。请按时就诊；有正当理由去不了的，就诊日后可拨打"
            "{hotline}申诉。"
        ),
    ),
    RescheduleRefusal.BY_PHONE: Reply(
        403,
        Words("请电话改约"),
        Words("不能在这里改约。请拨打{hotline}，由客服核对身份后办理。"),
        Words("不能在这里改约。请在{when}之前拨打{hotline}，由客服核对身份后办理。"),
    ),
    RescheduleRefusal.NOT_LIVE: Reply(
        409,
        Words("不能改约"),
        Words("这个预约已取号、已退号、已停诊或已过期，不能改约。请在“我的挂号”中查看它的状态。"),
    ),
    RescheduleRefusal.TOO_LATE: Reply(
        409,
        Words("已过改约时间"),
        Words("已过这家医院的退号时间，不能改约，原来的号还在。请按时就诊，或拨打{hotline}。"),
        Words("改约和退号时间已于{when}截止，原来的号还在。请按时就诊，或拨打{hotline}。"),
    ),
    "reschedule_unchosen": Reply(
        422,
        Words("请选一场"),
        Words("请选要改到的一场，再提交。原来的号还在。"),
    ),
    "reschedule_undecided": Reply(
        503,
        Words("还不能确定是否改成"),
        Words("系统正忙，暂时没有收到结果。请稍等几秒，再提交一次：不会重复，约不上旧号不变。"),
    ),
    ResendRefusal.NOT_LIVE: Reply(
        409,
        Words("不能重发短信"),
        Words("这个预约已不在待取号状态，没有重发。请在“我的挂号”中查看它的状态。"),
    ),
    ResendRefusal.TOO_OFTEN: Reply(
        429,
        Words("重发太多次"),
        Words(
            "一小时内已重发{resent_an_hour}次。识别码就在这一页；仍收不到短信的，请拨打{hotline}。"
        ),
    ),
    CallBackRefusal.NO_PATIENT: Reply(
        409,
        Words("还没有就诊人"),
        Words("您还没有登记就诊人，客服无法核对身份。请先登记就诊人，或直接拨打{hotline}。"),
    ),
    CallBackRefusal.WAITING: Reply(
        409,
        Words("已在等回电"),
        Words("您已请我们回电，请等这一次，或先撤回。着急的，请拨打{hotline}。"),
    ),
    CallBackRefusal.WINDOW_PAST: Reply(
        409,
        Words("请另选时间"),
        Words("选的时间已过或不是客服的工作时间。请另选一个时间。"),
    ),
    CallBackRefusal.TOO_LATE: Reply(
        409,
        Words("回电来不及"),
        Words("到那时已不能退号和改约。请选更早的时间，或现在拨打{hotline}。"),
        Words("退号和改约到{when}为止，到那时回电来不及。请选更早的时间，或现在拨打{hotline}。"),
    ),
    CallBackRefusal.TOO_MANY: Reply(
        429,
        Words("今天请求回电太多次"),
        Words("今天已请求回电{call_backs_a_day}次。请拨打{hotline}，或明天再来。"),
    ),
    "call_back_unchosen": Reply(
        422,
        Words("请选事由和时间"),
        Words("请选择回电事由和时段，再提交。"),
    ),
    RescheduleRefusal.SAME_SESSION: Reply(
        422,
        Words("已是这个号"),
        Words("您约的就是这一场，不用改。要改约，请另选一场。"),
    ),
    "unknown_appointment": Reply(
        404,
        Words("没有这个预约"),
        Words("没有找到这个预约。请核对识别码和证件号码，或登录后在“我的挂号”中查看。"),
    ),
    "lookup_throttled": Reply(
        429,
        Words("查询过于频繁"),
        Words("查询次数过多，请在{seconds}秒后再试，或拨打{hotline}。"),
    ),
}

_PATIENTS: dict[str, Reply] = {
    PatientRefusal.PHONE_LIMIT: Reply(
        409,
        Words("该手机号已登记满两位就诊人"),
        Words("一个手机号最多登记两位就诊人。请先在“我的就诊人”里移除一位，或用另一个手机号登记。"),
    ),
    RemoveRefusal.LIVE_BOOKING: Reply(
        409,
        Words("还有预约，不能移除"),
        Words("这位就诊人还有没就诊的预约，不能移除。请先退号，或就诊以后再移除。"),
    ),
    RemoveRefusal.SUSPENDED: Reply(
        409,
        Words("暂停预约期间不能移除"),
        Words("这位就诊人的预约资格已暂停，暂停期间不能移除。如有异议，请拨打{hotline}申诉。"),
    ),
    PatientRefusal.ID_INVALID: Reply(
        422,
        Words("证件无效"),
        Words("证件类型或证件号码有误。请核对证件原件后重新填写。"),
    ),
    PatientRefusal.COUNTER_ONLY: Reply(
        422,
        Words("请到医院窗口登记"),
        Words("这种证件要看过原件才能登记。请带证件原件到医院挂号窗口登记。"),
    ),
    PatientRefusal.BIRTH_DATE_INVALID: Reply(
        422,
        Words("请填写孩子的出生日期"),
        Words(
            "出生医学证明用到一周岁前。请填写证明上的出生日期；已满一周岁的，请凭户口簿或"
            "居民身份证登记。"
        ),
    ),
    PatientRefusal.GUARDIAN_NEEDED: Reply(
        409,
        Words("须先有已核实的成年就诊人"),
        Words(
            "新生儿要由本账户里身份已核实的成年人登记。请先登记您本人并核实身份，"
            "或带出生医学证明原件到医院窗口登记。"
        ),
    ),
    "own_data_wrong": Reply(
        422,
        Words("证件号码不对"),
        Words("请填写这个账户里一位就诊人的证件号码。"),
    ),
    "own_data_too_often": Reply(
        429,
        Words("次数过多"),
        Words("今天的次数用完了，请明天再办，或拨打{hotline}。"),
    ),
    "erasure_live_booking": Reply(
        409,
        Words("还有没办结的预约"),
        Words("请先取消预约或等就诊结束、医院登记后，再删除个人信息。"),
    ),
    "erasure_changed_meanwhile": Reply(
        409,
        Words("刚刚有变化，没有删除"),
        Words("请再试一次。"),
    ),
    "erasure_suspended": Reply(
        409,
        Words("暂停预约期间不能删除"),
        Words("请在恢复预约后删除个人信息。有异议请拨打{hotline}。"),
    ),
    PatientRefusal.CONSENT_REQUIRED: Reply(
        422,
        Words("需要您的同意"),
        Words("登记前请阅读《个人信息保护说明》的最新版本，同意后勾选。"),
    ),
    PatientRefusal.GUARDIAN_REQUIRED: Reply(
        422,
        Words("需要监护人同意"),
        Words("就诊人未满14周岁，请由父母或其他监护人同意后登记。"),
    ),
    PatientRefusal.OTHER_NAME: Reply(
        409,
        Words("已经登记，姓名不同"),
        Words(
            "这位就诊人已在您的账户里，姓名与这次填写的不同。登记时写错了的，请带证件原件到医院挂号窗口"
            "更正。"
        ),
    ),
    PatientRefusal.NOT_REGISTERED: Reply(
        409,
        Words("没有登记成功"),
        Words(
            "没有登记成功。请先核对姓名和证件号码；都没有错而且是本人的，请带证件原件到医院挂号窗口"
            "办理，或拨打{hotline}。"
        ),
    ),
    PatientRefusal.IDENTITY_MISMATCH: Reply(
        409,
        Words("姓名和证件不一致"),
        Words("姓名和证件号码核验不一致。请核对证件原件，或到医院挂号窗口办理。"),
    ),
    PatientRefusal.ID_TAKEN: Reply(
        409,
        Words("该证件已登记"),
        Words(
            "该证件已经登记过。请用当时的手机号登录；手机号换了或不是本人登记的，请拨打{hotline}，"
            "或带证件原件到任一医院窗口，转到您的手机号。"
        ),
    ),
    PatientRefusal.NAME_INVALID: Reply(
        422,
        Words("姓名无效"),
        Words("姓名有误。请填写证件上的真实姓名，1至50个字，不含数字和其他符号。"),
    ),
}

_ACCOUNTS: dict[str, Reply] = {
    "phone_invalid": Reply(
        422,
        Words("手机号无效"),
        Words("手机号有误。请填写能接收短信的中国大陆11位手机号。"),
    ),
    "token_required": Reply(
        401,
        Words("请先登录"),
        Words("此操作需要登录。请先获取令牌，再以Authorization: Bearer发送。"),
    ),
    "token_invalid": Reply(
        401,
        Words("登录无效"),
        Words("令牌无效。请重新登录。"),
    ),
    "token_expired": Reply(
        401,
        Words("登录已过期", "replies"),
        Words("登录已过期。请重新登录。"),
    ),
}

_READING: dict[str, Reply] = {
    "unknown_draw": Reply(
        404,
        Words("没有这次抽签"),
        Words("没有这次抽签。请在抽签列表中查找。"),
    ),
    "draw_file_not_public": Reply(
        404,
        Words("没有公示文件"),
        Words(
            "这次抽签没有公示文件：尚未抽完，或为保护隐私只公布汇总。"
            "参加者可在“我的候补”中查看自己的结果。"
        ),
    ),
    "unknown_log_line": Reply(
        404,
        Words("日志中没有这一行"),
        Words("日志中没有这一行。请从0开始，或用之前下载到的最后一行的编号。"),
    ),
    "invalid_log_line": Reply(
        422,
        Words("行号有误"),
        Words("行号（after）是从0开始的整数。请用之前下载到的最后一行的编号。"),
    ),
    "unknown_hospital": Reply(
        404,
        Words("没有这家医院"),
        Words("没有这家医院。请重新查询医院列表。"),
    ),
    "malformed_json": Reply(
        400,
        Words("JSON格式错误"),
        Words("请求内容不是完整的JSON。请检查后重新发送。"),
    ),
    "invalid_encoding": Reply(
        400,
        Words("编码错误"),
        Words("请求内容不是有效的UTF-8。请用UTF-8编码后重新发送。"),
    ),
    "not_an_object": Reply(
        422,
        Words("内容有误"),
        Words("请求内容应是一个JSON对象。请对照接口文档后重新发送。"),
    ),
    "missing_field": Reply(
        422,
        Words("缺少字段"),
        Words("缺少字段{field}。请补充后重新发送。"),
    ),
    "unknown_field": Reply(
        422,
        Words("多余字段"),
        Words("不认识字段{field}。请去掉后重新发送。"),
    ),
    "invalid_field": Reply(
        422,
        Words("字段有误"),
        Words("字段{field}的值有误：{expected}。请改正后重新发送。"),
    ),
    "invalid_period": Reply(
        422,
        Words("日期范围有误"),
        Words("date_from不能晚于date_to。请改正后重新查询。"),
    ),
    "unsupported_media_type": Reply(
        415,
        Words("内容类型不支持"),
        Words("请以Content-Type: application/json发送JSON内容。"),
    ),
    "body_too_large": Reply(
        413,
        Words("内容过长"),
        Words("请求内容过长，最多16 KB。请缩短后重新发送。"),
    ),
    "query_too_long": Reply(
        414,
        Words("查询条件过长"),
        Words("查询条件过长或过多。请减少后重新查询。"),
    ),
    "form_not_ours": Reply(
        403,
        Words("请重新打开页面"),
        Words(
            "这次提交没有生效：页面打开得太久，或者不是从本站打开的。请返回上一页，刷新后再提交。"
        ),
    ),
    "idempotency_key_required": Reply(
        400,
        Words("缺少Idempotency-Key"),
        Words("预约请求必须带Idempotency-Key请求头。请为每次预约生成一个新的编号，重试时沿用。"),
    ),
    "idempotency_key_invalid": Reply(
        400,
        Words("Idempotency-Key无效"),
        Words("Idempotency-Key应为1至64个可见ASCII字符，不含空格。请换一个编号重新发送。"),
    ),
}

_SERVER: dict[str, Reply] = {
    "bad_request": Reply(
        400,
        Words("请求有误"),
        Words("无法理解这个请求。请对照接口文档检查后重新发送。"),
    ),
    "not_found": Reply(
        404,
        Words("没有这个页面"),
        Words("没有这个地址。请检查地址，接口列表见/schema。"),
    ),
    "method_not_allowed": Reply(
        405,
        Words("方法不支持"),
        Words("这个地址不支持该请求方法。可用的方法见Allow响应头。"),
    ),
    "too_many_requests": Reply(
        429,
        Words("请求过于频繁"),
        Words("您的请求过于频繁，请在{seconds}秒后再试。"),
    ),
    "too_many_bookings": Reply(
        429,
        Words("预约过于频繁"),
        Words("预约过于频繁，这次没有预约。请在{seconds}秒后再试，或拨打{hotline}由客服预约。"),
    ),
    "too_many_registrations": Reply(
        429,
        Words("登记过于频繁"),
        Words("登记过于频繁，这次没有登记。请在{seconds}秒后再试，或拨打{hotline}由客服登记。"),
    ),
    "body_too_slow": Reply(
        408,
        Words("请求发送超时"),
        Words("请求的内容没有及时发送完。请检查网络后重新发送。"),
    ),
    "internal_error": Reply(
        500,
        Words("系统错误"),
        Words("系统出了错，我们会处理。请稍后再试；着急的话，请拨打{hotline}由客服办理。"),
    ),
    "unavailable": Reply(
        503,
        Words("服务暂不可用"),
        Words("系统暂时不可用。请在{seconds}秒后重试。"),
    ),
}

_STAFF: dict[str, Reply] = {
    "staff_not_your_page": Reply(
        403,
        Words("没有权限"),
        Words("您的岗位不能使用这个页面。如工作需要，请联系平台管理员调整岗位。"),
    ),
    "form_sent_twice": Reply(
        409,
        Words("同一份表单正在处理"),
        Words("这份表单刚才已提交了一次。请返回上一页看看结果，如没有办成，再提交一次。"),
    ),
    "report_too_slow": Reply(
        503,
        Words("统计用时太久"),
        Words("这次统计用时太久，已经停止，没有影响预约。请缩短日期范围或只选一家医院，再试一次。"),
    ),
}

_FHIR: dict[str, Reply] = {
    "fhir_invalid": Reply(
        422,
        Words("资源有误"),
        Words("资源的{field}有误。请按FHIR R4改正后重新发送。"),
    ),
    "fhir_other_id": Reply(
        400,
        Words("id不一致"),
        Words("资源中的id应与地址中的一致。请先读取该资源，修改后整个发回。"),
    ),
    "fhir_only_cancel": Reply(
        422,
        Words("只能取消"),
        Words(
            "预约只能改为cancelled。如需改期，请调用POST /api/v1/appointments/编号/reschedule"
            "（编号和令牌相同）：约上新号才退旧号。"
        ),
    ),
    "fhir_key_required": Reply(
        422,
        Words("缺少请求编号"),
        Words("请在Idempotency-Key或Appointment.identifier中给出您自己的编号，重试时沿用。"),
    ),
    "fhir_parameter_unknown": Reply(
        400,
        Words("不认识的检索参数"),
        Words("不认识检索参数{field}。可用的参数见/metadata。"),
    ),
    "fhir_chain": Reply(
        400,
        Words("不支持链式检索"),
        Words(
            "不支持链式参数{field}。请分两步：先按条件查到被引用的资源（例如Schedule?actor=…），"
            "再用它的编号查询（例如Slot?schedule=…）。"
        ),
    ),
    "fhir_include_iterate": Reply(
        400,
        Words("不支持逐级包含"),
        Words(
            "不支持_include:iterate。请逐级查询：先用_include（例如_include=Slot:schedule），"
            "再用返回的编号查下一级（例如Schedule?_id=…&_include=Schedule:actor）。"
        ),
    ),
    "fhir_parameter_invalid": Reply(
        400,
        Words("检索参数有误"),
        Words("检索参数{field}的值有误。请改正后重新查询。"),
    ),
    "fhir_search_too_broad": Reply(
        400,
        Words("检索范围过大"),
        Words("查询Slot请给出1到20个schedule或_id；全市号源请用/$bulk-publish。"),
    ),
    "fhir_format": Reply(
        406,
        Words("只支持JSON"),
        Words("只提供FHIR 4.0的application/fhir+json。请用_format=json，或在Accept中写明。"),
    ),
}

REPLIES: dict[str, Reply] = {
    **APPLICATION_REPLIES,
    **REPLACEMENT_REPLIES,
    **HOSPITAL_REPLIES,
    **LOGIN_REPLIES,
    **_BOOKING,
    **_CANCELLING,
    **_PATIENTS,
    **_ACCOUNTS,
    **_READING,
    **_SERVER,
    **_FHIR,
    **_STAFF,
}
