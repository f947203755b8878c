"""The confirm page checks the law before its button: per patient, by the desk's own rules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from tests.city import change
from tests.supply import Rows
from tests.web.citizens.test_pages_booking import (
    BOTH_LANGUAGES,
    TODAY,
    Citizen,
    Clinic,
    add_citizen,
    add_clinic,
    bookings,
)
from tests.web.site import Site


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield Rows(conn)


@pytest.fixture
def clinic(rows: Rows) -> Clinic:
    return add_clinic(rows)


def other_department(
    clinic: Clinic, name: str = "消化内科", english: str = "Gastroenterology"
) -> Clinic:
    department = clinic.rows.department(clinic.hospital, name=name, name_en=english)
    return Clinic(clinic.rows, clinic.hospital, department)


def radios(citizen: Citizen) -> dict[str, str]:
    """The choices of patients by value: off, checked or empty."""
    found = re.findall(
        r'type="radio" name="patient_id" value="([^"]+)" required([^>]*)>', citizen.reader.text
    )
    return {value: state.strip() for value, state in found}


@BOTH_LANGUAGES
async def test_each_of_two_patients_has_a_state_of_its_own_and_none_is_chosen(
    site: Site, clinic: Clinic, language: str
) -> None:
    citizen = await add_citizen(site, patients=2, language=language)
    first, second = map(str, citizen.patient_ids)
    held = clinic.session(period="afternoon")
    booking = await citizen.book(held, patient=0)
    session = clinic.session()
    assert (await citizen.reader.go(f"/book/{session}")).status_code == 200
    assert radios(citizen) == {first: "disabled", second: "", f"{first},{second}": "disabled"}
    said = {
        "zh": ["张小一这天在心血管内科已有预约。最早可约12月4日 周五，也可换个科室。",
               "12月3日 周四 下午 · 安澜市儿童医院 · 心血管内科", "张小一现在不能约这个号"],
        "en": ["张小一 already has an appointment in Cardiology that day", "Fri 4 Dec",
               "张小一 can&#39;t book this now"],
    }  # fmt: skip
    for words in said[language]:
        assert words in citizen.reader.text, words
    assert f'href="{booking}"' in citizen.reader.text
    assert f'href="/departments/{clinic.department}?day=2026-12-04"' in citizen.reader.text
    assert (await citizen.book(session, patient=1)).startswith("/bookings/")
    # What the page said is what the desk says to a form from before.
    await citizen.submit(session, first)
    assert citizen.reader.page.status_code == 409
    assert said[language][0] in citizen.reader.text


@BOTH_LANGUAGES
async def test_a_broken_limit_is_named_with_its_days_and_bookings(
    site: Site, clinic: Clinic, language: str
) -> None:
    citizen = await add_citizen(site, language=language)
    made = [await citizen.book(clinic.session(days)) for days in (3, 4, 5)]
    session = other_department(clinic).session(6)
    assert (await citizen.reader.go(f"/book/{session}")).status_code == 409
    said = {
        "zh": ["张小一在12月3、4、5日已约3个号，达到7天上限。最早可约12月10日 周四。",
               "现在不能约这个号"],
        "en": ["张小一 already has 3 appointments on 3, 4 and 5 Dec, the limit for any 7 days.",
               "The next day you can book is Thu 10 Dec."],
    }  # fmt: skip
    for words in said[language]:
        assert words in citizen.reader.text, words
    for booking in made:
        assert f'href="{booking}"' in citizen.reader.text
    assert radios(citizen) == {}
    assert len(bookings(clinic.rows)) == 3


async def test_the_limits_of_a_day_and_of_three_months_name_what_they_count(
    site: Site, clinic: Clinic
) -> None:
    citizen = await add_citizen(site)
    for department in (clinic, other_department(clinic)):
        await citizen.book(department.session(3))
    third = other_department(clinic, "眼科")
    await citizen.reader.go(f"/book/{third.session(3)}")
    assert "张小一在12月3日已约2个号，达到当天上限。最早可约12月4日 周五。" in citizen.reader.text
    for days in (20, 30, 40):
        await citizen.book(third.session(days))
    await citizen.reader.go(f"/book/{third.session(50)}")
    assert "张小一在12月3、20、30日、1月9日已约5个号" in citizen.reader.text


async def test_a_suspended_patient_sees_the_no_shows_that_it_is_for(
    site: Site, clinic: Clinic
) -> None:
    citizen = await add_citizen(site, patients=2)
    await change(
        site.platform,
        "UPDATE patients SET suspended_until = '2027-01-30' WHERE id = %s",
        citizen.patient_ids[0],
    )
    missed = [
        clinic.rows.appointment(citizen.patient_ids[0], clinic.session(-days), status="no_show")
        for days in (10, 20, 30)
    ]
    session = clinic.session()
    await citizen.reader.go(f"/book/{session}")
    assert "张小一因爽约暂停预约，2027年1月30日 周六恢复" in citizen.reader.text
    for booking in missed:
        assert f'href="/bookings/{booking}"' in citizen.reader.text
    assert 'href="tel:114"' in citizen.reader.text
    assert radios(citizen)[str(citizen.patient_ids[0])] == "disabled"
    await citizen.submit(session, citizen.patient_ids[0])
    assert f'href="/book/{session}"' in citizen.reader.text  # for the other patient
    await citizen.reader.go(f"/book/{session}")
    assert radios(citizen)[str(citizen.patient_ids[1])] == ""


async def test_bookings_of_another_account_stand_in_the_way_without_being_shown(
    site: Site, clinic: Clinic, rows: Rows
) -> None:
    citizen, other = await add_citizen(site), await add_citizen(site, 2)
    await other.book(clinic.session(period="afternoon"))
    # The same person once had a registration of their own there.
    rows.conn.execute(
        "INSERT INTO person_merges (patient_id, survivor_id, merged_at, why)"
        " VALUES (%s, %s, now(), 'dispute')",
        (other.patient_ids[0], citizen.patient_ids[0]),
    )
    rows.conn.execute(
        "UPDATE patients SET merged_into = %s, account_id = NULL, phone_slot = NULL WHERE id = %s",
        (citizen.patient_ids[0], other.patient_ids[0]),
    )
    await citizen.reader.go(f"/book/{clinic.session()}")
    assert citizen.reader.page.status_code == 409
    assert "张小一这天在心血管内科已有预约" in citizen.reader.text
    assert 'href="/bookings/' not in citizen.reader.text


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("restricted_until", "2027-01-05", "账户暂停自助预约"),
        ("document_ends_on", "2026-12-01", "出生医学证明已到期"),
    ],
)
async def test_what_else_the_desk_would_refuse_is_said_before(
    site: Site, clinic: Clinic, column: str, value: str, says: str
) -> None:
    citizen = await add_citizen(site)
    table = "accounts" if column == "restricted_until" else "patients"
    await change(site.platform, f"UPDATE {table} SET {column} = %s", value)
    session = clinic.session()
    for answer in (
        await citizen.reader.go(f"/book/{session}"),
        await citizen.submit(session, citizen.patient_ids[0]),
    ):
        assert answer.status_code == 409
        assert says in answer.text


async def test_two_patients_refused_for_different_reasons_are_both_told(
    site: Site, clinic: Clinic
) -> None:
    citizen = await add_citizen(site, patients=2)
    await citizen.book(clinic.session(period="afternoon"), patient=0)
    await change(
        site.platform,
        "UPDATE patients SET suspended_until = %s WHERE id = %s",
        TODAY + timedelta(days=60),
        citizen.patient_ids[1],
    )
    await citizen.reader.go(f"/book/{clinic.session()}")
    assert citizen.reader.page.status_code == 409
    for words in ("张小一这天在心血管内科已有预约", "张小二因爽约暂停预约"):
        assert words in citizen.reader.text


# Repeat and back end at the booking -------------------------------------------------------------


async def test_back_reload_and_a_second_tap_end_at_the_booking(
    site: Site, clinic: Clinic, rows: Rows
) -> None:
    citizen = await add_citizen(site)
    session = clinic.session()
    await citizen.reader.go(f"/book/{session}")
    form = citizen.reader.form(f"/book/{session}")
    await citizen.reader.send(form)
    booking = citizen.reader.path.partition("?")[0]
    client = citizen.reader.client
    tries: list[Any] = [
        await client.post(form.action, data=form.fields, follow_redirects=False),  # second tap
        await client.get(f"/book/{session}", follow_redirects=False),  # back, which is not stored
    ]
    for answer in tries:
        assert answer.status_code == 303
        assert answer.headers["location"].partition("?")[0] == booking
    # Of two patients the other may still be booked; the page says whose the place is.
    assert len(bookings(rows)) == 1


async def test_of_two_patients_the_one_who_is_booked_leads_to_the_booking(
    site: Site, clinic: Clinic, rows: Rows
) -> None:
    citizen = await add_citizen(site, patients=2)
    session = clinic.session()
    booking = await citizen.book(session, patient=0)
    await citizen.reader.go(f"/book/{session}")
    assert "张小一已约好这个号。" in citizen.reader.text
    assert f'href="{booking}"' in citizen.reader.text
    await citizen.submit(session, citizen.patient_ids[0])
    assert citizen.reader.path.partition("?")[0] == booking
    assert len(bookings(rows)) == 1
