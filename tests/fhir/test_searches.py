"""Searches as FHIR means them: what is asked together holds together, and pages lead on."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from tests.city import add_session, ask, change
from tests.fhir.test_facade import FHIR, ids, place, refused, resource
from tests.web.nasty import NASTY, NASTY_BYTES
from tests.web.site import Site, add_citizen, booked

from guahao.web.fhir.capability import RESOURCES

# A hospital 1 with department 1, and 2 with 2; the department of both has the same name.
DIRECTORY = [
    ("Organization?_id=1&name=第一", ["Organization/1"]),
    ("Organization?_id=1&name=儿童", []),
    ("Organization?_id=1,2&address=东城", ["Organization/1", "Organization/2"]),
    ("Organization?_id=1,1,2", ["Organization/1", "Organization/2"]),
    ("Organization?_id=1&_id=2", []),
    ("Organization?_id=x", []),
    ("Organization?address=西城", []),
    ("Location?organization=Organization/2", ["Location/2"]),
    ("Location?organization=Organization/2&_id=1", []),
    ("Location?organization={base}/Organization/2", ["Location/2"]),
    ("Location?organization=https://elsewhere.example/fhir/Organization/2", []),
    ("Location?organization=Patient/2", []),
    ("HealthcareService?organization=1,2", ["HealthcareService/1", "HealthcareService/2"]),
    ("HealthcareService?organization=1&location=Location/2", []),
    ("HealthcareService?_id=1&organization=Organization/2", []),
    ("HealthcareService?name=心血管&service-type=骨科", []),
    ("HealthcareService?name=心血管&location=2", ["HealthcareService/2"]),
    ("Schedule?actor=Location/2", ["Schedule/2"]),
    ("Schedule?actor=HealthcareService/1", ["Schedule/1"]),
    ("Schedule?actor=HealthcareService/1&_id=2", []),
    ("Schedule?actor=Practitioner/1", []),
]


@pytest.fixture
async def city(site: Site) -> Site:
    for _ in range(2):
        await add_session(site.platform)
    return site


@pytest.mark.parametrize(("path", "found"), DIRECTORY)
async def test_every_parameter_narrows(city: Site, path: str, found: list[str]) -> None:
    base = city.platform.settings.public_base + FHIR
    bundle = resource(await city.get(f"{FHIR}/{path.format(base=base)}"))
    assert ids(bundle) == found
    assert bundle["total"] == len(found)


@pytest.mark.parametrize("kind", ["Organization", "Location", "HealthcareService", "Schedule"])
async def test_directories_are_paged_by_their_links(city: Site, kind: str) -> None:
    seen, url = [], f"{FHIR}/{kind}?_count=1"
    while url:
        bundle = resource(await city.get(url))
        assert bundle["total"] == 2
        seen += ids(bundle)
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        url = links.get("next", "").partition(":8000")[2]
    assert seen == [f"{kind}/1", f"{kind}/2"]
    counted = resource(await city.get(f"{FHIR}/{kind}?_count=0"))
    assert (counted["total"], ids(counted)) == (2, [])
    assert [link["relation"] for link in counted["link"]] == ["self"]


@pytest.mark.parametrize(
    ("start", "found"),
    [
        ("2026", True),
        ("2026-12", True),
        ("2026-11", False),
        ("ge2027", False),
        ("lt2027", True),
        ("le9999-12-31", True),
        ("ge0001-01-01", True),
        ("ne2026-12-03", False),
        ("ne2026-12-04", True),
        ("sa2026-12-02", True),
        ("sa2026-12-03", False),
        ("eb2026-12-04", True),
        ("eb2026-12-03", False),
        ("2026-12-03T08:30", True),
        ("2026-12-03T08:29", False),
        ("2026-12-03T08:30:00", True),
        ("2026-12-03T08:30:01", False),
        ("2026-12-01,2026-12-03", True),
        ("2026-12-01,2026-12-02", False),
        ("ge2026-12-01&start=lt2026-12-03", False),
    ],
)
async def test_a_date_is_as_precise_as_it_is_written(city: Site, start: str, found: bool) -> None:
    bundle = resource(await city.get(f"{FHIR}/Slot?schedule=1&start={start}"))
    assert bool(ids(bundle)) is found


async def test_slots_come_by_start_or_from_the_last(city: Site) -> None:
    await change(
        city.platform,
        """
        INSERT INTO clinic_sessions (hospital_id, department_id, title, visit_date, period,
                                     fee_fen, capacity)
        SELECT hospital_id, department_id, title, visit_date - 1, 'afternoon', 100, 1
        FROM clinic_sessions WHERE id = 1
        """,
    )
    path = f"{FHIR}/Slot?schedule=1&_sort="
    forwards = ids(resource(await city.get(path + "start")))
    assert forwards == ["Slot/3", "Slot/1"]
    assert ids(resource(await city.get(path + "-start"))) == forwards[::-1]


async def test_own_appointments_by_every_parameter(site: Site) -> None:
    citizen = await add_citizen(site)
    booking = await booked(site, citizen)
    hospital_id, department_id = await place(site, booking["clinic_session_id"])
    order_no, code = booking["order_no"], booking["code"]
    meant = [
        f"identifier={order_no}",
        f"identifier=urn:guahao:order-no|{order_no}",
        f"identifier=urn:guahao:identification-code|{code}",
        "identifier=urn:guahao:order-no|",
        f"identifier=x,{code}",
        f"actor=Location/{hospital_id}&actor=Patient/{citizen.patient_id}",
        f"actor=HealthcareService/{department_id}",
        "status=http://hl7.org/fhir/appointmentstatus|booked",
        "_lastUpdated=2026-11-30",
        "date=2026-12&_sort=-date",
    ]
    not_meant = [
        f"identifier=urn:guahao:order-no|{code}",
        f"identifier=urn:elsewhere|{order_no}",
        f"identifier=|{order_no}",
        f"actor=Location/{hospital_id + 1}",
        f"actor=Location/{hospital_id}&actor=Patient/{citizen.patient_id + 1}",
        f"status=booked&slot={booking['clinic_session_id'] + 1}",
        "status=booked&status=cancelled",
        "_lastUpdated=gt2026-11-30",
    ]
    for asked in (*meant, *not_meant):
        bundle = resource(await site.get(f"{FHIR}/Appointment?{asked}", token=citizen.token))
        expected = [f"Appointment/{booking['id']}"] if asked in meant else []
        assert ids(bundle) == expected, asked


async def test_a_search_by_post_keeps_the_code_out_of_the_address(site: Site) -> None:
    citizen = await add_citizen(site)
    booking = await booked(site, citizen)
    path = f"{FHIR}/Appointment/_search"
    found = await site.post(path, token=citizen.token, data={"identifier": booking["code"]})
    assert ids(resource(found)) == [f"Appointment/{booking['id']}"]
    none = await site.post(
        f"{path}?status=noshow", token=citizen.token, data={"identifier": booking["code"]}
    )
    assert ids(resource(none)) == []
    refused(await site.post(path, token=citizen.token, json={}), 415, "unsupported_media_type")
    refused(await site.post(path, data={"identifier": "1"}), 401, "token_required")


@pytest.mark.parametrize("kind", RESOURCES)
async def test_no_value_of_any_parameter_makes_a_search_fail(site: Site, kind: str) -> None:
    citizen = await add_citizen(site)
    await booked(site, citizen)
    more: dict[str, Any] = {"schedule": "1"} if kind == "Slot" else {}
    names = [*RESOURCES[kind][1], "_count", "_cursor", "_include", "_sort", "_format"]
    seen = []
    for number, name in enumerate(names):
        for value in NASTY[number % 3 :: 3]:  # each value at every third parameter
            answer = await site.get(
                f"{FHIR}/{kind}", params={**more, name: value}, token=citizen.token
            )
            seen.append((name, value, answer.status_code, answer.json()["resourceType"]))
        for text in NASTY_BYTES:
            answer = await site.get(f"{FHIR}/{kind}?{name}={text}", token=citizen.token)
            seen.append((name, text, answer.status_code, answer.json()["resourceType"]))
    told = {200: "Bundle", 400: "OperationOutcome", 406: "OperationOutcome"}
    told[414] = "OperationOutcome"
    assert [one for one in seen if told.get(one[2]) != one[3]] == []


async def test_no_id_makes_a_read_fail(site: Site) -> None:
    await add_citizen(site)
    for kind in RESOURCES:
        for value in NASTY:
            answer = await site.get(f"{FHIR}/{kind}/{quote(value or '-', safe='')}")
            assert answer.status_code in (200, 401, 404), (kind, value)
    assert await ask(site.platform, "SELECT count(*) FROM appointments") == [(0,)]
