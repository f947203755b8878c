"""Imports side by side, beside bookings, by the worker, and by an operator."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from tests.city import Clock, add_session, ask, change, open_platform

from guahao.flows.kernel.platform import Platform
from guahao.flows.supply.imports import importing, reading
from guahao.flows.supply.imports.reading import Found, find_tables, read_row
from guahao.notices.outbox import OutboxGateway
from guahao.rules.kernel.facts import PERIODS
from guahao.rules.kernel.outcomes import DONE, Refused
from guahao.rules.kernel.text import prose
from guahao.rules.staff.staff import Role, Staff
from guahao.rules.supply.changes import Clinic
from guahao.rules.supply.importing import ImportRefusal
from guahao.sheets.book import Book, Limits
from guahao.sheets.unpack import unpack
from guahao.store.kernel.db import Row
from guahao.store.supply.supply_imports import ExportedSession, ImportDepartment
from guahao.tools import session_import
from guahao.tools.session_import import Sentences
from guahao.web.scheduling.schedule_files import export_file
from guahao.web.words.sheet_words import cell_text, file_text
from guahao.worker import run_worker

HEADINGS = "医院编码,科室,职称,专业,就诊日期,时段,开始时间,结束时间,费用,号源数\n"
NEW = "{code},心血管内科,普通门诊,{what},2026-12-04,上午,,,50,20\n"
# As `add_session` makes it.
THERE = "{code},心血管内科,主任医师,高血压,2026-12-03,上午,08:30,09:00,80,{places}\n"
SENTENCES = Sentences(lambda word: file_text(word, "en"), lambda fault: cell_text(fault, "en"))


@pytest.fixture
async def platform(database_url: str) -> AsyncIterator[Platform]:
    async with open_platform(database_url, Clock()) as opened:
        for _ in range(2):
            await add_session(opened)
        await change(
            opened,
            """
            WITH head AS (INSERT INTO departments (hospital_id, code, name)
                          SELECT hospital_id, '03', '内科' FROM clinic_sessions
                          RETURNING id, hospital_id)
            UPDATE departments d SET parent_id = head.id FROM head
            WHERE d.hospital_id = head.hospital_id AND d.code = '03.04'
            """,
        )
        yield opened


async def hospitals(platform: Platform) -> list[Row]:
    return await ask(platform, "SELECT id, code FROM hospitals ORDER BY id")


async def scheduler(platform: Platform) -> Staff:
    [first, _] = await hospitals(platform)
    return Staff(1, "scheduler.1", Role.SCHEDULER, first[0])


async def sessions(platform: Platform) -> int:
    [[found]] = await ask(platform, "SELECT count(*) FROM clinic_sessions")
    return int(found)


async def sent(platform: Platform, by: Staff, rows: str) -> int:
    """A file that waits to be checked."""
    import_id = await importing.receive(platform, by, "x.csv", (HEADINGS + rows).encode())
    assert isinstance(import_id, int)
    return import_id


async def checked(platform: Platform, by: Staff, rows: str) -> int:
    """A file that was sent and checked."""
    import_id = await sent(platform, by, rows)
    await importing.carry_out(platform, import_id)
    assert await state(platform, import_id) == "checked"
    return import_id


async def state(platform: Platform, import_id: int) -> str:
    report = await importing.report(platform, None, import_id)
    assert report is not None
    return report.it.state


async def test_the_same_file_twice_at_once_gives_one_set(platform: Platform) -> None:
    by = await scheduler(platform)
    rows = "".join(NEW.format(code="", what=n) for n in range(30))
    before = await sessions(platform)
    ids = [await checked(platform, by, rows) for _ in range(4)]
    for id in ids:  # each was shown as new
        report = await importing.report(platform, by.own_hospital_id, id)
        assert report is not None
        assert report.checked.counts["add"] == 30
        assert await importing.confirm(platform, by, id) == DONE
    await asyncio.gather(*[importing.carry_out(platform, id) for id in ids])
    assert sorted([await state(platform, id) for id in ids]) == ["applied", *["waiting"] * 3]
    assert await sessions(platform) == before + 30
    for id in ids:
        await importing.carry_out(platform, id)
        report = await importing.report(platform, by.own_hospital_id, id)
        assert report is not None
        assert report.it.state == "applied" or report.checked.counts["same"] == 30


async def test_one_import_is_applied_once_by_however_many_workers(platform: Platform) -> None:
    by = await scheduler(platform)
    before = await sessions(platform)
    id = await checked(platform, by, NEW.format(code="", what="一次"))
    await importing.confirm(platform, by, id)
    await asyncio.gather(*[importing.carry_out(platform, id) for _ in range(4)])
    assert await state(platform, id) == "applied"
    assert await sessions(platform) == before + 1


async def test_a_booking_under_way_is_waited_for_and_counted(platform: Platform) -> None:
    by = await scheduler(platform)
    id = await checked(platform, by, THERE.format(code="", places=1))
    await importing.confirm(platform, by, id)
    async with platform.db.transaction() as tx:
        await tx.do(
            "UPDATE clinic_sessions SET booked = 2 WHERE hospital_id = %s", (by.own_hospital_id,)
        )
        applying = asyncio.create_task(importing.carry_out(platform, id))
        while not await ask(platform, "SELECT 1 FROM pg_locks WHERE NOT granted"):
            assert not applying.done()
    await applying
    assert await state(platform, id) == "waiting"
    [row] = await ask(
        platform,
        "SELECT capacity, booked FROM clinic_sessions WHERE hospital_id = %s",
        by.own_hospital_id,
    )
    assert row == (20, 2)
    await importing.carry_out(platform, id)
    report = await importing.report(platform, by.own_hospital_id, id)
    assert report is not None
    assert [one.word for one in report.faults] == ["below_booked"]


async def test_the_worker_checks_and_applies_what_comes_in(platform: Platform) -> None:
    by = await scheduler(platform)
    before = await sessions(platform)
    id = await sent(platform, by, NEW.format(code="", what="工人"))
    gateway = OutboxGateway(platform.db, platform.vault)
    await run_worker(platform, gateway, wait=False)
    assert await state(platform, id) == "checked"
    await importing.confirm(platform, by, id)
    await run_worker(platform, gateway, wait=False)
    assert await state(platform, id) == "applied"
    assert await sessions(platform) == before + 1


async def test_what_a_dead_worker_held_is_carried_on(database_url: str, platform: Platform) -> None:
    by = await scheduler(platform)
    id = await sent(platform, by, "x")
    assert await importing.carry_on(platform) == 0  # its own job comes within seconds
    await change(platform, "UPDATE supply_imports SET taken_until = '2026-11-30 09:04+08'")
    clock = Clock()
    clock.forward(minutes=3)
    async with open_platform(database_url, clock) as later:
        assert await importing.carry_on(later) == 0  # somebody has it
        clock.forward(minutes=3)
        assert await importing.carry_on(later) == 1
    assert await state(platform, id) == "faulty"


async def test_a_file_that_nobody_confirms_is_forgotten_after_a_week(
    database_url: str, platform: Platform
) -> None:
    by = await scheduler(platform)
    id = await checked(platform, by, NEW.format(code="", what="忘了"))
    clock = Clock()
    async with open_platform(database_url, clock) as later:
        clock.forward(days=6)
        assert await importing.forget_old(later) == 0
        clock.forward(days=2)
        assert await importing.forget_old(later) == 1
    assert await state(platform, id) == "withdrawn"
    assert await ask(platform, "SELECT content FROM supply_imports") == [(None,)]
    assert await ask(platform, "SELECT 1 FROM supply_import_rows") == []


async def test_a_hospital_has_only_so_many_files_waiting(platform: Platform) -> None:
    by = await scheduler(platform)
    for _ in range(importing.WAITING_MAX):
        await sent(platform, by, "x")
    refused = await importing.receive(platform, by, "x.csv", b"x")
    assert refused == Refused(ImportRefusal.TOO_MANY)
    [_, second] = await hospitals(platform)
    await sent(platform, Staff(2, "scheduler.2", Role.SCHEDULER, second[0]), "x")


# By an operator -----------------------------------------------------------------------------------


async def operate(
    platform: Platform, rows: str, hospital_id: int | None = None, *, dry_run: bool = False
) -> tuple[bool, str]:
    console = Console(file=io.StringIO(), width=200)
    right = await session_import.run(
        platform,
        "x.csv",
        (HEADINGS + rows).encode(),
        hospital_id,
        SENTENCES,
        console,
        dry_run=dry_run,
    )
    written = console.file
    assert isinstance(written, io.StringIO)
    return right, written.getvalue()


async def test_an_operators_file_names_several_hospitals(platform: Platform) -> None:
    codes = [row[1] for row in await hospitals(platform)]
    rows = "".join(NEW.format(code=code, what="城") for code in codes)
    before = await sessions(platform)
    right, told = await operate(platform, rows, dry_run=True)
    assert (right, await sessions(platform)) == (True, before)
    assert "2 new, 0 changed" in told
    right, told = await operate(platform, rows)
    assert (right, await sessions(platform)) == (True, before + 2)
    assert "Imported." in told
    right, told = await operate(platform, rows)
    assert "it is so already" in told
    trail = await ask(platform, "SELECT who_kind, hospital_id FROM audit_trail")
    assert trail == [("system", None)]


async def test_an_operators_preview_names_the_days_off_that_the_file_meets(
    platform: Platform,
) -> None:
    [(first, code), (second, other_code)] = await hospitals(platform)
    for hospital_id, day, like, reason in (
        (None, date(2026, 12, 4), None, "全市活动"),
        (first, date(2026, 12, 5), 4, "院庆"),
        (second, date(2026, 12, 7), None, "停电"),  # not met
    ):
        await change(
            platform,
            "INSERT INTO calendar_days (hospital_id, day, like_weekday, reason, by_name, at)"
            " VALUES (%s, %s, %s, %s, 'boss', now())",
            *(hospital_id, day, like, reason),
        )
    rows = "".join(NEW.format(code=each, what="城") for each in (code, other_code))
    saturday = NEW.format(code=code, what="六").replace("12-04", "12-05")
    _, told = await operate(platform, rows + saturday, dry_run=True)
    assert "2026-12-04 is a day off (全市活动): 2 sessions." in told
    assert "2026-12-05 is worked as a Thursday (院庆): 1 sessions." in told
    assert "2026-12-07" not in told
    assert "not known" not in told
    new_year = NEW.format(code=code, what="年").replace("2026-12-04", "2027-01-04")
    _, told = await operate(platform, new_year, dry_run=True)
    assert "National holidays are not known from 2027-01-01 on" in told


async def test_an_operators_file_with_a_wrong_cell_changes_nothing(platform: Platform) -> None:
    [first, second] = await hospitals(platform)
    before = await sessions(platform)
    right, told = await operate(platform, NEW.format(code="", what="x"))
    assert not right
    assert "The hospital code is missing" in told
    right, told = await operate(platform, NEW.format(code=second[1], what="x"), first[0])
    assert not right
    assert "A2" in told
    assert "This isn't your hospital's code" in told
    assert await sessions(platform) == before


# Hours ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        # Starts alone are time slots: each takes its start for certain, and no more.
        ("08:00,", "08:30,", False),
        ("08:00,09:00", "09:00,", False),
        ("08:00,", "07:00,08:00", False),
        ("08:00,09:00", "08:30,", True),
        ("08:30,", "08:00,09:00", True),
        ("08:00,09:00", "08:30,09:30", True),
    ],
)
async def test_a_start_without_an_end_overlaps_what_holds_its_start(
    platform: Platform, first: str, second: str, overlap: bool
) -> None:
    by = await scheduler(platform)
    rows = [NEW.format(code="", what="x").replace(",,,", f",{hours},") for hours in (first, second)]
    one_file = await sent(platform, by, "".join(rows))
    await importing.carry_out(platform, one_file)
    assert await faults(platform, one_file) == (["overlap"] if overlap else [])
    before = await checked(platform, by, rows[0])
    await importing.confirm(platform, by, before)
    await importing.carry_out(platform, before)
    after = await sent(platform, by, rows[1])
    await importing.carry_out(platform, after)
    assert await faults(platform, after) == (["overlaps_plan"] if overlap else [])


async def faults(platform: Platform, import_id: int) -> list[str]:
    report = await importing.report(platform, None, import_id)
    assert report is not None
    return [fault.word for fault in report.faults]


# Out and in again ---------------------------------------------------------------------------------

TODAY = date(2026, 11, 30)
PRINTABLE = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cf", "Zs", "Zl", "Zp", "Co", "Cn")),
    max_size=40,
).map(prose)
DEPARTMENT = ImportDepartment(7, 1, "03.04", "心血管内科", is_head=False, on_platform=True)


@st.composite
def exported(draw: st.DrawFn) -> ExportedSession:
    period = draw(st.sampled_from(PERIODS))
    hours: tuple[time | None, time | None] = (None, None)
    if draw(st.booleans()):
        # Also outside its period: a session keeps the hours that it has.
        start = draw(st.integers(0, 24 * 60 - 2))
        end = draw(st.none() | st.integers(start + 1, 24 * 60 - 1))
        hours = (time(*divmod(start, 60)), None if end is None else time(*divmod(end, 60)))
    clinic = Clinic(
        draw(PRINTABLE.filter(bool)),
        draw(PRINTABLE),
        period,
        *hours,
        draw(st.integers(0, 1_000_000)),
        draw(st.integers(0, 1000)),
    )
    day = TODAY + timedelta(days=draw(st.integers(-400, 366)))
    return ExportedSession(
        *(draw(st.integers(1, 10**9)), "H0", "03.04", "心血管内科", day, 0),
        stopped=draw(st.booleans()),
        clinic=clinic,
    )


@settings(max_examples=30)
@given(st.lists(exported(), min_size=1, max_size=4), st.sampled_from(["zh", "en"]))
def test_what_is_exported_is_read_again_as_it_was(
    sessions: list[ExportedSession], language: str
) -> None:
    book = unpack(export_file(sessions, language), Limits())  # type: ignore[arg-type]
    assert isinstance(book, Book)
    tables, found = find_tables(book), Found()
    [table] = tables.tables
    known = reading.directory(1, {"H0": 1}, [DEPARTMENT])
    for row in table.rows():
        read_row(table, row, known, TODAY, found)
    assert (tables.faults, found.faults) == ([], [])
    assert [(one.named_id, one.visit_date, one.clinic) for one in found.rows] == [
        (one.id, one.visit_date, replace(one.clinic)) for one in sessions
    ]
