"""The swap index: returned places of full sessions, and who got them in the same moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from guahao.flows.fairness import swaps as flows
from guahao.flows.reports.reports import Grouped
from guahao.sheets.write import Kind, Plain, Table
from guahao.store.fairness.swaps import SECONDS, Swaps
from guahao.store.reports.scope import Grouping
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
from guahao.web.charts import Series
from guahao.web.staff import StaffPage


async def swap_parts(page: StaffPage, asked: ReportRequest) -> list[Part]:
    """Show the groups with the most places that were taken at once first; days in their order."""
    found = await flows.swaps(page.services.platform, page.staff, asked.scope, asked.grouping)
    if not found.rows:
        return []
    total = Swaps(
        "", sum(row.returned for row in found.rows), sum(row.rebooked for row in found.rows)
    )
    rows = sorted(found.rows, key=lambda row: (-row.rebooked, -row.returned, str(row.key)))
    by_day = asked.grouping is Grouping.DAY
    if by_day:
        of_day = {row.key: row for row in found.rows}
        none = Swaps("", 0, 0)
        rows = [of_day.get(day) or replace(none, key=day) for day in every_day(asked.scope)]
    names = [_name(page, asked, row, found) for row in rows]
    at_once = page.say("{seconds}秒内约走", seconds=SECONDS)
    later = page.say("之后约走或仍空着")
    head = columns(
        *key_columns(page, asked.grouping),
        *counts(page.say("退回的满号"), at_once),
        (page.say("秒约率"), Kind.SHARE),
    )
    table = [[name, *_numbers(row)] for name, row in zip(names, rows, strict=True)]
    picture = days_or_bars(
        page,
        page.say("退号秒约"),
        page.say("退回的满号在几秒内约走多少的图，数字见下表。"),
        names,
        [
            Series("sold_out", at_once, [row.rebooked for row in rows]),
            Series("cancelled", later, [row.returned - row.rebooked for row in rows]),
        ],
    )
    return [
        Part(
            Table(page.say("退号秒约"), head, [*table, [page.say("合计"), *_numbers(total)]]),
            picture,
            page.say(
                "只统计约满后退回的号。普通人碰巧看到一个退号，很少能在{seconds}秒内约上；"
                "秒约率高，说明有人退号后立即换名重约。按退号当天统计，按渠道指原预约的渠道。",
                seconds=SECONDS,
            ),
            has_total=True,
        )
    ]


def _name(page: StaffPage, asked: ReportRequest, row: Swaps, found: Grouped[Swaps]) -> date | str:
    if asked.grouping is Grouping.STAFF:
        return str(row.key) or page.say("就诊人本人或医院系统")
    return key_text(page, asked.grouping, row.key, found.names)


def _numbers(row: Swaps) -> list[Plain]:
    return [row.returned, row.rebooked, share(row.rebooked, row.returned)]
