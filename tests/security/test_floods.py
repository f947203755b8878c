"""Floods from one address against a served process: slow bodies, silent sockets, requests.

The attacker's address is what a trusted proxy says; the loopback itself is not limited.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
from tests.web.http.test_real_server import Server, serving

from guahao.flows.kernel.rates import SHARE_SECONDS

ATTACKER = "198.51.100.7"
SOCKETS = 1100  # more than a process took at once before
PROXY = {"GUAHAO_TRUSTED_PROXIES": "127.0.0.1"}
SLOW_BODY = (
    "POST /api/v1/auth/otp HTTP/1.1\r\nHost: guahao\r\nContent-Type: application/json\r\n"
    f"X-Forwarded-For: {ATTACKER}\r\nContent-Length: 100\r\n\r\n{{"
).encode()
NO_HEADERS_END = b"GET / HTTP/1.1\r\nHost: guahao\r\n"
ANSWER_SECONDS = 40
AT_ONCE = 10


async def statuses_of(server: Server, sent: bytes, held: AsyncExitStack) -> list[asyncio.Task[str]]:
    """Open the sockets, send the bytes and wait; each socket's status, or "" once it is closed."""

    async def status(reader: asyncio.StreamReader) -> str:
        try:
            line = await asyncio.wait_for(reader.readline(), ANSWER_SECONDS)
        except ConnectionError:
            return ""
        return line.decode().partition(" ")[2][:3]

    tasks = []
    for _ in range(SOCKETS):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        held.callback(writer.close)
        writer.write(sent)
        tasks.append(asyncio.create_task(status(reader)))
    return tasks


async def is_healthy(server: Server) -> bool:
    async with httpx.AsyncClient(base_url=server.url, timeout=ANSWER_SECONDS) as client:
        answers = [await client.get("/health/live") for _ in range(5)]
        answers.append(await client.get("/health/ready"))
    return {answer.status_code for answer in answers} == {200}


async def test_bodies_that_never_end_stop_nobody_else(database_url: str, tmp_path: Path) -> None:
    limits = {"GUAHAO_BODY_IDLE_SECONDS": "3", "GUAHAO_BODIES_PER_ADDRESS": "20"}
    limits["GUAHAO_REQUESTS_PER_ADDRESS_MINUTE"] = "100000"
    with serving(database_url, tmp_path, settings={**PROXY, **limits}) as server:
        async with AsyncExitStack() as held:
            waiting = await statuses_of(server, SLOW_BODY, held)
            assert await is_healthy(server)
            statuses = await asyncio.gather(*waiting)
        # At most twenty are waited for, for three seconds; the rest are refused at once.
        assert set(statuses) == {"408", "429"}
        assert statuses.count("408") < SOCKETS / 2
        assert await is_healthy(server)


async def test_sockets_that_say_nothing_are_closed(database_url: str, tmp_path: Path) -> None:
    settings = {**PROXY, "GUAHAO_HEADER_SECONDS": "3"}
    with serving(database_url, tmp_path, settings=settings) as server:
        async with AsyncExitStack() as held:
            waiting = await statuses_of(server, NO_HEADERS_END, held)
            assert await is_healthy(server)
            # Closed, whether or not with a word (408).
            assert set(await asyncio.gather(*waiting)) <= {"", "408"}


async def test_the_request_limit_holds_over_two_processes(
    database_url: str, tmp_path: Path
) -> None:
    most = 60
    settings = {**PROXY, "GUAHAO_REQUESTS_PER_ADDRESS_MINUTE": str(most)}
    with serving(database_url, tmp_path, workers=2, settings=settings) as server:
        passed, begun = 0, time.monotonic()
        for _ in range(2 * most // AT_ONCE):
            statuses = [await status_of_one(server) for _ in range(AT_ONCE)]
            if 200 not in statuses:
                break
            passed += statuses.count(200)
            await asyncio.sleep(1.5 * SHARE_SECONDS)  # now both processes know of all these
    # A minute that begins meanwhile makes room again, a request a second. Alone each process would
    # let `most` pass.
    room = (time.monotonic() - begun) * most / 60
    assert most - AT_ONCE <= passed <= most + AT_ONCE + room


async def status_of_one(server: Server) -> int:
    """The answer to a request on a connection of its own, so that both processes are asked."""
    async with httpx.AsyncClient(base_url=server.url) as client:
        sent_for = {"X-Forwarded-For": ATTACKER}
        return (await client.get("/static/schema.js", headers=sent_for)).status_code
