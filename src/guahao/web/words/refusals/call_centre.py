"""Calls: why an agent does not verify, look up, change, register or record something."""

from __future__ import annotations

from guahao.rules.call_centre.callers import RegisterRefusal
from guahao.rules.call_centre.calls import CallRefusal
from guahao.rules.call_centre.results import NOTE_LENGTH_MAX, ResultRefusal
from guahao.web.words.refusals.sentence import Sentence, Sentences
from guahao.words.text import Words

CALL_CENTRE: Sentences = {
    CallRefusal: {
        CallRefusal.NOTHING_ASKED: Sentence(422, Words("请填写来电人说的内容。")),
        CallRefusal.REASON_NEEDED: Sentence(422, Words("请写明原因。")),
        CallRefusal.CALL_OVER: Sentence(409, Words("通话已结束，请重新查找来电人。")),
        CallRefusal.NOT_VERIFIED: Sentence(409, Words("请先核实来电人。")),
        CallRefusal.TOO_MANY_WRONG: Sentence(
            429,
            Words(
                "答错次数过多，今天不能再用提问核实。请来电人用登记的手机来电，念出短信核实码；"
                "或明天再来电。"
            ),
        ),
        CallRefusal.UNKNOWN_PATIENT: Sentence(422, Words("请选择来电人的一位就诊人。")),
        CallRefusal.UNKNOWN_APPOINTMENT: Sentence(404, Words("来电人没有这个预约。")),
        CallRefusal.NOT_LIVE: Sentence(409, Words("这个预约已不在待取号状态，不能重发识别码。")),
        CallRefusal.RESENT_TOO_OFTEN: Sentence(
            429, Words("这个预约一小时内已重发3次。请核对登记的手机号，稍后再发。")
        ),
        CallRefusal.NO_SMS: Sentence(409, Words("登记的是座机，收不到短信。请用提问核实。")),
        CallRefusal.CODES_TOO_OFTEN: Sentence(
            429, Words("核实码发得太多，请稍后再发，或用提问核实。")
        ),
    },
    RegisterRefusal: {
        RegisterRefusal.PHONE_INVALID: Sentence(
            422, Words("请填写11位手机号，或带区号的座机，如010-65551234转801。")
        ),
        RegisterRefusal.PHONE_IN_USE: Sentence(
            409, Words("这个手机号已有就诊人登记。请先用手机号查找来电人，核实后再登记第二位。")
        ),
    },
    ResultRefusal: {
        ResultRefusal.UNKNOWN_CALL: Sentence(404, Words("您没有这通电话，请从来电列表中选择。")),
        ResultRefusal.TOO_LATE: Sentence(409, Words("通话已过了一天，不能再记录结果。")),
        ResultRefusal.NEEDS_ACCOUNT: Sentence(
            422, Words("来电人没有登记，只能记录答复咨询或没有约成，不能写备注。")
        ),
        ResultRefusal.NOTE_TOO_LONG: Sentence(
            422, Words("备注太长，请缩短到{most}字以内。"), {"most": NOTE_LENGTH_MAX}
        ),
        ResultRefusal.NOTE_WITH_NUMBER: Sentence(
            422, Words("备注里像有证件号码、手机号或识别码，请删去后再记录。")
        ),
    },
}
