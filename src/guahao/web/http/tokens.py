"""Tokens of log-ins: JWT (HS256) that name a row which can be ended.

An access token goes with every request; the cookie of the pages holds one that lasts as long
as its log-in. A refresh token serves once, for the next access token.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from dataclasses import dataclass

import jwt
import msgspec
from litestar.types import Scope

from guahao.flows.kernel.platform import Platform
from guahao.flows.people import log_ins
from guahao.rules.people.log_ins import LogInRefusal
from guahao.security_log import about
from guahao.store.people.log_ins import LogIn
from guahao.web.http.reading import ProblemError, header

LIFETIME_SECONDS = 1800  # of an access token
PAGES_SECONDS = int(log_ins.LASTS["web"].total_seconds())  # of the cookie's

_ALGORITHM = "HS256"
_SCHEME = b"bearer "
_KEPT_MAX = 20_000  # tokens; about 8 MB


class _AccessPayload(msgspec.Struct):
    """The account, the log-in, and when it expires (Unix seconds)."""

    sub: str
    sid: str
    exp: float


class _RefreshPayload(msgspec.Struct):
    """The log-in, the number of its refresh token, and when it expires (Unix seconds)."""

    sid: str
    n: int
    exp: float


_access_decoder = msgspec.json.Decoder(_AccessPayload)
_refresh_decoder = msgspec.json.Decoder(_RefreshPayload)
# What every token of ours begins with: another header, and so another algorithm, is refused.
_HEADER = jwt.encode({}, bytes(32), _ALGORITHM).encode().partition(b".")[0] + b"."


def _payload(token: bytes, key: bytes) -> bytes:
    """Return the payload of a token that this key signed; raises ValueError.

    Not by PyJWT, whose general decoder costs a tenth of the busiest call (decision 0030).
    """
    signed, _, signature = token.rpartition(b".")
    own_signature = urlsafe_b64encode(hmac.digest(key, signed, "sha256")).rstrip(b"=")
    if not (hmac.compare_digest(own_signature, signature) and signed.startswith(_HEADER)):
        raise ValueError("not signed by this key")
    payload = signed.removeprefix(_HEADER)
    return urlsafe_b64decode(payload + b"=" * (-len(payload) % 4))


@dataclass(frozen=True, slots=True)
class Claims:
    """What a genuine token says: whose it is, which log-in's, until when (Unix seconds)."""

    account_id: int
    log_in_id: int
    expires: float


class Tokens:
    """Issues and verifies tokens; the platform's clock decides what has expired.

    A token verified once is kept with its expiry, which is compared on every use: a
    patient who books sends the same one many times, and HMAC over JSON is the dearer part.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._key = platform.vault.key_for("tokens")
        self._refresh_key = platform.vault.key_for("refresh tokens")
        self._clock = platform.db.clock
        self._kept: OrderedDict[bytes, Claims] = OrderedDict()

    def issue(self, account_id: int, log_in_id: int, seconds: int = LIFETIME_SECONDS) -> str:
        """A token of this account's log-in."""
        expires = int(self._clock().timestamp()) + seconds
        claims = {"sub": str(account_id), "sid": str(log_in_id), "exp": expires}
        return jwt.encode(claims, self._key, _ALGORITHM)

    def claims_of(self, scope: Scope) -> Claims:
        """What the request's token says; raises ProblemError (401).

        For whoever asks the database about the log-in in its own transaction, as the booking
        desk does; everybody else calls `account_of`.
        """
        authorization = header(scope, b"authorization")
        if authorization is None:
            raise ProblemError("token_required")
        claims = self._living(authorization)
        about(scope, account_id=claims.account_id)
        return claims

    async def account_of(self, scope: Scope) -> int:
        """The account whose token the request carries; raises ProblemError (401, 403)."""
        return await self.account_by(self.claims_of(scope))

    async def account_by(self, claims: Claims) -> int:
        """The account of these claims, whose log-in has not ended and is confirmed."""
        found = await self.log_in_by(claims)
        if not found.confirmed:
            raise ProblemError(LogInRefusal.CONFIRM_REQUIRED)
        return found.account_id

    async def log_in_by(self, claims: Claims) -> LogIn:
        """The log-in of these claims, confirmed or not; raises ProblemError (401)."""
        found = await log_ins.current(self._platform, claims.account_id, claims.log_in_id)
        if found is None:
            raise ProblemError(LogInRefusal.ENDED)
        return found

    def claims_in(self, token: str) -> Claims:
        """What a token kept in a cookie says; raises ProblemError (401)."""
        return self._living(_SCHEME + token.encode())

    def last_holder_of(self, token: str) -> int | None:
        """The account a token was issued to, expired or not; None where it is none of ours."""
        try:
            return self._verified(_SCHEME + token.encode()).account_id
        except ProblemError:
            return None

    def _living(self, authorization: bytes) -> Claims:
        claims = self._kept.get(authorization) or self._verified(authorization)
        if self._clock().timestamp() >= claims.expires:
            self._kept.pop(authorization, None)
            raise ProblemError("token_expired")
        return claims

    def _verified(self, authorization: bytes) -> Claims:
        if authorization[: len(_SCHEME)].lower() != _SCHEME:
            raise ProblemError("token_required")
        token = authorization[len(_SCHEME) :].strip()
        try:
            payload = _access_decoder.decode(_payload(token, self._key))
            verified = Claims(int(payload.sub), int(payload.sid), payload.exp)
        except (ValueError, msgspec.DecodeError):
            raise ProblemError("token_invalid") from None
        if len(self._kept) >= _KEPT_MAX:
            self._kept.popitem(last=False)
        self._kept[authorization] = verified
        return verified

    # Refresh tokens -------------------------------------------------------------------------

    def issue_refresh(self, log_in_id: int, number: int) -> str:
        """The refresh token of this number."""
        expires = int(log_ins.refresh_expiry(self._clock()).timestamp())
        claims = {"sid": str(log_in_id), "n": number, "exp": expires}
        return jwt.encode(claims, self._refresh_key, _ALGORITHM)

    def read_refresh(self, token: str) -> tuple[int, int] | None:
        """The log-in and the number of a refresh token of ours; None where it is none."""
        try:
            payload = _refresh_decoder.decode(_payload(token.encode(), self._refresh_key))
            log_in_id = int(payload.sid)
        except (ValueError, msgspec.DecodeError):
            return None
        return None if self._clock().timestamp() >= payload.exp else (log_in_id, payload.n)
