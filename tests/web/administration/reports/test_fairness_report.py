"""The commission's page on draws: what it counts, what it proposes, and a ticket's result."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import psycopg
import pytest
from tests.city import MONDAY_MORNING, THURSDAY, Clock, ask, change, reasons
from tests.flows.fairness.fair_city import add_applicant, add_applicants, add_clinic, hold_until
from tests.report_city import City
from tests.supply import Rows, at
from tests.tools.relay import beacon_with, relaying, with_relays
from tests.web.administration.reports.test_reports import charts, tables
from tests.web.browsing import Reader
from tests.web.site import Site
from tests.web.staff_site import at_the_desk

from guahao.rules.staff.staff import Role

PATH = "/staff/reports/fairness"
DAYS = "?from=2026-11-30&to=2026-12-04"
TEN = MONDAY_MORNING + timedelta(hours=1)


async def drawn(site: Site, clock: Clock) -> None:
    """A draw of two places among five applications, of which two came by phone."""
    clinic = await add_clinic(site.platform, 2, TEN, THURSDAY)
    await add_applicants(site.platform, clinic, range(1, 6))
    await change(
        site.platform,
        "UPDATE applications SET channel = 'phone' WHERE id IN"
        " (SELECT id FROM applications ORDER BY id LIMIT 2)",
    )
    await hold_until(site.platform, clock, TEN)


async def report(site: Site, role: Role = Role.AUDITOR) -> Reader:
    reader = await at_the_desk(site, role)
    await reader.go(PATH + DAYS)
    assert reader.page.status_code == 200
    return reader


def table(reader: Reader, name: str) -> list[list[str]]:
    """The rows of a part, without its heading."""
    return next(
        found[1:]
        for found in tables(reader)
        if f'aria-label="{name}"' in reader.text and found[0][0] == _FIRST[name]
    )


_FIRST = {"抽签": "种类", "各渠道": "渠道", "一个手机多人": "为几个人登记过"}


async def test_draws_are_counted_with_their_level(site: Site, clock: Clock) -> None:
    await drawn(site, clock)
    reader = await report(site)
    assert table(reader, "抽签") == [
        ["退号抽签", "仅平台保密", "1", "2", "5", "5", "5", "2", "0", "40.0%"],
        ["合计", "", "1", "2", "5", "5", "5", "2", "0", "40.0%"],
    ]
    assert "号已抽完" in reader.text
    assert [chart.title for chart in charts(reader)] == ["各渠道的抽签"]


async def test_draws_by_a_public_random_number_are_counted_apart(site: Site, clock: Clock) -> None:
    key = 20_261_201
    beacon = beacon_with(key, clock.now)
    await add_applicants(site.platform, await add_clinic(site.platform, 1, TEN), [1, 2])
    with relaying(beacon, key, clock) as relay:
        await hold_until(with_relays(site.platform, beacon, relay.url), clock, TEN)
    reader = await report(site)
    assert [row[:4] for row in table(reader, "抽签")] == [
        ["退号抽签", "有公共随机数", "1", "1"],
        ["合计", "", "1", "1"],
    ]
    assert "有公共随机数或外部见证：平台单独不能预知或左右结果" in reader.text


async def test_the_waiters_of_a_draw_are_the_median(site: Site, clock: Clock) -> None:
    for first, people in ((10, 1), (20, 2), (30, 6)):
        clinic = await add_clinic(site.platform, 1, TEN, THURSDAY)
        await add_applicants(site.platform, clinic, range(first, first + people))
    await hold_until(site.platform, clock, TEN)
    rows = table(await report(site), "抽签")
    assert [row[2:6] for row in rows] == [["3", "3", "9", "2"]] * 2


async def test_channels_are_counted_with_what_became_of_the_wins(site: Site, clock: Clock) -> None:
    await drawn(site, clock)
    won = await ask(
        site.platform,
        "SELECT a.channel, w.appointment_id FROM wins w"
        " JOIN applications a ON a.id = w.application_id ORDER BY 2",
    )
    (first_channel, first), (second_channel, second) = won
    await change(site.platform, "UPDATE appointments SET status = 'picked_up' WHERE id = %s", first)
    await change(
        site.platform, "UPDATE appointments SET status = 'cancelled' WHERE id = %s", second
    )
    await change(
        site.platform, "UPDATE wins SET declined_at = won_at WHERE appointment_id = %s", second
    )
    rows = {row[0]: row[1:] for row in table(await report(site), "各渠道")}
    assert (rows["网页"][0], rows["114电话"][0]) == ("3", "2")
    names = {"web": "网页", "phone": "114电话"}
    assert sum(int(rows[name][1]) for name in names.values()) == 2
    assert rows[names[first_channel]][3] == "1"
    assert rows[names[second_channel]][5] == "1"
    assert rows["合计"] == ["5", "2", "40.0%", "1", "0", "1", "0", "0", "100.0%", "50.0%"]


async def test_accounts_that_applied_for_many_persons_are_counted(site: Site, clock: Clock) -> None:
    clinic = await add_clinic(site.platform, 1, TEN, THURSDAY)
    await add_applicant(site.platform, 1, clinic, patients=2)
    await add_applicant(site.platform, 5, clinic)
    await hold_until(site.platform, clock, TEN)
    rows = table(await report(site), "一个手机多人")
    assert [row[:3] for row in rows] == [["1人", "1", "1"], ["2人", "1", "1"]]


async def test_the_page_can_be_taken_away_as_a_workbook(site: Site, clock: Clock) -> None:
    await drawn(site, clock)
    reader = await report(site)
    answer = await reader.go(f"{PATH}{DAYS}&format=xlsx")
    assert answer.headers["content-type"].endswith("spreadsheetml.sheet")


async def test_a_hospital_s_staff_do_not_see_it(site: Site) -> None:
    session_id = (await add_clinic(site.platform, 1, TEN, THURSDAY)).session_id
    [[hospital_id]] = await ask(
        site.platform, "SELECT hospital_id FROM clinic_sessions WHERE id = %s", session_id
    )
    scheduler = await at_the_desk(site, Role.SCHEDULER, hospital_id)
    assert (await scheduler.go(PATH)).status_code == 403


# A complaint ------------------------------------------------------------------------------


async def entries(site: Site, condition: str) -> tuple[int, str]:
    """A draw and the ticket of an entry."""
    [[draw_id, ticket], *_] = await ask(
        site.platform,
        f"SELECT draw_id, encode(ticket, 'hex') FROM draw_entries WHERE {condition}",
    )
    return int(draw_id), str(ticket)


async def look_up(reader: Reader, draw_id: object, ticket: str, reason: str = "投诉") -> None:
    form = reader.form(f"{PATH}/ticket")
    await reader.send(form, draw=str(draw_id), ticket=ticket, reason=reason)


@pytest.mark.parametrize(
    ("condition", "said"), [("session IS NOT NULL", "抽中"), ("session IS NULL", "没有抽中")]
)
async def test_a_ticket_is_looked_up_for_a_complaint_and_that_is_in_the_trail(
    site: Site, clock: Clock, condition: str, said: str
) -> None:
    await drawn(site, clock)
    draw_id, ticket = await entries(site, condition)
    reader = await report(site)
    await look_up(reader, draw_id, f" {ticket.upper()} ", "投诉第12号")
    assert f"<h2>{said}</h2>" in reader.text
    assert reader.path == f"{PATH}/ticket"
    assert await reasons(site.platform, "look_up_ticket") == [("look_up_ticket", "投诉第12号")]
    # The trail says which ticket, and not more than is needed to find it again.
    [[detail]] = await ask(
        site.platform, "SELECT detail FROM audit_trail WHERE action = 'look_up_ticket'"
    )
    assert ticket[:8] in detail
    assert ticket[:9] not in detail


@pytest.mark.parametrize(
    ("draw", "ticket", "reason", "status"),
    [
        ("1", "0" * 32, "投诉", 404),
        ("1", "Ω" * 32, "投诉", 404),
        ("1", "0" * 33, "投诉", 404),
        ("99", "0" * 32, "投诉", 404),
        ("x", "0" * 32, "投诉", 422),
        ("9" * 30, "0" * 32, "投诉", 422),
        ("1", "", "投诉", 422),
        ("1", "0" * 32, " ", 422),
    ],
)
async def test_what_is_no_ticket_is_not_found(
    site: Site, clock: Clock, draw: str, ticket: str, reason: str, status: int
) -> None:
    await drawn(site, clock)
    reader = await report(site)
    await look_up(reader, draw, ticket, reason)
    assert reader.page.status_code == status
    assert 'role="alert"' in reader.text


# Proposals ------------------------------------------------------------------------------


@pytest.fixture
def city(database_url: str) -> Iterator[City]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        city = City(Rows(conn))
        city.add_hospital("安澜市甲医院", "甲院部", "甲内科", "甲外科", cycle_days=7)
        conn.execute(
            "UPDATE departments SET parent_id = %s WHERE id <> %s", [city.departments["甲院部"]] * 2
        )
        yield city


def release_fast(city: City, department: str, dates: int, *, seconds: int = 240) -> None:
    """Consecutive visit dates whose only place went so long after the release, by today's rules."""
    for n in range(dates):
        day = date(2026, 12, 5) - timedelta(days=n)
        where = city.add_clinic("安澜市甲医院", department, day, capacity=1)
        city.book(where, at(f"{day - timedelta(days=7)} 00:00") + timedelta(seconds=seconds))


async def test_a_draw_is_proposed_where_releases_are_gone_in_minutes(
    site: Site, city: City
) -> None:
    release_fast(city, "甲内科", 20)
    release_fast(city, "甲外科", 20, seconds=301)
    auditor = await report(site)
    assert "建议改为抽签放号" in auditor.text
    assert ["甲内科 · 安澜市甲医院", "主任医师", "20", "20", "100.0%"] in [
        row for found in tables(auditor) for row in found
    ]
    assert "甲外科 · 安澜市甲医院" not in auditor.text
    hospital_id = city.hospitals["安澜市甲医院"]
    link = f"/staff/hospitals/{hospital_id}/release?department={city.departments['甲内科']}"
    assert link not in auditor.text  # an auditor decides nothing
    administrator = await report(site, Role.ADMINISTRATOR)
    assert link in administrator.text
    await administrator.go(_href(administrator, link))
    form = administrator.form(f"/staff/hospitals/{hospital_id}/release")
    assert form.fields["department"] == str(city.departments["甲内科"])
    assert form.fields["mode"] == "draw"
    assert "最近20次放号有20次在5分钟内约满" in form.fields["reason"]


def _href(reader: Reader, begins: str) -> str:
    rest = reader.text.partition(f'href="{begins}')[2].partition('"')[0]
    return (begins + rest).replace("&amp;", "&")


async def test_no_draw_is_proposed_where_it_is_decided(site: Site, city: City) -> None:
    release_fast(city, "甲内科", 20)
    await change(
        site.platform,
        "INSERT INTO release_modes (hospital_id, mode, holds_from, reason, decided_by, decided_at)"
        " VALUES (%s, 'draw', '2027-03-01', '试', 'admin', now())",
        city.hospitals["安澜市甲医院"],
    )
    assert "建议改为抽签放号" not in (await report(site)).text
