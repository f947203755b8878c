"""A hospital sends its own list of bookings; what differs is kept, and nothing is changed."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.city import Clock, ask, reasons, resident_id
from tests.web.hospital_site import System, add_system
from tests.web.site import ENGLISH, Site, add_citizen, booked, has_chinese, problem
from tests.web.staff_site import at_the_desk

from guahao.rules.integration.clients import Scope
from guahao.rules.staff.staff import Role
from guahao.sheets.book import Book
from guahao.sheets.read import read_book

LISTS = "/reconciliations"
MADE_AT = "2026-11-30T09:30:00+08:00"


@pytest.fixture
async def booking(site: Site, clock: Clock) -> dict[str, Any]:
    """A booking of half an hour before the list is made."""
    booking = await booked(site, await add_citizen(site))
    clock.forward(minutes=30)
    return booking


@pytest.fixture
async def system(site: Site, booking: dict[str, Any]) -> System:
    """The system of the hospital where it was booked."""
    return await add_system(site, booking["hospital_id"])


def line(booking: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """The booking as the hospital's list has it."""
    return {
        "order_no": booking["order_no"],
        "status": "booked",
        "visit_date": booking["visit_date"],
        "period": booking["period"],
        "id_no": resident_id(1),
        **changed,
    }


async def send(system: System, *lines: dict[str, Any], **changed: Any) -> httpx.Response:
    body = {"made_at": MADE_AT, "date_from": "2026-12-01", "date_to": "2026-12-09"}
    return await system.post(LISTS, json={**body, "bookings": list(lines), **changed})


def found(answer: httpx.Response) -> list[tuple[str, str, str, str]]:
    assert answer.status_code == 201, answer.text
    return [
        (one["kind"], one["here"], one["there"], one["cure"])
        for one in answer.json()["differences"]
    ]


async def everything(site: Site) -> list[tuple[Any, ...]]:
    """Whatever a list must not change."""
    return [
        *await ask(site.platform, "SELECT to_jsonb(a) FROM appointments a ORDER BY id"),
        *await ask(site.platform, "SELECT to_jsonb(s) FROM clinic_sessions s ORDER BY id"),
        *await ask(site.platform, "SELECT to_jsonb(m) FROM messages m ORDER BY id"),
        *await ask(site.platform, "SELECT to_jsonb(e) FROM hospital_events e ORDER BY id"),
    ]


async def test_a_list_that_agrees_says_so(system: System, booking: dict[str, Any]) -> None:
    answer = await send(system, line(booking))
    assert found(answer) == []
    told = answer.json()
    assert (told["listed"], told["agreed"], told["too_new"]) == (1, 1, 0)
    assert told["at"] == MADE_AT


async def test_every_kind_of_difference_is_told_and_nothing_changed(
    site: Site, system: System, booking: dict[str, Any]
) -> None:
    before = await everything(site)
    cases: list[tuple[list[dict[str, Any]], list[tuple[str, str, str, str]]]] = [
        ([], [("missing_at_hospital", "booked", "", "add_at_hospital")]),
        (
            [line(booking, status="cancelled")],
            [("status_differs", "booked", "cancelled", "restore_at_hospital")],
        ),
        (
            [line(booking, id_no=resident_id(2))],
            [("patient_differs", "", "", "correct_at_hospital")],
        ),
        (
            [line(booking, period="evening")],
            [("time_differs", "2026-12-03 morning", "2026-12-03 evening", "correct_at_hospital")],
        ),
        ([line(booking), line(booking)], [("doubled", "1", "2", "remove_at_hospital")]),
        (
            [line(booking), line(booking, order_no="0000000000")],
            [("unknown_here", "", "booked", "remove_at_hospital")],
        ),
    ]
    for lines, expected in cases:
        assert found(await send(system, *lines)) == expected, lines
    assert await everything(site) == before
    listed = (await system.get(LISTS)).json()["items"]
    assert [one["differing"] for one in listed] == [1] * len(cases)  # the history is kept


async def test_a_booking_listed_on_another_day_is_found_where_it_is(
    system: System, booking: dict[str, Any]
) -> None:
    moved = line(booking, visit_date="2026-12-08")
    answer = await send(system, moved, date_from="2026-12-08", date_to="2026-12-08")
    assert [kind for kind, *_ in found(answer)] == ["time_differs"]


@pytest.mark.usefixtures("booking")
async def test_what_was_booked_after_the_list_was_made_is_left_out(system: System) -> None:
    answer = await send(system, made_at="2026-11-30T08:59:00+08:00")
    assert found(answer) == []
    assert answer.json()["too_new"] == 1


async def test_another_hospitals_bookings_are_unknown_here(
    site: Site, system: System, booking: dict[str, Any]
) -> None:
    other = await add_system(site)
    assert found(await send(other, line(booking))) == [
        ("unknown_here", "", "booked", "remove_at_hospital")
    ]
    assert found(await send(other)) == []
    theirs = (await send(system)).json()["id"]
    problem(await other.get(f"{LISTS}/{theirs}"), 404, "unknown_reconciliation")
    assert theirs not in [one["id"] for one in (await other.get(LISTS)).json()["items"]]


async def test_the_report_is_read_again_in_both_languages(
    system: System, booking: dict[str, Any]
) -> None:
    id = (await send(system)).json()["id"]
    for headers, chinese in (({}, True), (ENGLISH, False)):
        [difference] = (await system.get(f"{LISTS}/{id}", headers=headers)).json()["differences"]
        assert difference["order_no"] == booking["order_no"]
        assert has_chinese(difference["proposal"]) is chinese
    for wrong in ("0", "x", "999999"):
        problem(await system.get(f"{LISTS}/{wrong}"), 404, "unknown_reconciliation")


WRONG = [
    ({"made_at": "2026-11-30T09:30:00"}, 422, "invalid_field", "made_at"),
    ({"made_at": "2026-11-29T09:29:00+08:00"}, 422, "list_made_at", None),
    ({"made_at": "2026-11-30T09:36:00+08:00"}, 422, "list_made_at", None),
    ({"date_to": "2026-11-30"}, 422, "list_days", None),
    ({"date_to": "2027-01-01"}, 422, "list_days", None),
    ({"bookings": [{}]}, 422, "missing_field", "bookings[0].order_no"),
    ({"bookings": [7]}, 422, "invalid_field", "bookings[0]"),
    ({"bookings": "none"}, 422, "invalid_field", "bookings"),
    ({"pages": 1}, 422, "unknown_field", "pages"),
]


@pytest.mark.parametrize(("changed", "status", "code", "field"), WRONG)
async def test_a_wrong_list_is_refused_whole(
    site: Site, system: System, changed: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    answer = await send(system, **changed)
    problem(answer, status, code)
    assert answer.json().get("field") == field
    assert await ask(site.platform, "SELECT count(*) FROM reconciliations") == [(0,)]


async def test_a_wrong_line_is_named_and_half_a_list_is_not_compared(
    site: Site, system: System, booking: dict[str, Any]
) -> None:
    for changed, field in (
        ({"status": "unverified"}, "bookings[1].status"),
        ({"order_no": "1\n"}, "bookings[1].order_no"),
        ({"visit_date": "2026-02-30"}, "bookings[1].visit_date"),
        ({"name": "张三"}, "bookings[1].name"),
    ):
        answer = await send(system, line(booking), line(booking, **changed))
        assert answer.status_code == 422
        assert answer.json()["field"] == field
    outside = await send(system, line(booking, visit_date="2026-12-10"))
    problem(outside, 422, "list_date_outside")
    assert await ask(site.platform, "SELECT count(*) FROM reconciliations") == [(0,)]


async def test_a_client_that_may_not_read_bookings_may_not_compare_them(
    site: Site, booking: dict[str, Any]
) -> None:
    supply = await add_system(site, booking["hospital_id"], [Scope.SUPPLY])
    problem(await send(supply, line(booking)), 403, "scope_missing")
    problem(await supply.get(LISTS), 403, "scope_missing")


async def test_no_document_is_kept_of_a_list(
    site: Site, system: System, booking: dict[str, Any]
) -> None:
    await send(system, line(booking, id_no=resident_id(2)))
    tables = ("reconciliations", "reconciliation_differences", "hospital_calls", "audit_trail")
    for table in tables:
        rows = await ask(site.platform, f"SELECT to_jsonb(t)::text FROM {table} t")
        assert rows
        assert not any(resident_id(number) in row[0] for row in rows for number in (1, 2))


async def test_ten_thousand_lines_are_one_list(system: System) -> None:
    lines = [
        {"order_no": f"{n:010d}", "status": "booked", "visit_date": "2026-12-03"}
        for n in range(10_000)
    ]
    answer = await send(system, *lines)
    assert answer.json()["listed"] == 10_000
    problem(await send(system, *lines, lines[0]), 422, "invalid_field")


# On the pages -------------------------------------------------------------------------------

OWN = "/staff/schedule/reconciliations"


async def test_a_scheduler_reads_the_report_and_notes_what_was_done(
    site: Site, system: System, booking: dict[str, Any]
) -> None:
    before = await everything(site)
    id = (await send(system, line(booking, status="cancelled", period="evening"))).json()["id"]
    reader = await at_the_desk(site, Role.SCHEDULER, system.hospital_id)
    await reader.go(OWN)
    assert f"{OWN}/{id}" in reader.text
    await reader.go(f"{OWN}/{id}")
    for words in (
        booking["order_no"],
        "状态不同",
        "待取号",
        "已退号",
        "12月3日 周四 晚上",
        "恢复预约",
    ):
        assert words in reader.text
    assert "2026-12-03" not in reader.text
    settle = reader.form(f"{OWN}/{id}/settle")
    assert (await reader.send(settle, note=" ")).status_code == 422
    assert "请写明" in reader.text
    await reader.send(settle, note="已请信息科 恢复")
    assert "已记为已处理" in reader.text
    assert "已请信息科 恢复" in reader.text
    assert (await reader.send(settle, note="又一次")).status_code == 409
    await reader.go(OWN)
    assert "<b>1</b>" in reader.text  # of two differences one is open
    assert await everything(site) == before
    trail = "SELECT who_kind FROM audit_trail WHERE action = 'settle_difference'"
    assert await ask(site.platform, trail) == [("staff",)]
    assert await reasons(site.platform, "settle_difference") == [
        ("settle_difference", "已请信息科 恢复")
    ]


async def test_a_report_is_filtered_and_a_kind_settled_at_once(
    site: Site,
    system: System,
    booking: dict[str, Any],  # noqa: ARG001 - the hospital does not have it
) -> None:
    id = (await send(system)).json()["id"]
    reader = await at_the_desk(site, Role.SCHEDULER, system.hospital_id)
    await reader.go(f"{OWN}/{id}?kind=status_differs&state=open")
    assert reader.text.count('id="difference-') == 1  # a kind that is not there filters nothing
    await reader.go(f"{OWN}/{id}?kind=missing_at_hospital&state=settled")
    assert "没有符合条件的差异" in reader.text
    await reader.go(f"{OWN}/{id}?kind=missing_at_hospital&state=open")
    await reader.send(reader.form(f"{OWN}/{id}/settle-kind"))
    assert "的1处差异都记为已处理？" in reader.text
    await reader.send(reader.form(f"{OWN}/{id}/settle-kind"), reason="名单漏发，已补发")
    assert "已把1处差异记为已处理" in reader.text
    assert await reasons(site.platform, "settle_difference") == [
        ("settle_difference", "名单漏发，已补发")
    ]
    await reader.go(f"{OWN}/{id}?state=settled")
    assert "名单漏发，已补发" in reader.text


async def test_the_report_is_a_file_for_excel_too(
    site: Site, system: System, booking: dict[str, Any]
) -> None:
    id = (await send(system)).json()["id"]
    reader = await at_the_desk(site, Role.SCHEDULER, system.hospital_id, language="en")
    csv = await reader.go(f"{OWN}/{id}/csv")
    assert "attachment" in csv.headers["content-disposition"]
    heading, row = csv.content.decode("utf-8-sig").splitlines()
    assert heading.startswith("Order no.,Visit date,Difference,Platform,Hospital,Suggested action")
    assert row.startswith(f"{booking['order_no']},2026-12-03,Missing at the hospital,Booked,,")
    excel = await reader.go(f"{OWN}/{id}/excel")
    book = read_book(excel.content, "report.xlsx")
    assert isinstance(book, Book)
    [sheet] = book.sheets
    assert [list(row.values)[:1] for row in sheet.rows()] == [["Order no."], [booking["order_no"]]]


async def test_administrators_see_which_hospitals_differ_and_which_are_silent(
    site: Site, system: System, clock: Clock
) -> None:
    silent = await add_system(site)
    await send(system)
    reader = await at_the_desk(site, Role.ADMINISTRATOR)
    await reader.go("/staff/reconciliations")
    assert reader.text.index(f"/staff/hospitals/{system.hospital_id}/") < reader.text.index(
        f"/staff/hospitals/{silent.hospital_id}/"
    )
    assert "从未发来名单" in reader.text
    assert "昨晚没有发来" not in reader.text
    await reader.go(f"/staff/hospitals/{system.hospital_id}/reconciliations")
    assert "市第一医院" in reader.text
    clock.forward(hours=31)
    later = await at_the_desk(site, Role.AUDITOR)
    await later.go("/staff/reconciliations")
    assert "昨晚没有发来" in later.text
    assert "/staff/hospitals/" not in later.text
