"""Transactions with an actor: the person, client or system that acts in them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from guahao.flows.kernel.platform import Platform
from guahao.rules.staff.staff import Who
from guahao.store.kernel.db import Tx
from guahao.store.kernel.vault import Vault
from guahao.store.staff import trail

# Subjects whose names are searched.
_SEARCHED = frozenset({"hospital", "department", "search_term"})


@dataclass(frozen=True, slots=True)
class Acting:
    """An open transaction and its actor, for whom `record` writes to the audit trail."""

    platform: Platform
    tx: Tx
    who: Who
    subjects: set[str] = field(default_factory=set)  # the kinds of what was recorded

    @property
    def now(self) -> datetime:
        """Return the time of the transaction."""
        return self.tx.now

    @property
    def vault(self) -> Vault:
        """Return the platform's vault."""
        return self.platform.vault

    async def record(
        self,
        action: str,
        subject: tuple[str, int] | None = None,
        *,
        reason: str = "",
        detail: Mapping[str, Any] | None = None,
        hospital_id: int | None = None,
    ) -> int:
        """Append an entry to the audit trail and return its number; see `store.staff.trail`.

        Call it last: it locks the end of the trail until the commit.
        """
        if subject is not None:
            self.subjects.add(subject[0])
        return await trail.record(
            self.tx,
            self.vault,
            self.who,
            action,
            subject,
            reason=reason,
            detail=detail,
            hospital_id=hospital_id,
        )


@asynccontextmanager
async def acting(
    platform: Platform, who: Who, *, hospital_id: int | None = None
) -> AsyncIterator[Acting]:
    """Open a transaction for an actor.

    `hospital_id`: show only the rows of this hospital, as `Database.transaction` does.
    """
    async with platform.db.transaction(hospital_id) as tx:
        act = Acting(platform, tx, who)
        yield act
    if act.subjects & _SEARCHED:
        platform.search.forget()
