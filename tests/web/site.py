"""The application under test, and its citizens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx
from litestar import Litestar
from tests.city import Clock, add_account, add_patient, add_session, hurrying

from guahao.flows.booking.desk import Desk
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.logins import Device, log_in_bound
from guahao.notices.deliver import MessageSender
from guahao.notices.outbox import OutboxGateway
from guahao.rules.kernel.limits import Policy
from guahao.settings import Settings
from guahao.store.kernel.db import Database
from guahao.store.kernel.vault import Vault
from guahao.store.messages import messages
from guahao.store.policy.policy_book import PolicyBook
from guahao.web.app import create_app
from guahao.web.http.tokens import PAGES_SECONDS, Tokens

API = "/api/v1"
LOOPBACK = "127.0.0.1"
CHINESE = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}
ENGLISH = {"Accept-Language": "en"}

_keys = count(1)


@dataclass(frozen=True)
class Site:
    """The application, and the platform behind it."""

    app: Litestar
    platform: Platform

    async def call(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        address: str = LOOPBACK,
        **more: Any,
    ) -> httpx.Response:
        """Send a request by httpx; an unhandled exception fails the test."""
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        async with self.client(address) as client:
            return await client.request(method, path, headers=sent, **more)

    def client(self, address: str = LOOPBACK) -> httpx.AsyncClient:
        app: Any = self.app  # the two libraries name ASGI's types differently
        transport = httpx.ASGITransport(app, client=(address, 50_000))
        return httpx.AsyncClient(transport=transport, base_url="http://guahao.test")

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.call("GET", path, **more)

    async def post(self, path: str, **more: Any) -> httpx.Response:
        return await self.call("POST", path, **more)

    def token(self, account_id: int, login_id: int = 0) -> str:
        """A genuine token; of a log-in that is not there unless one is given."""
        return Tokens(self.platform).issue(account_id, login_id, PAGES_SECONDS)

    async def log_in(self, account_id: int) -> str:
        """The token of a new log-in of the account, confirmed."""
        begun = await log_in_bound(self.platform, account_id, Device("test"))
        assert begun.confirmed
        return self.token(account_id, begun.login_id)

    async def book(
        self, citizen: Citizen, session_id: int, *, key: str | None = None, **more: Any
    ) -> httpx.Response:
        """A booking with a key of its own unless one is given."""
        headers = {"Idempotency-Key": key or f"key-{next(_keys)}", **more.pop("headers", {})}
        body = {"clinic_session_id": session_id, "patient_id": citizen.patient_id}
        return await self.post(
            f"{API}/appointments", token=citizen.token, headers=headers, json=body, **more
        )

    async def deliver(self) -> None:
        """Send the waiting messages."""
        platform = self.platform
        gateway = OutboxGateway(platform.db, platform.vault)
        message_sender = MessageSender(
            platform.db, platform.vault, platform.policies, "114", gateway
        )
        async with platform.db.transaction() as tx:
            waiting = await tx.rows("SELECT id FROM messages WHERE state = 'queued' ORDER BY id")
        await message_sender.deliver([row[0] for row in waiting])

    async def outbox(self) -> list[messages.OutboxItem]:
        async with self.platform.db.transaction() as tx:
            return await messages.outbox(tx, self.platform.vault, None, 100)


def closed(clock: Clock, settings: Settings | None = None) -> Site:
    """A site whose database and desk were never opened, for what must not ask them."""
    db = Database("postgresql:///nowhere", clock)
    vault = Vault("a secret key of the tests, long enough")
    platform = Platform(db, vault, PolicyBook(Policy()), settings or Settings(), elapsed=hurrying())
    desk = Desk(platform, lanes=1, batch=1, queue=1)
    return Site(create_app(platform, desk), platform)


@dataclass(frozen=True)
class Citizen:
    """A logged-in citizen with a patient."""

    account_id: int
    patient_id: int
    token: str


async def add_citizen(site: Site, number: int = 1) -> Citizen:
    account_id = await add_account(site.platform, number)
    patient = await add_patient(site.platform, account_id, number)
    return Citizen(account_id, patient.id, await site.log_in(account_id))


async def booked(site: Site, citizen: Citizen) -> dict[str, Any]:
    """A booking of the citizen's at a clinic of its own."""
    answer = await site.book(citizen, await add_session(site.platform))
    assert answer.status_code == 201, answer.text
    booking: dict[str, Any] = answer.json()
    return booking


def problem(answer: httpx.Response, status: int, code: str) -> str:
    """Assert a problem of RFC 9457 in the language it names; its sentence."""
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["type"] == f"urn:problem-type:guahao:{code}"
    assert body["status"] == status
    assert body["title"]
    detail: str = body["detail"]
    assert has_chinese(detail) == (answer.headers["content-language"] == "zh")
    return detail


def has_chinese(text: str) -> bool:
    return any("\u4e00" <= character <= "\u9fff" for character in text)
