"""For the city's staff only: why requests were refused, and suspensions by month."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from guahao.flows.reports import reports as flows
from guahao.flows.reports.reports import Grouped
from guahao.rules.booking.together import Companion
from guahao.rules.kernel.outcomes import Refusal
from guahao.sheets.write import Kind, Plain, Table
from guahao.store.reports.refusals import BOOKED, Answers
from guahao.store.reports.scope import Grouping, Key
from guahao.web.administration.reports.asked import ReportRequest
from guahao.web.administration.reports.parts import (
    Part,
    columns,
    counts,
    days_or_bars,
    every_day,
    key_columns,
    key_text,
    share,
)
from guahao.web.charts import Chart, Series
from guahao.web.staff import StaffPage
from guahao.words.text import Words

# Four kinds of refusal and the rest, each with a colour of its name: more cannot be told apart in a
# picture.
_FAMILIES = {
    "sold_out": Words("号已约满"),
    "limits": Words("超出限次"),
    "time": Words("不在可约时间"),
    "suspended": Words("暂停预约中"),
}
OTHER = "other"
# The kind of each refusal, and its name.
REASONS: Mapping[str, tuple[str, Words]] = {
    Refusal.UNKNOWN_SESSION: (OTHER, Words("没有这个门诊")),
    Refusal.NOT_YOUR_PATIENT: (OTHER, Words("不是本人的就诊人")),
    Refusal.SESSION_STOPPED: (OTHER, Words("医院停诊")),
    Refusal.SAME_DAY: ("time", Words("当天或已过的日期")),
    Refusal.NEXT_DAY_CLOSED: ("time", Words("次日号已停约")),
    Refusal.BEYOND_HORIZON: ("time", Words("超出预约周期")),
    Refusal.NOT_RELEASED: ("time", Words("还没放号")),
    Refusal.BY_DRAW: ("sold_out", Words("待抽签")),
    Refusal.ACCOUNT_RESTRICTED: ("suspended", Words("账户限制中")),
    Refusal.DOCUMENT_ENDED: ("suspended", Words("出生医学证明已到期")),
    Refusal.PERSON_UNCHECKED: ("suspended", Words("身份未核实")),
    Refusal.PATIENT_SUSPENDED: ("suspended", Words("暂停预约中")),
    Refusal.DUPLICATE_DEPARTMENT: ("limits", Words("同日同科室已有预约")),
    Refusal.DAY_LIMIT: ("limits", Words("超出同日限次")),
    Refusal.SEVEN_DAY_LIMIT: ("limits", Words("超出7天限次")),
    Refusal.THREE_MONTH_LIMIT: ("limits", Words("超出三个月限次")),
    Refusal.SOLD_OUT: ("sold_out", Words("号已约满")),
    Companion.REFUSED: (OTHER, Words("同约的另一位不能约")),
}


async def answer_parts(page: StaffPage, asked: ReportRequest) -> list[Part]:
    """Return refusals by reason, or by group and kind of reason."""
    found = await flows.answers(page.services.platform, page.staff, asked.scope, asked.grouping)
    if not found.rows:
        return []
    if asked.grouping is Grouping.REASON:
        return [_by_reason(page, found.rows)]
    return [_by_group(page, asked, found)]


def _by_reason(page: StaffPage, rows: list[Answers]) -> Part:
    requests = sum(row.requests for row in rows)
    refused = sorted(
        (row for row in rows if row.outcome != BOOKED),
        key=lambda row: (-row.requests, row.outcome),
    )
    count = sum(row.requests for row in refused)
    words = reason_words(page)
    head = columns(
        (page.say("原因"), Kind.TEXT),
        *counts(page.say("未约成")),
        (page.say("占未约成的"), Kind.SHARE),
        (page.say("占全部请求的"), Kind.SHARE),
    )
    table: list[list[Plain]] = [
        [
            words.get(row.outcome, row.outcome),
            row.requests,
            share(row.requests, count),
            share(row.requests, requests),
        ]
        for row in refused
    ]
    total: list[Plain] = [page.say("合计"), count, share(count, count), share(count, requests)]
    picture = days_or_bars(
        page,
        page.say("预约失败原因"),
        page.say("预约失败原因的图，数字见下表。"),
        [words.get(row.outcome, row.outcome) for row in refused],
        [Series("sold_out", page.say("未约成"), [row.requests for row in refused])],
    )
    return Part(
        Table(page.say("预约失败原因"), head, [*table, total]),
        picture,
        _answers_note(page),
        has_total=True,
    )


def _answers_note(page: StaffPage) -> str:
    return page.say("按请求当天统计。一次请求只记最先适用的一条原因；同一请求重发不重复计。")


def _by_group(page: StaffPage, asked: ReportRequest, found: Grouped[Answers]) -> Part:
    groups: defaultdict[Key, Counter[str]] = defaultdict(Counter)
    for row in found.rows:
        groups[row.key][family(row.outcome)] += row.requests
    keys: list[Key] = list(every_day(asked.scope))
    if asked.grouping is not Grouping.DAY:
        keys = sorted(groups, key=lambda key: (groups[key][BOOKED] - groups[key].total(), str(key)))
    words = family_words(page)
    head = columns(
        *key_columns(page, asked.grouping),
        *counts(page.say("请求"), page.say("约成"), page.say("未约成")),
        (page.say("未约成率"), Kind.SHARE),
        *counts(*words.values()),
    )
    names = {key: key_text(page, asked.grouping, key, found.names) for key in keys}
    table = [[names[key], *_numbers(groups[key])] for key in keys]
    total = [page.say("合计"), *_numbers(sum(groups.values(), Counter()))]
    picture = days_or_bars(
        page,
        page.say("预约失败原因"),
        page.say("预约失败原因的图，数字见下表。"),
        [names[key] for key in keys],
        [Series(name, said, [groups[key][name] for key in keys]) for name, said in words.items()],
    )
    return Part(
        Table(page.say("预约失败原因"), head, [*table, total]),
        picture,
        _answers_note(page),
        has_total=True,
    )


def family(outcome: str) -> str:
    """Return the kind of an answer, for a chart: `booked`, or a kind of refusal."""
    if outcome == BOOKED:
        return BOOKED
    kind, _ = REASONS.get(outcome, (OTHER, None))  # a later release may have stored others
    return kind


def _numbers(group: Counter[str]) -> list[Plain]:
    requests = group.total()
    refused = requests - group[BOOKED]
    each = [group[name] for name in (*_FAMILIES, OTHER)]
    return [requests, group[BOOKED], refused, share(refused, requests), *each]


def family_words(page: StaffPage) -> dict[str, str]:
    """Return the names of the kinds of refusals."""
    named = {kind: words.of(page.language) for kind, words in _FAMILIES.items()}
    return {**named, OTHER: page.say("其他")}


def reason_words(page: StaffPage) -> dict[str, str]:
    """Return why a request is refused, or a choice in a draw is passed over, in a few words."""
    return {reason: words.of(page.language) for reason, (_, words) in REASONS.items()}


# Suspensions ----------------------------------------------------------------------------------


async def suspension_parts(page: StaffPage, asked: ReportRequest) -> list[Part]:
    """Return suspensions by month for the whole city: smaller groups would reveal persons."""
    months = await flows.suspended(page.services.platform, page.staff, asked.scope)
    if not any(month.begun or month.ended or month.running for month in months):
        return []
    names = [page.month(month.first) for month in months]
    head = columns(
        (page.say("月份"), Kind.TEXT),
        *counts(page.say("新暂停的人"), page.say("恢复的人"), page.say("月末仍暂停的人")),
    )
    table: list[list[Plain]] = [
        [name, month.begun, month.ended, month.running]
        for name, month in zip(names, months, strict=True)
    ]
    picture = Chart(
        "lines",
        page.say("暂停预约"),
        page.say("每月暂停预约人数的图，数字见下表。"),
        names,
        [
            Series("no_show", page.say("新暂停的人"), [month.begun for month in months]),
            Series("picked_up", page.say("恢复的人"), [month.ended for month in months]),
            Series("other", page.say("月末仍暂停的人"), [month.running for month in months]),
        ],
    )
    return [
        Part(
            Table(page.say("暂停预约"), head, table),
            picture,
            page.say(
                "按申诉没有成立的爽约重新推算，只有全市合计：细分到医院或科室可能认出个人。"
                "本月的月末指今天。"
            ),
        )
    ]
