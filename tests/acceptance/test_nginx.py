"""Debian's nginx in front of the platform: what it caches for everybody, and what it never does."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil
import pytest
from tests.acceptance.nginx import HOST, Logged, Nginx, needs_nginx, nginx
from tests.acceptance.processes import Web, environment, web_processes
from tests.acceptance.test_rush import Caller, callers, looking
from tests.city import ask
from tests.databases import execute, with_database

pytestmark = needs_nginx

SEARCH = "/api/v1/clinic-sessions"
HOSPITALS = "/api/v1/hospitals"
ME = "/api/v1/me"
FRESH, STALE = (
    timedelta(seconds=2),
    timedelta(seconds=5),
)  # max-age=1, in whole seconds; then 5 more
PATIENCE_SECONDS = 60


class Front(NamedTuple):
    """The platform with nginx in front, and people who are logged in."""

    nginx: Nginx
    web: Web
    env: dict[str, str]
    people: list[Caller]
    hospital_id: int
    department_id: int


async def prepared(url: str) -> tuple[list[Caller], int, int]:
    """Return two people who are logged in, and the clinic that they want."""
    async with looking(url) as platform:
        people = await callers(platform, 2, capacity=20)
        found = await ask(platform, "SELECT hospital_id, department_id FROM clinic_sessions")
    return people, *found[0]


@pytest.fixture(scope="module")
def front(
    server_url: str, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    folder, name = tmp_path_factory.mktemp("front"), "guahao_behind_nginx"
    execute(server_url, "CREATE DATABASE {} TEMPLATE {}", name, template_database)
    url = with_database(server_url, name)
    wanted = asyncio.run(prepared(url))
    env = environment(url, folder, GUAHAO_TRUSTED_PROXIES="127.0.0.1")
    with web_processes(env, 1) as [web], nginx(folder, [web.port]) as running:
        front = Front(running, web, env, *wanted)
        until(lambda: running.answers("/health/ready"), "nginx answers")
        yield front
    execute(server_url, "DROP DATABASE {} WITH (FORCE)", name)


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"not seen: {what}"
        time.sleep(0.1)


def search(front: Front) -> str:
    return f"{SEARCH}?hospital_id={front.hospital_id}&department_id={front.department_id}"


# Many readers ---------------------------------------------------------------------------------


def test_a_crowd_of_readers_reaches_the_application_once_a_second_for_each_resource(
    front: Front,
) -> None:
    paths = {SEARCH: search(front), HOSPITALS: HOSPITALS}
    enough = 4  # times that each was fetched anew

    before = len(front.nginx.logged())

    def of(path: str) -> list[Logged]:
        return [line for line in front.nginx.logged()[before:] if line.path == path]

    def fetched(path: str) -> int:
        return sum(line.asked for line in of(path))

    done = False

    def read(path: str, address: str) -> set[tuple[int, bytes]]:
        seen = set()
        with front.nginx.client(address) as client:
            while not done:
                answer = client.get(path)
                seen.add((answer.status_code, answer.content))
        return seen

    with ThreadPoolExecutor(12) as pool:
        # Each reader has an address: together they are faster than a single one may be.
        reading = {
            path: [pool.submit(read, path, f"127.0.{third}.{fourth}") for fourth in range(1, 7)]
            for third, path in enumerate(paths.values(), 1)
        }
        try:
            until(lambda: all(fetched(path) >= enough for path in paths), "fetched anew")
        finally:
            done = True
    for path, readers in reading.items():
        seen = set.union(*(reader.result() for reader in readers))
        assert {status for status, _ in seen} == {200}, path
        assert len(seen) == 1, path  # nothing changed meanwhile
    for path in paths:
        lines = of(path)
        lasted = lines[-1].at - lines[0].at
        asked = sum(line.asked for line in lines)
        assert asked <= lasted.total_seconds() + 2  # both ends lie within their seconds
        assert len(lines) > 10 * asked


def test_a_reader_who_has_the_answer_gets_304_without_the_application(front: Front) -> None:
    with front.nginx.client() as client:
        first = client.get(HOSPITALS)
        again = client.get(HOSPITALS, headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code) == (200, 304)
    assert again.content == b""
    assert first.headers["Cache-Control"].startswith("public, max-age=1")
    assert "Set-Cookie" not in first.headers


# What is for one person alone -----------------------------------------------------------------


def test_nobody_gets_what_is_another_s_and_nothing_of_a_person_is_cached(front: Front) -> None:
    tokens = [person.token for person in front.people]
    before = len(front.nginx.logged())
    with front.nginx.client() as client:

        def get(path: str, number: int | None, **headers: str) -> httpx.Response:
            if number is not None:
                headers["Authorization"] = f"Bearer {tokens[number]}"
                headers["Cookie"] = f"session={tokens[number]}"
            return client.get(path, headers=headers)

        path = search(front)
        public = [get(path, number) for number in (0, 1, None)]
        own = [get(ME, number) for number in (0, 1, 0)]
        pages = [get("/patients", number) for number in (0, 1)]
        unknown = get(ME, None)
        booked = front.people[0]
        posted = client.post(
            "/api/v1/appointments",
            headers={"Authorization": f"Bearer {tokens[0]}", "Idempotency-Key": "through-nginx"},
            json={
                "clinic_session_id": booked.session_id,
                "patient_id": booked.person.patient_id,
            },
        )
    assert {answer.status_code for answer in public} == {200}
    assert len({answer.content for answer in public}) == 1
    assert not any("Set-Cookie" in answer.headers for answer in public)
    assert own[0].content == own[2].content != own[1].content
    assert unknown.status_code == 401
    assert pages[0].content != pages[1].content
    assert posted.status_code == 201
    until(lambda: len(front.nginx.logged()) >= before + 10, "the log")
    lines = front.nginx.logged()[before:]
    cached = {line.path for line in lines if line.cache != "-"}
    assert cached == {SEARCH}
    asked = [line for line in lines if line.path in (ME, "/patients")]
    assert all(line.asked for line in asked)
    held = front.nginx.cached()
    assert b"KEY: " in held  # it reads what nginx wrote
    lower = held.lower()
    for token in tokens:
        assert token.encode() not in held
    for word in (b"set-cookie", b"authorization", b"session=", b"no-store", b"private"):
        assert word not in lower


def test_each_language_view_and_theme_of_a_page_is_an_answer_of_its_own(front: Front) -> None:
    looks = ("", "view=elder", "theme=dark", "view=elder; theme=dark", "theme=light")
    choices = [({"Accept-Language": language}, look) for language in ("zh", "en") for look in looks]
    session = f"session={front.people[0].token}"
    pages: dict[str, set[bytes]] = {}
    before = len(front.nginx.logged())
    with front.nginx.client() as client:
        for _ in range(2):
            for language, look in choices:
                for cookie in ("", session):
                    sent = "; ".join(filter(None, (cookie, look)))
                    headers = {**language, "Cookie": sent, "Accept": "text/html"}
                    for path in ("/", f"/departments/{front.department_id}"):
                        page = client.get(path, headers=headers)
                        assert page.status_code == 200, path
                        assert "Set-Cookie" not in page.headers
                        pages.setdefault(f"{path} {language} {look}", set()).add(page.content)
        search = client.get("/?q=x", headers={"Cookie": session})
    assert search.headers["Cache-Control"] == "no-store"
    assert {len(seen) for seen in pages.values()} == {1}  # the same for everybody
    assert len(set.union(*pages.values())) == len(pages)  # and for each choice another
    until(lambda: len(front.nginx.logged()) >= before + 81, "the log")
    lines = front.nginx.logged()[before:]
    # Each was rendered for everybody: no reader's cookie makes another answer of it.
    assert Counter(line.cache for line in lines)["MISS"] == len(pages)
    assert (lines[-1].path, lines[-1].cache) == ("/", "-")


LANGUAGES = (
    *("", "zh-CN,zh;q=0.9", "en-GB,en;q=0.9", "EN", "de-DE,de;q=0.9,en;q=0.8", "de", "*"),
    *("zh-CN,zh;q=0.9,en;q=0.8", "en-US,en;q=0.9,zh-CN;q=0.8,zh;q=0.7", "fr, zh;q=0.4", "enm"),
    *("fr, zh, en", ", ".join(["nl"] * 40), ", ".join((*["nl"] * 40, "en"))),
)


def test_nginx_and_the_application_choose_the_same_language(front: Front) -> None:
    path = f"{HOSPITALS}/999999"  # nothing is there, which both languages say in their own words
    titles = set()
    with front.nginx.client() as client, httpx.Client(base_url=front.web.base) as direct:
        for language in LANGUAGES:
            headers = {"Accept-Language": language}
            through = client.get(path, headers=headers)
            assert through.status_code == 404
            title = direct.get(path, headers=headers).json()["title"]
            assert through.json()["title"] == title, language
            titles.add(title)
    assert len(titles) == 2
    # A pattern that reads a list in many ways takes a tenth of a second, and gives up.
    errors = (front.nginx.folder / "guahao-error.log").read_text()
    assert "pcre" not in errors


# Who must not wait behind a release ------------------------------------------------------------


def test_staff_and_who_gives_a_place_back_are_served_apart(front: Front, tmp_path: Path) -> None:
    """The public's process answers nothing any more; then the one apart is gone."""
    paths = ("/staff/login", "/api/v1/hospital/bookings", "/bookings/1/cancel")
    with (
        web_processes(front.env, 1) as [apart],
        nginx(tmp_path, [front.web.port, apart.port]) as own,
        own.client() as client,
    ):
        until(lambda: own.answers("/health/nginx"), "nginx answers")
        with frozen(front.web):
            waits = httpx.Timeout(2)
            for path in (ME, "/patients"):
                with pytest.raises(httpx.ReadTimeout):
                    client.get(path, timeout=waits)
            statuses = {path: client.get(path).status_code for path in paths}
            posted = client.post("/api/v1/appointments/1/cancel")
            patched = client.patch("/fhir/r4/Appointment/1", json={"status": "cancelled"})
        assert statuses == dict(zip(paths, (200, 401, 303), strict=True))
        assert (posted.status_code, patched.status_code) == (401, 401)
        apart.kill()
        assert {path: client.get(path).status_code for path in paths} == statuses


@contextmanager
def frozen(web: Web) -> Iterator[None]:
    """Stop a web process, as a rush does that takes all it has."""
    family = [psutil.Process(web.process.pid)]
    family += family[0].children(recursive=True)
    for member in family:
        member.suspend()
    try:
        yield
    finally:
        for member in family:
            member.resume()


# Slow clients, and an application that is away -------------------------------------------------


def test_a_slow_body_does_not_occupy_the_application(front: Front, tmp_path: Path) -> None:
    body = b'{"clinic_session_id": 1, "patient_id": 1}'
    head = (
        f"POST /api/v1/appointments HTTP/1.1\r\nHost: {HOST}\r\n"
        "Content-Type: application/json\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with nginx(tmp_path, [front.web.port]) as own, own.client() as client:
        until(lambda: own.answers("/health/nginx"), "nginx answers")
        port = int(own.base.rpartition(":")[2])
        with (
            socket.create_connection(("127.0.0.1", port), 30) as plain,
            own.tls.wrap_socket(plain, server_hostname=HOST) as slow,
        ):
            slow.sendall(head.encode() + body[:5])
            # nginx has read the beginning once it has answered what came after it.
            assert client.get(ME).status_code == 401
            assert own.connections(front.web.port) == 1  # that one's, kept for the next request
            slow.sendall(body[5:])
            answer = b""
            while part := slow.recv(4096):
                answer += part
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"cache-control: no-store" in answer.lower()


def test_a_stale_answer_bridges_a_restart_and_no_more(front: Front) -> None:
    path = search(front)
    with front.nginx.client() as client:
        fresh = client.get(path)
        assert fresh.status_code == 200
        before = len(front.nginx.logged())
        front.web.kill()
        killed_at = time.monotonic()
        last_at, served = killed_at, 0
        deadline = killed_at + PATIENCE_SECONDS
        while True:
            asked_at = time.monotonic()
            answer = client.get(path)
            if answer.status_code != 200:
                break
            assert answer.content == fresh.content
            last_at, served = asked_at, served + 1
            assert asked_at < deadline, "stale for ever"
            time.sleep(0.05)
        assert served
        assert "STALE" in {line.cache for line in front.nginx.logged()[before:]}
        assert timedelta(seconds=last_at - killed_at) <= FRESH + STALE
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "5"
        # What is no answer for everybody was never served stale.
        assert client.get(ME).status_code == 503
        front.web.start_again()
        until(lambda: client.get(path).status_code == 200, "served again")
