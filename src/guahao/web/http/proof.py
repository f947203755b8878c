"""The proof of work before a one-time password: ALTCHA's, solved by the browser unasked.

A person waits for less than a second and reads no picture; whoever asks for thousands of
passwords pays for each. Signed, bound to a few minutes of the platform's clock; that each
serves once, and which level is hard enough, is the flow's to see.
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
from guahao.rules.people.log_ins import LEVEL_MAX
from guahao.web.http.challenge import Challenge

VALID = timedelta(minutes=5)
# Half of it is tried on average: about a fifth of a second on a plain phone.
MAX_NUMBER = 150_000  # at level 0; each level doubles it

_ALGORITHM: Final = "SHA-256"
_LONGEST = 2000  # characters


class _Solution(msgspec.Struct):
    algorithm: str
    challenge: str
    number: int
    salt: str
    signature: str


_decode = msgspec.json.Decoder(_Solution).decode


def new_challenge(key: bytes, now: datetime, level: int = 0) -> Challenge:
    """A challenge of this level that holds for VALID from `now`."""
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
    """What a browser solved (base64 of JSON); None where it is no solution of our own."""
    if not payload or len(payload) > _LONGEST:
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
    """The signature is compared here, in constant time, before the library looks at it."""
    signature = altcha.hmac_hex(_ALGORITHM, solution.challenge.encode(), key)
    if not hmac.compare_digest(signature.encode(), solution.signature.encode()):
        return False
    return altcha.verify_solution(solution, key, check_expires=False)[0]


def _written(solution: altcha.Payload) -> tuple[datetime | None, int]:
    """When its challenge expires and how hard it was, as we wrote it into the salt."""
    params = altcha.extract_params(solution.to_dict())
    [seconds, *_], [level, *_] = params.get("expires", [""]), params.get("level", ["0"])
    if not (seconds.isdigit() and level.isdigit()):
        return None, 0
    return datetime.fromtimestamp(int(seconds), CITY_TIME), min(int(level), LEVEL_MAX)
