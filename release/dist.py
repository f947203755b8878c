"""What `make dist` does around the build: check the release, then describe and check the wheel.

python release/dist.py check          the changelog, and the tag of this commit if it has one
python release/dist.py describe       write the release notes and the SBOM, check the wheel
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
VERSION: str = PROJECT["version"]
VENDOR = "guahao/web/static/vendor/"


def section(changelog: str, version: str) -> str:
    """Return the section of a version, without its heading; raise ValueError if there is none."""
    found = re.search(
        rf"^## \[?{re.escape(version)}\]? – \d{{4}}-\d\d-\d\d\n(.*?)(?=^## |\Z)",
        changelog,
        re.MULTILINE | re.DOTALL,
    )
    if found is None or not found[1].strip():
        raise ValueError(
            f"CHANGELOG.md has no section for version {version}. Add one with the heading"
            f" “## {version} – YYYY-MM-DD”, and move into it what is under Unreleased."
        )
    return found[1].strip() + "\n"


def check() -> None:
    """Raise ValueError unless the changelog, and the tag if there is one, name this version."""
    section((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), VERSION)
    tag = f"v{VERSION}"
    git = shutil.which("git")
    if git is None:
        return
    command = [git, "tag", "--points-at", "HEAD"]
    tags = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True).stdout
    releases = [name for name in tags.split() if re.fullmatch(r"v\d+\.\d+\.\d+\S*", name)]
    if releases and tag not in releases:
        raise ValueError(
            f"This commit has the tag {releases[0]}, and pyproject.toml has version {VERSION}."
            f" Change the version, or tag the commit {tag}."
        )


def package_files() -> set[str]:
    """Return the files of the package, also those that git ignores; raise ValueError without them.

    Pages load the copied assets, so that a wheel without them would install and then fail.
    """
    source = ROOT / "src"
    files = {
        path.relative_to(source).as_posix()
        for path in (source / "guahao").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    if not any(name.startswith(VENDOR) for name in files):
        raise ValueError(f"{VENDOR} is empty. Run: make assets")
    return files


def describe() -> None:
    """Write the release notes and the SBOM beside the wheel; raise ValueError if it lacks files."""
    with zipfile.ZipFile(DIST / f"guahao-{VERSION}-py3-none-any.whl") as wheel:
        missing = package_files() - set(wheel.namelist())
    if missing:
        raise ValueError(f"The wheel lacks {', '.join(sorted(missing))}.")
    notes = section((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), VERSION)
    (DIST / f"guahao-{VERSION}.changes.md").write_text(notes, encoding="utf-8")
    write_sbom(DIST / f"guahao-{VERSION}.cdx.json")


def write_sbom(path: Path) -> None:
    """Write what an installation consists of, from both lock files, as CycloneDX JSON.

    cyclonedx-py reads the Python packages; its library adds what npm copied into the wheel.
    """
    arguments = ["requirements/base.txt", "--pyproject", "pyproject.toml", "--of", "JSON"]
    command = [sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements", *arguments]
    made = subprocess.run(
        [*command, "--output-reproducible"], cwd=ROOT, check=True, stdout=subprocess.PIPE
    )
    bom = Bom.from_json(json.loads(made.stdout))  # type: ignore[attr-defined]
    locked = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    for place, package in locked.items():
        _, _, name = place.rpartition("node_modules/")
        if name and not package.get("dev"):
            scope, _, short = name.rpartition("/")
            version = package["version"]
            bom.components.add(
                Component(
                    type=ComponentType.LIBRARY,
                    group=scope or None,
                    name=short,
                    version=version,
                    bom_ref=f"npm-{name}",
                    purl=PackageURL("npm", scope or None, short, version),
                    hashes=[_integrity(package["integrity"])],
                )
            )
    root = bom.metadata.component
    assert root is not None
    bom.register_dependency(root, bom.components)
    outputter = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6)
    outputter.output_to_file(str(path), allow_overwrite=True, indent=2)


def _integrity(text: str) -> HashType:
    """Return npm's integrity, base64 of a SHA-512, as CycloneDX writes hashes."""
    algorithm, _, digest = text.partition("-")
    assert algorithm == "sha512"
    return HashType(alg=HashAlgorithm.SHA_512, content=base64.b64decode(digest).hex())


if __name__ == "__main__":
    try:
        {"check": check, "describe": describe}[sys.argv[1]]()
    except ValueError as error:
        sys.exit(str(error))
