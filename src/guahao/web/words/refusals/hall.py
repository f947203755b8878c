"""Calling numbers: why a call changes nothing."""

from __future__ import annotations

from guahao.rules.hall.calling import CallRefusal
from guahao.web.words.refusals.sentence import Sentence, Sentences
from guahao.words.text import Words

HALL: Sentences = {
    CallRefusal: {
        CallRefusal.UNKNOWN: Sentence(409, Words("这个号还没有取，或不在本门诊。请刷新后再试。")),
        CallRefusal.NOT_TODAY: Sentence(409, Words("只能叫今天的号。")),
        CallRefusal.STOPPED: Sentence(
            409, Words("这个门诊已停诊，不再叫号。请安排已取号的患者改期或退费。")
        ),
        CallRefusal.NOBODY_WAITS: Sentence(409, Words("没有候诊的人。有人取号后再叫。")),
        CallRefusal.CHANGED_MEANWHILE: Sentence(
            409, Words("这个号的状态刚有变化，操作没有执行。请看最新状态。")
        ),
    },
}
