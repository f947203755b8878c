"""The reports and their pages: a single handler shows all of them."""

from __future__ import annotations

from asyncio import Semaphore, to_thread
from functools import partial
from urllib.parse import urlencode

from litestar.types import ASGIApp

from guahao.rules.staff.staff import Role
from guahao.sheets.write import csv_file, workbook
from guahao.store.reports.scope import Grouping, TooSlowError
from guahao.web.administration.reports.asked import Report, read_asked
from guahao.web.administration.reports.bookings import booking_parts, lead_parts
from guahao.web.administration.reports.city import answer_parts, suspension_parts
from guahao.web.administration.reports.fairness import fairness_parts
from guahao.web.administration.reports.messages import message_parts
from guahao.web.administration.reports.parts import is_number, said
from guahao.web.administration.reports.supply import fill_parts, sold_out_parts
from guahao.web.administration.reports.swaps import swap_parts
from guahao.web.administration.reports.tickets import ticket_routes
from guahao.web.http.reading import ProblemError, as_id
from guahao.web.http.uploads import XLSX
from guahao.web.staff import StaffPage, StaffRoute
from guahao.words.text import Words

_CITY = frozenset({Role.ADMINISTRATOR, Role.AUDITOR, Role.SUPERVISOR})
_READERS = _CITY | {Role.SCHEDULER}
_CSV = "text/csv; charset=utf-8"
_PAST = ("last7", "last30", "last90", "year")
_ALL = ("last7", "last30", "last90", "next30", "next90", "year")
_PLACES = (Grouping.HOSPITAL, Grouping.DEPARTMENT, Grouping.TITLE)

REPORTS = (
    Report(
        "/staff/reports",
        Words("预约", "reports"),
        _READERS,
        booking_parts,
        presets=_ALL,
        groupings=(Grouping.DAY, *_PLACES, Grouping.CHANNEL),
        has_basis=True,
    ),
    Report(
        "/staff/reports/fill",
        Words("号源使用率"),
        _READERS,
        fill_parts,
        presets=_ALL,
        has_layout=True,
    ),
    Report(
        "/staff/reports/sold-out",
        Words("约满用时"),
        _READERS,
        sold_out_parts,
        presets=_ALL,
        groupings=(Grouping.TITLE, Grouping.HOSPITAL, Grouping.DEPARTMENT),
    ),
    Report(
        "/staff/reports/lead",
        Words("提前天数", "reports"),
        _READERS,
        lead_parts,
        presets=_ALL,
        groupings=(Grouping.TITLE, Grouping.HOSPITAL, Grouping.DEPARTMENT, Grouping.CHANNEL),
        has_basis=True,
    ),
    Report(
        "/staff/reports/messages",
        Words("通知送达"),
        _READERS,
        message_parts,
        presets=_PAST,
        groupings=(Grouping.DAY, Grouping.KIND, Grouping.CHANNEL),
    ),
    Report(
        "/staff/reports/refusals",
        Words("预约失败原因"),
        _CITY,
        answer_parts,
        presets=_PAST,
        groupings=(Grouping.REASON, Grouping.DAY, *_PLACES),
    ),
    Report(
        "/staff/reports/fairness",
        Words("抽签", "reports"),
        _CITY,
        fairness_parts,
        presets=_PAST,
        asks_ticket=True,
    ),
    Report(
        "/staff/reports/swaps",
        Words("退号秒约"),
        _CITY,
        swap_parts,
        presets=_PAST,
        groupings=(
            *(Grouping.DAY, Grouping.HOSPITAL, Grouping.DEPARTMENT),
            *(Grouping.CHANNEL, Grouping.STAFF),
        ),
    ),
    Report(
        "/staff/reports/suspensions",
        Words("暂停预约", "reports"),
        _CITY,
        suspension_parts,
        presets=("last90", "year"),
        preset="year",
        has_place=False,
    ),
)


def report_routes() -> list[StaffRoute]:
    """Return a page for each report.

    A web process runs a single report at a time: a long report holds a connection for seconds, and
    the others are left to bookings.
    """
    turn = Semaphore(1)
    pages = [
        StaffRoute("GET", report.path, partial(_show, report, turn), report.roles)
        for report in REPORTS
    ]
    return [*pages, *ticket_routes()]


async def _show(report: Report, turn: Semaphore, page: StaffPage) -> ASGIApp:
    try:
        asked = await read_asked(page, report)
        async with turn:
            parts = [] if asked.wrong else await report.parts(page, asked)
    except TooSlowError as error:
        raise ProblemError("report_too_slow") from error
    days = f"{asked.scope.first.isoformat()} {asked.scope.last.isoformat()}"
    if parts and page.query("format") == "xlsx":
        data = await to_thread(workbook, [part.table for part in parts])
        return page.download(data, f"{report.words.of(page.language)} {days}.xlsx", XLSX)
    number = as_id(page.query("part")) or 1
    if page.query("format") == "csv" and number <= len(parts):
        table = parts[number - 1].table
        data = await to_thread(csv_file, table)
        return page.download(data, f"{table.name} {days}.csv", _CSV)
    tabs = [report for report in REPORTS if page.staff.role in report.roles]
    return page.show(
        "staff/report.html",
        422 if asked.wrong else 200,
        report=report,
        tabs=tabs,
        asked=asked,
        parts=parts,
        is_city=page.staff.hospital_id is None,
        said=said,
        is_number=is_number,
        csv_address=partial(_csv_address, page),
        zip=zip,
    )


def _csv_address(page: StaffPage, number: int) -> str:
    """Return where a part of the page that is shown is downloaded as CSV."""
    asked = [
        (name, value)
        for name, value in page.request.query_params.items()
        if isinstance(value, str) and name not in ("format", "part")
    ]
    return f"{page.path}?{urlencode([*asked, ('format', 'csv'), ('part', number)])}"
