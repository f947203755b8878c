"""When the sessions of each period may begin, said to schedulers and to hospitals' systems."""

from __future__ import annotations

from guahao.rules.supply.hours import PERIOD_BEGINS
from guahao.words.text import Words

# The values of the sentence's {places}.
PERIOD_HOURS = {
    period: f"{first:%H:%M}–{last:%H:%M}" for period, (first, last) in PERIOD_BEGINS.items()
}
OUTSIDE_PERIOD = Words(
    "上午门诊须在{morning}之间开始，下午门诊{afternoon}，晚上门诊{evening}。请改开始时间或时段。"
)
