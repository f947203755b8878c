"""The replies about places that are offered to patients of a stopped clinic."""

from __future__ import annotations

from guahao.rules.booking.replacing import ReplacementRefusal
from guahao.web.words.reply import Reply
from guahao.words.text import Words

REPLACEMENT_REPLIES: dict[str, Reply] = {
    ReplacementRefusal.UNKNOWN: Reply(
        404,
        Words("没有为您留的号"),
        Words("这个停诊的预约没有留给您的号。请在“我的挂号”中查看，或另约其他号源。"),
    ),
    ReplacementRefusal.DECLINED: Reply(
        409,
        Words("已谢绝这个号"),
        Words("您已谢绝医院留的号，它已放回。请另约其他号源，或拨打{hotline}。"),
    ),
    ReplacementRefusal.ACCEPTED: Reply(
        409,
        Words("已接受这个号"),
        Words("您已接受医院留的号，预约在“我的挂号”中。要退号请按退号规定办理，或拨打{hotline}。"),
    ),
    ReplacementRefusal.LAPSED: Reply(
        409,
        Words("留号已到期"),
        Words("医院留的号没有在期限内接受，不再保留。请另约其他号源，或拨打{hotline}。"),
    ),
}
