"""Pick-up at the window: why no number is handed out."""

from __future__ import annotations

from guahao.rules.kernel.outcomes import PickupRefusal
from guahao.web.words.refusals.sentence import Sentence, Sentences
from guahao.words.text import Words

KERNEL: Sentences = {
    PickupRefusal: {
        PickupRefusal.WRONG_PERSON: Sentence(
            409,
            Words(
                "请核对识别码的8位数字和登记时用的证件原件。短信丢失时，患者可在“我的挂号”中查看，"
                "或拨打{hotline}重发。"
            ),
        ),
        PickupRefusal.WRONG_HOSPITAL: Sentence(
            409, Words("这个预约在另一家医院或另一个院区。请患者按短信中的医院前往取号。")
        ),
        PickupRefusal.ALREADY_PICKED_UP: Sentence(
            409, Words("这个预约已在{at}取号，不能再取。如系误操作，请在今日名单中更正。")
        ),
        PickupRefusal.NOT_BOOKED: Sentence(
            409, Words("这个预约已在{at}取消或因停诊作废。患者可在窗口现场挂号，或另行预约。")
        ),
        PickupRefusal.WRONG_DAY: Sentence(409, Words("就诊日期是{visit_date}，只能在当天取号。")),
        PickupRefusal.TOO_LATE: Sentence(
            409, Words("取号截止于{at}，预约已失效。患者可在窗口现场挂号。")
        ),
    },
}
