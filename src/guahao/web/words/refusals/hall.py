"""Calling numbers: why a call changes nothing."""

from __future__ import annotations

from guahao.rules.hall.calling import QueueCallRefusal
from guahao.web.words.refusals.sentence import Sentence, Sentences
from guahao.words.text import Words

HALL: Sentences = {
    QueueCallRefusal: {
        QueueCallRefusal.UNKNOWN: Sentence(
            409, Words("这个号还没有取，或不在本门诊。请刷新后再试。")
        ),
        QueueCallRefusal.NOT_TODAY: Sentence(409, Words("只能叫今天的号。")),
        QueueCallRefusal.STOPPED: Sentence(
            409, Words("这个门诊已停诊，不再叫号。请安排已取号的患者改期或退费。")
        ),
        QueueCallRefusal.NOBODY_WAITS: Sentence(409, Words("没有候诊的人。有人取号后再叫。")),
        QueueCallRefusal.CHANGED_MEANWHILE: Sentence(
            409, Words("这个号的状态刚有变化，操作没有执行。请看最新状态。")
        ),
    },
}
