"""The tokens that are kept after their first proof."""

from __future__ import annotations

from typing import Any

import pytest
from tests.city import Clock

from guahao.web import tokens as module
from guahao.web.reading import ProblemError
from guahao.web.tokens import Tokens


def scope_with(token: str) -> Any:
    return {"type": "http", "headers": [(b"authorization", f"Bearer {token}".encode())]}


def test_a_kept_token_is_the_accounts_own() -> None:
    tokens = Tokens(b"k" * 32, Clock())
    issued = {account_id: tokens.issue(account_id) for account_id in (1, 2, 2**63 - 1)}
    for _ in range(2):
        for account_id, token in issued.items():
            assert tokens.account_of(scope_with(token)) == account_id


def test_no_more_tokens_are_kept_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT_MAX", 3)
    tokens = Tokens(b"k" * 32, Clock())
    for account_id in range(1, 10):
        assert tokens.account_of(scope_with(tokens.issue(account_id))) == account_id
    assert len(tokens._kept) == 3


def test_what_is_no_token_is_not_kept() -> None:
    tokens = Tokens(b"k" * 32, Clock())
    other = Tokens(b"o" * 32, Clock())
    with pytest.raises(ProblemError, match="token_invalid"):
        tokens.account_of(scope_with(other.issue(1)))
    assert tokens._kept == {}
