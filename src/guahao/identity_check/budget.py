"""A daily budget for a verifier that costs money each time it is asked.

Counted in PostgreSQL, over all processes, from midnight to midnight: a flood of invented
registrations must not empty the operator's account.
"""

from __future__ import annotations

import structlog

from guahao.identity_check.gateway import RealNameVerifier, Verdict
from guahao.rules.people.identity import RESIDENT_ID, Document
from guahao.store.kernel import throttle
from guahao.store.kernel.db import Database

_SCOPE = "identity_checks"
_DAY_SECONDS = 86400
_EVERYBODY = b""

log = structlog.get_logger(__name__)


class BudgetedVerifier:
    """Ask `verifier` at most `per_day` times a day; then every person stays unchecked."""

    def __init__(self, verifier: RealNameVerifier, database: Database, per_day: int) -> None:
        self.name = verifier.name
        self._verifier = verifier
        self._database = database
        self._per_day = per_day

    async def check(self, person_name: str, document: Document) -> Verdict:
        """Return the verifier's verdict, or UNKNOWN where today's budget is spent."""
        if document.id_type != RESIDENT_ID:
            return Verdict.UNKNOWN
        async with self._database.transaction() as tx:
            hits = await throttle.hit(tx, _SCOPE, _EVERYBODY, _DAY_SECONDS)
        if hits > self._per_day:
            if hits == self._per_day + 1:
                log.error("identity_check_budget_spent", per_day=self._per_day)
            return Verdict.UNKNOWN
        return await self._verifier.check(person_name, document)
