"""Departments whose draws are published without their entries."""

from __future__ import annotations

import pytest

from guahao.rules.fairness.sensitive import ENTRIES_LEAST, is_sensitive


@pytest.mark.parametrize(
    ("code", "names", "sensitive"),
    [
        ("15", ["科"], True),
        ("15.01", ["科"], True),
        ("150", ["科"], False),
        ("05", ["妇产科"], False),
        ("05.03", ["科"], True),
        ("05.04", ["科"], True),
        ("05.05", ["科"], True),
        ("05.05.02", ["科"], True),
        ("05.01", ["妇科"], False),
        ("13.02", ["科"], True),
        ("13.01", ["皮肤科"], False),
        # By a name of its own or of its parent, whatever its code.
        ("01", ["心理门诊"], True),
        ("01", ["门诊", "精神科"], True),
        ("01", ["hiv clinic"], True),
        ("01", ["内科", "心内科"], False),
        ("01", [], False),
    ],
)
def test_a_department_is_sensitive_by_its_code_or_by_a_name(
    code: str, names: list[str], sensitive: bool
) -> None:
    assert is_sensitive(code, *names) is sensitive


def test_entries_are_published_from_twenty_on() -> None:
    assert ENTRIES_LEAST == 20
