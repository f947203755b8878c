"""The booking call is served before routing, with the same answers as its route."""

from __future__ import annotations

from datetime import date
from typing import Any

import httpx
import pytest
from litestar.types import ASGIApp
from psycopg import OperationalError
from tests.city import Clock, add_session
from tests.web.site import API, CHINESE, ENGLISH, Site, add_citizen, closed, problem

from guahao.rules.kernel.limits import Policy
from guahao.web.framework.direct import DirectCall
from guahao.web.http.reading import Received
from guahao.web.words.replies import Replies

DIRECT = f"{API}/appointments"
ROUTED = f"{DIRECT}/"  # Litestar routes it to the same handler; the front does not know it
JSON = {"Content-Type": "application/json"}
KEY = {"Idempotency-Key": "a-key"}
BODY = b'{"clinic_session_id": 1, "patient_id": 1}'


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (JSON | KEY, BODY),  # without a token
        (JSON | KEY | {"Authorization": "Bearer a.b.c"}, BODY),
        (JSON | {"Authorization": "{token}"}, BODY),
        (JSON | {"Authorization": "{token}", "Idempotency-Key": "a key"}, BODY),
        (KEY | {"Authorization": "{token}"}, BODY),
        (KEY | {"Authorization": "{token}", "Content-Type": "text/plain"}, BODY),
        (JSON | KEY | {"Authorization": "{token}"}, b""),
        (JSON | KEY | {"Authorization": "{token}"}, b"[]"),
        (JSON | KEY | {"Authorization": "{token}"}, b'{"clinic_session_id": 1}'),
        (JSON | KEY | {"Authorization": "{token}"}, b'{"clinic_session_id": 0, "patient_id": 1}'),
        (JSON | KEY | {"Authorization": "{token}"}, b'{"' + b"x" * 20_000 + b'": 1}'),
        (JSON | KEY | {"Authorization": "{token}", **ENGLISH}, b"{"),
        (JSON | KEY | {"Authorization": "{token}", "Accept": "text/html"}, b"{"),
    ],
)
async def test_a_direct_refusal_is_that_of_the_route(headers: dict[str, str], body: bytes) -> None:
    site = closed(Clock())
    sent = headers | {
        name: text.format(token=f"Bearer {site.token(1)}") for name, text in headers.items()
    }
    direct = await site.post(DIRECT, headers=sent, content=body)
    routed = await site.post(ROUTED, headers=sent, content=body)
    assert 400 <= direct.status_code < 500
    assert _plain(direct) == _plain(routed)


async def test_a_direct_booking_is_refused_and_repeated_like_a_routed_booking(site: Site) -> None:
    citizen, session_id = await add_citizen(site), await add_session(site.platform)
    booking = {"clinic_session_id": session_id, "patient_id": citizen.patient_id}
    for wanted, key in ((booking, "once"), (booking, "twice"), ({**booking, "patient_id": 9}, "x")):
        answers = [
            await site.post(
                path, token=citizen.token, headers={"Idempotency-Key": key}, json=wanted
            )
            for path in (DIRECT, ROUTED)
        ]
        assert _plain(answers[0]) == _plain(answers[1])


async def test_a_booking_waits_for_no_titles_to_be_read_anew(site: Site) -> None:
    """They are read on a connection that slow readers may all hold."""
    citizen, session_id = await add_citizen(site), await add_session(site.platform)
    platform = site.platform
    await platform.refresh()
    platform.titles.forget()
    now = platform.db.seconds()
    answer = await site.post(
        DIRECT,
        token=citizen.token,
        headers={"Idempotency-Key": "once"},
        json={"clinic_session_id": session_id, "patient_id": citizen.patient_id},
    )
    assert answer.status_code == 201
    assert platform.is_stale(now)
    assert (await site.get(DIRECT, token=citizen.token)).status_code == 200
    assert not platform.is_stale(now)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (OperationalError("lost"), 503, "unavailable"),
        (RuntimeError("a fault"), 500, "internal_error"),
    ],
)
async def test_a_failure_of_a_direct_call_is_logged_under_its_trace_id(
    error: Exception, status: int, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail(_: Received) -> ASGIApp:
        raise error

    app: Any = DirectCall("POST", "/api/v1/failing", fail, Replies(Policy, date.today, "114"))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://guahao.test") as client:
        answer = await client.post("/api/v1/failing", headers=CHINESE)
    problem(answer, status, code)
    logged = capsys.readouterr().out
    assert answer.json()["trace_id"] in logged
    assert str(error) in logged


def _plain(answer: httpx.Response) -> tuple[int, dict[str, str], Any]:
    return answer.status_code, dict(answer.headers), answer.json()
