"""WeChat's signatures: SHA-1 over the sorted parts, as its protocol requires."""

from __future__ import annotations

import hashlib
import hmac


def signature(*parts: str) -> str:
    """Return the signature of these parts, including the shared token, as 40 hex digits."""
    # The protocol has no other hash; the secret token among the parts protects it.
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def is_signature(given: str, *parts: str) -> bool:
    """Return whether `given` signs these parts, compared in constant time."""
    return hmac.compare_digest(given.encode(), signature(*parts).encode())
