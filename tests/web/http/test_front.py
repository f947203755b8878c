"""What every answer carries, whoever gives it; and how often an address may ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from prometheus_client import REGISTRY
from tests.city import Clock
from tests.web.site import API, ENGLISH, Site, add_citizen, booked, closed, problem

from guahao.flows.people.accounts import Caller
from guahao.settings import Settings
from guahao.web.http.limits import Callers

ADDRESS = "198.51.100.7"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{API}/me"),
        ("GET", "/nothing"),
        ("DELETE", f"{API}/me"),
        ("OPTIONS", f"{API}/me"),
        ("GET", "/schema"),
        ("GET", "/schema/openapi.json"),
        ("GET", "/static/schema.js"),
        ("GET", "/static/nothing.js"),
        ("GET", "/health/live"),
        ("GET", "/metrics"),
        ("GET", "/health/ready"),
    ],
)
async def test_every_answer_carries_the_security_headers(
    closed_site: Site, method: str, path: str
) -> None:
    headers = (await closed_site.call(method, path)).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"


async def test_nobody_keeps_a_copy_of_personal_data(site: Site) -> None:
    citizen = await add_citizen(site)
    booking = await booked(site, citizen)
    for path in ("/me", "/appointments", f"/appointments/{booking['id']}", "/appointments/0"):
        answer = await site.get(API + path, token=citizen.token)
        assert answer.headers["cache-control"] == "no-store"
    outbox = await site.get("/demo/outbox", headers={"Accept": "text/html"})
    assert outbox.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        (f"{API}/me", "GET, OPTIONS"),
        (f"{API}/appointments", "GET, OPTIONS, POST"),
        ("/fhir/r4/Appointment/1", "GET, OPTIONS, PATCH, PUT"),
        ("/login", "GET, OPTIONS, POST"),
    ],
)
async def test_a_path_tells_all_its_methods(closed_site: Site, path: str, methods: str) -> None:
    answer = await closed_site.call("OPTIONS", path)
    assert (answer.status_code, answer.headers["allow"]) == (204, methods)
    refused = await closed_site.call("DELETE", path)
    assert refused.status_code == 405
    assert set(refused.headers["allow"].split(", ")) == set(methods.split(", "))


async def test_head_is_get_without_the_body(closed_site: Site) -> None:
    head = await closed_site.call("HEAD", "/health/live")
    get = await closed_site.get("/health/live")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == get.headers


async def test_options_names_the_methods(closed_site: Site) -> None:
    answer = await closed_site.call("OPTIONS", f"{API}/me")
    assert answer.status_code == 204
    assert answer.headers["allow"] == "GET, OPTIONS"


# How often --------------------------------------------------------------------------------------


PUBLIC = "/static/schema.js"  # needs no database


async def test_too_many_requests_of_one_address_are_refused(clock: Clock) -> None:
    site = closed(clock, Settings(requests_per_address_minute=5))
    answers = [await site.get(PUBLIC, address=ADDRESS) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    detail = problem(answers[-1], 429, "too_many_requests")
    assert 0 < int(answers[-1].headers["retry-after"]) <= 72
    assert answers[-1].headers["retry-after"] in detail
    other = await site.get(PUBLIC, address="198.51.100.8", headers=ENGLISH)
    assert other.status_code == 200
    loopback = [(await site.get(PUBLIC)).status_code for _ in range(11)]
    assert set(loopback) == {200}


async def test_a_kept_refusal_suits_who_asks_and_how_long_they_wait(clock: Clock) -> None:
    site = closed(clock, Settings(requests_per_address_minute=1))
    await site.get(PUBLIC, address=ADDRESS)
    events = {"event": "throttled"}
    before = REGISTRY.get_sample_value("guahao_security_events_total", events) or 0
    waits = set()
    for _ in range(3):
        for _ in range(2):  # the second time it is kept
            for path in (f"{API}/me", "/nothing"):
                chinese = await site.get(path, address=ADDRESS)
                english = await site.get(path, address=ADDRESS, headers=ENGLISH)
                for answer, language in ((chinese, "zh"), (english, "en")):
                    detail = problem(answer, 429, "too_many_requests")
                    assert answer.headers["content-language"] == language
                    assert f" {answer.headers['retry-after']} " in detail.replace(
                        "在", " "
                    ).replace("秒", " ")
            fhir = await site.get("/fhir/r4/Slot", address=ADDRESS)
            assert fhir.status_code == 429
            waits.add(fhir.headers["retry-after"])
            assert fhir.json()["resourceType"] == "OperationOutcome"
            page = await site.get("/", address=ADDRESS, headers={"Accept": "text/html"})
            assert page.status_code == 429
            assert page.headers["content-type"].startswith("text/html")
        clock.forward(seconds=5)
    assert len(waits) == 3
    counted = REGISTRY.get_sample_value("guahao_security_events_total", events) or 0
    assert counted - before == 3 * 2 * 6


async def test_a_caller_who_waited_as_told_is_served(clock: Clock) -> None:
    site = closed(clock, Settings(requests_per_address_minute=5))
    answers = [await site.get(PUBLIC, address=ADDRESS) for _ in range(20)]
    clock.forward(seconds=int(answers[-1].headers["retry-after"]))
    assert (await site.get(PUBLIC, address=ADDRESS)).status_code == 200


async def test_a_network_is_limited_however_many_addresses_it_has(clock: Clock) -> None:
    site = closed(clock, Settings(requests_per_network_minute=5))
    for network in ("198.51.100.{}", "2001:db8:1:{}::1"):
        answers = [await site.get(PUBLIC, address=network.format(n)) for n in range(1, 8)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2


async def test_an_address_of_a_shared_network_may_do_more(clock: Clock) -> None:
    settings = Settings(requests_per_address_minute=2, shared_networks=("198.51.100.0/24",))
    site = closed(clock, settings)
    answers = [await site.get(PUBLIC, address=ADDRESS) for _ in range(41)]
    assert [answer.status_code for answer in answers] == [200] * 40 + [429]


async def test_health_is_answered_in_a_flood(clock: Clock) -> None:
    site = closed(clock, Settings(requests_per_address_minute=1))
    answers = [await site.get("/health/live", address=ADDRESS) for _ in range(10)]
    assert {answer.status_code for answer in answers} == {200}


async def test_production_is_only_reached_over_tls(clock: Clock) -> None:
    headers = (await closed(clock, Settings(mode="production")).get("/health/live")).headers
    assert headers["strict-transport-security"] == "max-age=31536000"
    assert "strict-transport-security" not in (await closed(clock).get("/health/live")).headers


def caller(settings: Settings, peer: str | None, forwarded: Sequence[str] = ()) -> Caller:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    client = None if peer is None else (peer, 1)
    scope: Any = {"type": "http", "client": client, "headers": headers}
    return Callers(settings).of(scope)


@pytest.mark.parametrize(
    ("peer", "address", "limited"),
    [
        ("198.51.100.7", "198.51.100.7", True),
        ("127.0.0.1", "127.0.0.1", False),
        ("127.8.8.8", "127.8.8.8", False),
        ("::1", "::/64", False),
        ("::ffff:198.51.100.7", "198.51.100.7", True),
        ("::ffff:127.0.0.1", "127.0.0.1", False),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", True),
        ("2001:db8:1:2::99", "2001:db8:1:2::/64", True),
        ("fe80::1%eth0", "fe80::/64", True),
        ("", "unknown", True),
        (None, "unknown", True),
    ],
)
def test_a_caller_is_an_address_or_an_ipv6_household(
    peer: str | None,
    address: str,
    limited: bool,
) -> None:
    assert caller(Settings(), peer) == Caller(address, limited)


def test_production_limits_the_loopback_too() -> None:
    assert caller(Settings(mode="production"), "127.0.0.1").limited


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["6.6.6.6, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["198.51.100.7, 10.9.9.9"], "198.51.100.7"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.2"], "10.0.0.1"),
        ("10.0.0.1", ["6.6.6.6, nonsense"], "unknown"),
        ("198.51.100.9", ["6.6.6.6"], "198.51.100.9"),
    ],
)
def test_a_forwarded_address_is_believed_of_our_own_proxies_only(
    peer: str, forwarded: list[str], address: str
) -> None:
    settings = Settings(trusted_proxies=("10.0.0.0/8",))
    assert caller(settings, peer, forwarded).address == address


def test_two_forwarded_headers_are_one_list() -> None:
    settings = Settings(trusted_proxies=("10.0.0.0/8",))
    assert caller(settings, "10.0.0.1", ["6.6.6.6", "198.51.100.7"]).address == "198.51.100.7"
