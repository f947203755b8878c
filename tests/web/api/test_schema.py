"""The description says what the API does, in both languages, and its page is all our own."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from tests.web.site import CHINESE, ENGLISH, Site, has_chinese

from guahao.rules.integration.clients import Scope
from guahao.web import api
from guahao.web.app import api_routes
from guahao.web.framework.openapi import Endpoint
from guahao.web.words.fields import FIELDS
from guahao.web.words.replies import REPLIES

CONTRACT = {
    ("post", "/api/v1/auth/otp"),
    ("post", "/api/v1/auth/token"),
    ("post", "/api/v1/auth/refresh"),
    ("post", "/api/v1/auth/confirm"),
    ("post", "/api/v1/auth/new-holder"),
    ("post", "/api/v1/auth/logout"),
    ("get", "/api/v1/status"),
    ("get", "/api/v1/me"),
    ("post", "/api/v1/patients"),
    ("delete", "/api/v1/patients/{patient_id}"),
    ("get", "/api/v1/hospitals"),
    ("get", "/api/v1/hospitals/{hospital_id}"),
    ("get", "/api/v1/hospitals/{hospital_id}/departments"),
    ("get", "/api/v1/search"),
    ("get", "/api/v1/clinic-sessions"),
    ("get", "/api/v1/fairness/draws"),
    ("get", "/api/v1/fairness/draws/{draw_id}"),
    ("post", "/api/v1/appointments"),
    ("get", "/api/v1/appointments"),
    ("get", "/api/v1/appointments/{appointment_id}"),
    ("post", "/api/v1/appointments/{appointment_id}/cancel"),
    ("post", "/api/v1/appointments/{appointment_id}/reschedule"),
    ("post", "/api/v1/appointments/{appointment_id}/decline"),
    ("post", "/api/v1/appointments/lookup"),
    ("post", "/api/v1/appointments/together"),
    ("get", "/api/v1/replacements"),
    ("post", "/api/v1/appointments/{appointment_id}/replacement/accept"),
    ("post", "/api/v1/appointments/{appointment_id}/replacement/decline"),
    ("post", "/api/v1/applications"),
    ("get", "/api/v1/applications"),
    ("get", "/api/v1/applications/{application_id}"),
    ("post", "/api/v1/applications/{application_id}/withdraw"),
    ("post", "/api/v1/hospital/token"),
    ("put", "/api/v1/hospital/departments"),
    ("get", "/api/v1/hospital/departments"),
    ("put", "/api/v1/hospital/clinic-sessions"),
    ("get", "/api/v1/hospital/clinic-sessions"),
    ("get", "/api/v1/hospital/calendar"),
    ("put", "/api/v1/hospital/clinic-sessions/{external_id}/capacity"),
    ("post", "/api/v1/hospital/clinic-sessions/{external_id}/stop"),
    ("post", "/api/v1/hospital/clinic-sessions/{external_id}/unstop"),
    ("post", "/api/v1/hospital/clinic-sessions/{external_id}/replacements"),
    ("post", "/api/v1/hospital/clinic-sessions/{external_id}/close"),
    ("get", "/api/v1/hospital/bookings"),
    ("get", "/api/v1/hospital/changes"),
    ("post", "/api/v1/hospital/bookings/lookup"),
    ("post", "/api/v1/hospital/pickups"),
    ("put", "/api/v1/hospital/attendance"),
    ("put", "/api/v1/hospital/queue"),
    ("put", "/api/v1/hospital/queue/settings"),
    ("post", "/api/v1/hospital/reconciliations"),
    ("get", "/api/v1/hospital/reconciliations"),
    ("get", "/api/v1/hospital/reconciliations/{reconciliation_id}"),
    ("get", "/api/v1/hospital/calls"),
}


@pytest.fixture
def calls(closed_site: Site) -> list[Endpoint]:
    services = api.Services(closed_site.platform, None, None, None, None)  # type: ignore[arg-type]
    return [route.endpoint for route in api_routes(services)]


async def document(site: Site, language: dict[str, str]) -> dict[str, Any]:
    answer = await site.get("/schema/openapi.json", headers=language)
    assert answer.status_code == 200
    described: dict[str, Any] = answer.json()
    return described


def operations(described: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method, path): operation
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    }


async def test_every_call_of_the_contract_is_described(closed_site: Site) -> None:
    described = await document(closed_site, ENGLISH)
    assert described["openapi"].startswith("3.1")
    assert operations(described).keys() == CONTRACT


async def test_calls_with_a_token_say_so(closed_site: Site, calls: list[Endpoint]) -> None:
    described = await document(closed_site, ENGLISH)
    scheme = described["components"]["securitySchemes"]["token"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    scopes = described["components"]["securitySchemes"]["hospital"]["flows"]["clientCredentials"]
    assert scopes["scopes"].keys() == set(Scope)
    found = operations(described)
    for endpoint in calls:
        operation = found[endpoint.method.lower(), api.PREFIX + endpoint.path]
        assert ({"token": []} in operation["security"]) == endpoint.needs_token
        wanted = [one["hospital"] for one in operation["security"] if "hospital" in one]
        assert wanted == (
            [] if endpoint.scope is None else [[endpoint.scope] if endpoint.scope else []]
        )
        assert ("401" in operation["responses"]) >= bool(operation["security"])


async def test_every_reference_leads_somewhere(closed_site: Site) -> None:
    described = await document(closed_site, CHINESE)
    references = set(re.findall(r"#/components/schemas/(\w+)", str(described)))
    assert references
    assert references <= described["components"]["schemas"].keys()


async def test_every_error_is_shown_in_the_readers_language(closed_site: Site) -> None:
    for language in (CHINESE, ENGLISH):
        for operation in operations(await document(closed_site, language)).values():
            assert has_chinese(operation["summary"]) == (language is CHINESE)
            assert {"429", "500", "503"} <= operation["responses"].keys()
            for status, response in operation["responses"].items():
                problems = response["content"].get("application/problem+json")
                if problems is None:
                    continue
                for code, example in problems["examples"].items():
                    assert example["value"]["code"] == code
                    assert str(example["value"]["status"]) == status
                    assert has_chinese(example["value"]["detail"]) == (language is CHINESE)


async def test_the_booking_call_names_every_refusal_and_its_key(closed_site: Site) -> None:
    found = operations(await document(closed_site, ENGLISH))
    booking = found["post", "/api/v1/appointments"]
    assert [p["name"] for p in booking["parameters"]] == ["Idempotency-Key"]
    assert set(booking["responses"]["409"]["content"]["application/problem+json"]["examples"]) == {
        "session_stopped",
        "same_day",
        "next_day_closed",
        "beyond_horizon",
        "not_released",
        "by_draw",
        "account_restricted",
        "document_ended",
        "person_unchecked",
        "patient_suspended",
        "duplicate_department",
        "day_limit",
        "seven_day_limit",
        "three_month_limit",
        "sold_out",
    }


def test_every_example_is_what_its_type_allows(calls: list[Endpoint]) -> None:
    for endpoint in calls:
        for example in filter(None, (endpoint.body, endpoint.answer)):
            encoded = msgspec.json.encode(example)
            assert msgspec.json.decode(encoded, type=type(example)) == example


def test_every_field_and_problem_has_its_words(calls: list[Endpoint]) -> None:
    for endpoint in calls:
        taken = [type(endpoint.body)] if endpoint.body else []
        taken += [endpoint.query] if endpoint.query else []
        for struct in taken:
            assert set(struct.__struct_fields__) <= FIELDS.keys(), struct
        assert set(endpoint.codes()) <= REPLIES.keys()


async def test_the_page_loads_nothing_from_elsewhere_and_runs_nothing_inline(
    closed_site: Site,
) -> None:
    page = (await closed_site.get("/schema")).text
    assert re.findall(r"<script(?! src=)", page) == []
    assert re.findall(r"<style|\son\w+=|javascript:", page) == []
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(addresses) == 4
    for address in addresses:
        assert address.startswith("/static/")
        answer = await closed_site.get(address)
        assert answer.status_code == 200, f"{address}: run make assets"
