"""In what a hospital's own lists differ from ours: for its scheduler, and for administrators."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import date

from litestar.types import ASGIApp

from guahao.flows.integration import reconciling as flows
from guahao.flows.integration.reconciling import ReconciliationDetail
from guahao.rules.integration.reconciling import NOTE_MAX, Difference
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.staff.staff import Role
from guahao.sheets.write import Column, Kind, Plain, Table, csv_file, workbook
from guahao.store.integration.reconciliations import SavedDifference
from guahao.web.http.reading import ProblemError, as_id, read_id
from guahao.web.http.uploads import XLSX
from guahao.web.staff.at_hospital import HospitalContext, at_both, place_of
from guahao.web.staff.confirming import Act, confirmed
from guahao.web.staff.page import StaffPage, StaffRoute
from guahao.web.words.differences import CURES, DIFFERENCES
from guahao.web.words.words import STATUSES
from guahao.words.catalogue import Language
from guahao.words.dates import PERIOD_WORDS
from guahao.words.text import Words

_CITY = "/staff/reconciliations"
_LIST = "/reconciliations"
_ONE = "/reconciliations/{reconciliation_id}"
_STATES = ("open", "settled")
_CSV = "text/csv; charset=utf-8"
_SHEET = Words("对账差异")
_HEADINGS = (
    (Words("订单号"), Kind.TEXT, 16.0),
    (Words("就诊日期"), Kind.DATE, 12.0),
    (Words("差异"), Kind.TEXT, 20.0),
    (Words("平台"), Kind.TEXT, 24.0),
    (Words("医院", "reconciling"), Kind.TEXT, 24.0),
    (Words("建议处理"), Kind.TEXT, 70.0),
    (Words("已处理"), Kind.MOMENT, 20.0),
    (Words("处理人", "reconciling"), Kind.TEXT, 16.0),
    (Words("处理说明"), Kind.TEXT, 40.0),
)


def reconciliation_routes() -> list[StaffRoute]:
    """Return the routes of the city's newest, a hospital's list, a report, its files, settling."""
    return [
        StaffRoute("GET", _CITY, _newest, frozenset({Role.ADMINISTRATOR, Role.AUDITOR})),
        *at_both("GET", _LIST, _listed),
        *at_both("GET", _ONE, _show),
        *at_both("GET", f"{_ONE}/excel", _excel),
        *at_both("GET", f"{_ONE}/csv", _csv),
        *at_both("POST", f"{_ONE}/settle", _settle),
        *at_both("POST", f"{_ONE}/settle-kind", _settle_kind),
    ]


async def _newest(page: StaffPage) -> ASGIApp:
    found = await flows.newest(page.services.platform)
    return page.show(
        "staff/reconciliations_city.html",
        hospitals=found,
        late_before=page.now - flows.LATE_AFTER,
        may_open=page.staff.role is Role.ADMINISTRATOR,
    )


async def _listed(page: StaffPage) -> ASGIApp:
    place = await place_of(page)
    cursor = as_id(page.query("cursor"))
    found, after = await flows.listed(page.services.platform, place.staff, cursor)
    return page.show("staff/reconciliations.html", place=place, found=found, after=after)


async def _found(page: StaffPage, place: HospitalContext) -> ReconciliationDetail:
    id = read_id(page.request, "reconciliation_id", "not_found")
    found = await flows.report(page.services.platform, place.staff, id)
    if found is None:
        raise ProblemError("not_found")
    return found


async def _show(page: StaffPage) -> ASGIApp:
    return await _report(page, await place_of(page))


async def _report(
    page: StaffPage, place: HospitalContext, refused: str = "", status: int = 200
) -> ASGIApp:
    report = await _found(page, place)
    kinds = Counter(one.kind for one in report.differences)
    kind = next((kind for kind in kinds if kind.value == page.query("kind")), None)
    state = page.query("state") if page.query("state") in _STATES else ""
    rows = [
        (one, _said(one, page.language, page.day))
        for one in report.differences
        if kind in (None, one.kind)
        and (not state or (state == "settled") is (one.settled_at is not None))
    ]
    return page.show(
        "staff/reconciliation.html",
        status,
        place=place,
        report=report,
        rows=rows,
        kinds=[(kind, DIFFERENCES[kind].of(page.language), kinds[kind]) for kind in kinds],
        kind=kind,
        state=state,
        open_of_kind=min(
            flows.AT_ONCE,
            sum(one.kind is kind and one.settled_at is None for one in report.differences),
        ),
        refused=refused,
        note_max=NOTE_MAX,
    )


def _said(
    one: SavedDifference, language: Language, day: Callable[[date], str] = date.isoformat
) -> tuple[str, str, str, str]:
    """Return the difference, both sides and the cure in words; dates as `day` writes them."""
    return (
        DIFFERENCES[one.kind].of(language),
        _side(one, one.here, language, day),
        _side(one, one.there, language, day),
        CURES[one.cure].of(language),
    )


def _side(one: SavedDifference, text: str, language: Language, day: Callable[[date], str]) -> str:
    if one.kind is Difference.TIME:
        visit_date, *rest = text.split(" ")
        words = [PERIOD_WORDS[w].of(language) if w in PERIOD_WORDS else w for w in rest]
        return " ".join([day(date.fromisoformat(visit_date)), *words])
    if one.kind is Difference.DOUBLED:
        return f"×{text}"
    return STATUSES[text].of(language) if text in STATUSES else text


async def _settle(page: StaffPage) -> ASGIApp:
    place = await place_of(page)
    id = read_id(page.request, "reconciliation_id", "not_found")
    difference_id = as_id(page.form.get("difference_id", "")) or 0
    note = page.form.get("note", "")
    outcome = await flows.settle(page.services.platform, place.staff, id, difference_id, note)
    if isinstance(outcome, Refused):
        return await _report(page, place, *page.refusal(outcome))
    page.flash(page.say("已记为已处理。下一次对账会显示是否一致。"))
    return page.redirect(f"{place.address}{_LIST}/{id}#difference-{difference_id}")


async def _settle_kind(page: StaffPage) -> ASGIApp:
    """Settle all open differences of a kind with one note, after asking."""
    place = await place_of(page)
    id = read_id(page.request, "reconciliation_id", "not_found")
    report = await _found(page, place)
    kind = next((kind for kind in Difference if kind.value == page.form.get("kind")), None)
    if kind is None:
        raise ProblemError("not_found")
    count = sum(one.kind is kind and one.settled_at is None for one in report.differences)
    count = min(count, flows.AT_ONCE)
    words = DIFFERENCES[kind].of(page.language)
    here = f"{place.address}{_LIST}/{id}"
    act = Act(
        page.say("把“{kind}”的{count}处差异都记为已处理？", kind=words, count=count),
        [page.say("处理说明会写到每一处，不能撤销。平台和医院的记录都不会更改。")],
        here,
        page.say("都记为已处理"),
    )
    note = confirmed(page, act)
    if not isinstance(note, str):
        return note
    outcome = await flows.settle_kind(page.services.platform, place.staff, id, kind, note)
    if isinstance(outcome, Refused):
        return await _report(page, place, *page.refusal(outcome))
    page.flash(page.say("已把{count}处差异记为已处理。", count=outcome))
    return page.redirect(here)


# Files --------------------------------------------------------------------------------------


async def _excel(page: StaffPage) -> ASGIApp:
    report = await _found(page, await place_of(page))
    data = await asyncio.to_thread(workbook, [_table(report, page.language)])
    return page.download(data, f"{_name(report)}.xlsx", XLSX)


async def _csv(page: StaffPage) -> ASGIApp:
    report = await _found(page, await place_of(page))
    data = await asyncio.to_thread(csv_file, _table(report, page.language))
    return page.download(data, f"{_name(report)}.csv", _CSV)


def _name(report: ReconciliationDetail) -> str:
    one = report.reconciliation
    return f"reconciliation-{one.id}-{one.first_date}-{one.last_date}"


def _table(report: ReconciliationDetail, language: Language) -> Table:
    columns = [Column(words.of(language), kind, width) for words, kind, width in _HEADINGS]
    rows = [_row(one, language) for one in report.differences]
    return Table(_SHEET.of(language), columns, rows)


def _row(one: SavedDifference, language: Language) -> tuple[Plain, ...]:
    kind, here, there, cure = _said(one, language)
    return (
        *(one.order_no, one.visit_date, kind, here, there, cure),
        *(one.settled_at, one.settled_by, one.note),
    )
