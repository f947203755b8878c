"""Hospitals that are told by webhook, each with a stand-in of its system."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from tests.city import THURSDAY, Clock, ask
from tests.crowd import Person, add_clinic, add_crowd, booked
from tests.hospital_log import hospital_of

from guahao.flows.integration.webhooks import WebhookSet, set_webhook
from guahao.flows.kernel.platform import Platform
from guahao.pushing.pusher import Pusher
from guahao.pushing.sender import AllowedAddresses, WebhookSender
from guahao.rules.integration.pushing import KINDS
from guahao.rules.staff.staff import SYSTEM
from guahao.store.kernel.views import AppointmentView
from guahao.tools.stand_ins.hospital import EVENTS_PATH, StandIn, serving
from guahao.tools.webhook_verifier import Verifier

SENDER = WebhookSender(AllowedAddresses(demo=True), answer_seconds=600)


@dataclass
class Hospital:
    """A hospital with sessions, and its own system's book."""

    platform: Platform
    id: int
    sessions: list[int]
    system: StandIn

    async def booked(self, person: Person, session: int = 0) -> AppointmentView:
        return await booked(self.platform, person, self.sessions[session])

    async def statuses(self) -> dict[int, str]:
        """How the platform's own records stand, by the appointment's id."""
        rows = await ask(
            self.platform, "SELECT id, status FROM appointments WHERE hospital_id = %s", self.id
        )
        return dict(rows)

    async def events(self) -> list[int]:
        rows = await ask(
            self.platform, "SELECT id FROM hospital_events WHERE hospital_id = %s", self.id
        )
        return [row[0] for row in rows]

    async def deliveries(self) -> list[tuple[str, bool]]:
        """What did not go through at once: the kind, and whether it is dead."""
        rows = await ask(
            self.platform,
            "SELECT kind, dead_at IS NOT NULL FROM hospital_deliveries"
            " WHERE hospital_id = %s ORDER BY event_id",
            self.id,
        )
        return [(row[0], row[1]) for row in rows]


@contextmanager
def stand_in(clock: Clock) -> Iterator[tuple[StandIn, str]]:
    """A hospital's system on the tests' clock, and where it takes events."""
    system = StandIn(clock=lambda: clock().timestamp(), chance=lambda: 0.5)
    with serving(system) as address:
        yield system, address + EVENTS_PATH


async def connect(
    platform: Platform,
    system: StandIn,
    url: str,
    dates: Sequence[date] = (THURSDAY,),
    kinds: Sequence[str] = KINDS,
) -> Hospital:
    """A new hospital that is told there."""
    sessions = await add_clinic(platform, dates)
    hospital_id = await hospital_of(platform, sessions[0])
    made = await set_webhook(platform, SYSTEM, hospital_id, url, kinds)
    assert isinstance(made, WebhookSet), made
    assert made.secret is not None
    system.verifier = Verifier([made.secret])
    return Hospital(platform, hospital_id, sessions, system)


def pusher(platform: Platform, sender: WebhookSender = SENDER) -> Pusher:
    """Without chance in its waits."""
    return Pusher(platform.db, platform.vault, sender, chance=lambda: 0.5)


async def push_all(pushing: Pusher) -> None:
    """As the worker does: for whomever something is due, until nothing is."""
    while due := await pushing.hospitals_due():
        for hospital_id in due:
            await pushing.push(hospital_id)


async def crowd(platform: Platform, count: int) -> list[Person]:
    return await add_crowd(platform, count)
