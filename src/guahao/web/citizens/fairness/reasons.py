"""Why an entry was passed over for a place, in plain words."""

from __future__ import annotations

from guahao.rules.fairness.allocating import FULL
from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.outcomes import Refusal
from guahao.web.framework.page_base import BasePage

_ENDED = "application_ended"
_WITHDRAWN = "withdrawn"


def reason_text(page: BasePage, reason: str, policy: Policy) -> str:
    """Return the reason of a skip as the applicant reads it."""
    return {
        FULL: page.say("轮到您时，号已经抽完"),
        _ENDED: page.say("轮到您之前，候补已撤回或结束"),
        _WITHDRAWN: page.say("抽签前，医院收回了这个号"),
        Refusal.SESSION_STOPPED: page.say("抽签前，医院停诊了"),
        Refusal.DUPLICATE_DEPARTMENT: page.say("就诊人这天在本科室已有预约"),
        Refusal.DAY_LIMIT: page.say("就诊人这天已约满{count}个号", count=policy.per_day),
        Refusal.SEVEN_DAY_LIMIT: page.say(
            "就诊人在连续{days}天内已约满{count}个号",
            days=policy.short_window_days,
            count=policy.per_short_window,
        ),
        Refusal.THREE_MONTH_LIMIT: page.say(
            "就诊人在连续{months}个月内已约满{count}个号",
            months=policy.long_window_months,
            count=policy.per_long_window,
        ),
        Refusal.PATIENT_SUSPENDED: page.say("就诊人因爽约暂停预约"),
        Refusal.ACCOUNT_RESTRICTED: page.say("账户暂停自助预约"),
        Refusal.PERSON_UNCHECKED: page.say("就诊人的身份还没有核实"),
        Refusal.DOCUMENT_ENDED: page.say("到那时出生医学证明已过期"),
        Refusal.NOT_YOUR_PATIENT: page.say("就诊人已不在这个账户"),
    }.get(reason, page.say("这个日期已不能预约"))
