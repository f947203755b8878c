"""Personal data at rest: AES-256-GCM for keeping, HMAC-SHA256 for finding again."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_FIRST_KEY_ID = 1  # of ciphertexts from before keys could be rotated: any key's
_NONCE_BYTES = 12
_TAG_BYTES = 16


class VaultError(Exception):
    """A ciphertext that this key, table, column or row does not open."""


@dataclass(frozen=True, slots=True)
class _Key:
    """What is derived from one secret key."""

    id: int
    cipher: AESGCM
    index_key: bytes


class Vault:
    """Keys derived by HKDF from the platform's secret key, and from those it had before.

    A ciphertext is key id (1 byte), nonce (12), AES-GCM output; its associated data is
    table, column and row, so that a value copied to another row does not open there. The id
    is a fingerprint of the key. Everything is written with the current key; what an old key
    sealed opens, and is found, until `guahao keys rotate` has replaced it.

    Raises ValueError where two of the keys have the same id: one of them has to be another.
    """

    def __init__(self, secret_key: str, old_keys: Sequence[str] = ()) -> None:
        self._current = _key(secret_key)
        self._keys = [self._current, *(_key(old) for old in old_keys if old != secret_key)]
        if len({key.id for key in self._keys}) < len(self._keys):
            raise ValueError("two secret keys have the same id; choose another new key")
        self._secret_key = secret_key

    @property
    def key_id(self) -> int:
        """The first byte of what is sealed now."""
        return self._current.id

    def key_for(self, purpose: str) -> bytes:
        """32 bytes for another purpose (tokens, …), independent of the vault's own keys."""
        return _derived(self._secret_key, f"for {purpose}")

    def seal(self, table: str, column: str, row: int, text: str) -> bytes:
        """Encrypt `text` for exactly this place."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        place = f"{table}.{column}.{row}".encode()
        return (
            bytes([self.key_id]) + nonce + self._current.cipher.encrypt(nonce, text.encode(), place)
        )

    def open(self, table: str, column: str, row: int, sealed: bytes) -> str:
        """Decrypt what `seal` made for this place; raises VaultError for anything else."""
        if len(sealed) < 1 + _NONCE_BYTES + _TAG_BYTES:
            raise VaultError(f"{table}.{column} of row {row} holds no ciphertext")
        keys = [key for key in self._keys if sealed[0] in (key.id, _FIRST_KEY_ID)]
        if not keys:
            raise VaultError(f"unknown key id {sealed[0]}")
        nonce, box = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        place = f"{table}.{column}.{row}".encode()
        for key in keys:
            with suppress(InvalidTag):
                return key.cipher.decrypt(nonce, box, place).decode()
        raise VaultError(f"{table}.{column} of row {row} does not open")

    def index(self, purpose: str, text: str) -> bytes:
        """An HMAC by which equal texts of one purpose are found; 32 bytes."""
        return _index(self._current, purpose, text)

    def indexes(self, purpose: str, text: str) -> list[bytes]:
        """Return the HMACs under which a row may be stored, for `= ANY(...)`.

        Look-ups use this and writers `index`: while the key is being rotated, rows are found
        under the new key's HMAC and the old ones'.
        """
        return [_index(key, purpose, text) for key in self._keys]


def _key(secret_key: str) -> _Key:
    # 0 and 1 are no fingerprints: 1 is the id from before there were any.
    fingerprint = 2 + int.from_bytes(_derived(secret_key, "key id")) % 254
    return _Key(fingerprint, AESGCM(_derived(secret_key, "seal")), _derived(secret_key, "index"))


def _index(key: _Key, purpose: str, text: str) -> bytes:
    return hmac.digest(key.index_key, f"{purpose}\0{text}".encode(), "sha256")


def _derived(secret_key: str, purpose: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=f"guahao {purpose}".encode()).derive(
        secret_key.encode()
    )
