"""Personal data at rest: AES-256-GCM for keeping, HMAC-SHA256 for finding again."""

from __future__ import annotations

import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_KEY_ID = 1  # first byte of every ciphertext; a rotated key gets the next number
_NONCE_BYTES = 12
_TAG_BYTES = 16


class VaultError(Exception):
    """A ciphertext that this key, table, column or row does not open."""


class Vault:
    """Keys derived by HKDF from the platform's secret key.

    A ciphertext is key id (1 byte), nonce (12), AES-GCM output; its associated data is
    table, column and row, so that a value copied to another row does not open there.
    """

    def __init__(self, secret_key: str) -> None:
        self._cipher = AESGCM(_derived(secret_key, "seal"))
        self._index_key = _derived(secret_key, "index")
        self._secret_key = secret_key

    def key_for(self, purpose: str) -> bytes:
        """32 bytes for another purpose (tokens, …), independent of the vault's own keys."""
        return _derived(self._secret_key, f"for {purpose}")

    def seal(self, table: str, column: str, row: int, text: str) -> bytes:
        """Encrypt `text` for exactly this place."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        place = f"{table}.{column}.{row}".encode()
        return bytes([_KEY_ID]) + nonce + self._cipher.encrypt(nonce, text.encode(), place)

    def open(self, table: str, column: str, row: int, sealed: bytes) -> str:
        """Decrypt what `seal` made for this place; raises VaultError for anything else."""
        if len(sealed) < 1 + _NONCE_BYTES + _TAG_BYTES:
            raise VaultError(f"{table}.{column} of row {row} holds no ciphertext")
        if sealed[0] != _KEY_ID:
            raise VaultError(f"unknown key id {sealed[0]}")
        nonce, box = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        place = f"{table}.{column}.{row}".encode()
        try:
            return self._cipher.decrypt(nonce, box, place).decode()
        except InvalidTag:
            raise VaultError(f"{table}.{column} of row {row} does not open") from None

    def index(self, purpose: str, text: str) -> bytes:
        """An HMAC by which equal texts of one purpose are found; 32 bytes."""
        return hmac.digest(self._index_key, f"{purpose}\0{text}".encode(), "sha256")

    def indexes(self, purpose: str, text: str) -> list[bytes]:
        """Return the HMACs under which a row may be stored, for `= ANY(...)`.

        Look-ups use this and writers `index`: while the key is being rotated, rows are found
        under the new key's HMAC and the old ones'.
        """
        return [self.index(purpose, text)]


def _derived(secret_key: str, purpose: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=f"guahao {purpose}".encode()).derive(
        secret_key.encode()
    )
