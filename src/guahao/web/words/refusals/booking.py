"""A booking: why one patient is refused, by name, and why a draw passed a choice over.

What everybody is told of a refused booking is in `web/words/replies.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from guahao.flows.fairness.drawing import ENDED, WITHDRAWN
from guahao.rules.fairness.allocating import FULL
from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.outcomes import Refusal
from guahao.web.words.replies import numbers
from guahao.words.catalogue import Language
from guahao.words.text import Words


@dataclass(frozen=True, slots=True)
class ByName:
    """A refusal of one of an account's patients.

    `dated` replaces `detail` where its {when} is known. `counts`: both name the {days} of the
    patient's bookings.
    """

    detail: Words
    dated: Words | None = None
    counts: bool = False


# None: as in REPLIES.
BY_NAME: Mapping[Refusal, ByName | None] = {
    Refusal.UNKNOWN_SESSION: None,
    Refusal.NOT_YOUR_PATIENT: None,
    Refusal.SESSION_STOPPED: None,
    Refusal.SAME_DAY: None,
    Refusal.NEXT_DAY_CLOSED: None,
    Refusal.BEYOND_HORIZON: None,
    Refusal.NOT_RELEASED: None,
    Refusal.BY_DRAW: None,
    Refusal.ACCOUNT_RESTRICTED: None,
    Refusal.DOCUMENT_ENDED: None,
    Refusal.PERSON_UNCHECKED: ByName(
        Words(
            "{name}的身份还没有核实，同时最多有{most}个预约。凭证件原件取号就诊一次，"
            "或到任一医院窗口核实，之后就能再约。"
        )
    ),
    Refusal.PATIENT_SUSPENDED: ByName(
        Words("{name}因爽约暂停预约。期间可到医院窗口挂号；有异议请拨打{hotline}。"),
        Words("{name}因爽约暂停预约，{when}恢复。期间可到医院窗口挂号；有异议请拨打{hotline}。"),
    ),
    Refusal.DUPLICATE_DEPARTMENT: ByName(
        Words("{name}这天在{department}已有预约。请换个日期，或换个科室。"),
        Words("{name}这天在{department}已有预约。最早可约{when}，也可换个科室。"),
    ),
    Refusal.DAY_LIMIT: ByName(
        Words("{name}在{days}已约{count}个号，达到当天上限。请换个日期，或到医院窗口挂号。"),
        Words("{name}在{days}已约{count}个号，达到当天上限。最早可约{when}。"),
        counts=True,
    ),
    Refusal.SEVEN_DAY_LIMIT: ByName(
        Words(
            "{name}在{days}已约{count}个号，达到{short_window_days}天上限。"
            "请换个相隔更久的日期，或到医院窗口挂号。"
        ),
        Words("{name}在{days}已约{count}个号，达到{short_window_days}天上限。最早可约{when}。"),
        counts=True,
    ),
    Refusal.THREE_MONTH_LIMIT: ByName(
        Words(
            "{name}在{days}已约{count}个号，达到{long_window_months}个月上限。"
            "请换个相隔更久的日期，或到医院窗口挂号。"
        ),
        Words("{name}在{days}已约{count}个号，达到{long_window_months}个月上限。最早可约{when}。"),
        counts=True,
    ),
    Refusal.SOLD_OUT: None,
}
# Instead, for a session that nobody may book unchecked.
CHECKED_ONLY = ByName(
    Words("这个号只约给身份已核实的人。{name}还没有核实：请先带证件原件到任一医院窗口核实。")
)

_DATE_OVER = Words("这个日期已不能预约")
_WITHDRAWN = Words("抽签前，医院收回了这个号")
_FULL = Words("轮到您时，号已经抽完")
# Why a draw passed a choice over, as the applicant reads it.
PASSED_OVER: Mapping[str, Words] = {
    FULL: _FULL,
    ENDED: Words("轮到您之前，候补已撤回或结束"),
    WITHDRAWN: _WITHDRAWN,
    Refusal.UNKNOWN_SESSION: _WITHDRAWN,
    Refusal.NOT_YOUR_PATIENT: Words("就诊人已不在这个账户"),
    Refusal.SESSION_STOPPED: Words("抽签前，医院停诊了"),
    Refusal.SAME_DAY: _DATE_OVER,
    Refusal.NEXT_DAY_CLOSED: _DATE_OVER,
    Refusal.BEYOND_HORIZON: _DATE_OVER,
    Refusal.NOT_RELEASED: _DATE_OVER,
    Refusal.BY_DRAW: _FULL,
    Refusal.ACCOUNT_RESTRICTED: Words("账户暂停自助预约"),
    Refusal.DOCUMENT_ENDED: Words("到那时出生医学证明已过期"),
    Refusal.PERSON_UNCHECKED: Words("就诊人的身份还没有核实"),
    Refusal.PATIENT_SUSPENDED: Words("就诊人因爽约暂停预约"),
    Refusal.DUPLICATE_DEPARTMENT: Words("就诊人这天在本科室已有预约"),
    Refusal.DAY_LIMIT: Words("就诊人这天已约满{per_day}个号"),
    Refusal.SEVEN_DAY_LIMIT: Words(
        "就诊人在连续{short_window_days}天内已约满{per_short_window}个号"
    ),
    Refusal.THREE_MONTH_LIMIT: Words(
        "就诊人在连续{long_window_months}个月内已约满{per_long_window}个号"
    ),
    Refusal.SOLD_OUT: _FULL,
}


def passed_over_text(reason: str, policy: Policy, language: Language) -> str:
    """Return why a draw passed a choice over; a later release may have stored other reasons."""
    return PASSED_OVER.get(reason, _DATE_OVER).of(language).format_map(numbers(policy))
