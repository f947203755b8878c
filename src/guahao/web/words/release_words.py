"""How places are given out, as patients read it on a department's page (FAIRNESS)."""

from __future__ import annotations

from datetime import date, datetime

from guahao.rules.booking.personal_moment import SECONDS_FOR_ALL, SECONDS_SPREAD
from guahao.rules.fairness.allocating import LONG_WAIT_LOSSES
from guahao.rules.fairness.modes import Release
from guahao.rules.fairness.returning import (
    APPLICATIONS_OPEN,
    DrawKind,
    ReleaseMode,
    applications_until,
)
from guahao.rules.kernel.limits import Policy
from guahao.words.catalogue import Language
from guahao.words.dates import format_day, format_time
from guahao.words.text import Words

MODES = {
    ReleaseMode.FIRST_COME: Words("先到先得"),
    ReleaseMode.DRAW: Words("抽签放号"),
}
_DRAW = Words("号源通过抽签分配，不用抢。先登记想看的科室和日期，放号时抽签。")
_DRAW_FAIR = Words("早登记晚登记、网上登记还是打电话登记，中签机会都一样。")
_REFERRAL = Words(
    "其中{percent}%的号留给医生转诊，不参加抽签；每次抽签前公布共有几个号、抽几个号。"
)
_LEFT = Words("抽签后剩下的号先到先得。")
_DRAW_DATES = Words("例如{visit}就诊的号：{opens}起登记，{closes}截止，{drawn}抽签。")
_FIRST_COME = Words("放号后先到先得，可网上预约或拨打{hotline}。")
_PERSONAL = Words(
    "每位就诊人从放号后{least}至{most}秒之间的一个随机时刻起可以预约，所以不必抢第一秒。"
)
_FIRST_COME_DATES = Words("例如{visit}就诊的号：{released}放号。")


_RETURNED_DRAWN = Words(
    "约满的门诊有人退号，退回的号由抽签分给登记候补的人：8点到20点每两小时一次，"
    "就诊前一天8点到14点每小时一次；最后一次抽签后退的号由医院窗口在就诊当天发放。"
)
_RETURNED_FREE = Words("有人退号时，退回的号立即可约，先到先得。")
_LIVE = Words("每人同时最多登记{count}个科室的候补，登记不占预约次数。")
_PAUSE = Words("90天内{count}次放弃抽中的号，之后{days}天不能再登记。")
_LONG_WAITS = Words("在一个科室有{losses}天没有抽中的，下一次排在前面，最多占当次{percent}%的号。")


def policy_sentences(policy: Policy, language: Language) -> list[str]:
    """Return what patients read about returned places and applications, a sentence each."""
    returned = _RETURNED_DRAWN if policy.draw_returned_places else _RETURNED_FREE
    long_waits = _LONG_WAITS.of(language).format(
        losses=LONG_WAIT_LOSSES, percent=policy.long_waits_percent
    )
    return [
        returned.of(language),
        _LIVE.of(language).format(count=policy.live_applications),
        _PAUSE.of(language).format(count=policy.declines_before_pause, days=policy.pause_days),
        *([long_waits] if policy.long_waits_percent else []),
    ]


def release_sentences(
    release: Release, language: Language, hotline: str, *, is_personal: bool
) -> list[str]:
    """Return what patients read about a mode, a sentence each.

    `is_personal`: whether each person books from a moment of their own.
    """
    if release.mode is ReleaseMode.FIRST_COME:
        personal = _PERSONAL.of(language).format(
            least=SECONDS_FOR_ALL, most=SECONDS_FOR_ALL + SECONDS_SPREAD
        )
        first_come = _FIRST_COME.of(language).format(hotline=hotline)
        return [first_come, personal] if is_personal else [first_come]
    referral = _REFERRAL.of(language).format(percent=release.referral_percent)
    return [
        _DRAW.of(language),
        _DRAW_FAIR.of(language),
        *([referral] if release.referral_percent else []),
        _LEFT.of(language),
    ]


def release_example(
    release: Release, visit_date: date, released_at: datetime, language: Language, today: date
) -> str:
    """Return when a visit date's places are given out, for the example of a date."""

    def written(moment: datetime) -> str:
        return format_time(moment, language, today)

    visit = format_day(visit_date, language, today)
    if release.mode is ReleaseMode.FIRST_COME:
        return _FIRST_COME_DATES.of(language).format(visit=visit, released=written(released_at))
    return _DRAW_DATES.of(language).format(
        visit=visit,
        opens=written(released_at - APPLICATIONS_OPEN),
        closes=written(applications_until(DrawKind.RELEASE, released_at)),
        drawn=written(released_at),
    )
