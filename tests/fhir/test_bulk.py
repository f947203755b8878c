"""Open supply: the manifest, its files, and whether they are new."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from tests.city import Clock, add_session, change, phone, resident_id
from tests.web.site import Site, add_citizen, booked

from guahao.web.fhir import bulk


async def manifest(site: Site) -> dict[str, list[str]]:
    """The paths of the files by resource type."""
    answer = await site.get("/$bulk-publish")
    assert answer.status_code == 200
    found: dict[str, list[str]] = {}
    for file in answer.json()["output"]:
        found.setdefault(file["type"], []).append(file["url"].partition(":8000")[2])
    return found


async def lines(site: Site, path: str) -> list[dict[str, Any]]:
    answer = await site.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/fhir+ndjson"
    found = [json.loads(line) for line in answer.text.splitlines()]
    for one in found:
        get_fhir_model_class(one["resourceType"]).model_validate(one)
    return found


async def test_a_reader_follows_the_manifest_to_every_bookable_place(site: Site) -> None:
    ids = {await add_session(site.platform), await add_session(site.platform)}
    files = await manifest(site)
    [locations], [schedules], slot_files = files["Location"], files["Schedule"], files["Slot"]
    assert len(await lines(site, locations)) == len(slot_files) == 2
    known = {f"Schedule/{one['id']}" for one in await lines(site, schedules)}
    slots = [slot for path in slot_files for slot in await lines(site, path)]
    assert {int(slot["id"]) for slot in slots} == ids
    assert {slot["schedule"]["reference"] for slot in slots} == known
    for slot in slots:
        told = {e["url"].rpartition("/")[2]: e for e in slot["extension"]}
        assert told["booking-deep-link"]["valueUrl"].endswith(f"/book/{slot['id']}")
        assert told["booking-phone"]["valueString"] == "114"
        assert told["slot-capacity"]["valueInteger"] == 20


CHANGES = {
    "a place is booked": "UPDATE clinic_sessions SET booked = booked + 1",
    "a clinic is stopped": "UPDATE clinic_sessions SET stopped_at = now()",
    "a place waits for a draw": "UPDATE clinic_sessions SET held = 1, draw_at = now()",
    "a place is kept for the counter": "UPDATE clinic_sessions SET reserved = 1",
    "the capacity is raised": "UPDATE clinic_sessions SET capacity = capacity + 1",
    "a fee is changed": "UPDATE clinic_sessions SET fee_fen = 1",
    "a department gets an English name": "UPDATE departments SET name_en = 'Cardiology'",
    "the hospital's cycle is changed": "UPDATE hospitals SET cycle_days = 2",
}


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES.keys())
async def test_a_file_is_new_only_when_something_changed(site: Site, changed: str) -> None:
    await add_session(site.platform)
    [path] = (await manifest(site))["Slot"]
    first = await site.get(path)
    headers = {"If-None-Match": first.headers["etag"]}
    same = await site.get(path, headers=headers)
    assert (same.status_code, same.content) == (304, b"")
    await change(site.platform, changed)
    new = await site.get(path, headers=headers)
    assert new.status_code == 200
    assert new.headers["etag"] != first.headers["etag"]


async def test_places_that_wait_for_a_draw_are_published_with_its_moment(site: Site) -> None:
    await add_session(site.platform)
    [path] = (await manifest(site))["Slot"]
    [slot] = await lines(site, path)
    assert not {"waiting-for-draw", "draw-at"} & {
        e["url"].rpartition(":")[2] for e in slot["extension"]
    }
    await change(
        site.platform,
        "UPDATE clinic_sessions SET held = 2, booked = 18, draw_at = '2026-12-01T10:00+08:00'",
    )
    [slot] = await lines(site, path)
    extension = {e["url"].rpartition(":")[2]: e for e in slot["extension"]}
    assert extension["waiting-for-draw"]["valueInteger"] == 2
    assert extension["draw-at"]["valueDateTime"] == "2026-12-01T10:00:00+08:00"
    assert extension["clinic-session-state"]["valueCode"] == "by_draw"
    assert slot["status"] == "busy"
    answer = await site.get(f"/fhir/r4/Slot/{slot['id']}")
    assert answer.json()["status"] == "busy-tentative"


async def test_a_file_is_new_when_the_time_closes_a_date(site: Site, clock: Clock) -> None:
    await add_session(site.platform)
    [path] = (await manifest(site))["Slot"]
    tag = (await site.get(path)).headers["etag"]
    clock.forward(days=2, hours=6)  # Wednesday 15:00: Thursday is closed
    new = await site.get(path, headers={"If-None-Match": tag})
    assert new.status_code == 200
    [slot] = await lines(site, path)
    assert slot["status"] == "busy"  # the publication's word for what cannot be booked
    assert "closed" in [e.get("valueCode") for e in slot["extension"]]


async def test_of_a_department_off_the_platform_nothing_is_published(site: Site) -> None:
    await add_session(site.platform)
    await change(site.platform, "UPDATE departments SET on_platform = false")
    files = await manifest(site)
    assert await lines(site, files["Slot"][0]) == []
    assert await lines(site, files["Schedule"][0]) == []


@pytest.mark.parametrize("name", ["0.ndjson", "x.ndjson", "99999.ndjson", "1.xml"])
async def test_no_such_file(site: Site, name: str) -> None:
    assert (await site.get(f"/open-supply/slots/{name}")).status_code == 404


async def test_a_reader_without_tags_asks_by_date(site: Site, clock: Clock) -> None:
    await add_session(site.platform)
    files, told = await manifest(site), ""
    for path in ("/$bulk-publish", *(path for paths in files.values() for path in paths)):
        told = (await site.get(path)).headers["last-modified"]
        assert told == "Mon, 30 Nov 2026 01:00:00 GMT"
        asked = {"If-Modified-Since": told}
        assert (await site.get(path, headers=asked)).status_code == 304
        # A tag says more than a date, and what is no date says nothing.
        for more in ({**asked, "If-None-Match": '"x"'}, {"If-Modified-Since": "yesterday"}):
            assert (await site.get(path, headers=more)).status_code == 200
    clock.forward(minutes=1)
    await change(site.platform, "UPDATE clinic_sessions SET booked = booked + 1")
    new = await site.get(files["Slot"][0], headers={"If-Modified-Since": told})
    assert (new.status_code, new.headers["last-modified"]) == (200, "Mon, 30 Nov 2026 01:01:00 GMT")


async def test_what_is_published_names_nobody_and_is_zipped_on_demand(site: Site) -> None:
    citizen = await add_citizen(site)
    booking = await booked(site, citizen)
    for paths in (await manifest(site)).values():
        for path in paths:
            plain = await site.get(path, headers={"Accept-Encoding": "identity"})
            zipped = await site.get(path, headers={"Accept-Encoding": "gzip"})
            assert "content-encoding" not in plain.headers
            assert zipped.headers["content-encoding"] == "gzip"
            assert zipped.text == plain.text
            for secret in ("张三", resident_id(1), phone(1), booking["code"], booking["order_no"]):
                assert secret not in plain.text


@pytest.mark.parametrize("name", ["locations.ndjson", "slots/1.ndjson"])
async def test_a_large_file_is_not_made_every_second(
    site: Site, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(bulk, "LINES_A_SECOND", 0.001)
    await add_session(site.platform)
    path = f"/open-supply/{name}"
    first = await site.get(path)
    await change(site.platform, "UPDATE clinic_sessions SET booked = booked + 1")
    await add_session(site.platform)  # at a hospital of its own
    assert (await site.get(path)).text == first.text
    for _ in range(100):  # ten seconds pass at each look
        site.platform.elapsed()
    assert (await site.get(path)).text != first.text


async def test_the_manifest_and_lists_answer_conditional_requests(site: Site) -> None:
    await add_session(site.platform)
    for path in ("/$bulk-publish", "/open-supply/locations.ndjson"):
        tag = (await site.get(path)).headers["etag"]
        assert (await site.get(path, headers={"If-None-Match": tag})).status_code == 304
        assert (await site.get(path, headers={"If-None-Match": '"other"'})).status_code == 200
