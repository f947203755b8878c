"""Messages and whether they arrived."""

from __future__ import annotations

from dataclasses import replace

from guahao.flows.reports import reports as flows
from guahao.sheets.write import Kind, Plain, Table
from guahao.store.reports.messages import DeliveryCount
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

_STATES = ("delivered", "submitted", "queued", "failed", "expired", "unknown", "by_phone")


async def message_parts(page: StaffPage, asked: ReportRequest) -> list[Part]:
    """Return messages by state; those that did not arrive stand out."""
    found = await flows.deliveries(page.services.platform, page.staff, asked.scope, asked.grouping)
    if not found.rows:
        return []
    rows = sorted(found.rows, key=lambda row: (-row.undelivered, str(row.key)))
    if asked.grouping is Grouping.DAY:
        by_key = {row.key: row for row in found.rows}
        nothing = _total([])
        rows = [by_key.get(day) or replace(nothing, key=day) for day in every_day(asked.scope)]
    keys = [key_text(page, asked.grouping, row.key, found.names) for row in rows]
    head = columns(
        *key_columns(page, asked.grouping),
        *counts(page.say("通知"), page.say("已送达"), page.say("已发出"), page.say("待发送")),
        *counts(page.say("发送失败"), page.say("已过期未发"), page.say("结果不明")),
        *counts(page.say("转人工电话")),
        (page.say("未送达率"), Kind.SHARE),
    )
    table = [[key, *_numbers(row)] for key, row in zip(keys, rows, strict=True)]
    total = [page.say("合计"), *_numbers(_total(rows))]
    picture = days_or_bars(
        page,
        page.say("未送达的通知"),
        page.say("未送达通知的图，数字见下表。"),
        keys,
        [
            Series("failed", page.say("发送失败"), [row.failed for row in rows]),
            Series("expired", page.say("已过期未发"), [row.expired for row in rows]),
            Series("other", page.say("结果不明"), [row.unknown for row in rows]),
        ],
    )
    return [
        Part(
            Table(page.say("通知送达"), head, [*table, total]),
            picture,
            page.say("按写出通知的日子统计。未送达：发送失败、已过期未发、结果不明。"),
            has_total=True,
        )
    ]


def _numbers(row: DeliveryCount) -> list[Plain]:
    return [
        row.written,
        *(row.delivered, row.submitted, row.queued, row.failed, row.expired, row.unknown),
        row.by_phone,
        share(row.undelivered, row.written),
    ]


def _total(rows: list[DeliveryCount]) -> DeliveryCount:
    return DeliveryCount("", *(sum(getattr(row, name) for row in rows) for name in _STATES))
