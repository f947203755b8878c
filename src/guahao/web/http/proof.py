"""The proof of work before a one-time password (ALTCHA), solved by the browser itself.

A person waits for less than a second and sees no puzzle; a caller that asks for thousands of
passwords pays for each. Challenges are signed and expire after a few minutes. The flow checks
that each is used once and that its level is high enough.
"""

from __future__ import annotations

import hmac
from base64 import b64decode
from datetime import datetime, timedelta
from typing import Final

import msgspec
from altcha import v1 as altcha

from guahao.flows.people.one_time_passwords import Proof
from guahao.rules.kernel.limits import CITY_TIME
from guahao.rules.people.logins import LEVEL_MAX
from guahao.web.http.challenge import Challenge

VALID = timedelta(minutes=5)
# On average half of it is tried, about 0.2 s on a simple phone.
MAX_NUMBER = 150_000  # at level 0; each level doubles it

_ALGORITHM: Final = "SHA-256"
_PAYLOAD_CHARACTERS_MAX = 2000


class _Solution(msgspec.Struct):
    algorithm: str
    challenge: str
    number: int
    salt: str
    signature: str


_decode = msgspec.json.Decoder(_Solution).decode


def new_challenge(key: bytes, now: datetime, level: int = 0) -> Challenge:
    """Create a challenge of this level that is valid for VALID from `now`."""
    made = altcha.create_challenge(
        algorithm=_ALGORITHM,
        max_number=MAX_NUMBER << level,
        salt_length=12,
        hmac_key=key,
        salt="",
        number=None,
        expires=now + VALID,
        params={"level": str(level)},
    )
    return Challenge(made.algorithm, made.challenge, made.max_number, made.salt, made.signature)


def verified(key: bytes, now: datetime, payload: str) -> Proof | None:
    """Verify a solution (base64 of JSON); None where it solves no valid challenge of ours."""
    if not payload or len(payload) > _PAYLOAD_CHARACTERS_MAX:
        return None
    try:
        given = _decode(b64decode(payload, validate=True))
    except (ValueError, msgspec.DecodeError):
        return None
    solution = altcha.Payload(
        _ALGORITHM, given.challenge, given.number, given.salt, given.signature
    )
    if given.algorithm != _ALGORITHM or not _is_ours(key, solution):
        return None
    expires_at, level = _written(solution)
    if expires_at is None or expires_at <= now:
        return None
    return Proof(solution.challenge, expires_at, level)


def _is_ours(key: bytes, solution: altcha.Payload) -> bool:
    """Check signature and solution; the signature first, in constant time, unlike the library."""
    signature = altcha.hmac_hex(_ALGORITHM, solution.challenge.encode(), key)
    if not hmac.compare_digest(signature.encode(), solution.signature.encode()):
        return False
    return altcha.verify_solution(solution, key, check_expires=False)[0]


def _written(solution: altcha.Payload) -> tuple[datetime | None, int]:
    """Return the expiry and the level that we wrote into the challenge's salt."""
    params = altcha.extract_params(solution.to_dict())
    [seconds, *_], [level, *_] = params.get("expires", [""]), params.get("level", ["0"])
    if not (seconds.isdigit() and level.isdigit()):
        return None, 0
    return datetime.fromtimestamp(int(seconds), CITY_TIME), min(int(level), LEVEL_MAX)
