"""Verify a webhook of guahao. A reference for vendors that needs only the standard library.

Copy it. Keep a Verifier for as long as your program runs; several programs must share nonces.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence

TOLERANCE_SECONDS = 300


class Verifier:
    """Your secret (two during its replacement) and the nonces of the last minutes."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self.secrets = list(secrets)
        self._seen: dict[str, float] = {}

    def refusal(self, headers: Mapping[str, str], body: bytes, now: float) -> str:
        """Return why to refuse it: `signature`, `timestamp` or `nonce`; empty to accept it.

        `headers`: names in lower case. `body`: the received bytes. `now`: Unix seconds.
        """
        timestamp = headers.get("guahao-timestamp", "")
        nonce = headers.get("guahao-nonce", "")
        signatures = headers.get("guahao-signature", "").split(",")
        if not any(self._made(key, timestamp, nonce, body, signatures) for key in self.secrets):
            return "signature"
        if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
            return "timestamp"
        self._forget(now)
        if nonce in self._seen:
            return "nonce"
        self._seen[nonce] = now
        return ""

    def _made(
        self, key: str, timestamp: str, nonce: str, body: bytes, signatures: Sequence[str]
    ) -> bool:
        signed = f"{timestamp}.{nonce}.".encode() + body
        made = "v1=" + hmac.new(key.encode(), signed, "sha256").hexdigest()
        return any(hmac.compare_digest(made.encode(), given.encode()) for given in signatures)

    def _forget(self, now: float) -> None:
        """Forget the nonces whose timestamps are too old to be accepted."""
        kept = now - 2 * TOLERANCE_SECONDS
        self._seen = {nonce: at for nonce, at in self._seen.items() if at > kept}
