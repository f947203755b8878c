"""Tokens of log-ins: JWT (HS256) that name the row of a log-in, which can be ended.

Every request carries an access token. The pages' cookie holds an access token that lasts as long
as its log-in. A refresh token can be used once, for the next access token.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict

import jwt
import msgspec
from litestar.types import Scope

from guahao.flows.kernel.platform import Platform
from guahao.flows.people import logins
from guahao.rules.kernel.values import value
from guahao.rules.people.logins import AccountLoginRefusal
from guahao.security_log import about
from guahao.store.people.logins import Login
from guahao.web.http.reading import ProblemError, header

LIFETIME_SECONDS = 1800  # of an access token
PAGES_SECONDS = int(logins.LASTS["web"].total_seconds())  # of the cookie's

_ALGORITHM = "HS256"
_SCHEME = b"bearer "
_CACHED_MAX = 20_000  # tokens; about 8 MB
_CACHED_BYTES_MAX = 512  # of a header: ours are shorter, and only spaces make them longer


class _AccessPayload(msgspec.Struct):
    """The account, the log-in, and the expiry (Unix seconds)."""

    sub: str
    sid: str
    exp: float


class _RefreshPayload(msgspec.Struct):
    """The log-in, the number of its refresh token, and the expiry (Unix seconds)."""

    sid: str
    n: int
    exp: float


_access_decoder = msgspec.json.Decoder(_AccessPayload)
_refresh_decoder = msgspec.json.Decoder(_RefreshPayload)
# The header of our tokens; tokens with another header, and so another algorithm, are refused.
_HEADER = jwt.encode({}, bytes(32), _ALGORITHM).encode().partition(b".")[0] + b"."


def _payload(token: bytes, key: hmac.HMAC) -> bytes:
    """Return the payload of a token that this key signed; raises ValueError.

    PyJWT is not used: its general decoder costs a tenth of the busiest call (decision 0030).
    """
    signed, _, signature = token.rpartition(b".")
    mac = key.copy()
    mac.update(signed)
    own_signature = urlsafe_b64encode(mac.digest()).rstrip(b"=")
    if not (hmac.compare_digest(own_signature, signature) and signed.startswith(_HEADER)):
        raise ValueError("not signed by this key")
    payload = signed.removeprefix(_HEADER)
    return urlsafe_b64decode(payload + b"=" * (-len(payload) % 4))


@value
class Claims:
    """The content of a verified token: account, log-in and expiry (Unix seconds)."""

    account_id: int
    login_id: int
    expires: float


class Tokens:
    """Issues and verifies tokens; the platform's clock decides what has expired.

    Verified tokens are cached with their expiry, which is compared on every use: a client sends
    the same token many times, and the HMAC and the JSON decoding are the expensive part.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._key = platform.vault.key_for("tokens")
        self._refresh_key = platform.vault.key_for("refresh tokens")
        # Copied for each token, which is faster than a new one.
        self._mac = hmac.new(self._key, digestmod="sha256")
        self._refresh_mac = hmac.new(self._refresh_key, digestmod="sha256")
        self._clock = platform.db.clock
        self._seconds = platform.db.seconds
        self._cache: OrderedDict[bytes, Claims] = OrderedDict()

    def issue(self, account_id: int, login_id: int, seconds: int = LIFETIME_SECONDS) -> str:
        """Issue an access token for this account's log-in."""
        expires = int(self._clock().timestamp()) + seconds
        claims = {"sub": str(account_id), "sid": str(login_id), "exp": expires}
        return jwt.encode(claims, self._key, _ALGORITHM)

    def claims_of(self, scope: Scope) -> Claims:
        """Return the claims of the request's token; raise ProblemError (401).

        For callers that check the log-in in their own transaction, as the booking desk does. All
        others call `account_of`.
        """
        authorization = header(scope, b"authorization")
        if authorization is None:
            raise ProblemError("token_required")
        claims = self._unexpired(authorization)
        about(scope, account_id=claims.account_id)
        return claims

    async def account_of(self, scope: Scope) -> int:
        """Return the account whose token the request carries; raise ProblemError (401, 403)."""
        return await self.account_by(self.claims_of(scope))

    async def account_by(self, claims: Claims) -> int:
        """Return the account of these claims; raise ProblemError unless the log-in is confirmed."""
        found = await self.login_by(claims)
        if not found.confirmed:
            raise ProblemError(AccountLoginRefusal.CONFIRM_REQUIRED)
        return found.account_id

    async def login_by(self, claims: Claims) -> Login:
        """Return the log-in of these claims, confirmed or not; raise ProblemError (401)."""
        found = await logins.current(self._platform, claims.account_id, claims.login_id)
        if found is None:
            raise ProblemError(AccountLoginRefusal.ENDED)
        return found

    def claims_in(self, token: str) -> Claims:
        """Return the claims of a token from a cookie; raise ProblemError (401)."""
        return self._unexpired(_SCHEME + token.encode())

    def last_holder_of(self, token: str) -> int | None:
        """Return the account a token was issued to, even if expired; None if it is not ours."""
        try:
            return self._verified(_SCHEME + token.encode()).account_id
        except ProblemError:
            return None

    def _unexpired(self, authorization: bytes) -> Claims:
        claims = self._cache.get(authorization) or self._verified(authorization)
        if self._seconds() >= claims.expires:
            self._cache.pop(authorization, None)
            raise ProblemError("token_expired")
        return claims

    def _verified(self, authorization: bytes) -> Claims:
        if authorization[: len(_SCHEME)].lower() != _SCHEME:
            raise ProblemError("token_required")
        token = authorization[len(_SCHEME) :].strip()
        try:
            payload = _access_decoder.decode(_payload(token, self._mac))
            verified = Claims(int(payload.sub), int(payload.sid), payload.exp)
        except (ValueError, msgspec.DecodeError):
            raise ProblemError("token_invalid") from None
        if len(authorization) <= _CACHED_BYTES_MAX:
            if len(self._cache) >= _CACHED_MAX:
                self._cache.popitem(last=False)
            self._cache[authorization] = verified
        return verified

    # Refresh tokens -------------------------------------------------------------------------

    def issue_refresh(self, login_id: int, number: int) -> str:
        """Issue the refresh token of this number."""
        expires = int(logins.refresh_expiry(self._clock()).timestamp())
        claims = {"sid": str(login_id), "n": number, "exp": expires}
        return jwt.encode(claims, self._refresh_key, _ALGORITHM)

    def read_refresh(self, token: str) -> tuple[int, int] | None:
        """Return the log-in and the number of a refresh token; None where it is not valid."""
        try:
            payload = _refresh_decoder.decode(_payload(token.encode(), self._refresh_mac))
            login_id = int(payload.sid)
        except (ValueError, msgspec.DecodeError):
            return None
        return None if self._clock().timestamp() >= payload.exp else (login_id, payload.n)
