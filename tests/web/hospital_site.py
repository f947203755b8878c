"""Hospitals whose information systems call the platform."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import httpx
from tests.city import THURSDAY, ask
from tests.web.site import API, Site

from guahao.flows.integration.clients import NewSecret, add_client
from guahao.rules.integration.clients import Scope
from guahao.rules.staff.staff import SYSTEM

CALLS = f"{API}/hospital"


@dataclass(frozen=True)
class System:
    """A hospital's information system with a token for all that it may do."""

    site: Site
    hospital_id: int
    client: NewSecret
    token: str

    async def renewed(self) -> System:
        """Return the system with a new token, after the clock was moved."""
        answer = await token_answer(self.site, self.client.client_id, self.client.secret)
        return replace(self, token=answer.json()["access_token"])

    async def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        return await self.site.call(method, CALLS + path, token=self.token, **more)

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.call("GET", path, **more)

    async def post(self, path: str, **more: Any) -> httpx.Response:
        return await self.call("POST", path, **more)

    async def put(self, path: str, **more: Any) -> httpx.Response:
        return await self.call("PUT", path, **more)

    async def publish(self, items: Iterable[dict[str, Any]]) -> dict[str, Any]:
        """Publish sessions and return the counts and items of the response."""
        answer = await self.put("/clinic-sessions", json={"items": list(items)})
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def publish_departments(self) -> None:
        """A first-level department D1 and D2 below it."""
        items = [
            {"external_id": "D1", "name": "内科"},
            {"external_id": "D2", "name": "心血管内科", "parent_external_id": "D1"},
        ]
        answer = await self.put("/departments", json={"items": items})
        assert answer.json()["created"] == 2, answer.text


async def add_hospital(site: Site, name: str = "市第三医院") -> int:
    [[id]] = await ask(
        site.platform,
        """
        INSERT INTO hospitals (code, name, grade, district)
        SELECT 'X' || count(*), %s, '三级甲等', '城东' FROM hospitals RETURNING id
        """,
        name,
    )
    return int(id)


async def add_system(
    site: Site,
    hospital_id: int | None = None,
    scopes: Iterable[Scope] = tuple(Scope),
    certificate: str = "",
) -> System:
    """A client of a hospital, of a new one where none is given."""
    id = await add_hospital(site) if hospital_id is None else hospital_id
    new = await add_client(site.platform, SYSTEM, id, "测试系统", frozenset(scopes), certificate)
    assert isinstance(new, NewSecret), new
    token = ""
    if not certificate:
        answer = await token_answer(site, new.client_id, new.secret)
        assert answer.status_code == 200, answer.text
        token = answer.json()["access_token"]
    return System(site, id, new, token)


async def token_answer(
    site: Site, client_id: str, secret: str, *, basic: bool = True, **more: Any
) -> httpx.Response:
    """Request a token by client_secret_basic or client_secret_post."""
    form = {"grant_type": "client_credentials", **more.pop("form", {})}
    headers = dict(more.pop("headers", {}))
    if basic:
        pair = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
        headers["Authorization"] = f"Basic {pair}"
    else:
        form |= {"client_id": client_id, "client_secret": secret}
    return await site.post(f"{CALLS}/token", data=form, headers=headers, **more)


def session_item(number: int = 1, **fields: Any) -> dict[str, Any]:
    """Return a session of department D2."""
    day: date = fields.pop("day", THURSDAY)
    return {
        "external_id": f"S{number}",
        "department_external_id": "D2",
        "title": "主任医师",
        "visit_date": day.isoformat(),
        "period": "morning",
        "fee_fen": 8000,
        "capacity": 20,
        **fields,
    }


async def logged(site: Site, hospital_id: int) -> list[tuple[Any, ...]]:
    """Call, status and why of the hospital's calls, the oldest first."""
    return await ask(
        site.platform,
        "SELECT call, status, why FROM hospital_calls WHERE hospital_id = %s ORDER BY id",
        hospital_id,
    )
