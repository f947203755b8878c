"""A hospital's information system: what lets it in, what does not, and what is written of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import jwt
import pytest
from tests.city import Clock, ask, ask_as_owner, open_platform
from tests.crowd import open_desk
from tests.web.hospital_site import (
    CALLS,
    System,
    add_hospital,
    add_system,
    logged,
    session_item,
    token_answer,
)
from tests.web.site import API, CHINESE, ENGLISH, Site, add_citizen, has_chinese, problem

from guahao.flows.integration import clients
from guahao.flows.integration.clients import WRONG_SECRETS_PER_ADDRESS_HOUR, NewSecret
from guahao.rules.integration.clients import ClientRefusal, Scope
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.staff.staff import SYSTEM
from guahao.settings import Settings
from guahao.web import api
from guahao.web.app import api_routes, create_app
from guahao.web.framework.openapi import Endpoint
from guahao.web.hospital_api.tokens import LIFETIME_SECONDS

# What is published here is booked at once.
pytestmark = pytest.mark.no_draws

THUMBPRINT = "ab" * 32
PROXY = "10.0.0.9"
STRANGER = "203.0.113.7"


@pytest.fixture
async def site(database_url: str, clock: Clock) -> AsyncIterator[Site]:
    settings = Settings(trusted_proxies=(PROXY,), hospital_calls_per_minute=40)
    async with (
        open_platform(database_url, clock, settings=settings) as platform,
        open_desk(platform) as desk,
    ):
        yield Site(create_app(platform, desk), platform)


@pytest.fixture
async def system(site: Site) -> System:
    return await add_system(site)


def hospital_calls(site: Site) -> list[Endpoint]:
    """Every call that wants a hospital's token. New ones are covered as they come."""
    services = api.Services(site.platform, None, None, None, None)  # type: ignore[arg-type]
    return [route.endpoint for route in api_routes(services) if route.endpoint.scope is not None]


class AnyId(dict[str, str]):
    """An id for whatever a path asks for."""

    def __missing__(self, name: str) -> str:
        return "1"


def path_of(endpoint: Endpoint) -> str:
    return API + endpoint.path.format_map(AnyId(external_id="S1"))


async def state(site: Site) -> list[tuple[Any, ...]]:
    tables = ("departments", "clinic_sessions", "appointments", "stops", "audit_trail")
    return [
        row
        for table in tables
        for row in await ask(site.platform, f"SELECT to_jsonb(t) FROM {table} t ORDER BY 1")
    ]


# Getting a token --------------------------------------------------------------------------


async def test_a_secret_gets_a_token_by_both_methods(site: Site, system: System) -> None:
    new = system.client
    for basic in (True, False):
        answer = await token_answer(site, new.client_id, new.secret, basic=basic)
        body = answer.json()
        assert answer.status_code == 200
        assert (body["token_type"], body["expires_in"]) == ("Bearer", LIFETIME_SECONDS)
        assert body["scope"] == "attendance bookings supply"
        assert answer.headers["cache-control"] == "no-store"
        token = body["access_token"]
        assert (await site.get(f"{CALLS}/calls", token=token)).status_code == 200


async def test_fewer_scopes_may_be_asked_for_and_hold(site: Site, system: System) -> None:
    new = system.client
    answer = await token_answer(site, new.client_id, new.secret, form={"scope": "bookings"})
    assert answer.json()["scope"] == "bookings"
    token = answer.json()["access_token"]
    refused = await site.get(f"{CALLS}/clinic-sessions", token=token)
    problem(refused, 403, "scope_missing")
    assert (await logged(site, system.hospital_id))[-1] == (
        "GET /hospital/clinic-sessions",
        403,
        "scope_missing",
    )


@pytest.mark.parametrize("language", [CHINESE, ENGLISH], ids=["zh", "en"])
async def test_a_token_request_that_is_wrong_is_refused_in_oauths_words(
    site: Site, system: System, language: dict[str, str]
) -> None:
    wrong = [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "invalid_request"),
        ({"scope": "supply everything"}, "invalid_scope"),
        ({"scope": "supply  bookings"}, "invalid_scope"),
        ({"client_secret": "x"}, "invalid_request"),
        ({"scope": "x" * 201}, "invalid_request"),
        ({"client_id": "\0"}, "invalid_request"),
    ]
    new = system.client
    for form, error in wrong:
        answer = await token_answer(site, new.client_id, new.secret, form=form, headers=language)
        body = answer.json()
        assert (answer.status_code, body["error"]) == (400, error), form
        assert body["error_description"].isascii()
        assert has_chinese(body["detail"]) == (language is CHINESE)


async def test_no_credentials_a_broken_header_and_a_form_that_is_none(site: Site) -> None:
    form = {"grant_type": "client_credentials"}
    for sent in ("Basic", "Basic !!", "Basic /w==", "Bearer x", "Basic " + "QQ" * 500):
        answer = await site.post(f"{CALLS}/token", data=form, headers={"Authorization": sent})
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), sent
        assert answer.headers["www-authenticate"].startswith("Basic")
    assert (await site.post(f"{CALLS}/token", data=form)).status_code == 401
    for more in ({"json": form}, {"content": b"\xff", "headers": {"Content-Type": "x/y"}}, {}):
        answer = await site.post(f"{CALLS}/token", **more)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    double = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await site.post(f"{CALLS}/token", content=b"scope=a&scope=b", headers=double)
    assert answer.json()["error"] == "invalid_request"


async def test_wrong_unknown_and_other_hospitals_secrets_are_one_answer_and_logged(
    site: Site, system: System
) -> None:
    other = await add_system(site)
    mine = system.client
    answers = [
        await token_answer(site, mine.client_id, "wrong"),
        await token_answer(site, mine.client_id, other.client.secret),
        await token_answer(site, "hc_0000000000000000", mine.secret),
        await token_answer(site, mine.client_id, ""),
    ]
    assert {one.status_code for one in answers} == {401}
    assert {one.content for one in answers} == {answers[0].content}
    rows = await logged(site, system.hospital_id)
    assert rows[1:] == [("POST /hospital/token", 401, "secret_wrong")] * 3
    assert await logged(site, other.hospital_id) == rows[:1]


async def test_guessing_secrets_is_throttled_by_address_and_locks_no_hospital_out(
    site: Site, system: System
) -> None:
    new = system.client
    for _ in range(WRONG_SECRETS_PER_ADDRESS_HOUR):
        wrong = await token_answer(site, new.client_id, "wrong", address=STRANGER)
        assert wrong.status_code == 401
    throttled = await token_answer(site, new.client_id, new.secret, address=STRANGER)
    assert (throttled.status_code, throttled.json()["error"]) == (429, "temporarily_unavailable")
    assert int(throttled.headers["retry-after"]) > 0
    right = await token_answer(site, new.client_id, new.secret, address="203.0.113.8")
    assert right.status_code == 200


# What does not let in ---------------------------------------------------------------------


async def test_every_call_refuses_who_is_nobody_and_citizens(site: Site, clock: Clock) -> None:
    citizen = await add_citizen(site)
    key = site.platform.vault.key_for("hospital tokens")
    exp = int(clock().timestamp()) + 100
    claims = {"sub": "1", "secret": 1, "scope": "supply", "exp": exp, "aud": "guahao-hospital"}
    forged = {
        "a citizen's": citizen.token,
        "no token": "abc",
        "another key": jwt.encode(claims, b"k" * 32, "HS256"),
        "unsigned": jwt.encode(claims, "", "none"),
        "another audience": jwt.encode(claims | {"aud": "citizens"}, key, "HS256"),
        "no secret": jwt.encode({k: v for k, v in claims.items() if k != "secret"}, key, "HS256"),
        "no number": jwt.encode(claims | {"sub": "me"}, key, "HS256"),
        "nobody's": jwt.encode(claims | {"sub": "999"}, key, "HS256"),
    }
    before = await state(site)
    calls = hospital_calls(site)
    assert len(calls) >= 4
    for endpoint in calls:
        answer = await site.call(endpoint.method, path_of(endpoint))
        problem(answer, 401, "token_required")
        for name, token in forged.items():
            answer = await site.call(endpoint.method, path_of(endpoint), token=token)
            assert answer.status_code == 401, name
            problem(answer, 401, "token_invalid")
    assert await state(site) == before
    assert await ask(site.platform, "SELECT 1 FROM hospital_calls") == []


async def test_a_hospitals_token_opens_no_call_of_a_citizens(site: Site, system: System) -> None:
    services = api.Services(site.platform, None, None, None, None)  # type: ignore[arg-type]
    calls = [route.endpoint for route in api_routes(services) if route.endpoint.needs_token]
    for endpoint in calls:
        ids = ("appointment_id", "patient_id", "login_id", "application_id", "offer_id")
        path = API + endpoint.path.format(**dict.fromkeys(ids, 1))
        problem(await site.call(endpoint.method, path, token=system.token), 401, "token_invalid")


async def refused_everywhere(site: Site, system: System, code: str, why: str) -> None:
    """No call of the system's passes, each is logged, nothing is changed."""
    before = await state(site)
    rows = len(await logged(site, system.hospital_id))
    calls = hospital_calls(site)
    for endpoint in calls:
        body = {"items": [session_item()]} if endpoint.body else None
        answer = await site.call(endpoint.method, path_of(endpoint), token=system.token, json=body)
        problem(answer, 401, code)
    assert await state(site) == before
    new = (await logged(site, system.hospital_id))[rows:]
    assert new == [(f"{endpoint.method} {endpoint.path}", 401, why) for endpoint in calls]


async def test_an_expired_token(site: Site, system: System, clock: Clock) -> None:
    clock.forward(seconds=LIFETIME_SECONDS - 1)
    assert (await system.get("/calls")).status_code == 200
    clock.forward(seconds=1)
    await refused_everywhere(site, system, "token_expired", "token_expired")


async def test_a_disabled_client_is_out_at_once_and_in_again(site: Site, system: System) -> None:
    id = system.client.id
    await clients.set_disabled(site.platform, SYSTEM, id, disabled=True)
    await refused_everywhere(site, system, "client_disabled", "client_disabled")
    answer = await token_answer(site, system.client.client_id, system.client.secret)
    assert answer.json()["error"] == "invalid_client"
    await clients.set_disabled(site.platform, SYSTEM, id, disabled=False)
    assert (await system.get("/calls")).status_code == 200


async def test_a_rotated_secret_lives_for_the_overlap_and_not_longer(
    site: Site, system: System, clock: Clock
) -> None:
    old = system.client
    new = await clients.rotate(site.platform, SYSTEM, old.id, overlap_hours=2)
    assert isinstance(new, NewSecret)
    assert new.older_until == clock() + timedelta(hours=2)
    for secret in (old.secret, new.secret):
        assert (await token_answer(site, old.client_id, secret)).status_code == 200
    clock.forward(hours=2)
    assert (await token_answer(site, old.client_id, old.secret)).status_code == 401
    assert (await logged(site, system.hospital_id))[-1][2] == "secret_expired"
    assert (await token_answer(site, old.client_id, new.secret)).status_code == 200


async def test_a_third_secret_ends_the_first_at_once(site: Site, system: System) -> None:
    first = system.client
    for _ in range(2):
        assert isinstance(await clients.rotate(site.platform, SYSTEM, first.id, 24), NewSecret)
    assert (await token_answer(site, first.client_id, first.secret)).status_code == 401


async def test_tokens_of_a_secret_end_with_it(site: Site, system: System) -> None:
    await clients.rotate(site.platform, SYSTEM, system.client.id, overlap_hours=0)
    await refused_everywhere(site, system, "token_invalid", "secret_expired")


async def test_only_hashes_of_secrets_are_kept(site: Site, system: System) -> None:
    rows = await ask_as_owner(site.platform, "SELECT k::text FROM hospital_client_secrets k")
    trail = await ask(site.platform, "SELECT t::text FROM audit_trail t")
    assert len(rows) == 1
    assert not any(system.client.secret in row[0] for row in [*rows, *trail])


# The certificate --------------------------------------------------------------------------


async def test_a_pinned_certificate_is_believed_from_a_trusted_proxy_alone(site: Site) -> None:
    system = await add_system(site, certificate=THUMBPRINT)
    new = system.client
    header = {"X-Client-Certificate-SHA256": ":".join(["AB"] * 32)}

    async def asked(address: str, headers: Any) -> int:
        got = await token_answer(site, new.client_id, new.secret, address=address, headers=headers)
        return got.status_code

    assert await asked(PROXY, header) == 200
    assert await asked(PROXY, {}) == 401
    assert await asked(PROXY, {"X-Client-Certificate-SHA256": "cd" * 32}) == 401
    assert await asked(PROXY, {"X-Client-Certificate-SHA256": "x"}) == 401
    assert await asked(STRANGER, header) == 401
    assert [row[2] for row in await logged(site, system.hospital_id)] == [
        "",
        *["certificate_wrong"] * 4,
    ]
    got = await token_answer(site, new.client_id, new.secret, address=PROXY, headers=header)
    token = got.json()["access_token"]
    stolen = await site.get(f"{CALLS}/calls", token=token, address=STRANGER, headers=header)
    problem(stolen, 401, "certificate_wrong")
    own = await site.get(f"{CALLS}/calls", token=token, address=PROXY, headers=header)
    assert own.status_code == 200


async def test_a_certificate_that_is_said_twice_is_nobodys(site: Site) -> None:
    system = await add_system(site, certificate=THUMBPRINT)
    pair = [("X-Client-Certificate-SHA256", THUMBPRINT)] * 2
    async with site.client(PROXY) as client:
        answer = await client.post(
            f"{CALLS}/token",
            headers=pair,
            data={
                "grant_type": "client_credentials",
                "client_id": system.client.client_id,
                "client_secret": system.client.secret,
            },
        )
    assert answer.status_code == 401


async def test_scopes_and_certificate_hold_for_tokens_already_issued(
    site: Site, system: System
) -> None:
    id = system.client.id
    await clients.change(site.platform, SYSTEM, id, {Scope.BOOKINGS}, "")
    problem(await system.get("/clinic-sessions"), 403, "scope_missing")
    await clients.change(site.platform, SYSTEM, id, set(Scope), THUMBPRINT)
    await refused_everywhere(site, system, "certificate_wrong", "certificate_wrong")


# Limits and the log -----------------------------------------------------------------------


async def test_a_hospitals_calls_are_limited_over_all_its_clients_and_no_others(
    site: Site, system: System, clock: Clock
) -> None:
    second = await add_system(site, system.hospital_id)
    other = await add_system(site)
    for n in range(40):
        assert (await (system, second)[n % 2].get("/calls")).status_code == 200
    refused = await system.get("/calls")
    problem(refused, 429, "hospital_calls")
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert (await other.get("/calls")).status_code == 200
    clock.forward(minutes=1)
    assert (await system.get("/calls")).status_code == 200


async def test_a_hospital_reads_its_own_calls_and_no_others(site: Site, system: System) -> None:
    other = await add_system(site)
    await other.get("/clinic-sessions")
    await system.publish_departments()
    answer = await system.put("/clinic-sessions", json={"items": [session_item(), {}]})
    body = (await system.get("/calls?limit=2")).json()
    newest = body["items"][0]
    assert newest["call"] == "PUT /hospital/clinic-sessions"
    assert (newest["status"], newest["items_ok"], newest["items_failed"]) == (200, 1, 1)
    assert newest["request_id"] == answer.headers["x-request-id"]
    assert newest["client_id"] == system.client.client_id
    rest = (await system.get(f"/calls?cursor={body['next']}")).json()
    everything = {one["client_id"] for one in body["items"] + rest["items"]}
    assert everything == {system.client.client_id}
    assert rest["items"][-1]["call"] == "POST /hospital/token"


async def test_a_client_that_cannot_be_right_is_not_added(site: Site) -> None:
    id = await add_hospital(site)
    supply = {Scope.SUPPLY}
    wrong: list[tuple[str, set[Scope], str, str]] = [
        (" ", supply, "", "client_name_invalid"),
        ("x" * 81, supply, "", "client_name_invalid"),
        ("x", set(), "", "client_scopes_needed"),
        ("x", supply, "ab" * 31, "client_thumbprint_invalid"),
    ]
    for name, scopes, certificate, refusal in wrong:
        added = await clients.add_client(site.platform, SYSTEM, id, name, scopes, certificate)
        assert isinstance(added, Refused)
        assert added.reason == refusal
    assert await ask(site.platform, "SELECT 1 FROM hospital_clients") == []


async def test_what_is_not_there_is_not_changed(site: Site) -> None:
    unknown = Refused(ClientRefusal.UNKNOWN)
    assert await clients.rotate(site.platform, SYSTEM, 999) == unknown
    assert await clients.rotate(site.platform, SYSTEM, 999, 9999) == Refused(
        ClientRefusal.OVERLAP_INVALID
    )
    assert await clients.set_disabled(site.platform, SYSTEM, 999, disabled=True) == unknown
    assert await clients.change(site.platform, SYSTEM, 999, {Scope.SUPPLY}, "") == unknown
    added = await clients.add_client(site.platform, SYSTEM, 999, "x", {Scope.SUPPLY})
    assert added == Refused(ClientRefusal.HOSPITAL_UNKNOWN)
