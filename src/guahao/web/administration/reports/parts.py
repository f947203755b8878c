"""A part of a report: a table, and a chart of the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from markupsafe import Markup

from guahao.rules.reports.scope import ReportScope
from guahao.sheets.write import Column, Kind, Plain, Table
from guahao.store.reports.scope import Grouping, Key, Name
from guahao.web.charts import Chart, Heat, Series, draw
from guahao.web.staff import StaffPage
from guahao.web.words.words import message_kinds, named
from guahao.words.dates import format_duration, format_short_day

ROWS_SHOWN = 200  # a page's table; the workbook has all of them
BARS_SHOWN = 15
_PERCENT = 100
_RIGHT = frozenset({Kind.NUMBER, Kind.SHARE, Kind.DURATION})


@dataclass(frozen=True, slots=True)
class Part:
    """`table.rows` is a list; its last row is the total where `has_total`. `note`: how the
    numbers are to be read. `links`: where each row leads; empty: nowhere."""

    table: Table
    chart: Chart | Heat | None = None
    note: str = ""
    has_total: bool = False
    links: Sequence[str] = ()

    def figure(self, key: str) -> Markup:
        """Return the drawn chart; nothing where there is none, or nothing in it."""
        if self.chart is None or not self.chart.has_data:
            return Markup()
        return draw(self.chart, key)

    @property
    def rows(self) -> list[Sequence[Plain]]:
        """Return all rows, including the total."""
        return list(self.table.rows)

    @property
    def shown(self) -> list[Sequence[Plain]]:
        """Return the rows of a page, and the total."""
        rows = self.rows
        if len(rows) <= ROWS_SHOWN:
            return rows
        return [*rows[:ROWS_SHOWN], *(rows[-1:] if self.has_total else [])]

    @property
    def hidden(self) -> int:
        """Return how many rows only the workbook has."""
        return len(self.rows) - len(self.shown)


def every_day(scope: ReportScope) -> list[date]:
    """Return the scope's days, including those without anything."""
    days = (scope.last - scope.first).days + 1
    return [scope.first + timedelta(days=n) for n in range(days)]


def share(part: int, whole: int) -> float | None:
    """Return a part of a whole, to a tenth of a per cent; None of nothing."""
    return round(part / whole, 3) if whole else None


def said(page: StaffPage, kind: Kind, value: Plain) -> str:
    """Return a cell as the page's table shows it."""
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return page.time(value)
    if isinstance(value, date):
        return page.day(value)
    if isinstance(value, timedelta):
        return format_duration(value, page.language)
    if isinstance(value, int | float):
        return f"{value * _PERCENT:.1f}%" if kind is Kind.SHARE else f"{value:,}"
    return str(value)


def is_number(kind: Kind) -> bool:
    """Return whether a column's values stand at its right."""
    return kind in _RIGHT


def columns(*headings: tuple[str, Kind]) -> list[Column]:
    """Return the columns of a report's table, as wide as their contents."""
    widths = {Kind.TEXT: 24.0, Kind.MOMENT: 20.0}
    return [Column(heading, kind, widths.get(kind, 12.0)) for heading, kind in headings]


def counts(*headings: str) -> list[tuple[str, Kind]]:
    """Return the headings of columns that count."""
    return [(heading, Kind.NUMBER) for heading in headings]


def name_text(page: StaffPage, name: Name) -> str:
    """Return a hospital's name, or a department's with its hospital's if there are several."""
    own = named(name.name, name.name_en, page.language)
    within = named(name.within, name.within_en, page.language)
    return f"{own} · {within}" if within else own


def key_columns(page: StaffPage, grouping: Grouping) -> list[tuple[str, Kind]]:
    """Return the first columns of this grouping's rows."""
    if grouping is Grouping.DAY:
        return [(page.say("日期"), Kind.DATE)]
    words = {
        Grouping.HOSPITAL: page.say("医院名称"),
        Grouping.DEPARTMENT: page.say("科室名称"),
        Grouping.TITLE: page.say("职称"),
        Grouping.CHANNEL: page.say("渠道"),
        Grouping.KIND: page.say("种类"),
        Grouping.STAFF: page.say("退号的工作人员"),
    }
    return [(words[grouping], Kind.TEXT)]


def key_text(page: StaffPage, grouping: Grouping, key: Key, names: dict[Key, Name]) -> date | str:
    """Return a row's first cell."""
    if isinstance(key, date):
        return key
    if grouping in (Grouping.HOSPITAL, Grouping.DEPARTMENT):
        return name_text(page, names[key])
    if grouping is Grouping.TITLE:
        return page.names.title(str(key))
    words = message_kinds(page.say) if grouping is Grouping.KIND else channels(page)
    return words.get(str(key), str(key))


def channels(page: StaffPage) -> dict[str, str]:
    """Return the names of the ways in which people book."""
    return {
        "wechat": page.say("微信"),
        "web": page.say("网页"),
        "phone": page.say("114电话"),
        "api": page.say("开放接口"),
        "fhir": page.say("FHIR接口"),
        "window": page.say("医院窗口"),
        "hospital": page.say("医院系统"),
        "replay": page.say("历史导入"),
        "sms": page.say("手机短信"),
    }


# Charts ---------------------------------------------------------------------------------------


def days_or_bars(
    page: StaffPage,
    title: str,
    says: str,
    keys: Sequence[date | str],
    series: Sequence[Series],
) -> Chart:
    """Return lines over days; of other groups the first as stacked bars."""
    if keys and all(isinstance(key, date) for key in keys):
        days = [key for key in keys if isinstance(key, date)]
        return Chart(
            "lines",
            title,
            says,
            [page.day(day) for day in days],
            series,
            ticks=[format_short_day(day, page.language) for day in days],
        )
    return Chart(
        "bars",
        title,
        says,
        [str(key) for key in keys[:BARS_SHOWN]],
        [replace(line, values=line.values[:BARS_SHOWN]) for line in series],
        left_out=left_out(page, len(keys), BARS_SHOWN),
    )


def left_out(page: StaffPage, count: int, drawn: int) -> str:
    """Return the sentence under a chart that does not draw all of its groups."""
    if count <= drawn:
        return ""
    return page.say("图中是前{drawn}项，其余{rest}项见下表。", drawn=drawn, rest=count - drawn)
