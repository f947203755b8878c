"""Encrypt personal data at rest (AES-256-GCM), and index it for look-ups (HMAC-SHA256)."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_FIRST_KEY_ID = 1  # the id in ciphertexts from before keys could be rotated, by any key
_NONCE_BYTES = 12
_TAG_BYTES = 16


class VaultError(Exception):
    """A ciphertext does not belong to this key, table, column or row."""


@dataclass(frozen=True, slots=True)
class _Key:
    """The keys derived from a secret key."""

    id: int
    cipher: AESGCM
    index_key: hmac.HMAC  # copied for each index, which is faster than a new one


class Vault:
    """Keys derived by HKDF from the platform's secret key and its earlier secret keys.

    A ciphertext is key id (1 byte), nonce (12), AES-GCM output. Its associated data is table,
    column and row, so that a value copied to another row does not decrypt there. The id is a
    fingerprint of the key. Writes use the current key; values of an earlier key can be
    decrypted and found until `guahao keys rotate` has replaced them.

    Raises ValueError if two of the keys have the same id: choose another secret key then.
    """

    def __init__(self, secret_key: str, old_keys: Sequence[str] = ()) -> None:
        self._current = _key(secret_key)
        self._keys = [self._current, *(_key(old) for old in old_keys if old != secret_key)]
        if len({key.id for key in self._keys}) < len(self._keys):
            raise ValueError("two secret keys have the same id; choose another new key")
        self._secret_key = secret_key

    @property
    def key_id(self) -> int:
        """Return the first byte of ciphertexts by the current key."""
        return self._current.id

    def key_for(self, purpose: str) -> bytes:
        """Return a 32-byte key for another purpose, such as tokens."""
        return _derived(self._secret_key, f"for {purpose}")

    def release_key(self, hospital_id: int, day: date) -> bytes:
        """Return the key of a hospital's release on a day: it sets the personal moments.

        Of the current secret key: a restart with another key changes the moments of a release
        that is under way (docs/OPERATING.md).
        """
        return self.key_for(f"release of hospital {hospital_id} on {day.isoformat()}")

    def seal(self, table: str, column: str, row: int, text: str) -> bytes:
        """Encrypt `text` for this table, column and row."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        place = f"{table}.{column}.{row}".encode()
        return (
            bytes([self.key_id]) + nonce + self._current.cipher.encrypt(nonce, text.encode(), place)
        )

    def open(self, table: str, column: str, row: int, sealed: bytes) -> str:
        """Decrypt the result of `seal` for this place; raise VaultError for anything else."""
        if len(sealed) < 1 + _NONCE_BYTES + _TAG_BYTES:
            raise VaultError(f"{table}.{column} of row {row} holds no ciphertext")
        key_id, nonce, box = sealed[0], sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        place = f"{table}.{column}.{row}".encode()
        is_known = False
        for key in self._keys:
            if key_id in (key.id, _FIRST_KEY_ID):
                is_known = True
                try:
                    return key.cipher.decrypt(nonce, box, place).decode()
                except InvalidTag:
                    continue
        if not is_known:
            raise VaultError(f"unknown key id {key_id}")
        raise VaultError(f"{table}.{column} of row {row} does not open")

    def index(self, purpose: str, text: str) -> bytes:
        """Return the 32-byte HMAC by which equal texts of a purpose are found."""
        return _index(self._current, purpose, text)

    def indexes(self, purpose: str, text: str) -> list[bytes]:
        """Return the HMACs under which a row may be stored, for `= ANY(...)`.

        Look-ups use this and writers `index`: during a key rotation rows are stored under
        the HMAC of the current key or of an earlier key.
        """
        return [_index(key, purpose, text) for key in self._keys]


def _key(secret_key: str) -> _Key:
    # 0 and 1 are not used: 1 is the id from before there were fingerprints.
    fingerprint = 2 + int.from_bytes(_derived(secret_key, "key id")) % 254
    index_key = hmac.new(_derived(secret_key, "index"), digestmod="sha256")
    return _Key(fingerprint, AESGCM(_derived(secret_key, "seal")), index_key)


def _index(key: _Key, purpose: str, text: str) -> bytes:
    mac = key.index_key.copy()
    mac.update(f"{purpose}\0{text}".encode())
    return mac.digest()


@lru_cache(maxsize=1024)  # within the half minute after a release, a key for each request
def _derived(secret_key: str, purpose: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=f"guahao {purpose}".encode()).derive(
        secret_key.encode()
    )
