"""Whether a file of hospitals is applied: the first reason against it counts."""

from __future__ import annotations

from itertools import product

import pytest

from guahao.rules.hospitals.importing import FileRefusal, decide_file


@pytest.mark.parametrize(
    ("is_correct", "is_as_seen", "changes"), [*product([False, True], repeat=3)]
)
def test_the_first_reason_against_a_file_counts(
    is_correct: bool, is_as_seen: bool, changes: bool
) -> None:
    against = {
        FileRefusal.FAULTY: not is_correct,
        FileRefusal.CHANGED_MEANWHILE: not is_as_seen,
        FileRefusal.NOTHING: not changes,
    }
    expected = next((reason for reason in FileRefusal if against.get(reason)), None)
    assert (
        decide_file(is_correct=is_correct, is_as_seen=is_as_seen, changes_something=changes)
        is expected
    )
