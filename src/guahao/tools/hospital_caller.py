"""The calls that the stand-in of a hospital's system makes, as a vendor's system would.

Every call goes over HTTP with client credentials; a token is fetched when there is none, or when
the one at hand has expired. On demand it calls twice, in another order, or with lies.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import httpx

from guahao.clock import Clock
from guahao.flows.integration import clients, webhooks
from guahao.flows.integration.clients import NewSecret
from guahao.flows.integration.webhooks import WebhookSet
from guahao.flows.kernel.platform import Platform
from guahao.rules.integration.clients import ClientRefusal, Scope
from guahao.rules.integration.pushing import KINDS, WebhookRefusal
from guahao.rules.kernel.outcomes import DONE, Done, Refused
from guahao.rules.staff.staff import SYSTEM
from guahao.tools.stand_ins.hospital import EVENTS_PATH, Action, StandIn

PREFIX = "/api/v1/hospital"
_UNAUTHORIZED = 401
_PAGE = 200
_LISTED_DAYS = 31  # at most in a list
_CALL_SECONDS = 60.0
_CLIENT_NAME = "HIS stand-in"


class CallError(Exception):
    """The platform refused a call; the message is the platform's."""


@dataclass
class Caller:
    """A hospital's system as a client. `client` has the platform's address."""

    client: httpx.AsyncClient
    client_id: str
    client_secret: str
    system: StandIn
    cursor: str = ""  # the cursor of the changes read so far
    token: str = field(default="", repr=False)

    async def publish(self, days: Sequence[date], capacity: int = 20) -> dict[str, Any]:
        """Publish a department and a morning session on each of these days."""
        departments = [
            {"external_id": "HIS-D", "name": "内科"},
            {"external_id": "HIS-D1", "name": "全科门诊", "parent_external_id": "HIS-D"},
        ]
        await self._call("PUT", "/departments", {"items": departments})
        items = [_session(day, capacity) for day in days]
        if self.system.behaviour.reorder:
            random.shuffle(items)
        return await self._call("PUT", "/clinic-sessions", {"items": items})

    async def places(self, day: date, capacity: int) -> dict[str, Any]:
        """Change the places of that day's session."""
        path = f"/clinic-sessions/{_external_id(day)}/capacity"
        return await self._call("PUT", path, {"capacity": capacity})

    async def stop(self, day: date) -> dict[str, Any]:
        """Stop that day's session because the doctor is away."""
        reason = {"reason": "医生外出"}
        return await self._call("POST", f"/clinic-sessions/{_external_id(day)}/stop", reason)

    async def pick_up(self, code: str, id_no: str) -> dict[str, Any]:
        """Pick up the booking of a code and document."""
        return await self._call("POST", "/pickups", {"code": code, "id_no": id_no})

    async def report(self, seen: Mapping[int, bool]) -> dict[str, Any]:
        """Report who came, by the booking's id; a lying hospital reports the contrary."""
        lies = self.system.chance() < self.system.behaviour.lie
        items = [{"appointment_id": id, "seen": came is not lies} for id, came in seen.items()]
        if self.system.behaviour.reorder:
            random.shuffle(items)
        return await self._call("PUT", "/attendance", {"items": items})

    async def compare(self, now: datetime) -> dict[str, Any]:
        """Send the hospital's list from yesterday on, to be compared with the platform's.

        A lying hospital leaves out lines; a hospital that does things twice doubles lines.
        """
        first = now.date() - timedelta(days=1)
        last = first + timedelta(days=_LISTED_DAYS - 1)
        lines: list[dict[str, Any]] = []
        for booking in self.system.bookings():
            listed = first <= date.fromisoformat(booking["visit_date"]) <= last
            if listed and self.system.chance() >= self.system.behaviour.lie:
                doubled = self.system.chance() < self.system.behaviour.twice
                lines += [_line(booking)] * (2 if doubled else 1)
        body = {
            "made_at": now.isoformat(),
            "date_from": first.isoformat(),
            "date_to": last.isoformat(),
            "bookings": lines,
        }
        # Sent once under every behaviour, because each list is a report of its own.
        answer = await self._once("POST", "/reconciliations", body, None)
        return _answered(answer)

    async def catch_up(self) -> int:
        """Read the changes since the last time into the book; return how many."""
        count = 0
        while True:
            query: dict[str, str | int] = {"limit": _PAGE}
            if self.cursor:
                query["after"] = self.cursor
            answer = await self._call("GET", "/changes", query=query)
            for change in answer["items"]:
                self.system.enter(change)
            count += len(answer["items"])
            self.cursor = answer["next"]
            if answer["complete"] and len(answer["items"]) < _PAGE:
                return count

    async def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str | int] | None = None,
    ) -> dict[str, Any]:
        """Call the platform, and repeat the call if the hospital calls twice."""
        answer = await self._once(method, path, body, query)
        if method != "GET" and self.system.chance() < self.system.behaviour.twice:
            await self._once(method, path, body, query)
        return _answered(answer)

    async def _once(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, str | int] | None,
    ) -> httpx.Response:
        answer = await self._with_token(method, path, body, query)
        if answer.status_code == _UNAUTHORIZED:
            self.token = ""
            answer = await self._with_token(method, path, body, query)
        return answer

    async def _with_token(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, str | int] | None,
    ) -> httpx.Response:
        self.token = self.token or await self._new_token()
        headers = {"Authorization": f"Bearer {self.token}", "Accept-Language": "zh"}
        return await self.client.request(
            method, PREFIX + path, json=body, params=query, headers=headers
        )

    async def _new_token(self) -> str:
        answer = await self.client.post(
            f"{PREFIX}/token",
            data={"grant_type": "client_credentials"},
            auth=(self.client_id, self.client_secret),
        )
        if answer.is_error:
            raise CallError(f"no token: {answer.text}")
        token: str = answer.json()["access_token"]
        return token


def _answered(answer: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = answer.json()
    if answer.is_error:
        raise CallError(f"{answer.status_code} {found.get('code')}: {found.get('detail')}")
    return found


def actions(
    system: StandIn, base_url: str, credentials: tuple[str, str], clock: Clock
) -> dict[str, Action]:
    """Return the calls that the stand-in's page offers, each over HTTP to the platform."""
    kept = {"cursor": ""}

    def action(work: Callable[[Caller, Mapping[str, str]], Awaitable[object]]) -> Action:
        async def run(given: Mapping[str, str]) -> str:
            async with httpx.AsyncClient(base_url=base_url, timeout=_CALL_SECONDS) as client:
                caller = Caller(client, *credentials, system, kept["cursor"])
                try:
                    said = await work(caller, given)
                except (CallError, httpx.HTTPError, ValueError) as error:
                    return f"{type(error).__name__}: {error}"
                kept["cursor"] = caller.cursor
                return _short(said)

        return lambda given: asyncio.run(run(given))

    def day_of(given: Mapping[str, str]) -> date:
        return date.fromisoformat(given.get("day", ""))

    return {
        "publish": action(lambda caller, _: caller.publish(coming_days(clock().date()))),
        "catch up": action(lambda caller, _: caller.catch_up()),
        "pick up": action(
            lambda caller, given: caller.pick_up(given.get("code", ""), given.get("id_no", ""))
        ),
        "stop": action(lambda caller, given: caller.stop(day_of(given))),
        "compare": action(lambda caller, _: caller.compare(clock())),
        "report all as seen": action(
            lambda caller, given: caller.report(system.waiting_on(day_of(given).isoformat()))
        ),
    }


async def connect(
    platform: Platform, system: StandIn, hospital_id: int, address: str
) -> Done | Refused[WebhookRefusal] | Refused[ClientRefusal]:
    """Point the hospital's webhook at the stand-in and make its client; return any refusal."""
    webhook = await webhooks.set_webhook(
        platform, SYSTEM, hospital_id, address + EVENTS_PATH, KINDS
    )
    if isinstance(webhook, WebhookSet) and webhook.secret is None:
        # The stand-in does not know the secret of a webhook set at an earlier start.
        webhook = await webhooks.rotate_secret(platform, SYSTEM, hospital_id)
    if isinstance(webhook, Refused):
        return webhook
    client = await _client_of(platform, hospital_id)
    if isinstance(client, Refused):
        return client
    system.verifier.secrets = [webhook.secret or ""]
    credentials = client.client_id, client.secret
    system.actions = actions(system, platform.settings.public_base, credentials, platform.db.clock)
    return DONE


async def _client_of(platform: Platform, hospital_id: int) -> NewSecret | Refused[ClientRefusal]:
    """Return the client of an earlier start with a new secret, or a new client."""
    for client in await clients.list_clients(platform):
        is_ours = (client.hospital_id, client.name) == (hospital_id, _CLIENT_NAME)
        if is_ours and client.disabled_at is None:
            return await clients.rotate(platform, SYSTEM, client.id, 0)
    return await clients.add_client(platform, SYSTEM, hospital_id, _CLIENT_NAME, frozenset(Scope))


def _short(said: object) -> str:
    """Return an answer without its items, which contain personal data."""
    if isinstance(said, dict):
        lists = ("items", "differences")
        return str({name: value for name, value in said.items() if name not in lists})
    return str(said)


def coming_days(today: date, count: int = 7) -> list[date]:
    """Return the days on which the stand-in has a doctor."""
    return [today + timedelta(days=n) for n in range(1, count + 1)]


def _line(booking: Mapping[str, Any]) -> dict[str, Any]:
    """Return a line of the list; a booking without a known status counts as booked."""
    status = booking["status"]
    return {
        "order_no": booking["order_no"],
        "status": "booked" if status == "unverified" else status,
        "visit_date": booking["visit_date"],
        "period": booking["period"],
        "session_external_id": booking["session_external_id"],
        "id_no": booking["patient"]["id_no"],
    }


def _external_id(day: date) -> str:
    return f"HIS-{day:%Y%m%d}-AM"


def _session(day: date, capacity: int) -> dict[str, Any]:
    return {
        "external_id": _external_id(day),
        "department_external_id": "HIS-D1",
        "title": "普通门诊",
        "visit_date": day.isoformat(),
        "period": "morning",
        "starts_at": "08:00",
        "ends_at": "12:00",
        "fee_fen": 5000,
        "capacity": capacity,
    }
