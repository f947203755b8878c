"""The replies about applications (候补) and about declining a place won in a draw."""

from __future__ import annotations

from guahao.rules.fairness.applying import ApplicationRefusal, WithdrawRefusal
from guahao.rules.fairness.declining import DeclineRefusal
from guahao.web.words.reply import Reply
from guahao.words.text import Words

APPLICATION_REPLIES: dict[str, Reply] = {
    ApplicationRefusal.UNKNOWN_DEPARTMENT: Reply(
        404,
        Words("没有这个科室"),
        Words("没有找到这个科室，或者它不在平台预约。请重新查询，另选一个科室。"),
    ),
    ApplicationRefusal.SAME_PATIENT_TWICE: Reply(
        422,
        Words("同一位就诊人"),
        Words("两位就诊人不能是同一个人。请选择两位不同的就诊人，或只登记一位。"),
    ),
    ApplicationRefusal.DIFFERENT_ACCOUNTS: Reply(
        422,
        Words("不在同一个账户"),
        Words("两位就诊人不在同一个账户。请为他们分别登记候补。"),
    ),
    ApplicationRefusal.WISHES_IMPOSSIBLE: Reply(
        422,
        Words("没有可抽签的日期"),
        Words("没有抽签能满足这些条件。请放宽日期、时段、星期或提前通知的时间。"),
        Words(
            "没有抽签能满足这些条件。请放宽日期、时段、星期或提前通知的时间；"
            "日期从今天起，最晚到{when}。"
        ),
    ),
    ApplicationRefusal.APPLICATIONS_PAUSED: Reply(
        409,
        Words("暂停登记候补"),
        Words("该就诊人90天内放弃抽中的号达到{declines_before_pause}次，暂时不能登记候补。"),
        Words(
            "该就诊人90天内放弃抽中的号达到{declines_before_pause}次，{when}起可再登记候补。"
            "此前仍可直接预约有号的门诊。"
        ),
    ),
    ApplicationRefusal.ALREADY_APPLIED: Reply(
        409,
        Words("已登记过该科室"),
        Words("这位就诊人在该科室已有候补登记。要改条件，请先撤回原来的，再重新登记。"),
    ),
    ApplicationRefusal.TOO_MANY_APPLICATIONS: Reply(
        409,
        Words("候补登记已满"),
        Words("每位就诊人最多同时有{live_applications}个候补登记。请先撤回一个。"),
    ),
    ApplicationRefusal.TOO_MANY_TODAY: Reply(
        429,
        Words("今天登记次数过多"),
        Words("这个账户24小时内登记候补的次数太多。请明天再登记，或拨打{hotline}。"),
    ),
    WithdrawRefusal.UNKNOWN: Reply(
        404,
        Words("没有这个候补登记"),
        Words("没有找到这个候补登记。请在“我的候补”中查看。"),
    ),
    WithdrawRefusal.NOT_LIVE: Reply(
        409,
        Words("候补已经结束"),
        Words(
            "这个候补登记已经抽中、撤回或到期，不用再撤回。抽中的号请在“我的挂号”中查看，可在期限内放弃。"
        ),
    ),
    DeclineRefusal.NOT_WON: Reply(
        409,
        Words("不是抽中的号"),
        Words("这个号不是抽签抽中的，不能放弃。要退号请拨打{hotline}。"),
    ),
    DeclineRefusal.TOO_LATE: Reply(
        409,
        Words("已过放弃时间"),
        Words("已过放弃抽中的号的时间。要退号请拨打{hotline}。"),
        Words("放弃抽中的号的时间已于{when}截止。要退号请拨打{hotline}。"),
    ),
}
