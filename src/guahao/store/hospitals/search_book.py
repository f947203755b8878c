"""A process's cache of everything that is searched: names, pinyin and search terms.

Changes by this process are seen at once, those of others within seconds. What is found is read
from the database again, so that nothing is offered that is gone.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from guahao.rules.hospitals.vocabulary import Vocabulary
from guahao.store.hospitals import search as store
from guahao.store.hospitals import search_terms as term_store
from guahao.store.kernel.db import Tx

_CACHED_FOR = timedelta(seconds=5)


class SearchBook:
    """The vocabulary of the city, read again when it is older than a few seconds."""

    def __init__(self) -> None:
        self._known = Vocabulary()
        self._read_at: datetime | None = None

    def forget(self) -> None:
        """Drop what is cached, because this process changed a name or a term."""
        self._read_at = None

    async def vocabulary(self, tx: Tx) -> Vocabulary:
        """Return what is known, read in this transaction where it is too old."""
        never_read = not self._known.hospitals
        if self._read_at is None or abs(tx.now - self._read_at) >= _CACHED_FOR or never_read:
            self._read_at = tx.now  # concurrent callers use what is known
            read = Vocabulary(
                tuple(await store.known_hospitals(tx)),
                tuple(await store.known_departments(tx)),
                tuple(await term_store.known(tx)),
            )
            if read != self._known:  # what is derived from it was not worked out for nothing
                self._known = read
        return self._known
