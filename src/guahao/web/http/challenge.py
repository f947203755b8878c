"""The proof-of-work challenge that a client solves before it gets a one-time password."""

from __future__ import annotations

import msgspec


class Challenge(msgspec.Struct, rename="camel"):
    """A challenge in ALTCHA's format: find the number that, after `salt`, hashes to `challenge`."""

    algorithm: str
    challenge: str
    max_number: int
    salt: str
    signature: str
