"""The table in docs/SECURITY.md names tests that exist, and every requirement once."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TABLE = (ROOT / "docs" / "SECURITY.md").read_text(encoding="utf-8")
ROWS = [
    (found[1], found[2].strip(), found[3].strip(), found[4])
    for found in re.finditer(
        r"^\| (\d+\.\d+\.\d+) \| ([^|]+) \| ([^|]+) \|([^|]*)\|$", TABLE, re.MULTILINE
    )
]
# Requirements of levels 1 and 2 by chapter, in version 5.0.0 of the standard.
CHAPTERS = dict(enumerate((27, 11, 19, 10, 9, 35, 18, 7, 7, 29, 14, 9, 13, 9, 13, 16, 7), start=1))
LABELS = ("**Partly.**", "**Not met.**", "**Operator.**", "Not applicable.")
NAMED = sorted(set(re.findall(r"`(tests/[^`]+)`", TABLE)))


def _tests_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in tree.body if isinstance(node, functions)}


@pytest.mark.parametrize("named", NAMED)
def test_a_named_test_exists(named: str) -> None:
    file, _, function = named.partition("::")
    assert (ROOT / file).is_file(), f"there is no {file}"
    if function:
        assert function in _tests_of(ROOT / file)


def test_every_requirement_of_level_two_has_its_row_once() -> None:
    ids = [id for id, *_ in ROWS]
    assert [id for id, times in Counter(ids).items() if times > 1] == []
    assert Counter(int(id.partition(".")[0]) for id in ids) == CHAPTERS


def test_a_requirement_says_how_it_is_met() -> None:
    for id, requirement, how, _ in ROWS:
        assert requirement, id
        assert how, id


def test_what_is_met_in_the_application_is_nearly_always_tested() -> None:
    untested = [
        id for id, _, how, tests in ROWS if not how.startswith(LABELS) and not tests.strip()
    ]
    # Memory safety is Python's, and documents are read by people.
    assert untested == ["1.4.1", "14.1.1", "15.1.1", "16.1.1"]


def test_the_counts_are_those_of_the_rows() -> None:
    counted = [sum(how.startswith(label) for _, _, how, _ in ROWS) for label in LABELS]
    partly, not_met, operator, not_applicable = counted
    met = len(ROWS) - sum(counted)
    assert f"| {met} | {partly} | {not_met} | {operator} | {not_applicable} |" in TABLE
