"""The open supply holds to the published specification of SMART Scheduling Links."""

from __future__ import annotations

from typing import Any

import pytest
from tests.city import add_session, change
from tests.fhir.scheduling_links import manifest_faults, publication_faults
from tests.fhir.test_bulk import lines
from tests.web.site import Site

from guahao.flows.supply.open_supply import all_hospitals
from guahao.settings import Settings
from guahao.web.fhir.bulk import bulk_location


@pytest.fixture
async def published(site: Site) -> Site:
    """Two hospitals, of which the second gives neither a street nor a telephone."""
    for _ in range(2):
        await add_session(site.platform)
    await change(
        site.platform,
        "UPDATE hospitals SET address = '城东区春风路1号', phone = '010-55550101' WHERE id = 1",
    )
    return site


async def publication(site: Site) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {"Location": [], "Schedule": [], "Slot": []}
    for file in (await site.get("/$bulk-publish")).json()["output"]:
        found[file["type"]] += await lines(site, file["url"].partition(":8000")[2])
    return found


async def test_the_manifest_is_as_specified(published: Site) -> None:
    for headers in ({}, {"Accept": "application/json"}):
        answer = await published.get("/$bulk-publish", headers=headers)
        address = f"{published.platform.settings.public_base}/$bulk-publish"
        assert list(manifest_faults(answer.json(), address)) == []
        assert "max-age" in answer.headers["cache-control"]


async def test_every_resource_is_as_specified(published: Site) -> None:
    found = await publication(published)
    assert list(publication_faults(found)) == []
    assert {kind: len(listed) for kind, listed in found.items()} == {
        "Location": 2,
        "Schedule": 2,
        "Slot": 2,
    }


async def test_a_file_is_answered_as_ndjson_to_whoever_asks_for_it(published: Site) -> None:
    for headers in ({}, {"Accept": "application/fhir+ndjson"}):
        answer = await published.get("/open-supply/locations.ndjson", headers=headers)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/fhir+ndjson"


async def test_production_names_its_own_city_and_invents_none(site: Site) -> None:
    await add_session(site.platform)
    [hospital] = await all_hospitals(site.platform)
    nowhere = bulk_location(hospital, Settings(mode="production")).address
    assert nowhere is not None
    assert (nowhere.city, nowhere.state, nowhere.postalCode) == (None, None, None)
    own = Settings(mode="production", city="北京市", province="北京市", postal_code="100000")
    somewhere = bulk_location(hospital, own).address
    assert somewhere is not None
    assert (somewhere.city, somewhere.postalCode) == ("北京市", "100000")


def test_the_validator_finds_what_the_specification_forbids() -> None:
    location = {"resourceType": "Location", "id": "1", "name": "x", "address": {"district": "y"}}
    schedule = {
        "resourceType": "Schedule",
        "id": "1",
        "actor": [{"reference": "HealthcareService/1"}, {"reference": "Location/1"}],
        "serviceType": [{"text": "心血管内科"}],
    }
    slot = {
        "resourceType": "Slot",
        "id": "a_b",
        "schedule": {"reference": "Schedule/2"},
        "status": "busy-unavailable",
        "start": "2026-12-01T10:00:00",
        "end": "2026-12-01T09:00:00",
    }
    faults = list(
        publication_faults({"Location": [location], "Schedule": [schedule], "Slot": [slot]})
    )
    for part in ("no telecom", "city", "state", "postalCode", "address.line", "no identifier"):
        assert any(part in fault for fault in faults), part
    for part in ("actor", "coding", "schedule is", "status", "start", "end", "resourceType"):
        assert any(part in fault for fault in faults), part
