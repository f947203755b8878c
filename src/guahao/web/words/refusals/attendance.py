"""No-shows, the window's lists, unconfirmed sessions: why nothing is changed or confirmed."""

from __future__ import annotations

from guahao.rules.attendance.ledger import ExcuseRefusal
from guahao.rules.attendance.unverified import CONFIRM_DAYS, ConfirmRefusal
from guahao.rules.attendance.window import PAPER_DAYS, WindowRefusal
from guahao.web.words.refusals.sentence import Sentence, Sentences
from guahao.words.text import Words

_REASON_NEEDED = Words("请写明原因。")

ATTENDANCE: Sentences = {
    ExcuseRefusal: {
        ExcuseRefusal.REASON_NEEDED: Sentence(422, _REASON_NEEDED),
        ExcuseRefusal.UNKNOWN: Sentence(404, Words("没有这条记录。请刷新后再试。")),
        ExcuseRefusal.NOT_A_NO_SHOW: Sentence(409, Words("这条记录不是爽约，不需要申诉。")),
        ExcuseRefusal.ALREADY_EXCUSED: Sentence(409, Words("这次爽约已经申诉过了。")),
        ExcuseRefusal.NOT_EXCUSED: Sentence(409, Words("这次爽约没有申诉可撤回。")),
    },
    WindowRefusal: {
        WindowRefusal.REASON_NEEDED: Sentence(422, _REASON_NEEDED),
        WindowRefusal.UNKNOWN: Sentence(404, Words("本院没有这条记录。")),
        WindowRefusal.NOT_PICKED_UP: Sentence(
            409, Words("这个预约现在不是“已取号”，没有可更正的。")
        ),
        WindowRefusal.NOT_TODAY: Sentence(409, Words("只能更正当天的取号，之前的不能再改。")),
        WindowRefusal.STOPPED: Sentence(409, Words("这个门诊已停诊，没有要结束的取号。")),
        WindowRefusal.TOO_EARLY: Sentence(409, Words("还没到取号截止时间，不能结束取号。")),
        WindowRefusal.TOO_OLD: Sentence(
            409, Words("只能补录今天和之前{days}天的取号。"), {"days": PAPER_DAYS}
        ),
    },
    ConfirmRefusal: {
        ConfirmRefusal.REASON_NEEDED: Sentence(422, Words("请写明依据。")),
        ConfirmRefusal.UNKNOWN: Sentence(404, Words("本院没有这个门诊。请刷新后再试。")),
        ConfirmRefusal.TOO_OLD: Sentence(
            409, Words("就诊已过{days}天，不再确认，也不记爽约。"), {"days": CONFIRM_DAYS}
        ),
        ConfirmRefusal.NOTHING_WAITS: Sentence(
            409, Words("这个门诊没有待确认的预约，可能已由他人确认。")
        ),
        ConfirmRefusal.NOBODY_CAME: Sentence(
            422, Words("没有勾选任何人。真的没有人来过，请勾选“没有人来过”。")
        ),
    },
}
