"""Tokens of hospitals' information systems (JWT, HS256): another key and audience than citizens'.

A token says who its bearer was when it was issued; whether that still holds is looked up at
every call, so that shutting a client out needs no wait for its tokens to expire.
"""

from __future__ import annotations

from collections.abc import Collection

import jwt
from litestar.types import Scope

from guahao.clock import Clock
from guahao.flows.integration.clients import ProvenClient
from guahao.rules.integration import clients
from guahao.rules.integration.clients import ClientClaims
from guahao.web.http.reading import ProblemError, header

LIFETIME_SECONDS = 900

_ALGORITHM = "HS256"
_AUDIENCE = "guahao-hospital"
_SCHEME = b"bearer "
_REQUIRED = ["aud", "exp", "scope", "secret", "sub"]


class HospitalTokens:
    """Issues and reads tokens with one key; `clock` decides what has expired."""

    def __init__(self, key: bytes, clock: Clock) -> None:
        self._key = key
        self._clock = clock

    def issue(self, proven: ProvenClient, scopes: Collection[clients.Scope]) -> str:
        """Return a token of this client for these scopes, valid for LIFETIME_SECONDS."""
        now = int(self._clock().timestamp())
        claims = {
            "aud": _AUDIENCE,
            "sub": str(proven.client.id),
            "secret": proven.secret_id,
            "scope": " ".join(sorted(scopes)),
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
        }
        return jwt.encode(claims, self._key, _ALGORITHM)

    def claims_of(self, scope: Scope) -> ClientClaims:
        """Return what the request's token says; raise ProblemError (401) if it is none of ours."""
        authorization = header(scope, b"authorization") or b""
        if authorization[: len(_SCHEME)].lower() != _SCHEME:
            raise ProblemError("token_required")
        try:
            # The expiry is compared on the platform's clock, not here on the machine's.
            claims = jwt.decode(
                authorization[len(_SCHEME) :].strip(),
                self._key,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False},
            )
            scopes = frozenset(str(claims["scope"]).split())
            expired = self._clock().timestamp() >= float(claims["exp"])
            return ClientClaims(int(claims["sub"]), int(claims["secret"]), scopes, expired)
        except (jwt.InvalidTokenError, ValueError, TypeError):
            raise ProblemError("token_invalid") from None
