"""People who book steadily while something breaks, and what became of their bookings."""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

import httpx
from tests.city import ask
from tests.crowd import Person, add_clinic, add_crowd

from guahao.clock import city_clock
from guahao.flows.kernel.platform import Platform
from guahao.rules.kernel.limits import CITY_TIME, Policy
from guahao.settings import Settings
from guahao.store.kernel.db import Database
from guahao.store.kernel.vault import Vault
from guahao.store.policy.policy_book import PolicyBook
from guahao.tools.bench.queries import LOGINS
from guahao.web_process import token_issuer

PATIENCE_SECONDS = 120
# All callers of a test come from one address.
UNLIMITED = {
    f"GUAHAO_{name}": "1000000"
    for name in (
        *("BOOKINGS_PER_ADDRESS_MINUTE", "BOOKINGS_PER_NETWORK_MINUTE"),
        *("PLACES_PER_ADDRESS_10_MINUTES", "PLACES_PER_NETWORK_10_MINUTES"),
        *("REQUESTS_PER_ADDRESS_MINUTE", "REQUESTS_PER_NETWORK_MINUTE"),
    )
}
# As often as the rules allow one person to book within three months, seven days apart.
_VISITS = 5
_DAYS_APART = 8


@asynccontextmanager
async def looking(url: str, secret_key: str) -> AsyncIterator[Platform]:
    """The platform as a test looks at it, with the key of the processes."""
    platform = Platform(
        Database(url, city_clock(), max_size=4), Vault(secret_key), PolicyBook(Policy()), Settings()
    )
    await platform.db.open()
    try:
        yield platform
    finally:
        await platform.db.close()


@dataclass(frozen=True)
class BookingRequest:
    """A booking that somebody wants, under its key."""

    person: Person
    token: str
    session_id: int

    @property
    def key(self) -> str:
        return f"{self.person.patient_id}-{self.session_id}"


async def booking_requests(platform: Platform, persons: int) -> list[BookingRequest]:
    """Five bookings a person, on days apart, in a department large enough for all."""
    today = datetime.now(CITY_TIME).date()
    dates = [today + timedelta(days=3 + _DAYS_APART * number) for number in range(_VISITS)]
    sessions = await add_clinic(platform, dates, capacity=persons)
    issue = token_issuer(platform)
    crowd = await add_crowd(platform, persons)
    async with platform.db.transaction() as tx:
        await tx.do("DELETE FROM log_ins")  # of those who booked before, who have their answers
        await tx.do(LOGINS, (tx.now, tx.now, tx.now, tx.now))
        # A person whom nobody has checked may have a single live booking.
        await tx.do("UPDATE patients SET checked_at = %s, checked_by = 'pickup'", (tx.now,))
    tokens = {person: issue(person.account_id) for person in crowd}
    return [
        BookingRequest(person, tokens[person], session) for session in sessions for person in crowd
    ]


@dataclass
class Load:
    """Clients that book, each again under its key until it is answered for good."""

    bases: Sequence[str]
    requests: list[BookingRequest]
    clients: int = 4
    pause_seconds: float = 0.05
    tls: ssl.SSLContext | bool = True
    host: str | None = None  # the name that people type, where the address is another
    acknowledged: dict[str, int] = field(default_factory=dict)  # key: the appointment's id
    answered_at: list[float] = field(default_factory=list)
    trouble: Counter[str] = field(default_factory=Counter)
    longest_wait_seconds: float = 0.0
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Load]:
        """Book until the end of the block; then whoever began is answered for good."""
        left = iter(self.requests)
        async with httpx.AsyncClient(timeout=15, verify=self.tls, trust_env=False) as client:
            tasks = self._tasks = [
                asyncio.create_task(self._book_on(client, left, number))
                for number in range(self.clients)
            ]
            try:
                yield self
                self._stop.set()
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _book_on(
        self, client: httpx.AsyncClient, left: Iterator[BookingRequest], number: int
    ) -> None:
        for request in left:
            if self._stop.is_set():
                return
            await self._book(client, request, number)
            await asyncio.sleep(self.pause_seconds)
        raise AssertionError("there are not enough persons for so long a load")

    async def _book(self, client: httpx.AsyncClient, request: BookingRequest, number: int) -> None:
        tries = number
        while True:
            begun = time.monotonic()
            said = "no answer"
            try:
                answer = await client.post(
                    f"{self.bases[tries % len(self.bases)]}/api/v1/appointments",
                    headers={
                        "Authorization": f"Bearer {request.token}",
                        "Idempotency-Key": request.key,
                        **({} if self.host is None else {"Host": self.host}),
                    },
                    extensions={} if self.host is None else {"sni_hostname": self.host},
                    json={
                        "clinic_session_id": request.session_id,
                        "patient_id": request.person.patient_id,
                    },
                )
            except httpx.TransportError as error:
                said = type(error).__name__
            else:
                if answer.status_code == 201:
                    self.acknowledged[request.key] = answer.json()["id"]
                    self.answered_at.append(time.monotonic())
                    self._waited(begun)
                    return
                said = str(answer.status_code)
                if answer.status_code < 500 and answer.status_code != 429:
                    raise AssertionError(f"{answer.status_code}: {answer.text}")
            self._waited(begun)
            self.trouble[said] += 1
            tries += 1
            # An account may try thirty times a minute.
            await asyncio.sleep(0.2 if tries - number < 5 else random.uniform(0.8, 1.4))

    def _waited(self, begun: float) -> None:
        self.longest_wait_seconds = max(self.longest_wait_seconds, time.monotonic() - begun)

    async def more(self, count: int, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until so many more bookings are acknowledged."""
        wanted = len(self.acknowledged) + count
        async with asyncio.timeout(seconds):
            while len(self.acknowledged) < wanted:
                for task in self._tasks:
                    if task.done():
                        task.result()
                await asyncio.sleep(0.02)

    def first_after(self, fault_at: float) -> float:
        """How long after a fault bookings went on: the end of the longest silence since then."""
        return self._longest_silence(fault_at)[1] - fault_at

    def interruption(self, fault_at: float) -> float:
        """How long nothing was booked after a fault that is announced, and begins later."""
        return self._longest_silence(fault_at)[0]

    def _longest_silence(self, fault_at: float) -> tuple[float, float]:
        """The seconds of the longest silence since a fault, and when it ended."""
        times = [fault_at, *(at for at in self.answered_at if at > fault_at)]
        return max((late - early, late) for early, late in pairwise(times))


@dataclass(frozen=True)
class Verdict:
    """What the database has of what was acknowledged."""

    acknowledged: int
    lost: int
    doubled: int


async def verdict(platform: Platform, load: Load) -> Verdict:
    """Compare every acknowledged booking with the records."""
    rows = await ask(
        platform,
        "SELECT id, patient_id, clinic_session_id FROM appointments WHERE status = 'booked'",
    )
    there = {row[0]: f"{row[1]}-{row[2]}" for row in rows}
    lost = [key for key, id_ in load.acknowledged.items() if there.get(id_) != key]
    times = Counter(there.values())
    doubled = [key for key in load.acknowledged if times[key] > 1]
    return Verdict(len(load.acknowledged), len(lost), len(doubled))
