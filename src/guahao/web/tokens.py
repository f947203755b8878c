"""Access tokens: who has proven a phone, for half a day (JWT, HS256)."""

from __future__ import annotations

import jwt
from litestar.types import Scope

from guahao.clock import Clock
from guahao.security_log import about
from guahao.web.reading import ProblemError, header

LIFETIME_SECONDS = 12 * 3600

_ALGORITHM = "HS256"
_SCHEME = b"bearer "
_KEPT_MAX = 20_000  # tokens; about 8 MB


class Tokens:
    """Issues and verifies tokens with one key; `clock` decides what has expired.

    A token verified once is kept with its expiry, which is compared on every use: a
    patient who books sends the same one many times, and HMAC over JSON is the dearer part.
    """

    def __init__(self, key: bytes, clock: Clock) -> None:
        self._key = key
        self._clock = clock
        self._kept: dict[bytes, tuple[int, float]] = {}

    def issue(self, account_id: int) -> str:
        """A token of this account, valid for LIFETIME_SECONDS."""
        expires = int(self._clock().timestamp()) + LIFETIME_SECONDS
        return jwt.encode({"sub": str(account_id), "exp": expires}, self._key, _ALGORITHM)

    def account_of(self, scope: Scope) -> int:
        """The account whose token the request carries; raises ProblemError (401)."""
        authorization = header(scope, b"authorization")
        if authorization is None:
            raise ProblemError("token_required")
        account_id = self._holder(authorization)
        about(scope, account_id=account_id)
        return account_id

    def holder_of(self, token: str) -> int:
        """The account of a token kept elsewhere; raises ProblemError (401)."""
        return self._holder(_SCHEME + token.encode())

    def last_holder_of(self, token: str) -> int | None:
        """The account a token was issued to, expired or not; None where it is none of ours."""
        try:
            return self._verified(_SCHEME + token.encode())[0]
        except ProblemError:
            return None

    def _holder(self, authorization: bytes) -> int:
        account_id, expires = self._kept.get(authorization) or self._verified(authorization)
        if self._clock().timestamp() >= expires:
            self._kept.pop(authorization, None)
            raise ProblemError("token_expired")
        return account_id

    def _verified(self, authorization: bytes) -> tuple[int, float]:
        if authorization[: len(_SCHEME)].lower() != _SCHEME:
            raise ProblemError("token_required")
        token = authorization[len(_SCHEME) :].strip()
        try:
            # The expiry is compared on the platform's clock, not here on the machine's.
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                options={"require": ["sub", "exp"], "verify_exp": False},
            )
            verified = int(claims["sub"]), float(claims["exp"])
        except (jwt.InvalidTokenError, ValueError, TypeError):
            raise ProblemError("token_invalid") from None
        if len(self._kept) >= _KEPT_MAX:
            del self._kept[next(iter(self._kept))]
        self._kept[authorization] = verified
        return verified
