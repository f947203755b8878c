"""The replies about places that are offered to patients of a stopped clinic."""

from __future__ import annotations

from guahao.rules.booking.replacing import OfferRefusal, ReplacementRefusal
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
    OfferRefusal.UNDONE: Reply(
        409,
        Words("停诊已撤销"),
        Words("这次停诊已撤销，不需要留号。"),
    ),
    OfferRefusal.NO_PLACES: Reply(
        422,
        Words("没有填写号数"),
        Words("请至少在一个门诊填写要留的号数。"),
    ),
    OfferRefusal.TOO_SOON: Reply(
        422,
        Words("期限太近"),
        Words("期限须在2小时以后，患者才来得及看到并答复。"),
    ),
    OfferRefusal.OTHER_CLINIC: Reply(
        409,
        Words("不是同类门诊"),
        Words("只能留本院同科室、同职称门诊的号。请核对编号。"),
    ),
    OfferRefusal.SESSION_STOPPED: Reply(
        409,
        Words("门诊也已停诊"),
        Words("所选门诊也已停诊。请另选门诊。"),
    ),
    OfferRefusal.DATE_CLOSED: Reply(
        409,
        Words("日期太近"),
        Words("所选门诊很快停止预约，患者来不及答复。请选更晚的日期。"),
    ),
    OfferRefusal.TOO_MANY: Reply(
        422,
        Words("号数太多"),
        Words("加号后超过每个门诊1000个号。请减少。"),
    ),
    OfferRefusal.NOT_FREE: Reply(
        409,
        Words("没有那么多空余的号"),
        Words("所选门诊没有那么多空余的号。请减少，或改为加号。"),
    ),
    OfferRefusal.NOBODY: Reply(
        409,
        Words("没有可留号的患者"),
        Words(
            "没有患者可以留号：门诊没有停诊，患者都已答复、没有登记电话，或按规定不能约这些门诊。"
        ),
    ),
}
