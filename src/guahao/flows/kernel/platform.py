"""What every flow works with: wired once, passed as the first argument."""

from __future__ import annotations

from dataclasses import dataclass, field

from guahao.identity_check.gateway import NoVerifier, RealNameVerifier
from guahao.rules.kernel.limits import CITY_TIME, Policy
from guahao.rules.kernel.rates import Rates
from guahao.rules.operations.facts import Observed
from guahao.settings import Settings
from guahao.store.hospitals.title_book import TitleBook
from guahao.store.kernel.db import Database
from guahao.store.kernel.vault import Vault
from guahao.store.kernel.views import AppointmentView
from guahao.store.policy.policy_book import PolicyBook


@dataclass(frozen=True, slots=True)
class Platform:
    """The database, the keys, the platform's policies, the operator's settings, the titles."""

    db: Database
    vault: Vault
    policies: PolicyBook
    settings: Settings
    titles: TitleBook = field(default_factory=TitleBook)
    verifier: RealNameVerifier = field(default_factory=NoVerifier)
    rates: Rates = field(default_factory=Rates)  # this process's counts of tries
    observed: Observed = field(default_factory=Observed)  # how the platform itself does

    async def refresh(self) -> None:
        """See to it that what sentences need of the day is known."""
        await self.policies.refresh(self.db)
        await self.titles.refresh(self.db)

    @property
    def checks_names(self) -> bool:
        """Whether a real-name verifier is configured, so that the policy limits the unchecked."""
        return self.verifier.name != NoVerifier.name

    @property
    def policy_said(self) -> Policy:
        """What holds today, for sentences; what decides asks `policies.read` in its transaction."""
        return self.policies.known.on(self.db.clock().date())

    def cancelling_said(self, booking: AppointmentView) -> Policy:
        """The same for cancelling this booking, which keeps what was promised when it was made."""
        booked_on = booking.booked_at.astimezone(CITY_TIME).date()
        return self.policies.known.for_cancelling(booked_on, self.db.clock().date())
