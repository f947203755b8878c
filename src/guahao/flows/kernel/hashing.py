"""Hash passwords without stalling the process: few threads, a short queue, a fast refusal.

Argon2 takes tens of milliseconds and 64 MiB on purpose. Known and unknown devices have separate
queues, so that a flood of log-ins does not delay people on a known device.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from threading import Lock
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

PASSWORD_LENGTH_MAX = 200
T = TypeVar("T")

_hasher = PasswordHasher()


class HashingBusyError(Exception):
    """Too many passwords wait to be hashed."""


class Lane:
    """A pool of hashing threads with a bounded queue."""

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self.most = threads + waiting
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"hash-{name}")
        self._lock = Lock()
        self._taken = 0

    async def verifies(self, stored: str, password: str) -> bool:
        """Return whether the password matches this hash, in the same time for any password."""
        return await self._run(lambda: _verifies(stored, password))

    async def hashed(self, password: str) -> str:
        """Return the hash of a password."""
        return await self._run(lambda: _hasher.hash(password))

    async def run(self, work: Callable[[], T]) -> T:
        """Run other slow work on a password; raise HashingBusyError if too many wait."""
        return await self._run(work)

    async def _run(self, work: Callable[[], T]) -> T:
        with self._lock:
            if self._taken >= self.most:
                raise HashingBusyError
            self._taken += 1
        job = self._pool.submit(work)
        # Not at the end of the request: a client that disconnects does not stop the thread.
        job.add_done_callback(self._done)
        return await asyncio.wrap_future(job)

    def _done(self, _job: Future[T]) -> None:
        with self._lock:
            self._taken -= 1


STRANGERS = Lane("strangers", threads=2, waiting=16)
KNOWN = Lane("known", threads=1, waiting=16)


@cache
def nobodys_hash() -> str:
    """Return what a log-in without an account is verified against, to take the same time."""
    return _hasher.hash(secrets.token_urlsafe(16))


def needs_rehash(stored: str) -> bool:
    """Return whether a hash has other parameters than today's."""
    return _hasher.check_needs_rehash(stored)


def _verifies(stored: str, password: str) -> bool:
    if len(password) > PASSWORD_LENGTH_MAX:
        return False
    try:
        return _hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
