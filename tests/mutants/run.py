"""Test the tests: change one thing in `rules/`, and `tests/rules` must notice it (`make mutants`).

A mutant runs in a process forked from one that has imported everything else, with the changed
source in place of the module; no file is touched. It first meets the tests of its own room, and
only if it survives, the other tests of the rules. Time is limited by processor time, which does
not depend on what else the machine does.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import resource
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
RULES = ROOT / "src/guahao/rules"
TESTS = ROOT / "tests/rules"
EQUIVALENT = TESTS / "equivalent_mutants.toml"
TABLE = ROOT / "mutants.md"
ENOUGH = 95  # percent killed
MEMORY = 4 << 30
PYTEST = [
    "-x", "-q", "--no-header", "--tb=no", "-W", "ignore", f"--confcutdir={TESTS}",
    "-p", "no:cacheprovider", "-p", "pytest_asyncio.plugin", "-p", "_hypothesis_pytestplugin",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module with a single change."""

    path: Path
    line: int
    before: str
    after: str
    source: str

    @property
    def module(self) -> str:
        return str(self.path.relative_to(RULES).with_suffix(""))

    @property
    def room(self) -> str:
        return self.path.relative_to(RULES).parts[0]


@dataclass(frozen=True, slots=True)
class Equivalent:
    """A change that no test can notice, and why."""

    module: str
    before: str
    after: str
    reason: str


class MutantImporter(MetaPathFinder, Loader):
    """Import the mutant in place of its module."""

    def __init__(self, mutant: Mutant) -> None:
        self.source, self.path = mutant.source, str(mutant.path)
        self.name = "guahao.rules." + mutant.module.replace("/", ".")

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        return spec_from_loader(fullname, self, origin=self.path)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.source, self.path, "exec"), module.__dict__)  # noqa: S102


def equivalents() -> list[Equivalent]:
    """Return the mutants listed as equivalent."""
    listed = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))
    return [Equivalent(**entry) for entry in listed.get("equivalent", [])]


def chosen(words: Sequence[str]) -> list[Path]:
    """Return the modules that the words name: all, a room or a module (`kernel/limits`)."""
    modules = sorted(path for path in RULES.rglob("*.py") if path.name != "__init__.py")
    if not words:
        return modules
    found: list[Path] = []
    for word in words:
        name = (
            word.removeprefix("src/guahao/").removeprefix("rules/").removesuffix(".py").strip("/")
        )
        named = [
            path
            for path in modules
            if f"{path.relative_to(RULES).with_suffix('')}/".startswith(f"{name}/")
        ]
        if not named:
            sys.exit(f"No module of rules/ is named {word}. Example: FILES=kernel/limits")
        found += named
    return found


def generated(paths: Iterable[Path]) -> list[Mutant]:
    """Return the mutants of the modules."""
    python = os.environ["MUTANTS_PYTHON"]
    output = subprocess.run(
        [python, Path(__file__).with_name("generate.py"), *paths],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [
        Mutant(**{**fields, "path": Path(fields["path"])})
        for fields in map(json.loads, output.splitlines())
    ]


def import_libraries() -> None:
    """Import what the rules and their tests need, and forget the rules themselves."""
    package = importlib.import_module("guahao.rules")
    for found in pkgutil.walk_packages(package.__path__, "guahao.rules."):
        importlib.import_module(found.name)
    for library in ("hypothesis.strategies", "pytest_asyncio.plugin", "_hypothesis_pytestplugin"):
        importlib.import_module(library)
    for name in [name for name in sys.modules if name.partition(".")[0] == "guahao"]:
        del sys.modules[name]
    gc.collect()
    gc.freeze()


def start(mutant: Mutant | None, paths: Sequence[str], cpu_seconds: int) -> int:
    """Run tests in a child process, against the mutant or, without one, the rules as they are."""
    child = os.fork()
    if child:
        return child
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        if mutant is not None:
            sys.meta_path.insert(0, MutantImporter(mutant))
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        code = int(pytest.main([*PYTEST, *paths]))
    except BaseException:  # noqa: BLE001 - the parent must not run on as a copy of itself
        code = 1
    os._exit(code)


def stages(room: str) -> list[list[str]]:
    """Return what a mutant of a room has to survive: the tests of the room, then the others."""
    own = TESTS / room
    return [[str(own)], [str(TESTS), f"--ignore={own}"]] if own.is_dir() else [[str(TESTS)]]


@cache
def cpu_limit(room: str, stage: int) -> int:
    """Return after how many processor seconds a mutant of a room loops endlessly: it is killed.

    Measured on the rules as they are, which have to pass.
    """
    _, status, usage = os.wait4(start(None, stages(room)[stage], 600), 0)
    if status:
        sys.exit("The tests of the rules fail without any mutant: mend them first.")
    return 5 + 3 * round(usage.ru_utime + usage.ru_stime)


def survivors(mutants: Sequence[Mutant], jobs: int) -> list[Mutant]:
    """Run the tests against each mutant, several at a time, and return those not noticed."""
    for room in {mutant.room for mutant in mutants}:
        for stage in range(len(stages(room))):
            cpu_limit(room, stage)  # while no mutant's process is there to be waited for
    waiting = [(mutant, 0) for mutant in reversed(mutants)]
    running: dict[int, tuple[Mutant, int]] = {}
    alive: list[Mutant] = []
    done = 0
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant, stage = waiting.pop()
            child = start(mutant, stages(mutant.room)[stage], cpu_limit(mutant.room, stage))
            running[child] = (mutant, stage)
        child, status = os.wait()
        mutant, stage = running.pop(child)
        code = os.waitstatus_to_exitcode(status)
        if code == pytest.ExitCode.USAGE_ERROR:
            sys.exit(f"pytest cannot run against {mutant.module}:{mutant.line} {mutant.after}")
        if code == pytest.ExitCode.OK and stage + 1 < len(stages(mutant.room)):
            waiting.append((mutant, stage + 1))
            continue
        done += 1
        if code == pytest.ExitCode.OK:
            alive.append(mutant)
            print(f"  survived: {mutant.module}:{mutant.line}  {mutant.after}", flush=True)
        if done % 50 == 0:
            print(f"{done} of {len(mutants)}", flush=True)
    return sorted(alive, key=lambda mutant: (mutant.path, mutant.line, mutant.after))


def percent(killed: int, of: int) -> float:
    return 100 * killed / of if of else 100.0


def table(tested: Sequence[Mutant], alive: Sequence[Mutant], spared: Sequence[Mutant]) -> str:
    """Return the figures by module and the survivors, as Markdown."""
    mutants, survived, equivalent = (
        Counter(mutant.module for mutant in group) for group in (tested, alive, spared)
    )
    lines = [
        "| module | mutants | killed | survived | equivalent | killed, % |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for module, of in sorted(mutants.items()):
        left = survived[module]
        lines.append(
            f"| {module} | {of} | {of - left} | {left} | {equivalent[module]} "
            f"| {percent(of - left, of):.1f} |"
        )
    of, left = len(tested), len(alive)
    lines.append(
        f"| all | {of} | {of - left} | {left} | {len(spared)} | {percent(of - left, of):.1f} |"
    )
    for mutant in alive:
        lines += [
            f"\n{mutant.module}:{mutant.line}",
            f"```diff\n-{mutant.before}\n+{mutant.after}\n```",
        ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the table; fail below 95 % or where the list of equivalent mutants is out of date."""
    os.chdir(ROOT)
    os.environ |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "GUAHAO_MUTANTS": "1"}
    paths = chosen(sys.argv[1:])
    mutants = generated(paths)
    listed = {(entry.module, entry.before, entry.after) for entry in equivalents()}
    changes = {mutant: (mutant.module, mutant.before, mutant.after) for mutant in mutants}
    spared = [mutant for mutant in mutants if changes[mutant] in listed]
    tested = [mutant for mutant in mutants if changes[mutant] not in listed]
    import_libraries()
    print(f"{len(tested)} mutants of {len(paths)} modules", flush=True)
    alive = survivors(tested, int(os.environ.get("JOBS", "2")))
    text = table(tested, alive, spared)
    TABLE.write_text(text, encoding="utf-8")
    print(text)
    modules = {str(path.relative_to(RULES).with_suffix("")) for path in paths}
    stale = sorted(entry for entry in listed - {*changes.values()} if entry[0] in modules)
    for module, before, after in stale:
        print(f"{EQUIVALENT.name} lists what is no mutant: {module}: {before} -> {after}")
    sys.exit(bool(stale) or percent(len(tested) - len(alive), len(tested)) < ENOUGH)


if __name__ == "__main__":
    main()
