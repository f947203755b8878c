"""What every flow works with: wired once, passed as the first argument."""

from __future__ import annotations

from dataclasses import dataclass

from guahao.rules.limits import Policy
from guahao.settings import Settings
from guahao.store.db import Database
from guahao.store.vault import Vault


@dataclass(frozen=True, slots=True)
class Platform:
    """The database, the keys, the law's numbers and the operator's settings."""

    db: Database
    vault: Vault
    policy: Policy
    settings: Settings
