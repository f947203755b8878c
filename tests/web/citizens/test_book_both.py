"""Both patients of an account on the confirm page: both are booked, or neither and why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from tests.supply import Rows
from tests.web.citizens.test_pages_booking import TODAY, Citizen, add_citizen, add_clinic, bookings
from tests.web.site import Site

BOTH_LANGUAGES = pytest.mark.parametrize("language", ["zh", "en"])


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield Rows(conn)


async def book_both(citizen: Citizen, session_id: int) -> None:
    """Send the form whatever the page says of it by now."""
    await citizen.submit(session_id, both(citizen))


def both(citizen: Citizen) -> str:
    return ",".join(map(str, citizen.patient_ids))


@BOTH_LANGUAGES
async def test_both_are_booked_and_shown_with_their_codes(
    site: Site, rows: Rows, language: str
) -> None:
    session_id = add_clinic(rows).session()
    citizen = await add_citizen(site, patients=2, language=language)
    await citizen.reader.go(f"/book/{session_id}")
    assert ("两位一起约" if language == "zh" else "Both together") in citizen.reader.text
    form = citizen.reader.form(f"/book/{session_id}")
    await citizen.reader.send(form, patient_id=both(citizen))
    assert citizen.reader.path == "/bookings?booked=both"
    assert ("两位都约好了" if language == "zh" else "Both are booked") in citizen.reader.text
    for name in ("张小一", "张小二"):
        assert name in citizen.reader.text
    assert [row[1:] for row in bookings(rows)] == [
        (patient_id, session_id, "web", "booked") for patient_id in citizen.patient_ids
    ]
    # The same form again, by a double tap or the back button, is the same booking.
    await citizen.reader.send(form, patient_id=both(citizen))
    assert citizen.reader.path == "/bookings?booked=both"
    # So is a new form for places that both hold already.
    await book_both(citizen, session_id)
    assert citizen.reader.path == "/bookings?booked=both-already"
    await citizen.reader.go(f"/book/{session_id}")
    assert citizen.reader.path == "/bookings?booked=both-already"
    assert len(bookings(rows)) == 2


@BOTH_LANGUAGES
async def test_a_last_place_is_not_offered_to_two(site: Site, rows: Rows, language: str) -> None:
    session_id = add_clinic(rows).session(capacity=1)
    citizen = await add_citizen(site, patients=2, language=language)
    await book_both(citizen, session_id)
    assert citizen.reader.page.status_code == 409
    said = "剩下的号不够两位一起约" if language == "zh" else "enough places for two"
    assert said in citizen.reader.text
    assert bookings(rows) == []
    await citizen.reader.go(f"/book/{session_id}")
    assert f'value="{both(citizen)}" required disabled' in citizen.reader.text
    assert ("只剩1个号" if language == "zh" else "Only one place") in citizen.reader.text


@BOTH_LANGUAGES
async def test_a_refusal_names_the_patient_and_books_neither(
    site: Site, rows: Rows, language: str
) -> None:
    session_id = add_clinic(rows).session()
    citizen = await add_citizen(site, patients=2, language=language)
    rows.conn.execute(
        "UPDATE patients SET suspended_until = %s WHERE id = %s",
        (TODAY + timedelta(days=90), citizen.patient_ids[1]),
    )
    await book_both(citizen, session_id)
    assert citizen.reader.page.status_code == 409
    said = {
        "zh": ["两位都没有约上", "张小二因爽约暂停预约"],
        "en": ["Neither of the two was booked", "张小二 can&#39;t book until"],
    }
    for words in said[language]:
        assert words in citizen.reader.text
    assert bookings(rows) == []


async def test_alternatives_are_for_both_and_choose_both(site: Site, rows: Rows) -> None:
    clinic = add_clinic(rows)
    session_id, later = clinic.session(capacity=1), clinic.session(4)
    clinic.session(5, capacity=1)
    citizen = await add_citizen(site, patients=2)
    await book_both(citizen, session_id)
    assert citizen.reader.text.count('class="slot__book"') == 1
    assert f'href="/book/{later}?patient={both(citizen)}"' in citizen.reader.text
    await citizen.reader.go(f"/book/{later}?patient={both(citizen)}")
    assert f'value="{both(citizen)}" required checked' in citizen.reader.text


@pytest.mark.parametrize("choice", ["1,", ",", "1,2,3", "1, 2", "x", "99999999999999999999,1"])
async def test_a_choice_that_is_none_asks_again(site: Site, rows: Rows, choice: str) -> None:
    session_id = add_clinic(rows).session()
    citizen = await add_citizen(site, patients=2)
    await citizen.reader.go(f"/book/{session_id}")
    await citizen.reader.send(citizen.reader.form(f"/book/{session_id}"), patient_id=choice)
    assert "还没有选择就诊人" in citizen.reader.text
    assert bookings(rows) == []


async def test_a_pair_that_is_not_the_accounts_is_refused(site: Site, rows: Rows) -> None:
    session_id = add_clinic(rows).session()
    citizen, other = await add_citizen(site, patients=2), await add_citizen(site, 2)
    await citizen.reader.go(f"/book/{session_id}")
    for choice in (
        f"{citizen.patient_ids[0]},{other.patient_ids[0]}",
        f"{citizen.patient_ids[0]},{2**63 - 1}",
        f"{citizen.patient_ids[0]},{10**19 - 1}",
    ):
        await citizen.reader.go(f"/book/{session_id}")
        await citizen.reader.send(citizen.reader.form(f"/book/{session_id}"), patient_id=choice)
        assert bookings(rows) == []
        assert "王小一" not in citizen.reader.text
        assert citizen.reader.page.status_code < 500
