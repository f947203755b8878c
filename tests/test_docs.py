"""The documentation: the site's menu names every page, and every link leads somewhere."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from guahao.cli import app
from guahao.rules.kernel.outcomes import Refusal

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)
MADE_BY_THE_SITE = {
    "parts.svg",
    *(f"rooms-{floor}.svg" for floor in ("web", "flows", "store", "rules")),
}
# From where packages come is each installation's own choice: these files hold no address but
# those of the platforms that they are written for.
ADDRESS = re.compile(r"https?://(?!github\.com/)\S+|--?index", re.IGNORECASE)


def tracked(*patterns: str) -> list[Path]:
    """Files of the repository, also new ones that are not committed yet."""
    listed = subprocess.run(
        ("git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return sorted(ROOT / name for name in set(listed) if (ROOT / name).exists())


def pages_of(nav: list[Any]) -> Iterator[str]:
    """The pages that a menu names."""
    for entry in nav:
        for found in entry.values():
            if isinstance(found, str):
                yield found
            else:
                yield from pages_of(found)


def test_the_menu_names_every_page_once() -> None:
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    named = list(pages_of(config["nav"]))
    assert len(named) == len(set(named))
    pages = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}
    # The decisions are listed by the site itself.
    assert set(named) == {page for page in pages if not page.startswith("decisions/")}


@pytest.mark.parametrize("page", tracked("*.md"), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    broken = []
    for found in _LINK.finditer(_FENCE.sub("", page.read_text(encoding="utf-8"))):
        target, _, heading = found["target"].partition("#")
        if ":" in target or target in MADE_BY_THE_SITE:
            continue
        file = (page.parent / target) if target else page
        if not file.exists() or (heading and heading not in anchors(file)):
            broken.append(found["target"])
    assert broken == []


def anchors(page: Path) -> set[str]:
    """What the headings of a page are called in an address."""
    headings = _HEADING.findall(page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-") for text in headings}


def test_no_lock_and_no_file_for_newcomers_names_a_registry() -> None:
    for file in tracked("requirements/*.txt", "mkdocs.yml", ".github", ".pre-commit-config.yaml"):
        assert ADDRESS.findall(file.read_text(encoding="utf-8")) == [], file


def test_what_the_recipes_name_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:src|tests|docs|deploy)/[\w/.-]+)`", text)
    assert len(named) > 20
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [row.split(" | ")[0] for row in text.splitlines() if row.startswith("| `guahao")]
    assert len(rows) > 20
    missing = [
        command
        for command in commands(typer.main.get_command(app), "guahao")
        if not any(
            command.rpartition(" ")[0] in row
            and re.search(rf"(?<![\w-]){command.rpartition(' ')[2]}(?![\w-])", row)
            for row in rows
        )
    ]
    assert missing == []


def commands(command: Any, name: str) -> Iterator[str]:
    """The names of a command line's commands, each with its groups before it."""
    below = getattr(command, "commands", None)
    if below is None:
        yield name
        return
    for part, member in below.items():
        yield from commands(member, f"{name} {part}")


def test_the_pictures_stay_small() -> None:
    pictures = list((DOCS / "pictures").glob("*.png"))
    assert pictures
    assert sum(picture.stat().st_size for picture in pictures) < 600_000


def test_the_rules_are_the_ones_that_the_code_cites() -> None:
    text = (DOCS / "RULES.md").read_text(encoding="utf-8")
    clauses = set(re.findall(r"^\| (S\d+) ", text, re.MULTILINE))
    subjects = set(_HEADING.findall(text))
    cited, named = set(), set()
    for file in tracked("src/guahao/*.py", "tests/*.py"):
        source = file.read_text(encoding="utf-8")
        cited |= {clause for group in re.findall(r"\((S\d[^)]*)\)", source) for clause in
                  re.findall(r"S\d+", group)}  # fmt: skip
        named |= set(re.findall(r"RULES\.md[,]? \"?([A-Z][\w -]+?)[\")]", source))
    assert len(cited) > 10
    assert len(named) > 3
    assert cited - clauses == set()
    assert named - subjects == set()


def test_the_rules_list_the_refusals_in_their_order() -> None:
    text = (DOCS / "RULES.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\d+\. `(\w+)`$", text, re.MULTILINE)
    assert listed == list(Refusal)


def test_the_modules_that_the_rules_name_are_there() -> None:
    text = (DOCS / "RULES.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:rules|flows|store)/[\w/.]+)`", text)
    assert len(named) > 10
    assert [name for name in named if not (ROOT / "src/guahao" / name).exists()] == []


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/ARCHITECTURE.md"])
def test_the_names_in_the_recipes_stand_in_the_code(page: str) -> None:
    """Functions, classes and settings, also where they belong to a library that we call."""
    text = _FENCE.sub("", (ROOT / page).read_text(encoding="utf-8"))
    named = set(re.findall(r"`([A-Za-z_][\w.]*)(?:\([^`]*\))?`", text))
    words: set[str] = set()
    for file in tracked(
        "src", "tests", "release", "deploy", "docs/site", "Makefile", "*.toml", ".ci"
    ):
        if file.suffix != ".md":
            words.update(re.findall(r"\w+", file.read_text(encoding="utf-8", errors="ignore")))
            words.update(re.findall(r"\w+", file.name))
            words.update(file.relative_to(ROOT).parts)
    named -= {"vVERSION"}  # a tag
    assert len(named) > 15
    assert sorted(name for name in named if not set(name.split(".")) <= words) == []
