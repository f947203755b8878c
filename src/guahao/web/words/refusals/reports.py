"""Reports: why there is none of the days and the place that are asked for."""

from __future__ import annotations

from guahao.rules.reports.scope import DAYS_MAX, ScopeRefusal
from guahao.web.words.refusals.sentence import Sentence, Sentences
from guahao.words.text import Words

REPORTS: Sentences = {
    ScopeRefusal: {
        ScopeRefusal.ORDER: Sentence(422, Words("开始日期晚于结束日期，请调换。")),
        ScopeRefusal.TOO_LONG: Sentence(
            422, Words("一次最多统计{days}天，请缩短时间范围。"), {"days": DAYS_MAX}
        ),
        ScopeRefusal.UNKNOWN_HOSPITAL: Sentence(422, Words("没有这家医院，请重新选择。")),
        ScopeRefusal.UNKNOWN_DEPARTMENT: Sentence(422, Words("这家医院没有这个科室，请重新选择。")),
    },
}
