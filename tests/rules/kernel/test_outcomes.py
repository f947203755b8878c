"""What flows return, as a router tells it apart."""

from __future__ import annotations

from typing import assert_never

import pytest

from guahao.rules.kernel.outcomes import DONE, Done, Refusal, Refused


@pytest.mark.parametrize(
    ("outcome", "answer"), [(DONE, "done"), (Refused(Refusal.SOLD_OUT), "sold_out")]
)
def test_a_refusal_is_told_from_a_result_by_its_class(
    outcome: Done | Refused[Refusal], answer: str
) -> None:
    match outcome:
        case Done():
            found = "done"
        case Refused(reason):
            found = reason.value
        case never:
            assert_never(never)
    assert found == answer
