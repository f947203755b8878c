"""How full the supply is, and how soon after its release it was gone."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

from guahao.flows.reports import reports as flows
from guahao.flows.supply.sold_out import SoldOut, SoldOutGroup, sold_out
from guahao.sheets.write import Kind, Plain, Table
from guahao.store.reports.scope import Key, Name
from guahao.store.reports.supply import Axis, Fill
from guahao.web.administration.reports.asked import LAYOUTS, ReportRequest
from guahao.web.administration.reports.parts import (
    Part,
    columns,
    counts,
    days_or_bars,
    key_columns,
    key_text,
    left_out,
    name_text,
    share,
)
from guahao.web.charts import Chart, Heat, Series
from guahao.web.staff import StaffPage

ROWS_DRAWN = 40
_PERIODS = ("morning", "afternoon", "evening")


async def fill_parts(page: StaffPage, asked: ReportRequest) -> list[Part]:
    """Return a heat map, and each row's shares with its places."""
    row, column = LAYOUTS[asked.layout]
    found = await flows.fill(page.services.platform, page.staff, asked.scope, row, column)
    if not found.rows:
        return []
    cells: defaultdict[Key, dict[Key, Fill]] = defaultdict(dict)
    for fill in found.rows:
        cells[fill.row][fill.column] = fill
    seen = {fill.column for fill in found.rows}
    across: list[Key]
    if column is Axis.PERIOD:
        across = [period for period in _PERIODS if period in seen]
    else:
        across = sorted(seen, key=lambda key: int(str(key)))
    keys = sorted(cells, key=lambda key: _order(row, key, cells[key]))
    names = {key: _axis_name(page, row, key, found.names) for key in keys}
    heads = [_column_name(page, column, key) for key in across]
    head = columns(
        _axis_column(page, row),
        *counts(page.say("号源数"), page.say("已约")),
        (page.say("使用率"), Kind.SHARE),
        *[(name, Kind.SHARE) for name in heads],
    )
    table = [[names[key], *_filled(cells[key], across)] for key in keys]
    total = [page.say("合计"), *_filled(_sums(found.rows), across)]
    return [
        Part(
            Table(page.say("号源使用率"), head, [*table, total]),
            Heat(
                page.say("号源使用率"),
                page.say("使用率的热力图，数字见下表。"),
                [
                    page.day(name) if isinstance(name, date) else name
                    for name in (names[key] for key in keys[:ROWS_DRAWN])
                ],
                heads,
                [
                    [
                        None if cell is None else (cell.booked, cell.capacity)
                        for cell in map(cells[key].get, across)
                    ]
                    for key in keys[:ROWS_DRAWN]
                ],
                left_out(page, len(keys), ROWS_DRAWN),
            ),
            page.say("使用率：已约号数占号源数。停诊的和没有号源的不计。"),
            has_total=True,
        )
    ]


def _order(row: Axis, key: Key, cells: dict[Key, Fill]) -> tuple[float, str]:
    """Sort days by date; hospitals, departments and titles by fill rate, the fullest first."""
    if row in (Axis.DATE, Axis.WEEKDAY):
        return 0.0, str(key)
    booked = sum(cell.booked for cell in cells.values())
    return -booked / sum(cell.capacity for cell in cells.values()), str(key)


def _sums(rows: list[Fill]) -> dict[Key, Fill]:
    sums: dict[Key, Fill] = {}
    for row in rows:
        so_far = sums.get(row.column, Fill("", row.column, 0, 0))
        sums[row.column] = Fill(
            "", row.column, so_far.booked + row.booked, so_far.capacity + row.capacity
        )
    return sums


def _filled(cells: dict[Key, Fill], across: list[Key]) -> list[Plain]:
    booked = sum(cell.booked for cell in cells.values())
    capacity = sum(cell.capacity for cell in cells.values())
    each = [cells.get(key) for key in across]
    return [
        capacity,
        booked,
        share(booked, capacity),
        *[None if cell is None else share(cell.booked, cell.capacity) for cell in each],
    ]


def _axis_column(page: StaffPage, row: Axis) -> tuple[str, Kind]:
    return {
        Axis.HOSPITAL: (page.say("医院名称"), Kind.TEXT),
        Axis.DEPARTMENT: (page.say("科室名称"), Kind.TEXT),
        Axis.TITLE: (page.say("职称"), Kind.TEXT),
        Axis.DATE: (page.say("日期"), Kind.DATE),
        Axis.WEEKDAY: (page.say("星期"), Kind.TEXT),
    }[row]


def _axis_name(page: StaffPage, row: Axis, key: Key, names: dict[Key, Name]) -> date | str:
    if isinstance(key, date):
        return key
    if row is Axis.WEEKDAY:
        return _column_name(page, row, key)
    return page.names.title(str(key)) if row is Axis.TITLE else name_text(page, names[key])


def _column_name(page: StaffPage, column: Axis, key: Key) -> str:
    if column is Axis.PERIOD:
        return page.period(str(key))
    return page.weekday(date(2024, 1, int(str(key))))  # which began on a Monday


# Time to sold out -----------------------------------------------------------------------------


async def sold_out_parts(page: StaffPage, asked: ReportRequest) -> list[Part]:
    """Return how soon groups sell out, and the fastest sessions of all."""
    found = await sold_out(page.services.platform, page.staff, asked.scope, asked.grouping)
    if not found.groups:
        return []
    return [_spread(page, found), _by_group(page, asked, found), _fastest(page, found)]


def _spread(page: StaffPage, found: SoldOut) -> Part:
    limits = _limit_words(page)
    sums = [sum(group.within[n] for group in found.groups) for n in range(len(limits))]
    gone, offered = sum(sums), sum(group.offered for group in found.groups)
    table: list[list[Plain]] = [
        [words, count, share(count, gone), share(count, offered)]
        for words, count in zip(limits, sums, strict=True)
    ]
    head = columns(
        (page.say("放号后"), Kind.TEXT),
        *counts(page.say("约满的门诊")),
        (page.say("占约满的"), Kind.SHARE),
        (page.say("占已放号的"), Kind.SHARE),
    )
    total: list[Plain] = [page.say("合计"), gone, share(gone, gone), share(gone, offered)]
    return Part(
        Table(page.say("约满用时"), head, [*table, total]),
        Chart(
            "columns",
            page.say("约满用时"),
            page.say("放号后多久约满的分布图，数字见下表。"),
            limits,
            [Series("made", page.say("约满的门诊"), sums)],
        ),
        page.say(
            "从放号时刻（按当天有效的预约规则）到最后一个号约完。"
            "退号后又约满的，按第一次约满计；后来加过号的，按现在的号源数计。"
        ),
        has_total=True,
    )


def _limit_words(page: StaffPage) -> list[str]:
    return [
        page.say("1分钟内"),
        page.say("1–5分钟"),
        page.say("5–30分钟"),
        page.say("30分钟–2小时"),
        page.say("2–24小时"),
        page.say("1–7天"),
        page.say("7天以上"),
    ]


def _by_group(page: StaffPage, asked: ReportRequest, found: SoldOut) -> Part:
    rows = sorted(found.groups, key=_most_sold_out_first)
    head = columns(
        *key_columns(page, asked.grouping),
        *counts(page.say("已放号的门诊"), page.say("约满的门诊")),
        (page.say("约满的占比"), Kind.SHARE),
        (page.say("约满用时中位数"), Kind.DURATION),
        *counts(*_limit_words(page)),
    )
    table: list[list[Plain]] = [
        [
            key_text(page, asked.grouping, group.key, found.names),
            group.offered,
            group.sold_out,
            share(group.sold_out, group.offered),
            group.median,
            *group.within,
        ]
        for group in rows
    ]
    drawn = [group for group in rows if group.sold_out]
    return Part(
        Table(dict(asked.groupings)[asked.grouping], head, table),
        _group_chart(page, asked, found, drawn),
    )


def _group_chart(
    page: StaffPage, asked: ReportRequest, found: SoldOut, groups: list[SoldOutGroup]
) -> Chart:
    """Return a chart of four steps, the darker the faster."""
    steps = [
        ("fast_1", page.say("1分钟内"), slice(0, 1)),
        ("fast_2", page.say("1–30分钟"), slice(1, 3)),
        ("fast_3", page.say("30分钟–24小时"), slice(3, 5)),
        ("fast_4", page.say("1天以上"), slice(5, None)),
    ]
    return days_or_bars(
        page,
        dict(asked.groupings)[asked.grouping],
        page.say("各组多久约满的图，数字见下表。"),
        [str(key_text(page, asked.grouping, group.key, found.names)) for group in groups],
        [
            Series(colour, name, [sum(group.within[part]) for group in groups])
            for colour, name, part in steps
        ],
    )


def _most_sold_out_first(group: SoldOutGroup) -> tuple[int, float, str]:
    return -group.within[0], -group.sold_out / group.offered, str(group.key)


def _fastest(page: StaffPage, found: SoldOut) -> Part:
    head = columns(
        (page.say("医院名称"), Kind.TEXT),
        (page.say("科室名称"), Kind.TEXT),
        (page.say("职称"), Kind.TEXT),
        (page.say("专业"), Kind.TEXT),
        (page.say("就诊日"), Kind.DATE),
        (page.say("时段"), Kind.TEXT),
        *counts(page.say("号源数"), page.say("账户数")),
        (page.say("放号时刻"), Kind.MOMENT),
        (page.say("约满时刻"), Kind.MOMENT),
        (page.say("用时"), Kind.DURATION),
    )
    table: list[list[Plain]] = []
    for fastest in found.fastest:
        session = fastest.session
        table.append(
            [
                name_text(page, found.hospitals[session.hospital_id]),
                name_text(page, found.departments[session.department_id]),
                page.names.title(session.title),
                page.names.specialty(session.specialty),
                session.visit_date,
                page.period(session.period),
                session.capacity,
                found.accounts.get(session.session_id, 0),
                fastest.released_at,
                session.sold_out_at,
                fastest.took,
            ]
        )
    return Part(
        Table(page.say("最快约满"), head, table),
        note=page.say(
            "最快约满的门诊，最多50个。放号后几秒内约满，或号都在少数账户手里，"
            "值得查一查是不是号贩子。账户数：现在持有这些号的手机号有多少个。"
        ),
    )
