"""docs/APPS.md: its examples are of the types that the calls take and answer."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from guahao.web.api.replacements import ReplacementList
from guahao.web.api.together import TogetherIn, TogetherOut
from guahao.web.framework.problems import ProblemBody

GUIDE = Path(__file__).parents[3] / "docs" / "APPS.md"
TYPES = {one.__name__: one for one in (TogetherIn, TogetherOut, ReplacementList, ProblemBody)}


def test_every_example_is_of_its_type() -> None:
    blocks = re.findall(r"^```json (\w+)\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    assert {name for name, _ in blocks} == TYPES.keys()
    for name, example in blocks:
        decoded = msgspec.json.decode(example, type=TYPES[name], strict=True)
        assert msgspec.to_builtins(decoded).keys() == msgspec.json.decode(example).keys()
