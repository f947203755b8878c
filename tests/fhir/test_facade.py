"""The FHIR R4 facade, called as a program would: resources that validate, rules that hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fhir.resources.R4B import get_fhir_model_class
from tests.city import add_session, ask, change, resident_id
from tests.web.site import ENGLISH, Site, add_citizen, booked, has_chinese

from guahao.web.fhir.capability import RESOURCES

FHIR = "/fhir/r4"
JSON = {"Content-Type": "application/fhir+json"}
KEY = {**JSON, "Idempotency-Key": "one"}


def resource(answer: httpx.Response, status: int = 200) -> dict[str, Any]:
    """The body, which must be a resource that validates."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/fhir+json")
    body: dict[str, Any] = answer.json()
    get_fhir_model_class(body["resourceType"]).model_validate(body)
    return body


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """An OperationOutcome with our word in it; its issue."""
    outcome = resource(answer, status)
    assert outcome["resourceType"] == "OperationOutcome"
    issue: dict[str, Any] = outcome["issue"][0]
    assert issue["details"]["coding"][0]["code"] == code
    return issue


def ids(bundle: dict[str, Any], mode: str = "match") -> list[str]:
    found = [e for e in bundle.get("entry", []) if e["search"]["mode"] == mode]
    return [f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in found]


def wish(session_id: int, patient_id: int, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Appointment",
        "status": "proposed",
        "slot": [{"reference": f"Slot/{session_id}"}],
        "participant": [{"actor": {"reference": f"Patient/{patient_id}"}, "status": "accepted"}],
        **more,
    }


async def place(site: Site, session_id: int) -> tuple[int, int]:
    """The session's hospital and department."""
    [row] = await ask(
        site.platform,
        "SELECT hospital_id, department_id FROM clinic_sessions WHERE id = %s",
        session_id,
    )
    return row[0], row[1]


async def test_what_the_statement_promises_is_answered(site: Site) -> None:
    citizen = await add_citizen(site)
    statement = resource(await site.get(f"{FHIR}/metadata"))
    assert statement["fhirVersion"] == "4.0.1"
    promised = {r["type"]: r for r in statement["rest"][0]["resource"]}
    assert promised.keys() == RESOURCES.keys()
    for kind, told in promised.items():
        for parameter in told["searchParam"]:
            value = "2026-12-03" if parameter["type"] == "date" else "1"
            needed = "&schedule=1" if kind == "Slot" else ""
            answer = await site.get(
                f"{FHIR}/{kind}?{parameter['name']}={value}{needed}",
                token=citizen.token,
                headers={"Prefer": "handling=strict"},
            )
            assert resource(answer)["type"] == "searchset", (kind, parameter)


async def test_from_the_hospital_to_the_slot_by_references(site: Site) -> None:
    session_id = await add_session(site.platform)
    hospital_id, department_id = await place(site, session_id)
    found = resource(await site.get(f"{FHIR}/Organization?name=第一"))
    assert ids(found) == [f"Organization/{hospital_id}"]
    resource(await site.get(f"{FHIR}/Organization/{hospital_id}"))
    where = resource(await site.get(f"{FHIR}/Location/{hospital_id}"))
    assert where["managingOrganization"]["reference"] == f"Organization/{hospital_id}"

    found = resource(
        await site.get(
            f"{FHIR}/HealthcareService?organization=Organization/{hospital_id}"
            "&_include=HealthcareService:organization"
        )
    )
    assert ids(found) == [f"HealthcareService/{department_id}"]
    assert ids(found, "include") == [f"Organization/{hospital_id}"]

    found = resource(await site.get(f"{FHIR}/Schedule?actor=HealthcareService/{department_id}"))
    assert ids(found) == [f"Schedule/{department_id}"]

    found = resource(
        await site.get(
            f"{FHIR}/Slot?schedule=Schedule/{department_id}&start=ge2026-12-01"
            "&start=lt2026-12-04&status=free&_include=Slot:schedule"
        )
    )
    assert (ids(found), ids(found, "include")) == (
        [f"Slot/{session_id}"],
        [f"Schedule/{department_id}"],
    )
    slot = resource(await site.get(f"{FHIR}/Slot/{session_id}"))
    assert (slot["start"], slot["end"]) == (
        "2026-12-03T08:30:00+08:00",
        "2026-12-03T09:00:00+08:00",
    )
    capacity = {e["url"].rpartition("/")[2]: e for e in slot["extension"]}["slot-capacity"]
    assert capacity["valueInteger"] == 20


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("start=2026-12-03", True),
        ("start=2026-12-02", False),
        ("start=ge2026-12-03T08:30:00%2B08:00", True),
        ("start=gt2026-12-03T08:30:00%2B08:00", False),
        ("start=le2026-12-03T00:30:00Z", True),
        ("start=lt2026-12-03T00:30:00Z", False),
        ("status=busy", False),
        ("status=busy,free", True),
        ("appointment-type=主任医师", True),
        ("appointment-type=医士", False),
        ("_count=0", False),
    ],
)
async def test_slots_by_start_status_and_title(site: Site, asked: str, found: bool) -> None:
    _, department_id = await place(site, await add_session(site.platform))
    bundle = resource(await site.get(f"{FHIR}/Slot?schedule={department_id}&{asked}"))
    assert bool(ids(bundle)) is found


async def test_slots_are_paged_by_links_without_missing_or_doubling_one(site: Site) -> None:
    session_id = await add_session(site.platform)
    _, department_id = await place(site, session_id)
    await change(
        site.platform,
        """
        INSERT INTO clinic_sessions (hospital_id, department_id, title, visit_date, period,
                                     fee_fen, capacity)
        SELECT hospital_id, department_id, title, visit_date + n, 'afternoon', 100, n / 4
        FROM clinic_sessions, generate_series(1, 6) n WHERE id = %s
        """,
        session_id,
    )
    seen, url = [], f"{FHIR}/Slot?schedule={department_id}&_count=3"
    while url:
        bundle = resource(await site.get(url))
        assert bundle["total"] == 7
        seen.append(ids(bundle))
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        url = links.get("next", "").partition(":8000")[2]
    assert [len(page) for page in seen] == [3, 3, 1]
    assert len({id for page in seen for id in page}) == 7


async def test_an_appointment_is_made_and_cancelled_by_the_same_rules(site: Site) -> None:
    citizen, session_id = await add_citizen(site), await add_session(site.platform)
    asked = wish(session_id, citizen.patient_id)
    answer = await site.post(f"{FHIR}/Appointment", token=citizen.token, headers=KEY, json=asked)
    made = resource(answer, 201)
    assert answer.headers["location"].endswith(f"{FHIR}/Appointment/{made['id']}")
    assert made["status"] == "booked"
    assert await ask(
        site.platform,
        "SELECT channel, booked FROM appointments a"
        " JOIN clinic_sessions s ON s.id = a.clinic_session_id",
    ) == [("fhir", 1)]

    again = await site.post(f"{FHIR}/Appointment", token=citizen.token, headers=KEY, json=asked)
    assert resource(again, 201) == made
    other = {**KEY, "Idempotency-Key": "two"}
    answer = await site.post(f"{FHIR}/Appointment", token=citizen.token, headers=other, json=asked)
    assert refused(answer, 409, "duplicate_department")["code"] == "business-rule"

    path = f"{FHIR}/Appointment/{made['id']}"
    cancelled = {**made, "status": "cancelled"}
    answer = await site.call("PUT", path, token=citizen.token, headers=JSON, json=cancelled)
    refused(answer, 403, "cancel_by_phone")
    assert resource(await site.get(path, token=citizen.token))["status"] == "booked"


@pytest.fixture
def self_service(site: Site) -> Iterator[None]:
    """An operator who lets patients cancel for themselves."""
    allowed = frozenset({"agent", "patient"})
    policy = site.platform.policy_today
    object.__setattr__(policy, "cancel_channels", allowed)
    yield
    object.__setattr__(policy, "cancel_channels", frozenset({"agent"}))


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("PUT", None),
        ("PATCH", {"status": "cancelled"}),
        ("PATCH", [{"op": "replace", "path": "/status", "value": "cancelled"}]),
    ],
    ids=["update", "merge patch", "JSON patch"],
)
@pytest.mark.usefixtures("self_service")
async def test_cancelling_by_update_and_patch_frees_the_place(
    site: Site, method: str, body: Any
) -> None:
    citizen = await add_citizen(site)
    path = f"{FHIR}/Appointment/{(await booked(site, citizen))['id']}"
    sent = body or {**resource(await site.get(path, token=citizen.token)), "status": "cancelled"}
    answer = await site.call(method, path, token=citizen.token, headers=JSON, json=sent)
    cancelled = resource(answer)
    assert cancelled["status"] == "cancelled"
    assert cancelled["cancelationReason"]["coding"][0]["code"] == "pat"
    assert await ask(site.platform, "SELECT booked FROM clinic_sessions") == [(0,)]
    twice = await site.call(method, path, token=citizen.token, headers=JSON, json=sent)
    assert resource(twice) == cancelled


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("booked", "booked"),
        ("picked_up", "checked-in"),
        ("cancelled", "cancelled"),
        ("stopped", "cancelled"),
        ("no_show", "noshow"),
        ("unverified", "booked"),
    ],
)
async def test_every_status_has_its_fhir_word_and_is_found_by_it(
    site: Site, status: str, shown: str
) -> None:
    citizen = await add_citizen(site)
    id = (await booked(site, citizen))["id"]
    if status in ("cancelled", "stopped"):
        await change(site.platform, "UPDATE clinic_sessions SET booked = 0")
    await change(site.platform, "UPDATE appointments SET status = %s", status)
    found = resource(
        await site.get(
            f"{FHIR}/Appointment?status={shown}&_include=Appointment:slot", token=citizen.token
        )
    )
    assert ids(found) == [f"Appointment/{id}"]
    assert len(ids(found, "include")) == 1
    other = "noshow" if shown != "noshow" else "booked"
    assert not ids(
        resource(await site.get(f"{FHIR}/Appointment?status={other}", token=citizen.token))
    )


async def test_nobody_sees_or_touches_what_is_anothers(site: Site) -> None:
    owner, stranger = await add_citizen(site, 1), await add_citizen(site, 2)
    id = (await booked(site, owner))["id"]
    cancelled = wish(1, owner.patient_id, status="cancelled", id=str(id))
    for method, path, body in (
        ("GET", f"Appointment/{id}", None),
        ("PUT", f"Appointment/{id}", cancelled),
        ("PATCH", f"Appointment/{id}", {"status": "cancelled"}),
        ("GET", f"Patient/{owner.patient_id}", None),
    ):
        answer = await site.call(
            method, f"{FHIR}/{path}", token=stranger.token, headers=JSON, json=body
        )
        assert answer.status_code == 404, (method, path)
        resource(answer, 404)
        unnamed = await site.call(method, f"{FHIR}/{path}", headers=JSON, json=body)
        refused(unnamed, 401, "token_required")
    for path in ("Appointment", "Patient"):
        listed = resource(await site.get(f"{FHIR}/{path}", token=stranger.token))
        assert f"{path}/{id}" not in ids(listed)
        assert f"Patient/{owner.patient_id}" not in ids(listed)
    refused(
        await site.post(
            f"{FHIR}/Appointment",
            token=stranger.token,
            headers=KEY,
            json=wish(await add_session(site.platform), owner.patient_id),
        ),
        403,
        "not_your_patient",
    )
    assert await ask(site.platform, "SELECT count(*), max(status) FROM appointments") == [
        (1, "booked")
    ]


async def test_a_patients_document_is_masked(site: Site) -> None:
    citizen = await add_citizen(site)
    answer = await site.get(f"{FHIR}/Patient/{citizen.patient_id}", token=citizen.token)
    identifier = resource(answer)["identifier"][0]
    assert "value" not in identifier
    assert "****" in answer.text
    assert resident_id(1) not in answer.text


WRONG = [
    ("no key", {}, JSON, 422, "fhir_key_required"),
    ("two slots", {"slot": [{"reference": "Slot/1"}] * 2}, KEY, 422, "fhir_invalid"),
    ("another kind", {"slot": [{"reference": "Schedule/1"}]}, KEY, 422, "fhir_invalid"),
    ("no patient", {"participant": [{"actor": {"reference": "Location/1"}, "status": "accepted"}]},
     KEY, 422, "fhir_invalid"),
    ("no status", {"status": None}, KEY, 422, "fhir_invalid"),
    ("cancelled at once", {"status": "cancelled"}, KEY, 422, "fhir_invalid"),
    ("another time", {"start": "2026-12-04T08:30:00+08:00", "end": "2026-12-04T09:00:00+08:00"},
     KEY, 422, "fhir_invalid"),
    ("another server", {"slot": [{"reference": "https://elsewhere.example/fhir/Slot/1"}]},
     KEY, 422, "fhir_invalid"),
    ("a modifier", {"modifierExtension": [{"url": "urn:x", "valueBoolean": True}]},
     KEY, 422, "fhir_invalid"),
    ("unknown element", {"colour": "green"}, KEY, 422, "fhir_invalid"),
    ("unknown slot", {"slot": [{"reference": "Slot/999999"}]}, KEY, 404, "unknown_session"),
    ("as text", {}, {**KEY, "Content-Type": "text/plain"}, 415, "unsupported_media_type"),
    ("long key", {}, {**KEY, "Idempotency-Key": "k" * 65}, 400, "idempotency_key_invalid"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "headers", "status", "code"), [row[1:] for row in WRONG], ids=[r[0] for r in WRONG]
)
async def test_a_wrong_wish_is_refused_in_words_and_books_nothing(
    site: Site, changed: dict[str, Any], headers: dict[str, str], status: int, code: str
) -> None:
    citizen = await add_citizen(site)
    asked = wish(await add_session(site.platform), citizen.patient_id)
    answer = await site.post(
        f"{FHIR}/Appointment",
        token=citizen.token,
        headers={**headers, **ENGLISH},
        json={**asked, **changed},
    )
    issue = refused(answer, status, code)
    assert not has_chinese(issue["details"]["text"])
    assert await ask(site.platform, "SELECT count(*) FROM appointments") == [(0,)]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("Slot", 400, "fhir_search_too_broad"),
        ("Slot?schedule=1&start=tomorrow", 400, "fhir_parameter_invalid"),
        ("Slot?schedule=1&start=2026-02-30", 400, "fhir_parameter_invalid"),
        ("Slot?schedule=1&_count=many", 400, "fhir_parameter_invalid"),
        ("Organization?_cursor=-1", 400, "fhir_parameter_invalid"),
        ("Organization?_format=xml", 406, "fhir_format"),
        ("Slot?schedule=1&start=ap2026-12-03", 400, "fhir_parameter_invalid"),
        ("Slot?schedule=1&start=2026-12-03T08", 400, "fhir_parameter_invalid"),
        ("Slot?schedule=1&_sort=title", 400, "fhir_parameter_invalid"),
        ("Slot?schedule.actor=Location/1", 400, "fhir_chain"),
        ("Slot?schedule:Schedule.actor=Location/1", 400, "fhir_chain"),
        ("Slot?schedule=1&_include:iterate=Schedule:actor", 400, "fhir_include_iterate"),
        ("Schedule?_include:iterate=HealthcareService:location", 400, "fhir_include_iterate"),
        ("Slot?schedule=1&_cursor=50", 400, "fhir_parameter_invalid"),
        ("Organization?_cursor=1.2", 400, "fhir_parameter_invalid"),
        ("Schedule?_cursor=x", 400, "fhir_parameter_invalid"),
        ("Organization?name:exact=x", 400, "fhir_parameter_unknown"),
        ("Organization?name=x&name=y", 400, "fhir_parameter_invalid"),
        ("Organization?name=%00", 400, "fhir_parameter_invalid"),
        ("Organization?name=%ff", 400, "invalid_encoding"),
        ("Organization/0", 404, "not_found"),
        ("Organization/abc", 404, "not_found"),
        ("Practitioner", 404, "not_found"),
        ("Encounter/1", 404, "not_found"),
    ],
)
async def test_a_wrong_search_is_an_outcome(site: Site, path: str, status: int, code: str) -> None:
    refused(await site.get(f"{FHIR}/{path}"), status, code)


async def test_an_unknown_parameter_is_left_out_or_strictly_refused(site: Site) -> None:
    lenient = resource(await site.get(f"{FHIR}/Organization?colour=green&name=x"))
    assert "colour" not in lenient["link"][0]["url"]
    strict = {"Prefer": "handling=strict"}
    refused(
        await site.get(f"{FHIR}/Organization?colour=green", headers=strict),
        400,
        "fhir_parameter_unknown",
    )


@pytest.mark.parametrize(
    ("accepted", "status"),
    [
        ("application/fhir+json", 200),
        ("application/fhir+json; fhirVersion=4.0", 200),
        ("text/html, application/xhtml+xml, */*;q=0.8", 200),
        ("application/fhir+json; fhirVersion=5.0", 406),
        ("application/fhir+xml", 406),
        ("application/json;q=0, text/turtle", 406),
    ],
)
async def test_what_the_caller_takes(site: Site, accepted: str, status: int) -> None:
    answer = await site.get(f"{FHIR}/metadata", headers={"Accept": accepted})
    if status == 200:
        resource(answer)
    else:
        refused(answer, status, "fhir_format")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "malformed_json"),
        (b"", 400, "malformed_json"),
        (b"[" * 5000, 400, "malformed_json"),
        (b"\xff\xfe", 400, "malformed_json"),
        (b'"\xff"', 400, "invalid_encoding"),
        (b"[]", 422, "fhir_invalid"),
        (b"7", 422, "fhir_invalid"),
        (b'{"resourceType": "Patient"}', 422, "fhir_invalid"),
        (b" " * 20_000, 413, "body_too_large"),
    ],
)
async def test_a_body_that_is_no_resource_is_an_outcome(
    site: Site, body: bytes, status: int, code: str
) -> None:
    citizen = await add_citizen(site)
    for method, path in (("POST", "Appointment"), ("PUT", "Appointment/1")):
        answer = await site.call(
            method, f"{FHIR}/{path}", token=citizen.token, headers=KEY, content=body
        )
        refused(answer, status, code)


async def test_an_update_must_name_what_it_updates(site: Site) -> None:
    citizen = await add_citizen(site)
    for more in ({}, {"id": "2"}):
        sent = wish(1, citizen.patient_id, status="cancelled", **more)
        answer = await site.call(
            "PUT", f"{FHIR}/Appointment/1", token=citizen.token, headers=JSON, json=sent
        )
        refused(answer, 400, "fhir_other_id")


async def test_a_method_that_is_not_offered_is_an_outcome(site: Site) -> None:
    refused(await site.call("DELETE", f"{FHIR}/Appointment/1"), 405, "method_not_allowed")


async def test_english_names_and_addresses_are_translations(site: Site) -> None:
    hospital_id, department_id = await place(site, await add_session(site.platform))
    texts = {"Organization": hospital_id, "HealthcareService": department_id}
    for kind, id in texts.items():
        assert "_name" not in resource(await site.get(f"{FHIR}/{kind}/{id}"))
    await change(
        site.platform,
        "UPDATE hospitals SET name_en = 'First Hospital', address = '春风路1号',"
        " address_en = '1 Chunfeng Road'",
    )
    await change(site.platform, "UPDATE departments SET name_en = 'Cardiology'")
    for kind, id, text in (
        ("Organization", hospital_id, "First Hospital"),
        ("Location", hospital_id, "First Hospital"),
        ("HealthcareService", department_id, "Cardiology"),
    ):
        assert english(resource(await site.get(f"{FHIR}/{kind}/{id}"))["_name"]) == text
    location = resource(await site.get(f"{FHIR}/Location/{hospital_id}"))
    assert location["address"]["line"] == ["春风路1号"]
    [line] = location["address"]["_line"]
    assert english(line) == "1 Chunfeng Road"


async def test_a_visit_is_described_in_chinese_and_english(site: Site) -> None:
    citizen, session_id = await add_citizen(site), await add_session(site.platform)
    hospital_id, department_id = await place(site, session_id)
    location = resource(await site.get(f"{FHIR}/Location/{hospital_id}"))
    assert location["description"] == "门诊楼一层"
    assert "_description" not in location
    service = resource(await site.get(f"{FHIR}/HealthcareService/{department_id}"))
    assert service["appointmentRequired"] is True
    assert not {"extraDetails", "_extraDetails"} & service.keys()
    await change(
        site.platform,
        "UPDATE hospitals SET pickup_place_en = 'Ground floor', notice = '请提前到达',"
        " notice_en = 'Come early'",
    )
    await change(site.platform, "UPDATE departments SET name_en = 'Cardiology'")
    location = resource(await site.get(f"{FHIR}/Location/{hospital_id}"))
    assert english(location["_description"]) == "Ground floor"
    service = resource(await site.get(f"{FHIR}/HealthcareService/{department_id}"))
    assert service["extraDetails"] == "请提前到达"
    assert english(service["_extraDetails"]) == "Come early"
    booking = (await site.book(citizen, session_id)).json()
    for path in (f"Slot/{session_id}", f"Appointment/{booking['id']}"):
        visit = resource(await site.get(f"{FHIR}/{path}", token=citizen.token))
        [specialty], [service_type] = visit["specialty"], visit["serviceType"]
        texts = (specialty, visit["appointmentType"], service_type)
        assert [text["text"] for text in texts] == ["高血压", "主任医师", "心血管内科"]
        assert [english(text["_text"]) for text in texts] == [
            "High blood pressure",
            "Chief physician",
            "Cardiology",
        ]
    await change(site.platform, "UPDATE clinic_sessions SET specialty = '罕见', title = '特别'")
    slot = resource(await site.get(f"{FHIR}/Slot/{session_id}"))
    assert slot["specialty"] == [{"text": "罕见"}]
    assert "_text" not in slot["appointmentType"]


def english(element: dict[str, Any]) -> str:
    """The English of a translated element."""
    [translation] = element["extension"]
    language, content = translation["extension"]
    assert (language["url"], language["valueCode"]) == ("lang", "en")
    text: str = content["valueString"]
    return text
