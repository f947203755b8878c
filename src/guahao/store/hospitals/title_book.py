"""A process's cache of the city's titles, and of the English of specialties.

No decision depends on it: changes by other processes are seen within a minute, own ones at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import psycopg
import structlog

from guahao.store.hospitals import specialties as specialty_store
from guahao.store.hospitals import titles as title_store
from guahao.store.kernel.db import Database

_CACHED_SECONDS = 60
_log = structlog.get_logger("guahao.titles")


class TitleBook:
    """`english`: a title's English name, where it has one; `offered`: what forms offer.

    `specialties`: the English of specialties. `is_known`: whether they were ever read.
    """

    def __init__(self) -> None:
        self.english: Mapping[str, str] = {}
        self.specialties: Mapping[str, str] = {}
        self.offered: tuple[str, ...] = ()
        self.is_known = False
        self._read_at = -math.inf  # Unix seconds

    def title_en(self, title: str) -> str:
        """Return a title's English name; empty where it has none."""
        return self.english.get(title, "")

    def specialty_en(self, specialty: str) -> str:
        """Return a specialty's English; empty where it has none."""
        return self.specialties.get(specialty, "")

    def forget(self) -> None:
        """Drop what is cached, because the list was changed by this process."""
        self._read_at = -math.inf

    def is_due(self, now: float) -> bool:
        """Return whether the list is to be read again at a time in Unix seconds."""
        return abs(now - self._read_at) >= _CACHED_SECONDS

    async def refresh(self, db: Database) -> None:
        """Read the list once a minute; an outage leaves what is known as it was."""
        now = db.seconds()
        if not self.is_due(now):
            return
        self._read_at = now  # concurrent callers use what is known
        try:
            async with db.transaction() as tx:
                titles = await title_store.listed(tx)
                specialties = await specialty_store.english(tx)
        except psycopg.OperationalError as error:
            _log.warning("titles_not_read", error=type(error).__name__)
            return
        self.english = {title.name: title.name_en for title in titles if title.name_en}
        self.specialties = specialties
        self.offered = tuple(title.name for title in titles if title.retired_at is None)
        self.is_known = True
