"""Pages lead on by key: what is booked, added or cancelled between two pages hides nothing."""

from __future__ import annotations

import pytest
from tests.city import add_session, ask, change
from tests.fhir.test_facade import FHIR, ids, resource
from tests.web.site import Site, add_citizen, booked


async def slots_of(site: Site, number: int) -> tuple[int, list[int]]:
    """A department and its `number` sessions with a single place, four to a moment."""
    session_id = await add_session(site.platform)
    await change(
        site.platform,
        """
        INSERT INTO clinic_sessions (hospital_id, department_id, title, specialty, visit_date,
                                     period, starts_at, ends_at, fee_fen, capacity)
        SELECT hospital_id, department_id, title, n::text, visit_date + n / 4, period, starts_at,
               ends_at, fee_fen, 1
        FROM clinic_sessions, generate_series(1, %s) n WHERE id = %s
        """,
        number - 1,
        session_id,
    )
    rows = await ask(
        site.platform, "SELECT department_id, id FROM clinic_sessions ORDER BY visit_date, id"
    )
    return rows[0][0], [row[1] for row in rows]


async def page(site: Site, path: str, token: str | None = None) -> tuple[list[str], str]:
    """The page's matches and the address of the next."""
    bundle = resource(await site.get(path, token=token))
    links = {link["relation"]: link["url"] for link in bundle["link"]}
    return ids(bundle), links.get("next", "").partition(":8000")[2]


@pytest.mark.parametrize("order", ["", "&_sort=start", "&_sort=-start"])
async def test_no_free_slot_is_skipped_while_places_sell_out(site: Site, order: str) -> None:
    department_id, sessions = await slots_of(site, 12)
    seen: list[str] = []
    url = f"{FHIR}/Slot?schedule={department_id}&status=free&_count=4{order}"
    while url:
        found, url = await page(site, url)
        assert found
        seen += found
        # All that was shown sells out before the next page is asked for.
        await change(
            site.platform,
            "UPDATE clinic_sessions SET booked = capacity WHERE id = ANY(%s)",
            [int(slot.partition("/")[2]) for slot in seen],
        )
    expected = [f"Slot/{id}" for id in sessions]
    assert sorted(seen) == sorted(expected)
    if order != "&_sort=-start":
        assert seen == expected


async def test_bookings_that_are_made_between_two_pages_repeat_and_hide_none(site: Site) -> None:
    citizen = await add_citizen(site)
    made = [(await booked(site, citizen))["id"] for _ in range(2)]
    first, url = await page(site, f"{FHIR}/Appointment?_count=1", citizen.token)
    await change(
        site.platform,
        """
        UPDATE clinic_sessions SET visit_date = visit_date - 1
        WHERE id = (SELECT clinic_session_id FROM appointments WHERE id = %s)
        """,
        made[0],
    )
    second, url = await page(site, url, citizen.token)
    assert [*first, *second] == [f"Appointment/{id}" for id in made]
    assert not url


@pytest.mark.parametrize("kind", ["Organization", "Location", "HealthcareService", "Schedule"])
async def test_what_leaves_the_directory_between_two_pages_hides_nothing(
    site: Site, kind: str
) -> None:
    for _ in range(4):
        await add_session(site.platform)
    first, url = await page(site, f"{FHIR}/{kind}?_count=2")
    await change(site.platform, "UPDATE departments SET on_platform = false WHERE id = 1")
    if kind in ("Organization", "Location"):
        await change(site.platform, "DELETE FROM clinic_sessions WHERE hospital_id = 1")
        await change(site.platform, "DELETE FROM departments WHERE hospital_id = 1")
        await change(site.platform, "DELETE FROM hospitals WHERE id = 1")
    second, url = await page(site, url)
    assert [*first, *second] == [f"{kind}/{number}" for number in (1, 2, 3, 4)]
    assert not url


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("Slot?schedule.actor=Location/1", "Slot?schedule="),
        ("Slot?schedule=1&_include:iterate=Schedule:actor", "_include=Schedule:actor"),
    ],
)
@pytest.mark.parametrize("language", ["zh", "en"])
async def test_what_is_not_supported_says_what_works_instead(
    site: Site, path: str, says: str, language: str
) -> None:
    answer = await site.get(f"{FHIR}/{path}", headers={"Accept-Language": language})
    assert answer.status_code == 400
    assert says in answer.json()["issue"][0]["details"]["text"]
