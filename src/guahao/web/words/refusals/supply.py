"""Sessions, timetables, fees and stops: why nothing is planned, changed, stopped or offered."""

from __future__ import annotations

from guahao.rules.booking.replacing import OfferRefusal
from guahao.rules.supply.bulk import SESSIONS_MAX, TARGETS_MAX, BulkRefusal
from guahao.rules.supply.calendar import REASON_MAX, CalendarRefusal
from guahao.rules.supply.changes import SessionRefusal
from guahao.rules.supply.fees import FeeRefusal
from guahao.rules.supply.planning import CAPACITY_MAX, FEE_MAX_FEN, FEN, PlanRefusal
from guahao.rules.supply.stops import StopRefusal
from guahao.web.words.hours import OUTSIDE_PERIOD, PERIOD_HOURS
from guahao.web.words.refusals.sentence import Sentence, Sentences
from guahao.words.text import Words

_TITLE_NOT_OFFERED = Words("请从列表中选择职称。需要新的职称，请联系平台管理员。")
_HOURS = Sentence(422, Words("结束时间须晚于开始时间；可以不填，或只填开始时间。"))
_OUTSIDE_PERIOD = Sentence(422, OUTSIDE_PERIOD, PERIOD_HOURS)
_NOT_HERE = Words("本院没有这个科室或门诊。")
_PLACES = Sentence(422, Words("号源数须在0到{most}之间。"), {"most": CAPACITY_MAX})
_FEE = Sentence(422, Words("费用须在0到{most}元之间，最多两位小数。"), {"most": FEE_MAX_FEN // FEN})
_NO_STOP = Words("本院没有这次停诊。")
_UNDONE = Words("这次停诊已经撤销。")

SUPPLY: Sentences = {
    SessionRefusal: {
        SessionRefusal.HOURS: _HOURS,
        SessionRefusal.OUTSIDE_PERIOD: _OUTSIDE_PERIOD,
        SessionRefusal.TITLE_NOT_OFFERED: Sentence(422, _TITLE_NOT_OFFERED),
        SessionRefusal.STOPPED: Sentence(409, Words("已停诊，不能更改。")),
        SessionRefusal.PAST: Sentence(422, Words("新门诊最早从明天开始；已过的门诊不能更改。")),
        SessionRefusal.TOO_FAR: Sentence(422, Words("就诊日期不能超过一年以后。请核对日期。")),
        SessionRefusal.TOLD: Sentence(409, Words("已有人预约，只能更改号源数。")),
        SessionRefusal.BELOW_BOOKED: Sentence(
            409,
            Words(
                "已预约和留给停诊患者的号共{booked}个，号源数不能少于{booked}。要取消门诊请用停诊。"
            ),
        ),
    },
    PlanRefusal: {
        PlanRefusal.UNKNOWN: Sentence(404, _NOT_HERE),
        PlanRefusal.TITLE: Sentence(422, Words("请填写职称（40字以内）和时段。")),
        PlanRefusal.TIME: Sentence(422, Words("时间看不明白，请写成8:30这样，或不填。")),
        PlanRefusal.HOURS: _HOURS,
        PlanRefusal.OUTSIDE_PERIOD: _OUTSIDE_PERIOD,
        PlanRefusal.PLACES: _PLACES,
        PlanRefusal.FEE: _FEE,
        PlanRefusal.DATES: Sentence(422, Words("日期不对：最早从明天开始，结束不能早于开始。")),
        PlanRefusal.ENDED: Sentence(409, Words("这条每周排班已经结束，不能更改。请另加一条。")),
        PlanRefusal.TITLE_NOT_OFFERED: Sentence(422, _TITLE_NOT_OFFERED),
    },
    BulkRefusal: {
        BulkRefusal.UNKNOWN: Sentence(404, _NOT_HERE),
        BulkRefusal.DATES: Sentence(
            422,
            Words("请选择日期：结束不能早于开始；复制时选1到{most}周，不含本来那一周。"),
            {"most": TARGETS_MAX},
        ),
        BulkRefusal.WANTED: Sentence(422, Words("请填写要改的内容：号源数、费用或职称。")),
        BulkRefusal.PLACES: _PLACES,
        BulkRefusal.FEE: _FEE,
        BulkRefusal.TOO_MANY: Sentence(
            422,
            Words("一次最多{most}个门诊。请缩短日期，或只选一个科室。"),
            {"most": SESSIONS_MAX},
        ),
        BulkRefusal.NOTHING: Sentence(422, Words("没有需要更改的门诊。")),
        BulkRefusal.CHANGED_MEANWHILE: Sentence(
            409, Words("预览后门诊有变化，没有更改。请再看一遍并确认。")
        ),
        BulkRefusal.UNDONE: Sentence(409, Words("已经撤销过了。")),
        BulkRefusal.UNDO_TOO_LATE: Sentence(409, Words("超过24小时，不能整体撤销。")),
    },
    FeeRefusal: {
        FeeRefusal.TITLE: Sentence(422, Words("请从列表中选择职称。新的职称先在“职称”中添加。")),
        FeeRefusal.FEE: _FEE,
        FeeRefusal.DATE: Sentence(422, Words("新费用最早从明天、最晚从一年以后的就诊日起。")),
        FeeRefusal.CHANGED_MEANWHILE: Sentence(
            409,
            Words(
                "在您填写时，别人更改了这家医院的费用，所以没有保存。"
                "请核对下面的费用表，再预览一次。"
            ),
        ),
        FeeRefusal.NO_CHANGE: Sentence(422, Words("从那天起已经是这个费用，没有更改。")),
    },
    CalendarRefusal: {
        CalendarRefusal.DATE: Sentence(422, Words("请选择明天起两年内的日期。")),
        CalendarRefusal.WEEKDAY: Sentence(422, Words("请选择休息，或按哪个星期出诊。")),
        CalendarRefusal.REASON: Sentence(
            422, Words("请写明原因，{most}字以内。"), {"most": REASON_MAX}
        ),
        CalendarRefusal.NOT_CORRECTED: Sentence(409, Words("这一天没有更正。")),
    },
    StopRefusal: {
        StopRefusal.UNKNOWN: Sentence(404, _NO_STOP),
        StopRefusal.NO_REASON: Sentence(422, Words("请写明停诊原因。")),
        StopRefusal.DATES: Sentence(422, Words("请选择日期，结束不能早于开始。")),
        StopRefusal.PAST: Sentence(422, Words("过去的日期不能停诊。")),
        StopRefusal.TOO_FAR: Sentence(422, Words("三个月以后还没有放出门诊，请改为结束排班。")),
        StopRefusal.NOTHING: Sentence(422, Words("这个范围内没有可以停诊的门诊。")),
        StopRefusal.TOLD: Sentence(409, Words("已经开始通知患者，不能撤销。需要时请另加门诊。")),
        StopRefusal.UNDONE: Sentence(409, _UNDONE),
    },
    OfferRefusal: {
        OfferRefusal.UNKNOWN: Sentence(404, _NO_STOP),
        OfferRefusal.UNDONE: Sentence(409, _UNDONE),
        OfferRefusal.NO_PLACES: Sentence(422, Words("请至少在一个门诊填写要留的号数。")),
        OfferRefusal.TOO_SOON: Sentence(422, Words("期限须在2小时以后，患者才来得及看到并答复。")),
        OfferRefusal.OTHER_CLINIC: Sentence(
            422, Words("只能留本院同科室、同职称门诊的号。请刷新后重选。")
        ),
        OfferRefusal.SESSION_STOPPED: Sentence(409, Words("所选门诊也已停诊。请另选门诊。")),
        OfferRefusal.DATE_CLOSED: Sentence(
            409, Words("所选门诊很快停止预约，患者来不及答复。请选更晚的日期。")
        ),
        OfferRefusal.TOO_MANY: Sentence(
            422, Words("加号后超过每个门诊{most}个号。请减少。"), {"most": CAPACITY_MAX}
        ),
        OfferRefusal.NOT_FREE: Sentence(
            409, Words("所选门诊没有那么多空余的号。请减少，或改为加号。")
        ),
        OfferRefusal.NOBODY: Sentence(
            422, Words("没有患者可以留号：都已答复、没有登记电话，或按规定不能约这些门诊。")
        ),
    },
}
