"""Departments that a hospital's own system may publish."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guahao.rules.supply.changes import UpsertResult
from guahao.rules.supply.feeding import (
    ItemRefusal,
    PublishedDepartment,
    StoredDepartment,
    decide_department,
)

HEAD = PublishedDepartment("内科", "", None, on_platform=True)
MEMBER = PublishedDepartment("心内科", "", 1, on_platform=True)
KNOWN_HEAD = StoredDepartment(1, "N", "01", HEAD, has_children=False, has_sessions=False)
KNOWN_MEMBER = StoredDepartment(2, "X", "0101", MEMBER, has_children=False, has_sessions=False)
PARENT = replace(KNOWN_HEAD, has_children=True)
HELD = replace(KNOWN_MEMBER, has_sessions=True)


@pytest.mark.parametrize(
    ("wanted", "known", "linked", "code_taken", "outcome"),
    [
        (MEMBER, None, False, False, UpsertResult.CREATED),
        (MEMBER, None, False, True, ItemRefusal.CODE_TAKEN),
        (MEMBER, KNOWN_MEMBER, True, False, UpsertResult.UNCHANGED),
        # It gets the hospital's id.
        (MEMBER, KNOWN_MEMBER, False, False, UpsertResult.CHANGED),
        (replace(MEMBER, name="心血管科"), KNOWN_MEMBER, True, False, UpsertResult.CHANGED),
        # Its level changes only while nothing hangs on it.
        (MEMBER, KNOWN_HEAD, True, False, UpsertResult.CHANGED),
        (MEMBER, PARENT, True, False, ItemRefusal.LEVEL),
        (replace(HEAD, name="大内科"), PARENT, True, False, UpsertResult.CHANGED),
        (HEAD, KNOWN_MEMBER, True, False, UpsertResult.CHANGED),
        (HEAD, HELD, True, False, ItemRefusal.LEVEL),
        (replace(MEMBER, parent_id=3), HELD, True, False, UpsertResult.CHANGED),
        (
            replace(MEMBER, parent_id=3),
            replace(HELD, has_children=True),
            *(True, False, UpsertResult.CHANGED),
        ),
        (
            replace(HEAD, name="大内科"),
            replace(PARENT, has_sessions=True),
            *(True, False, UpsertResult.CHANGED),
        ),
    ],
)
def test_what_becomes_of_a_published_department(
    wanted: PublishedDepartment,
    known: StoredDepartment | None,
    linked: bool,
    code_taken: bool,
    outcome: UpsertResult | ItemRefusal,
) -> None:
    assert decide_department(wanted, known, linked=linked, code_taken=code_taken) is outcome
