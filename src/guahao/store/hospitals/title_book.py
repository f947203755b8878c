"""What one process knows of the city's titles, for sentences and forms.

Nothing is decided by it: another process's change is seen a minute later, one's own at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import psycopg
import structlog

from guahao.store.hospitals import titles as store
from guahao.store.kernel.db import Database

_KEPT = timedelta(minutes=1)
_log = structlog.get_logger("guahao.titles")


class TitleBook:
    """`english`: a title's English name, where it has one; `offered`: what forms offer."""

    def __init__(self) -> None:
        self.english: Mapping[str, str] = {}
        self.offered: tuple[str, ...] = ()
        self._read_at: datetime | None = None

    def forget(self) -> None:
        """The list was changed here: the next to ask reads it."""
        self._read_at = None

    async def refresh(self, db: Database) -> None:
        """Read the list once a minute; an outage leaves what is known as it was."""
        now = db.clock()
        if self._read_at is not None and abs(now - self._read_at) < _KEPT:
            return
        self._read_at = now  # whoever comes meanwhile does with what is known
        try:
            async with db.transaction() as tx:
                there = await store.listed(tx)
        except psycopg.OperationalError as error:
            _log.warning("titles_not_read", error=type(error).__name__)
            return
        self.english = {one.name: one.name_en for one in there if one.name_en}
        self.offered = tuple(one.name for one in there if one.retired_at is None)
