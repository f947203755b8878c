"""Nobody sees or touches what is another's: every call without, and with a wrong, token."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import jwt
import pytest
from tests.city import Clock
from tests.web.site import API, CHINESE, ENGLISH, Site, add_citizen, booked, problem

from guahao.web import api
from guahao.web.app import api_routes
from guahao.web.framework.openapi import Endpoint
from guahao.web.http.tokens import PAGES_SECONDS


def calls_with_token(site: Site) -> list[Endpoint]:
    services = api.Services(site.platform, None, None, None, None)  # type: ignore[arg-type]
    return [route.endpoint for route in api_routes(services) if route.endpoint.needs_token]


def forged(site: Site, clock: Clock) -> dict[str, str]:
    """Tokens that look right, and are not."""
    key = site.platform.vault.key_for("tokens")
    expires = int(clock().timestamp()) + 100
    good = site.token(1)
    head, claims, signature = good.split(".")
    other = base64.urlsafe_b64encode(json.dumps({"sub": "2", "exp": expires}).encode())
    return {
        "not a token": "abc",
        "empty": "",
        "another key": jwt.encode({"sub": "1", "exp": expires}, b"k" * 32, "HS256"),
        "another purpose": jwt.encode(
            {"sub": "1", "exp": expires}, site.platform.vault.key_for("others"), "HS256"
        ),
        "unsigned": jwt.encode({"sub": "1", "exp": expires}, "", "none"),
        "another algorithm": jwt.encode({"sub": "1", "exp": expires}, key * 2, "HS512"),
        "other claims": f"{head}.{other.decode().rstrip('=')}.{signature}",
        "cut": good[:-2],
        "no expiry": jwt.encode({"sub": "1"}, key, "HS256"),
        "no account": jwt.encode({"exp": expires}, key, "HS256"),
        "no number": jwt.encode({"sub": "me", "exp": expires}, key, "HS256"),
        "endless": jwt.encode({"sub": "1", "exp": "never"}, key, "HS256"),
        "claims alone": claims,
    }


@pytest.mark.parametrize("language", [CHINESE, ENGLISH], ids=["zh", "en"])
async def test_every_call_of_an_account_wants_a_token(
    closed_site: Site, clock: Clock, language: dict[str, str]
) -> None:
    site = closed_site
    calls = calls_with_token(site)
    assert len(calls) == 20
    for endpoint in calls:
        path = API + endpoint.path.format(appointment_id=1, patient_id=1, application_id=1)
        answer = await site.call(endpoint.method, path, headers=language)
        problem(answer, 401, "token_required")
        for name, token in forged(site, clock).items():
            answer = await site.call(endpoint.method, path, token=token, headers=language)
            code = answer.json()["code"]
            assert code in ("token_invalid", "token_required"), name
            problem(answer, 401, code)
            assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("scheme", ["Basic {}", "{}", "Token {}", "Bearer", "Bearer {} {}"])
async def test_a_token_goes_by_the_bearer_scheme(closed_site: Site, scheme: str) -> None:
    sent = {"Authorization": scheme.format(closed_site.token(1), "more")}
    assert (await closed_site.get(f"{API}/me", headers=sent)).status_code == 401


async def test_the_schemes_case_does_not_matter(site: Site) -> None:
    citizen = await add_citizen(site)
    sent = {"Authorization": f"bearer {citizen.token}"}
    assert (await site.get(f"{API}/me", headers=sent)).status_code == 200


async def test_a_token_expires_also_where_it_was_used_before(site: Site, clock: Clock) -> None:
    citizen = await add_citizen(site)
    assert (await site.get(f"{API}/me", token=citizen.token)).status_code == 200
    clock.now += timedelta(seconds=PAGES_SECONDS)
    for endpoint in calls_with_token(site):
        path = API + endpoint.path.format(appointment_id=1, patient_id=1, application_id=1)
        answer = await site.call(endpoint.method, path, token=citizen.token)
        problem(answer, 401, "token_expired")


async def test_a_stranger_finds_none_of_my_bookings(site: Site) -> None:
    mine = await add_citizen(site, 1)
    stranger = await add_citizen(site, 2)
    booking = await booked(site, mine)
    one = f"{API}/appointments/{booking['id']}"
    missing = f"{API}/appointments/{booking['id'] + 1}"
    for method, suffix in (("GET", ""), ("POST", "/cancel")):
        answer = await site.call(method, one + suffix, token=stranger.token)
        problem(answer, 404, "unknown_appointment")
        unknown = await site.call(method, missing + suffix, token=stranger.token)
        assert answer.content == unknown.content
    for view in ("current", "history"):
        listed = await site.get(f"{API}/appointments?view={view}", token=stranger.token)
        assert listed.json()["items"] == []
    me = await site.get(f"{API}/me", token=stranger.token)
    assert [patient["id"] for patient in me.json()["patients"]] == [stranger.patient_id]
    still = await site.get(one, token=mine.token)
    assert still.json()["status"] == "booked"
