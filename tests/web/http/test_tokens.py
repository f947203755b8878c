"""The tokens that are kept after their first proof."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from tests.city import Clock
from tests.web.site import closed

from guahao.web.http import tokens as module
from guahao.web.http.reading import ProblemError
from guahao.web.http.tokens import LIFETIME_SECONDS, Claims, Tokens


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(clock: Clock) -> Tokens:
    return Tokens(closed(clock).platform)


def scope_with(token: str) -> Any:
    return {"type": "http", "headers": [(b"authorization", f"Bearer {token}".encode())]}


def test_a_kept_token_is_the_log_ins_own(tokens: Tokens, clock: Clock) -> None:
    issued = {number: tokens.issue(number, number - 1) for number in (1, 2, 2**63 - 1)}
    expires = int(clock().timestamp()) + LIFETIME_SECONDS
    for _ in range(2):
        for number, token in issued.items():
            assert tokens.claims_of(scope_with(token)) == Claims(number, number - 1, expires)


def test_no_more_tokens_are_kept_than_the_bound(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CACHED_MAX", 3)
    for number in range(1, 10):
        tokens.claims_of(scope_with(tokens.issue(number, number)))
    assert len(tokens._cache) == 3


def test_a_token_behind_many_spaces_takes_no_memory(tokens: Tokens) -> None:
    token = tokens.issue(1, 2)
    for spaces in range(500, 520):
        assert tokens.claims_of(scope_with(" " * spaces + token)).account_id == 1
    assert tokens._cache == {}
    tokens.claims_of(scope_with(token))
    assert len(tokens._cache) == 1


def test_an_invalid_token_is_not_cached(tokens: Tokens) -> None:
    refresh = tokens.issue_refresh(1, 1)
    for forged in (refresh, "a.b.c", "..", ""):
        with pytest.raises(ProblemError):
            tokens.claims_of(scope_with(forged))
    assert tokens._cache == {}


CLAIMS = {"sub": "1", "sid": "2", "exp": 2_000_000_000}


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize(
    ("claims", "algorithm", "headers"),
    [
        (CLAIMS | {"sub": 1}, "HS256", None),
        (CLAIMS | {"sub": "one"}, "HS256", None),
        (CLAIMS | {"exp": "2000000000"}, "HS256", None),
        ({"sub": "1", "exp": 2_000_000_000}, "HS256", None),
        (CLAIMS, "HS512", None),
        (CLAIMS, "none", None),
        (CLAIMS, "HS256", {"kid": "other"}),
    ],
)
def test_a_token_of_another_kind_is_refused(
    tokens: Tokens, claims: dict[str, Any], algorithm: str, headers: dict[str, str] | None
) -> None:
    """Even signed by the right key; the control shows that only the difference counts."""
    assert tokens.claims_in(jwt.encode(CLAIMS, tokens._key, "HS256")) == Claims(1, 2, 2e9)
    key = None if algorithm == "none" else tokens._key
    with pytest.raises(ProblemError):
        tokens.claims_in(jwt.encode(claims, key, algorithm, headers))  # type: ignore[arg-type]


def test_a_token_changed_in_any_place_is_refused(tokens: Tokens) -> None:
    token = tokens.issue(7, 3)
    for place in range(len(token)):
        other = "A" if token[place] != "A" else "B"
        with pytest.raises(ProblemError):
            tokens.claims_in(token[:place] + other + token[place + 1 :])
    for changed in (token[:-1], token + "A", token + "=", f".{token}", f"{token}."):
        with pytest.raises(ProblemError):
            tokens.claims_in(changed)


def test_tokens_are_json_web_tokens(tokens: Tokens) -> None:
    claims = jwt.decode(tokens.issue(7, 3), tokens._key, ["HS256"], options={"verify_exp": False})
    assert (claims["sub"], claims["sid"]) == ("7", "3")


def test_a_refresh_token_holds_for_thirty_days_and_is_no_access_token(
    tokens: Tokens, clock: Clock
) -> None:
    token = tokens.issue_refresh(7, 3)
    clock.forward(days=30, seconds=-1)
    assert tokens.read_refresh(token) == (7, 3)
    clock.forward(seconds=1)
    assert tokens.read_refresh(token) is None
    assert tokens.read_refresh(tokens.issue(7, 3)) is None
