"""The served application itself: a process, a socket, and whatever bytes come in."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from tests.acceptance.ports import free_port
from tests.city import Clock, add_session, open_platform, phone, resident_id
from tests.conftest import SOURCES
from tests.web.site import API, ENGLISH, Site, problem

from guahao.flows.booking.desk import Desk
from guahao.web.app import create_app

SECRET_KEY = "a secret key of the tests, long enough"
START_SECONDS = 90  # at most, on a machine with other work to do
LOG_SECONDS = 30
CLOCK_START = "2026-11-30T09:00:00"


class Server:
    """`guahao serve` on a port of its own."""

    def __init__(
        self,
        database_url: str,
        folder: Path,
        workers: int = 1,
        clock_start: str = CLOCK_START,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.clock_start = clock_start
        self.workers = workers
        self.port = free_port()
        self.log = folder / "log"
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": SOURCES,
            "GUAHAO_DATABASE_URL": database_url,
            "GUAHAO_DATA_DIR": str(folder),
            "GUAHAO_PORT": str(self.port),
            "GUAHAO_SECRET_KEY": SECRET_KEY,
            "GUAHAO_CLOCK_START": clock_start,
            "GUAHAO_LOG_LEVEL": "debug",
            "GUAHAO_WEB_WORKERS": str(workers),
            **(settings or {}),
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "guahao", "serve"], env=environ, stdout=log, stderr=log
            )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait(self) -> None:
        """Until it is ready, with all its processes."""
        last = time.monotonic() + START_SECONDS
        while time.monotonic() < last and self.process.poll() is None:
            if f"Started worker-{self.workers}" in self.log.read_text():
                with suppress(httpx.TransportError):
                    if httpx.get(f"{self.url}/health/ready").status_code == 200:
                        return
            time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(START_SECONDS)

    async def raw(self, sent: bytes) -> bytes:
        """What comes back for these very bytes, until the server closes.

        A request cut short ends with our end of the connection.
        """
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        answer = b""
        try:
            writer.write(sent)
            await writer.drain()
            if sent.endswith(CUT_SHORT):
                writer.write_eof()
            while part := await asyncio.wait_for(reader.read(65536), 20):
                answer += part
        except ConnectionError:
            pass  # it hung up before it had read everything, as it may
        finally:
            writer.close()
        return answer


@contextmanager
def serving(
    database_url: str,
    folder: Path,
    workers: int = 1,
    clock_start: str = CLOCK_START,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    server = Server(database_url, folder, workers, clock_start, settings)
    try:
        server.wait()
        yield server
    finally:
        server.stop()


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Server]:
    with serving(database_url, tmp_path) as server:
        yield server


async def test_a_citizen_books_over_a_real_connection(server: Server, database_url: str) -> None:
    async with (
        open_platform(database_url, Clock()) as platform,
        httpx.AsyncClient(base_url=server.url + API) as client,
    ):
        session_id = await add_session(platform)
        await client.post("/auth/otp", json={"phone": phone(1)})
        desk = Desk(platform, lanes=1, batch=1, queue=1)  # never opened: it only delivers
        await Site(create_app(platform, desk), platform).deliver()
        sent = (await client.get(f"{server.url}/demo/outbox?to={phone(1)}")).json()["items"][0]
        otp = re.findall(r"\d{6}", sent["text"])[0]
        proof = {"phone": phone(1), "otp": otp}
        token = (await client.post("/auth/token", json=proof)).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        person = {"name": "张三", "id_type": "01", "id_no": resident_id(1)}
        patient = (await client.post("/patients", json=person)).json()
        wish = {"clinic_session_id": session_id, "patient_id": patient["id"]}
        booking = await client.post(
            "/appointments", json=wish, headers={"Idempotency-Key": "my-first"}
        )
        assert booking.status_code == 201, booking.text
        found = await client.post(
            "/appointments/lookup", json={"code": booking.json()["code"], "id_no": resident_id(1)}
        )
        assert found.json()["order_no"] == booking.json()["order_no"]
        large = await client.post(
            "/patients", content=b"x" * 3_000_000, headers={"Content-Type": "application/json"}
        )
        problem(large, 413, "body_too_large")
        head = await client.head(f"{server.url}/health/live")
        assert (head.status_code, head.content) == (200, b"")


CLOSE = b"Connection: close\r\n"
GET = CLOSE + b"Host: a\r\n\r\n"
POST = b"POST /api/v1/auth/otp HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" + CLOSE
CUT_SHORT = b'{"phone'


async def test_no_bytes_make_the_server_fail(server: Server) -> None:
    hostile = [
        b"\x00\xff\xfe\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /api/v1/hospitals/\xff\xfe HTTP/1.1\r\n" + GET,
        b"GET /api/v1/hospitals/%ff%00 HTTP/1.1\r\n" + GET,
        b"GET /api/v1/hospitals?q=\xff HTTP/1.1\r\n" + GET,
        b"GET /api/v1/hospitals?q=%ff HTTP/1.1\r\n" + GET,
        b"GET /api/v1/hospitals?q=" + b"x" * 10_000 + b" HTTP/1.1\r\n" + GET,
        b"GET /api/v1/hospitals?q=" + b"x" * 100_000 + b" HTTP/1.1\r\n" + GET,
        b"GET /api/v1/me HTTP/1.1\r\nAuthorization: Bearer \xff\xfe\r\n" + GET,
        b"GET /api/v1/me HTTP/1.1\r\nHost: \xff\r\n" + CLOSE + b"\r\n",
        b"GET /api/v1/me HTTP/1.1\r\n" + CLOSE + b"\r\n",
        b"GET //%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n" + GET,
        b"GET /static/%2e%2e/app.py HTTP/1.1\r\n" + GET,
        POST + b"Content-Length: 100\r\n\r\n" + CUT_SHORT,
        POST + b"Content-Length: -1\r\n\r\n{}",
        POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n\xff\xff\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ]
    for sent in hostile:
        answer = await server.raw(sent)
        statuses = re.findall(rb"HTTP/1\.1 (\d{3})", answer)
        assert statuses, sent[:80]
        assert all(b"400" <= status < b"500" for status in statuses), (sent[:80], answer[:200])
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{server.url}/health/ready")).status_code == 200


def log_lines(server: Server) -> list[dict[str, Any]]:
    """What the server has logged so far."""
    log = server.log.read_text()
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]


def routes(lines: list[dict[str, Any]]) -> set[str]:
    """The routes of the requests that were logged."""
    return {line["route"] for line in lines if line["event"] == "request"}


def test_the_log_tells_of_a_failure_but_not_of_whom(server: Server, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute("ALTER TABLE hospitals RENAME COLUMN grade TO rank")
    failed = httpx.get(f"{server.url}{API}/hospitals?q=secret-query", headers=ENGLISH)
    problem(failed, 500, "internal_error")
    httpx.post(f"{server.url}{API}/auth/otp", json={"phone": phone(1)})
    httpx.get(f"{server.url}/nothing/secret-path")
    until = time.monotonic() + LOG_SECONDS
    while "none" not in routes(lines := log_lines(server)) and time.monotonic() < until:
        time.sleep(0.1)  # a request is logged after its answer
    log = server.log.read_text()
    [line] = [one for one in lines if one.get("trace_id") == failed.json()["trace_id"]]
    assert line["level"] == "error"
    assert (line["method"], line["route"], line["status"]) == ("GET", "/api/v1/hospitals", 500)
    assert line["error"] == "UndefinedColumn"
    assert any("directory.py" in frame for frame in line["frames"])
    assert routes(lines) >= {f"{API}/hospitals", f"{API}/auth/otp", "none"}
    for secret in ("secret-query", "secret-path", phone(1), "grade"):
        assert secret not in log


def test_every_process_shows_the_counts_of_all(database_url: str, tmp_path: Path) -> None:
    line = re.compile(r'guahao_http_requests_total\{method="GET",route="/health/live".*\} (\d+)')
    with serving(database_url, tmp_path, workers=2) as server:
        for _ in range(20):
            assert httpx.get(f"{server.url}/health/live").status_code == 200

        def shown() -> list[str]:
            return line.findall(httpx.get(f"{server.url}/metrics").text)

        until = time.monotonic() + LOG_SECONDS
        while shown() != ["20"] and time.monotonic() < until:
            time.sleep(0.1)  # a request is counted after its answer
        assert [shown() for _ in range(6)] == [["20"]] * 6
        assert "Started worker-2" in server.log.read_text()
