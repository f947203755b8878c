"""A form that changes something changes it once, however often it is sent.

The key of a form is entered in the very transaction that makes the change: at the end of the
first transaction that writes anything while the form is handled. A second sending that runs at
the same time waits there for the first one's commit, and is rolled back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from guahao.flows.kernel.platform import Platform
from guahao.store.kernel import sent_forms as store
from guahao.store.kernel.db import Tx, before_commit
from guahao.store.kernel.sent_forms import SentForm

ANSWER_KEPT = timedelta(hours=1)  # it may show a password that is shown once
FORM_KEPT = timedelta(days=30)  # far longer than a log-in of the staff lasts
_ANSWER_WAITED_SECONDS = 10
_POLL_SECONDS = 0.05


class FormAlreadySentError(Exception):
    """This form has changed something before; what it did now is rolled back."""


@dataclass
class FormInHand:
    """A form that is being handled. `key` and `body` are HMACs."""

    key: bytes
    body: bytes
    claimed: bool = False

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Enter the form as sent with the first transaction that writes something."""
        token = before_commit.set(self._claim)
        try:
            yield
        finally:
            before_commit.reset(token)

    async def _claim(self, tx: Tx) -> None:
        if self.claimed or not await store.has_written(tx):
            return
        async with tx.as_platform():
            if not await store.claim(tx, self.key, self.body):
                raise FormAlreadySentError
        # Should the commit fail nothing is known of the form, and nothing is answered for it.
        self.claimed = True


async def find_sent(platform: Platform, form: FormInHand) -> SentForm | None:
    """Return the form as it was sent before, once its answer is there.

    A form whose answer does not come (the process died) is returned without one.
    """
    for _ in range(int(_ANSWER_WAITED_SECONDS / _POLL_SECONDS)):
        found = await _sent(platform, form)
        handled = platform.db.clock() - timedelta(seconds=_ANSWER_WAITED_SECONDS)
        if found is None or found.answer is not None or found.sent_at < handled:
            return found
        await asyncio.sleep(_POLL_SECONDS)
    return await _sent(platform, form)


async def _sent(platform: Platform, form: FormInHand) -> SentForm | None:
    async with platform.db.transaction() as tx:
        return await store.find(tx, platform.vault, form.key, tx.now - ANSWER_KEPT)


async def answered(platform: Platform, form: FormInHand, answer: str) -> None:
    """Store the answer, for the same form sent again."""
    async with platform.db.transaction() as tx:
        await store.set_answer(tx, platform.vault, form.key, answer)


async def refused(platform: Platform, form: FormInHand) -> None:
    """Let a form be corrected and sent again: what it wrote was not what it was for."""
    async with platform.db.transaction() as tx:
        await store.release(tx, form.key)
