"""A record's version changes with every field."""

from __future__ import annotations

from guahao.rules.kernel.versions import version_of


def test_a_version_is_sixteen_characters_that_change_with_the_record() -> None:
    version = version_of(("内科", 1))
    assert len(version) == 16
    assert version == version_of(("内科", 1))
    assert len({version, version_of(("内科", 2)), version_of(("外科", 1))}) == 3
