"""Answers that are the same for everybody: what they depend on, how old they get, how they go out.

Most tests here have a platform whose seconds do not pass by themselves.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import brotli
import httpx
import pytest
from tests.city import Clock, add_session, change, open_platform
from tests.crowd import open_desk
from tests.web.site import API, Citizen, Site, add_citizen, booked

from guahao.settings import Settings
from guahao.web.app import create_app
from guahao.web.framework.cookies import BROWSER, ELDER, SESSION, THEME, VIEW
from guahao.web.framework.public_routes import PUBLIC_ROUTES

CACHED = "public, max-age=1, stale-while-revalidate=5, stale-if-error=5"
SESSIONS = f"{API}/clinic-sessions?hospital_id=1&department_id=1"
STOP = "UPDATE clinic_sessions SET stopped_at = now()"
# A query that finds something, by the path of a public route; {id} is 1 in all of them.
QUERIES = {
    f"{API}/clinic-sessions": "hospital_id=1&department_id=1",
    "/departments/{id}": "day=2026-12-03",
    "/fhir/r4/Slot": "schedule=1",
    "/fhir/r4/Schedule": "actor=Location/1",
}
EVERY_PATH = [
    route.path.replace("{id}", "1") + "?" + QUERIES.get(route.path, "") for route in PUBLIC_ROUTES
]
PERSONAL = ("张三", "1380000", "set-cookie", "csrf")


@dataclass
class Seconds:
    """Seconds that pass when told to."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
async def processes(
    database_url: str, clock: Clock, seconds: Seconds
) -> AsyncIterator[tuple[Site, Site]]:
    """Two web processes over one database, each with a store of its own."""
    async with AsyncExitStack() as stack:
        sites = []
        for _ in range(2):
            platform = await stack.enter_async_context(
                open_platform(database_url, clock, elapsed=seconds)
            )
            desk = await stack.enter_async_context(open_desk(platform))
            sites.append(Site(create_app(platform, desk), platform))
        first, second = sites
        yield first, second


@pytest.fixture
def still(processes: tuple[Site, Site]) -> Site:
    """A site whose seconds do not pass by themselves."""
    return processes[0]


async def renamed(site: Site, name: str) -> None:
    await change(site.platform, f"UPDATE hospitals SET name = '{name}'")


async def settled() -> None:
    """Let a rendering in the background come to its end."""
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        if "_render" in repr(task.get_coro()):
            await task


# What an answer depends on -----------------------------------------------------------------------


@pytest.mark.parametrize("path", EVERY_PATH)
async def test_a_reader_who_is_logged_in_gets_the_same_bytes(site: Site, path: str) -> None:
    citizen = await add_citizen(site)
    await booked(site, citizen)
    stranger = await site.get(path)
    assert stranger.status_code == 200, stranger.text
    known = await site.get(
        path,
        token=citizen.token,
        headers={"Cookie": f"{SESSION}={citizen.token}; {BROWSER}={'0' * 32}; staff=x"},
    )
    assert known.content == stranger.content
    assert known.headers == stranger.headers
    held = (known.text + repr(known.headers)).lower()
    assert not any(text in held for text in (*PERSONAL, citizen.token))


@pytest.mark.parametrize("path", EVERY_PATH)
async def test_proxies_may_store_it_for_a_second(site: Site, path: str) -> None:
    await add_session(site.platform)
    answer = await site.get(path)
    assert answer.headers["cache-control"] == CACHED
    assert answer.headers["etag"]
    assert "accept-encoding" in answer.headers["vary"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_each_language_is_stored_by_itself(still: Site) -> None:
    await add_session(still.platform)
    await change(still.platform, "UPDATE hospitals SET name_en = 'First Hospital'")
    names = [
        (await still.get(f"{API}/hospitals/1", headers={"Accept-Language": language})).json()[
            "name"
        ]
        for language in ("zh-CN,zh;q=0.9", "en", "fr, en;q=0.5", "de")
    ]
    assert names == ["市第一医院", "First Hospital", "First Hospital", "市第一医院"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("accept-language", "en"),
        ("cookie", f"{VIEW}={ELDER}"),
        ("cookie", f"{THEME}=dark"),
        ("accept", "application/json"),
    ],
)
@pytest.mark.parametrize("path", EVERY_PATH)
async def test_what_another_reader_is_sent_differs_only_by_headers_that_vary_names(
    site: Site, path: str, name: str, value: str
) -> None:
    """A proxy or browser never shows an answer of another language or view, nor takes its tag."""
    await add_session(site.platform)
    await change(site.platform, "UPDATE hospitals SET name_en = 'First Hospital'")
    plain = await site.get(path, headers={"Accept-Language": "zh"})
    other = {"Accept-Language": "zh", name.title(): value}
    answer = await site.get(path, headers=other)
    assert answer.status_code == plain.status_code == 200
    if answer.content == plain.content:
        return
    assert name in answer.headers["vary"]
    assert name in plain.headers["vary"]
    known = other | {"If-None-Match": plain.headers["etag"]}
    assert (await site.get(path, headers=known)).status_code == 200


async def test_parameters_in_any_order_are_the_same_request(still: Site) -> None:
    await add_session(still.platform)
    first = await still.get(f"{API}/hospitals?district=东城&grade=三级甲等&q=")
    await renamed(still, "另一医院")
    assert (await still.get(f"{API}/hospitals?grade=三级甲等&district=东城")).text == first.text
    assert "另一医院" in (await still.get(f"{API}/hospitals?grade=三级甲等")).text


async def test_what_the_api_refuses_is_refused_as_ever(still: Site) -> None:
    await add_session(still.platform)
    for query in ("x=1", "hospital_id=0", "cursor=%ff", "q=" + "x" * 3000, "q=1&" * 30):
        for _ in range(2):
            answer = await still.get(f"{API}/hospitals?{query}")
            assert answer.status_code in (400, 414, 422), query[:20]
            assert answer.headers["cache-control"] == "no-store"


async def test_slashes_that_are_repeated_do_not_avoid_the_store(still: Site) -> None:
    await add_session(still.platform)
    first = await still.get("/hospitals/1")
    await renamed(still, "另一医院")
    for path in ("/hospitals//1", "/hospitals/1//", "/hospitals///1/"):
        assert (await still.get(path)).content == first.content


async def test_a_strict_client_is_refused_what_others_ignore(still: Site) -> None:
    await add_session(still.platform)
    strict = {"Prefer": "handling=strict"}
    for kind in ("Slot?schedule=1", "Schedule?actor=Location/1"):
        for _ in range(2):
            path = f"/fhir/r4/{kind}"
            assert (await still.get(f"{path}&colour=green")).status_code == 200
            assert (await still.get(path, headers=strict)).status_code == 200
            refused = await still.get(f"{path}&colour=green", headers=strict)
            assert refused.status_code == 400
            assert "fhir_parameter_unknown" in refused.text


async def test_an_error_is_not_stored(still: Site) -> None:
    assert (await still.get(f"{API}/hospitals/1")).status_code == 404
    await add_session(still.platform)
    found = await still.get(f"{API}/hospitals/1")
    assert found.status_code == 200


# How old it gets ---------------------------------------------------------------------------------


async def test_a_hundred_readers_at_once_are_one_query(still: Site, seconds: Seconds) -> None:
    await add_session(still.platform)
    public = still.app.asgi_handler._public  # type: ignore[attr-defined]
    rendered, application = [], public._app

    async def counted(*asgi: Any) -> None:
        rendered.append(asgi)
        await application(*asgi)

    public._app = counted
    answers = await asyncio.gather(*(still.get(SESSIONS) for _ in range(100)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(rendered) == 1
    seconds.now += 1.2
    await asyncio.gather(*(still.get(SESSIONS) for _ in range(100)))
    await settled()
    assert len(rendered) == 2


async def test_a_stop_is_seen_in_another_process_within_a_second_and_a_half(
    processes: tuple[Site, Site], seconds: Seconds
) -> None:
    first, second = processes
    await add_session(first.platform)
    states = [(await site.get(SESSIONS)).json()["items"][0]["state"] for site in processes]
    assert states == ["available", "available"]
    await change(first.platform, STOP)
    seconds.now += 1.01
    await second.get(SESSIONS)  # the first to ask after a second gets it rendered again
    await settled()
    assert (await second.get(SESSIONS)).json()["items"][0]["state"] == "stopped"
    seconds.now += 0.5  # in a process where nobody asked, nothing older is served either
    assert (await first.get(SESSIONS)).json()["items"][0]["state"] == "stopped"


async def test_who_books_sees_it_at_once_and_others_within_the_second(
    still: Site, seconds: Seconds
) -> None:
    session_id = await add_session(still.platform)
    citizen = await add_citizen(still)
    cookie = {"Cookie": f"{SESSION}={citizen.token}"}

    async def remaining(**how: Any) -> int:
        return int((await still.get(SESSIONS, **how)).json()["items"][0]["remaining"])

    assert [await remaining(), await remaining(token=citizen.token)] == [20, 20]
    assert (await still.book(citizen, session_id)).status_code == 201
    seconds.now += 0.1
    assert await remaining() == 20
    assert await remaining(token=citizen.token) == 19
    assert await remaining(headers=cookie) == 19
    assert await remaining() == 19  # it is stored for everybody


async def test_a_refused_booking_renders_nothing_anew(still: Site) -> None:
    await add_session(still.platform)
    citizen = await add_citizen(still)
    before = await still.get(f"{API}/hospitals/1")
    await renamed(still, "另一医院")
    refused = await still.book(Citizen(citizen.account_id, 999, citizen.token), 1)
    assert refused.status_code >= 400
    assert (await still.get(f"{API}/hospitals/1", token=citizen.token)).text == before.text


# How it is sent ----------------------------------------------------------------------------------


async def raw(site: Site, path: str, **headers: str) -> tuple[httpx.Response, bytes]:
    """Return a response and its body as it was sent."""
    async with (
        site.client() as client,
        client.stream("GET", path, headers={"Accept-Encoding": "identity", **headers}) as answer,
    ):
        return answer, b"".join([part async for part in answer.aiter_raw()])


async def large(site: Site) -> str:
    """The path of an answer that is worth compressing."""
    for _ in range(10):
        await add_session(site.platform)
    return f"{API}/hospitals"


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("x-gzip;q=0.5", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("*", "br"),
        ("*;q=0", None),
        ("gzip;q=0.0, br; q=0", None),
        ("gzip;q=nonsense", "gzip"),
        ("identity", None),
        ("", None),
    ],
)
async def test_it_is_sent_in_a_coding_that_the_client_accepts(
    still: Site, accepted: str, coding: str | None
) -> None:
    path = await large(still)
    plain, text = await raw(still, path)
    answer, body = await raw(still, path, **{"Accept-Encoding": accepted})
    assert answer.headers.get("content-encoding") == coding
    assert int(answer.headers["content-length"]) == len(body)
    unpacked = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[coding](body)
    assert unpacked == text
    assert (answer.headers["etag"] == plain.headers["etag"]) == (coding is None)


@pytest.mark.parametrize("coding", ["identity", "gzip", "br"])
async def test_who_has_the_newest_is_told_so(still: Site, seconds: Seconds, coding: str) -> None:
    path = await large(still)
    headers = {"Accept-Encoding": coding}
    tag = (await raw(still, path, **headers))[0].headers["etag"]
    assert not tag.startswith("W/")
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer, body = await raw(still, path, **headers, **{"If-None-Match": known})
        assert (answer.status_code, body) == (304, b"")
        assert answer.headers["etag"] == tag
        assert answer.headers["cache-control"] == CACHED
        assert "content-type" not in answer.headers
    seconds.now += 2
    unchanged, _ = await raw(still, path, **headers, **{"If-None-Match": tag})
    assert unchanged.status_code == 304
    await renamed(still, "另一医院")
    seconds.now += 2
    assert (await raw(still, path, **headers, **{"If-None-Match": tag}))[0].status_code == 200


@pytest.mark.parametrize(
    "date",
    [
        "",
        "yesterday",
        "Mon, 30 Nov 2026 09:00:00",
        "Mon, 30 Nov 99999999999999999999 09:00:00 GMT",
        "Mon, 30 Nov 2026 09:00:00 +99999999999999999999",
    ],
)
async def test_a_date_that_is_none_is_ignored(still: Site, date: str) -> None:
    answer, body = await raw(still, "/$bulk-publish", **{"If-Modified-Since": date})
    assert answer.status_code == 200
    assert body


async def test_head_is_get_without_the_body_and_ranges_are_ignored(still: Site) -> None:
    path = await large(still)
    get = await still.get(path)
    head = await still.call("HEAD", path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == get.headers
    ranged = await still.get(path, headers={"Range": "bytes=0-9"})
    assert (ranged.status_code, ranged.content) == (200, get.content)


async def test_an_answer_from_memory_counts_against_the_address(
    database_url: str, clock: Clock, seconds: Seconds
) -> None:
    settings = Settings(requests_per_address_minute=5)
    async with (
        open_platform(database_url, clock, elapsed=seconds, settings=settings) as platform,
        open_desk(platform) as desk,
    ):
        site = Site(create_app(platform, desk), platform)
        await add_session(platform)
        statuses = [(await site.get(SESSIONS, address="8.8.8.8")).status_code for _ in range(7)]
    assert statuses == [200] * 5 + [429] * 2


async def test_it_is_counted_under_its_route(still: Site) -> None:
    await add_session(still.platform)
    for _ in range(2):
        await still.get(f"{API}/hospitals/1")
    metrics = (await still.get("/metrics")).text
    route = f'route="{API}/hospitals/{{hospital_id}}",status="200"'
    assert any(route in line for line in metrics.splitlines() if "requests_total" in line)


async def test_filters_without_number_stay_within_the_bound(
    database_url: str, clock: Clock, seconds: Seconds
) -> None:
    settings = Settings(public_cache_mb=1)
    async with (
        open_platform(database_url, clock, elapsed=seconds, settings=settings) as platform,
        open_desk(platform) as desk,
    ):
        site = Site(create_app(platform, desk), platform)
        await large(site)
        hot = [(await site.get(f"{API}/hospitals")).content for _ in range(2)]
        for number in range(600):
            await site.get(f"{API}/hospitals?cursor={number + 1}")
        store = site.app.asgi_handler._public._store  # type: ignore[attr-defined]
        assert 0 < store.bytes <= 1 << 20
        await renamed(site, "另一医院")
        assert (await site.get(f"{API}/hospitals")).content == hot[0]
