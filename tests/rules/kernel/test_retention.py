"""How long each kind of record is kept, as docs/SETTINGS.md names it."""

from __future__ import annotations

import pytest

from guahao.rules.kernel.retention import RETENTIONS, days_kept


@pytest.mark.parametrize(
    ("kind", "days", "least"),
    [
        ("messages", 400, 100),
        ("outbox", 30, 1),
        ("calls", 400, 30),
        ("call_tasks", 400, 30),
        ("hospital_calls", 90, 7),
    ],
)
def test_a_kind_is_kept_for_its_days_unless_the_operator_chooses_others(
    kind: str, days: int, least: int
) -> None:
    retention = RETENTIONS[kind]
    assert (retention.days, retention.least, retention.most) == (days, least, 3650)
    assert days_kept({}, kind) == days
    assert days_kept({kind: least}, kind) == least


def test_a_choice_for_one_kind_leaves_the_others() -> None:
    assert days_kept({"outbox": 5}, "calls") == 400
