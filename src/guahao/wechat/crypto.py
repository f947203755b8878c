"""Safe mode's envelope: AES-256-CBC around 16 random bytes, the message and the appid.

CBC authenticates nothing, so decrypt only what a signature covers.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

_KEY = re.compile(r"[A-Za-z0-9+/]{43}")
_BLOCK_BYTES = 32  # of the padding; the block size of AES is 16
_AES_BYTES = 16
_RANDOM_BYTES = 16
_LENGTH_BYTES = 4
_IV_BYTES = 16


class EnvelopeError(Exception):
    """The envelope was not sealed for this account with this key."""


class Envelope:
    """Seal and open for an account; raise ValueError if `aes_key` is malformed.

    `aes_key` is the EncodingAESKey of the account's settings, 43 characters.
    """

    def __init__(self, aes_key: str, appid: str) -> None:
        if _KEY.fullmatch(aes_key) is None:
            raise ValueError("an EncodingAESKey has 43 characters of A-Z, a-z, 0-9, + and /")
        self._key = base64.b64decode(aes_key + "=")
        self._appid = appid.encode()

    def seal(self, message: str) -> str:
        """Return the message in a new envelope, in base64."""
        body = message.encode()
        plain = b"".join(
            (
                secrets.token_bytes(_RANDOM_BYTES),
                len(body).to_bytes(_LENGTH_BYTES, "big"),
                body,
                self._appid,
            )
        )
        padding = _BLOCK_BYTES - len(plain) % _BLOCK_BYTES
        padded = plain + bytes([padding]) * padding
        return base64.b64encode(_run(self._cipher().encryptor(), padded)).decode()

    def open(self, sealed: str) -> str:
        """Return the message in an envelope; raise EnvelopeError if it is not ours."""
        try:
            box = base64.b64decode(sealed, validate=True)
        except (binascii.Error, ValueError):
            raise EnvelopeError("no base64") from None
        if not box or len(box) % _AES_BYTES:
            raise EnvelopeError("no whole number of blocks")
        plain = _unpadded(_run(self._cipher().decryptor(), box))
        start = _RANDOM_BYTES + _LENGTH_BYTES
        end = start + int.from_bytes(plain[_RANDOM_BYTES:start], "big")
        if not start <= end <= len(plain) or not hmac.compare_digest(plain[end:], self._appid):
            raise EnvelopeError("sealed for another account")
        try:
            return plain[start:end].decode()
        except UnicodeDecodeError:
            raise EnvelopeError("no UTF-8") from None

    def _cipher(self) -> Cipher[CBC]:
        return Cipher(AES(self._key), CBC(self._key[:_IV_BYTES]))


def _unpadded(padded: bytes) -> bytes:
    padding = padded[-1]
    tail = bytes([padding]) * padding
    if not 1 <= padding <= _BLOCK_BYTES or not padded.endswith(tail):
        raise EnvelopeError("wrong padding")
    return padded[:-padding]


def _run(cipher: CipherContext, data: bytes) -> bytes:
    return cipher.update(data) + cipher.finalize()
