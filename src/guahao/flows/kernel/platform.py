"""The parts that every flow works with, wired once and passed as the first argument."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from guahao.identity_check.gateway import NoVerifier, RealNameVerifier
from guahao.rules.kernel.limits import CITY_TIME, Policy
from guahao.rules.kernel.rates import Rates
from guahao.rules.operations.facts import Observed
from guahao.settings import Settings
from guahao.store.hospitals.search_book import SearchBook
from guahao.store.hospitals.title_book import TitleBook
from guahao.store.kernel.db import Database
from guahao.store.kernel.vault import Vault
from guahao.store.kernel.views import AppointmentView
from guahao.store.policy.policy_book import PolicyBook


@dataclass(frozen=True, slots=True)
class Platform:
    """The database, vault, policies, settings and titles of the platform."""

    db: Database
    vault: Vault
    policies: PolicyBook
    settings: Settings
    titles: TitleBook = field(default_factory=TitleBook)
    search: SearchBook = field(default_factory=SearchBook)
    verifier: RealNameVerifier = field(default_factory=NoVerifier)
    rates: Rates = field(default_factory=Rates)  # the rate limits of this process
    observed: Observed = field(default_factory=Observed)  # the platform's own condition
    elapsed: Callable[[], float] = time.monotonic  # in seconds, for the age of stored answers

    async def refresh(self) -> None:
        """Refresh the policies and titles known to this process."""
        await self.policies.refresh(self.db)
        await self.titles.refresh(self.db)

    def is_stale(self, now: float) -> bool:
        """Return whether `refresh` would read something, at a time in Unix seconds."""
        return self.policies.is_due(now) or self.titles.is_due(now)

    @property
    def checks_names(self) -> bool:
        """Return whether a real-name verifier is configured, which limits the unchecked."""
        return self.verifier.name != NoVerifier.name

    @property
    def policy_today(self) -> Policy:
        """Return today's policy for display; decisions call `policies.read` instead."""
        return self.policies.known.on(self.db.clock().date())

    def cancelling_policy(self, booking: AppointmentView) -> Policy:
        """Return the policy for cancelling this booking for display, with its promises kept."""
        booked_on = booking.booked_at.astimezone(CITY_TIME).date()
        return self.policies.known.for_cancelling(booked_on, self.db.clock().date())
