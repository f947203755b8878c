"""The list of equivalent mutants (`make mutants`) follows the code."""

from __future__ import annotations

import tomllib
from pathlib import Path

import guahao.rules

RULES = Path(next(iter(guahao.rules.__path__)))
LIST = Path(__file__).with_name("equivalent_mutants.toml")


def test_each_equivalent_mutant_changes_a_line_that_exists_and_has_a_reason() -> None:
    for entry in tomllib.loads(LIST.read_text(encoding="utf-8")).get("equivalent", []):
        assert {*entry} == {"module", "before", "after", "reason"}, entry
        source = (RULES / entry["module"]).with_suffix(".py").read_text(encoding="utf-8")
        assert entry["before"] in map(str.strip, source.splitlines()), entry
        assert len(entry["reason"]) > 20, entry
