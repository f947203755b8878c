"""The tokens that are kept after their first proof."""

from __future__ import annotations

from typing import Any

import pytest
from tests.city import Clock
from tests.web.site import closed

from guahao.web import tokens as module
from guahao.web.reading import ProblemError
from guahao.web.tokens import LIFETIME_SECONDS, Claims, Tokens


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
    monkeypatch.setattr(module, "_KEPT_MAX", 3)
    for number in range(1, 10):
        tokens.claims_of(scope_with(tokens.issue(number, number)))
    assert len(tokens._kept) == 3


def test_what_is_no_token_is_not_kept(tokens: Tokens) -> None:
    refresh = tokens.issue_refresh(1, 1)
    for forged in (refresh, "a.b.c", ""):
        with pytest.raises(ProblemError):
            tokens.claims_of(scope_with(forged))
    assert tokens._kept == {}


def test_a_refresh_token_holds_for_thirty_days_and_is_no_access_token(
    tokens: Tokens, clock: Clock
) -> None:
    token = tokens.issue_refresh(7, 3)
    clock.forward(days=30, seconds=-1)
    assert tokens.read_refresh(token) == (7, 3)
    clock.forward(seconds=1)
    assert tokens.read_refresh(token) is None
    assert tokens.read_refresh(tokens.issue(7, 3)) is None
