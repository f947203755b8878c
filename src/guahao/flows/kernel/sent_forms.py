"""Carry out each form once, however often it is sent.

The key of a form is stored in the transaction that makes the change: at the end of the first
transaction that writes anything while the form is handled. A repetition that runs at the same
time waits there for the first commit, and is rolled back.
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

ANSWER_KEPT = timedelta(hours=1)  # an answer may contain a password that is shown once
FORM_KEPT = timedelta(days=30)  # far longer than a staff log-in lasts
_ANSWER_WAITED_SECONDS = 10
_POLL_SECONDS = 0.05


class FormAlreadySentError(Exception):
    """This form was carried out before; the repetition is rolled back."""


@dataclass
class FormInHand:
    """A form that is being handled. `key` and `body` are HMACs."""

    key: bytes
    body: bytes
    claimed: bool = False

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Record the form as sent in the first transaction that writes something."""
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
        # If the commit fails, the form is not recorded, and no answer is stored for it.
        self.claimed = True


async def find_sent(platform: Platform, form: FormInHand) -> SentForm | None:
    """Return the earlier submission of a form, once it has an answer.

    If no answer arrives, because the process died, the form is returned without it.
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
    """Store the answer for a repetition of the form."""
    async with platform.db.transaction() as tx:
        await store.set_answer(tx, platform.vault, form.key, answer)


async def refused(platform: Platform, form: FormInHand) -> None:
    """Release a refused form, so that it can be corrected and sent again."""
    async with platform.db.transaction() as tx:
        await store.release(tx, form.key)
