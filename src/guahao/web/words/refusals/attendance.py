"""No-shows: why one is not excused, or its excuse not withdrawn."""

from __future__ import annotations

from guahao.rules.attendance.ledger import ExcuseRefusal
from guahao.web.words.refusals.sentence import Sentence, Sentences
from guahao.words.text import Words

ATTENDANCE: Sentences = {
    ExcuseRefusal: {
        ExcuseRefusal.REASON_NEEDED: Sentence(422, Words("请写明原因。")),
        ExcuseRefusal.UNKNOWN: Sentence(404, Words("没有这条记录。请刷新后再试。")),
        ExcuseRefusal.NOT_A_NO_SHOW: Sentence(409, Words("这条记录不是爽约，不需要申诉。")),
        ExcuseRefusal.ALREADY_EXCUSED: Sentence(409, Words("这次爽约已经申诉过了。")),
        ExcuseRefusal.NOT_EXCUSED: Sentence(409, Words("这次爽约没有申诉可撤回。")),
    },
}
