"""Bookings by what became of them, and how long before the visit they were made."""

from __future__ import annotations

from dataclasses import replace

from guahao.flows.reports import reports as flows
from guahao.flows.reports.reports import Grouped, Lead
from guahao.sheets.write import Kind, Plain, Table
from guahao.store.reports.bookings import Statuses
from guahao.store.reports.scope import Basis, Grouping
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
from guahao.web.charts.chart import count_text
from guahao.web.staff import StaffPage


async def booking_parts(page: StaffPage, asked: ReportRequest) -> list[Part]:
    """Return days as lines, other groups as bars, the largest first."""
    found = await flows.bookings(
        page.services.platform, page.staff, asked.scope, asked.basis, asked.grouping
    )
    if not found.rows:
        return []
    rows = sorted(found.rows, key=lambda row: (-row.made, str(row.key)))
    if asked.grouping is Grouping.DAY:
        by_day = {row.key: row for row in found.rows}
        nothing = _total([])
        rows = [by_day.get(day) or replace(nothing, key=day) for day in every_day(asked.scope)]
    head = columns(
        *key_columns(page, asked.grouping),
        *counts(page.say("预约数"), page.say("待取号"), page.say("已取号"), page.say("已退号")),
        *counts(page.say("爽约"), page.say("待确认"), page.say("停诊")),
        (page.say("退号率"), Kind.SHARE),
        (page.say("爽约率"), Kind.SHARE),
    )
    table = [[key_text(page, asked.grouping, row.key, found.names), *_numbers(row)] for row in rows]
    total = [page.say("合计"), *_numbers(_total(rows))]
    name = page.say("预约数")
    if asked.basis is Basis.VISIT:
        note = page.say("按就诊日统计。爽约率：已取号与爽约之中，爽约所占的比例。")
    else:
        note = page.say("按预约当天统计。爽约率：已取号与爽约之中，爽约所占的比例。")
    return [
        Part(
            Table(name, head, [*table, total]),
            _bookings_chart(page, asked, found, rows),
            note,
            has_total=True,
        )
    ]


def _numbers(row: Statuses) -> list[Plain]:
    return [
        *(row.made, row.booked, row.picked_up, row.cancelled),
        *(row.no_show, row.unverified, row.stopped),
        share(row.cancelled, row.made),
        share(row.no_show, row.no_show + row.picked_up),
    ]


def _total(rows: list[Statuses]) -> Statuses:
    names = ("booked", "picked_up", "cancelled", "no_show", "unverified", "stopped")
    return Statuses("", *(sum(getattr(row, name) for row in rows) for name in names))


def _bookings_chart(
    page: StaffPage, asked: ReportRequest, found: Grouped[Statuses], rows: list[Statuses]
) -> Chart:
    """Return what became of bookings; over days also how many were made."""
    other = page.say("停诊、待确认")
    series = [
        Series("picked_up", page.say("已取号"), [row.picked_up for row in rows]),
        Series("booked", page.say("待取号"), [row.booked for row in rows]),
        Series("cancelled", page.say("已退号"), [row.cancelled for row in rows]),
        Series("no_show", page.say("爽约"), [row.no_show for row in rows]),
        Series("other", other, [row.unverified + row.stopped for row in rows]),
    ]
    if asked.grouping is Grouping.DAY:
        series[1] = Series("made", page.say("预约数"), [row.made for row in rows])
    return days_or_bars(
        page,
        page.say("预约数"),
        page.say("预约及其去向的图，数字见下表。"),
        [key_text(page, asked.grouping, row.key, found.names) for row in rows],
        series,
    )


# Lead time ------------------------------------------------------------------------------------


async def lead_parts(page: StaffPage, asked: ReportRequest) -> list[Part]:
    """Return how the days are spread, and the usual numbers by group."""
    found = await flows.lead_time(
        page.services.platform, page.staff, asked.scope, asked.basis, asked.grouping
    )
    if not found.by_days:
        return []
    return [_spread(page, found.by_days), _usual(page, asked, found.groups)]


def _spread(page: StaffPage, by_days: dict[int, int]) -> Part:
    made = sum(by_days.values())
    table: list[list[Plain]] = []
    so_far = 0
    for days, count in sorted(by_days.items()):
        so_far += count
        table.append([days, count, share(count, made), share(so_far, made)])
    head = columns(
        *counts(page.say("提前天数"), page.say("预约数")),
        (page.say("占比"), Kind.SHARE),
        (page.say("累计"), Kind.SHARE),
    )
    every_day = range(min(by_days), max(by_days) + 1)
    picture = Chart(
        "columns",
        page.say("提前天数"),
        page.say("各提前天数的预约数，数字见下表。"),
        [page.say("提前{days}天", days=days) for days in every_day],
        [Series("made", page.say("预约数"), [by_days.get(days, 0) for days in every_day])],
        ticks=[str(days) for days in every_day],
        axis=page.say("提前天数"),
    )
    return Part(
        Table(page.say("提前天数"), head, table),
        picture,
        page.say("提前天数：从预约当天到就诊日。已退号的也计入。"),
    )


def _usual(page: StaffPage, asked: ReportRequest, groups: Grouped[Lead]) -> Part:
    rows = sorted(groups.rows, key=lambda row: (-row.made, str(row.key)))
    head = columns(
        *key_columns(page, asked.grouping),
        *counts(page.say("预约数"), page.say("平均提前天数"), page.say("中位数")),
        *counts(page.say("九成在此天数内")),
    )
    table: list[list[Plain]] = [
        [
            key_text(page, asked.grouping, row.key, groups.names),
            row.made,
            round(row.average_days, 1),
            row.median_days,
            row.nine_tenths_days,
        ]
        for row in rows
    ]
    picture = days_or_bars(
        page,
        page.say("提前天数的中位数"),
        page.say("各组提前天数的中位数，数字见下表。"),
        [key_text(page, asked.grouping, row.key, groups.names) for row in rows],
        [Series("made", page.say("中位数"), [row.median_days for row in rows])],
    )
    picture = replace(
        picture,
        axis=page.say("提前天数的中位数"),
        write=lambda days: page.say("{days}天", days=count_text(days)),
    )
    return Part(Table(dict(asked.groupings)[asked.grouping], head, table), picture)
