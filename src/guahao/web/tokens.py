"""Tokens of log-ins: JWT (HS256) that name a row which can be ended.

An access token goes with every request; the cookie of the pages holds one that lasts as long
as its log-in. A refresh token serves once, for the next access token.
"""

from __future__ import annotations

from dataclasses import dataclass

import jwt
from litestar.types import Scope

from guahao.flows.people import log_ins
from guahao.flows.platform import Platform
from guahao.rules.people.log_ins import LogInRefusal
from guahao.security_log import about
from guahao.store.people.log_ins import LogIn
from guahao.web.reading import ProblemError, header

LIFETIME_SECONDS = 1800  # of an access token
PAGES_SECONDS = int(log_ins.LASTS["web"].total_seconds())  # of the cookie's

_ALGORITHM = "HS256"
_SCHEME = b"bearer "
_KEPT_MAX = 20_000  # tokens; about 8 MB


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
        self._kept: dict[bytes, Claims] = {}

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
            # The expiry is compared on the platform's clock, not here on the machine's.
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                options={"require": ["sub", "sid", "exp"], "verify_exp": False},
            )
            verified = Claims(int(claims["sub"]), int(claims["sid"]), float(claims["exp"]))
        except (jwt.InvalidTokenError, ValueError, TypeError):
            raise ProblemError("token_invalid") from None
        if len(self._kept) >= _KEPT_MAX:
            del self._kept[next(iter(self._kept))]
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
            claims = jwt.decode(
                token,
                self._refresh_key,
                algorithms=[_ALGORITHM],
                options={"require": ["sid", "n", "exp"], "verify_exp": False},
            )
            log_in_id, number, expires = int(claims["sid"]), int(claims["n"]), float(claims["exp"])
        except (jwt.InvalidTokenError, ValueError, TypeError):
            return None
        return None if self._clock().timestamp() >= expires else (log_in_id, number)
