"""Draws, their files and their log, as anybody reads them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.city import MONDAY_MORNING, Clock, add_account, change
from tests.flows.fairness.fair_city import (
    Applicant,
    Clinic,
    add_applicants,
    add_clinic,
    hold_until,
    only_draw,
)
from tests.rules.reading import check, verify
from tests.web.site import API, CHINESE, ENGLISH, Site, problem

from guahao.flows.fairness import draws
from guahao.flows.fairness.drawn import entered, own_entry
from guahao.rules.fairness.allocating import Won
from guahao.rules.fairness.log import differences, read
from guahao.rules.fairness.merkle import is_proven

TEN = MONDAY_MORNING + timedelta(hours=1)
ENOUGH = 20  # entries, so that they are published


async def held(site: Site, clock: Clock, people: int = ENOUGH) -> tuple[Clinic, list[Applicant]]:
    """A draw of two places that was held."""
    clinic = await add_clinic(site.platform, 2, TEN)
    applicants = await add_applicants(site.platform, clinic, range(1, people + 1))
    await hold_until(site.platform, clock, TEN)
    return clinic, applicants


async def test_a_draw_is_shown_with_all_that_proves_it(site: Site, clock: Clock) -> None:
    clinic, _ = await held(site, clock)
    draw_id = await only_draw(site.platform)
    shown = (await site.get(f"{API}/fairness/draws/{draw_id}")).json()
    assert (shown["state"], shown["entries"], shown["places"], shown["won"]) == ("done", 20, 2, 2)
    assert shown["level"] == "operator"
    assert shown["sessions"] == [
        {"number": 1, "session_id": clinic.session_id, "places": 2, "places_left": 2}
    ]
    answer = await site.get(shown["file"])
    assert answer.headers["content-type"] == "text/plain; charset=us-ascii"
    proven = verify(answer.content)
    assert proven.secret.hex() == shown["secret"]
    assert len(proven.entries) == 20
    again = await site.get(shown["file"], headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    plain = await site.get(shown["file"], headers={"Accept-Encoding": "identity"})
    assert plain.content == answer.content


async def test_the_log_and_the_file_agree_over_http(site: Site, clock: Clock) -> None:
    await held(site, clock)
    draw_id = await only_draw(site.platform)
    file = (await site.get(f"{API}/fairness/draws/{draw_id}.txt")).content
    log = read((await site.get(f"{API}/fairness/log")).content)
    assert differences(log, check(file)) is None
    rest = read((await site.get(f"{API}/fairness/log?after={log.seq - 1}")).content)
    assert rest.hash == log.hash
    missing = await site.get(f"{API}/fairness/log?after=999", headers=ENGLISH)
    assert problem(missing, 404, "unknown_log_line")
    for wrong in ("-1", "x", "1.5", "99999999999999999"):
        answer = await site.get(f"{API}/fairness/log?after={wrong}", headers=ENGLISH)
        assert "number of the last line" in problem(answer, 422, "invalid_log_line")
    for language in (ENGLISH, CHINESE):
        answer = await site.get(f"{API}/fairness/log?before=1", headers=language)
        assert "before" in problem(answer, 422, "unknown_field")


async def test_an_open_draw_shows_its_commitment_and_no_secret(site: Site) -> None:
    await add_clinic(site.platform, 2, TEN)
    await draws.hold_draws(site.platform)
    draw_id = await only_draw(site.platform)
    shown = (await site.get(f"{API}/fairness/draws/{draw_id}")).json()
    assert shown["state"] == "open"
    assert len(shown["commitment"]) == 64
    for name in ("secret", "seed", "root", "values", "file", "entries", "places", "won", "level"):
        assert shown[name] is None, name
    refused = await site.get(f"{API}/fairness/draws/{draw_id}.txt")
    assert problem(refused, 404, "draw_file_not_public")


@pytest.mark.parametrize(("people", "name"), [(ENOUGH - 1, "内科"), (ENOUGH, "精神科")])
async def test_of_a_sensitive_draw_only_the_totals_are_public(
    site: Site, clock: Clock, people: int, name: str
) -> None:
    clinic = await add_clinic(site.platform, 2, TEN)
    await change(site.platform, "UPDATE departments SET name = %s", name)
    await add_applicants(site.platform, clinic, range(1, people + 1))
    await hold_until(site.platform, clock, TEN)
    draw_id = await only_draw(site.platform)
    shown = (await site.get(f"{API}/fairness/draws/{draw_id}")).json()
    assert (shown["is_sensitive"], shown["file"], shown["entries"]) == (True, None, people)
    refused = await site.get(f"{API}/fairness/draws/{draw_id}.txt")
    assert problem(refused, 404, "draw_file_not_public")


async def test_each_applicant_gets_the_proof_of_their_own_entry(site: Site, clock: Clock) -> None:
    _, people = await held(site, clock, people=5)
    draw_id = await only_draw(site.platform)
    positions = []
    for person in people:
        found = await entered(site.platform, person.account_id, person.application_id)
        assert [each.draw_id for each in found] == [draw_id]
        own = await own_entry(site.platform, person.account_id, person.application_id, draw_id)
        assert own is not None
        assert own.result is not None
        assert own.branch is not None
        assert own.view.draw.root is not None
        assert is_proven(own.leaf.encode(), own.index, 5, own.branch, own.view.draw.root)
        assert isinstance(own.result, Won) is (own.result.position <= own.last_won[1])
        positions.append(own.result.position)
    assert sorted(positions) == [1, 2, 3, 4, 5]
    stranger = await add_account(site.platform, 99)
    assert await own_entry(site.platform, stranger, people[0].application_id, draw_id) is None
    assert await entered(site.platform, stranger, people[0].application_id) == []


async def test_draws_are_listed_by_place_and_state(site: Site) -> None:
    clinics = [await add_clinic(site.platform, 1, TEN) for _ in range(52)]
    await draws.hold_draws(site.platform)
    first = (await site.get(f"{API}/fairness/draws")).json()
    second = (await site.get(f"{API}/fairness/draws", params={"cursor": first["next"]})).json()
    ids = [item["id"] for item in (*first["items"], *second["items"])]
    assert ids == sorted(ids, reverse=True)
    assert (len(first["items"]), len(second["items"]), second["next"]) == (50, 2, None)
    of_one = await site.get(
        f"{API}/fairness/draws", params={"department_id": clinics[7].department_id, "state": "open"}
    )
    assert len(of_one.json()["items"]) == 1
    none = await site.get(f"{API}/fairness/draws", params={"state": "done"})
    assert none.json()["items"] == []
    wrong = await site.get(f"{API}/fairness/draws", params={"state": "lost"})
    assert problem(wrong, 422, "invalid_field")


@pytest.mark.parametrize("named", ["0", "999", "abc", "1.txt.txt", ".txt", "-1", "9" * 30, "٣"])
async def test_what_is_no_draw_is_not_found(site: Site, named: str) -> None:
    for path in (named, f"{named}.txt"):
        answer = await site.get(f"{API}/fairness/draws/{path}")
        assert problem(answer, 404, "unknown_draw")
