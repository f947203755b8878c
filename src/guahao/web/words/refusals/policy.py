"""The platform's policy: why it is not changed or withdrawn."""

from __future__ import annotations

from guahao.rules.kernel.policies import QUIET_FROM_EARLIEST, QUIET_UNTIL_LATEST, PolicyRefusal
from guahao.rules.policy.changing import AHEAD_MAX_DAYS, PolicyChangeRefusal
from guahao.web.words.refusals.sentence import Sentence, Sentences
from guahao.words.text import Words

POLICY: Sentences = {
    PolicyRefusal: {
        PolicyRefusal.OUT_OF_BOUNDS: Sentence(422, Words("请更正：{numbers}。")),
        PolicyRefusal.LIMITS_CROSS: Sentence(
            422, Words("同一天的上限不能大于连续天数上限，连续天数上限不能大于连续月数上限。")
        ),
        PolicyRefusal.SUSPENSIONS_CROSS: Sentence(
            422, Words("再次暂停的爽约次数要大于首次，月数不能少于首次。")
        ),
        PolicyRefusal.CHANNELS: Sentence(422, Words("热线始终可以退号。")),
        PolicyRefusal.QUIET_HOURS: Sentence(
            422,
            Words(
                "夜间不发消息的时间最早从{earliest}开始，最晚到{latest}结束，"
                "请按24小时制填写，如21:00。"
            ),
            {
                "earliest": f"{QUIET_FROM_EARLIEST:%H:%M}",
                "latest": f"{QUIET_UNTIL_LATEST:%H:%M}",
            },
        ),
    },
    PolicyChangeRefusal: {
        PolicyChangeRefusal.REASON_NEEDED: Sentence(422, Words("请写明原因，它会写入操作记录。")),
        PolicyChangeRefusal.CHANGED_MEANWHILE: Sentence(
            409,
            Words(
                "您查看以后，政策有更改{last_change}，所以没有保存。请核对下面的现行规则，再决定。"
            ),
        ),
        PolicyChangeRefusal.TOO_EARLY: Sentence(
            422, Words("新政策最早从{day}起生效：当天和过去的预约不能换规则。")
        ),
        PolicyChangeRefusal.TOO_LATE: Sentence(
            422, Words("生效日期最多提前{days}天决定。"), {"days": AHEAD_MAX_DAYS}
        ),
        PolicyChangeRefusal.NO_CHANGE: Sentence(422, Words("与那一天本来的政策相同，没有更改。")),
        PolicyChangeRefusal.NOT_PENDING: Sentence(409, Words("没有这条待生效的政策，或已经生效。")),
    },
}
