"""The replies to hospitals' systems about the lists of bookings that they send."""

from __future__ import annotations

from guahao.rules.integration.reconciling import ListRefusal
from guahao.web.words.reply import Reply
from guahao.words.text import Words

RECONCILING_REPLIES: dict[str, Reply] = {
    ListRefusal.DAYS: Reply(
        422,
        Words("日期范围有误", "replies"),
        Words("date_from不能晚于date_to，一次最多31天。请分次发送。"),
    ),
    ListRefusal.MADE_AT: Reply(
        422,
        Words("名单时间有误"),
        Words("made_at应为生成名单的时间，24小时以内，不能在将来。请核对时钟后重新生成名单。"),
    ),
    ListRefusal.DATE_OUTSIDE: Reply(
        422,
        Words("日期不在范围内"),
        Words("名单中有预约的visit_date不在date_from和date_to之间。请改正后重新发送整个名单。"),
    ),
    "unknown_reconciliation": Reply(
        404,
        Words("没有这次对账"),
        Words("本院没有这个编号的对账。请从对账列表中选择。"),
    ),
}
