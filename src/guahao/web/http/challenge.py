"""What a program is to solve before a one-time password is sent, on the wire."""

from __future__ import annotations

import msgspec


class Challenge(msgspec.Struct, rename="camel"):
    """Which number, after `salt`, hashes to `challenge`? As ALTCHA's clients know it."""

    algorithm: str
    challenge: str
    max_number: int
    salt: str
    signature: str
