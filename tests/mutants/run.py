"""Test the tests: change one thing in `rules/`, and `tests/rules` must notice it (`make mutants`).

A mutant runs in a process forked from one that has imported everything else, with the changed
source in place of the module; no file is touched. It meets only the tests that reach it: those
that call the changed function or, where the change runs at import, those that import the module;
first the tests of its own room, quick ones first. Time is limited by processor time, which does not
depend on what else the machine does.
"""

from __future__ import annotations

import ast
import gc
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from functools import cache
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from io import StringIO
from pathlib import Path
from types import FrameType, ModuleType

import pytest

ROOT = Path(__file__).parents[2]
RULES = ROOT / "src/guahao/rules"
RULES_PREFIX = f"{RULES}/"
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
    """Import what the rules and their tests need, and forget the rules and the tests themselves."""
    with redirect_stdout(StringIO()) as output:
        if pytest.main([*PYTEST, "--collect-only", str(TESTS)]):
            sys.exit(output.getvalue())
    for name in [name for name in sys.modules if name.partition(".")[0] in ("guahao", "tests")]:
        del sys.modules[name]
    gc.collect()
    gc.freeze()


@dataclass(frozen=True, slots=True)
class ReachingTest:
    """A test, the functions that it calls (as file and line) and the modules that it imports."""

    path: str
    name: str
    seconds: float
    called: frozenset[tuple[str, int]]
    imported: frozenset[str]


def place_of(frame: FrameType) -> tuple[str, int]:
    """Return file and line by which a function is known."""
    return frame.f_code.co_filename, frame.f_code.co_firstlineno


def is_cached(caller: FrameType | None) -> bool:
    """Return whether a cached function waits for the answer: a later test gets it without a call.

    What the cached function calls counts for each test of the file, as the function itself does.
    """
    while caller is not None:
        file, line = place_of(caller)
        if file.startswith(RULES_PREFIX) and line in cached_functions(Path(file)):
            return True
        caller = caller.f_back
    return False


@dataclass(slots=True)
class Recorder:
    """A pytest plugin that records which functions of the rules each test calls."""

    tests: list[tuple[str, float, list[tuple[str, int]]]] = field(default_factory=list)
    called: set[tuple[str, int]] = field(default_factory=set)
    at_import: set[tuple[str, int]] = field(default_factory=set)

    def trace(self, frame: FrameType, *_: object) -> None:
        function = place_of(frame)
        if function[0].startswith(RULES_PREFIX) and function not in self.called:
            self.called.add(function)
            if is_cached(frame.f_back):
                self.at_import.add(function)

    @pytest.hookimpl
    def pytest_collection_finish(self) -> None:
        self.at_import, self.called = self.called, set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.called = set()
        began = time.process_time()
        result = yield
        self.tests.append((item.nodeid, time.process_time() - began, sorted(self.called)))
        return result


@dataclass(frozen=True, slots=True)
class Selection:
    """A pytest plugin that runs only the tests named, in this order."""

    names: Sequence[str]

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        found = {item.nodeid: item for item in items}
        # A change may rename the cases of a test: they run, whatever they are called now.
        known = [found.pop(name) for name in self.names if name in found]
        items[:] = [*known, *found.values()] if len(known) < len(self.names) else known


def forked(act: Callable[[], int], cpu_seconds: int) -> int:
    """Do something in a child process, silently and for a limited time; return its id."""
    child = os.fork()
    if child:
        return child
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        code = act()
    except BaseException:  # noqa: BLE001 - the parent must not run on as a copy of itself
        code = 1
    os._exit(code)


def recorded(path: str) -> list[ReachingTest]:
    """Run the tests of a file against the rules as they are, which have to pass."""
    with tempfile.NamedTemporaryFile("r+") as output:

        def record() -> int:
            recorder = Recorder()
            sys.settrace(recorder.trace)
            code = int(pytest.main([*PYTEST, path], plugins=[recorder]))
            sys.settrace(None)
            imported = [name for name in sys.modules if name.startswith("guahao.rules.")]
            Path(output.name).write_text(
                json.dumps([recorder.tests, sorted(recorder.at_import), imported])
            )
            return code

        if os.waitpid(forked(record, 600), 0)[1]:
            sys.exit(f"{path} fails without any mutant: mend it first.")
        tests, at_import, imported = json.load(output)
    return [
        ReachingTest(
            path,
            name,
            seconds,
            frozenset((file, line) for file, line in [*called, *at_import]),
            frozenset(imported),
        )
        for name, seconds, called in tests
    ]


@dataclass(frozen=True, slots=True)
class Function:
    """The first and last line of a function's body, and the line by which Python knows it."""

    first: int
    last: int
    begins: int
    is_cached: bool


@cache
def functions(path: Path) -> list[Function]:
    """Return the functions of a module, without those inside of functions."""
    found: list[Function] = []
    pending: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if not isinstance(node, ast.FunctionDef):
            pending += ast.iter_child_nodes(node)
            continue
        # Python knows a function by the line of its first decorator.
        begins = min([node.lineno, *(part.lineno for part in node.decorator_list)])
        is_cached = any("cache" in ast.unparse(part) for part in node.decorator_list)
        found.append(Function(node.body[0].lineno, node.end_lineno or 0, begins, is_cached))
    return found


@cache
def cached_functions(path: Path) -> frozenset[int]:
    """Return where the cached functions of a module begin."""
    return frozenset(function.begins for function in functions(path) if function.is_cached)


def reaching(mutant: Mutant, tests: Sequence[ReachingTest]) -> list[ReachingTest]:
    """Return the tests that run the changed line: quick ones first."""
    name = "guahao.rules." + mutant.module.replace("/", ".")
    # A cached function counts as run at import.
    begins = next(
        (
            function.begins
            for function in functions(mutant.path)
            if function.first <= mutant.line <= function.last and not function.is_cached
        ),
        None,
    )
    found = [
        test
        for test in tests
        if (name in test.imported if begins is None else (str(mutant.path), begins) in test.called)
    ]
    return sorted(found, key=lambda test: test.seconds)


def stages(mutant: Mutant, tests: Sequence[ReachingTest]) -> list[list[ReachingTest]]:
    """Return what a mutant has to survive: the tests of its own room, then the others."""
    own = f"{TESTS / mutant.room}/"
    found = reaching(mutant, tests)
    both = (
        [test for test in found if test.path.startswith(own)],
        [test for test in found if not test.path.startswith(own)],
    )
    return [stage for stage in both if stage]


def start(mutant: Mutant, tests: Sequence[ReachingTest]) -> int:
    """Run tests against the mutant in a child process: out of time, it loops and is killed."""

    def test() -> int:
        sys.meta_path.insert(0, MutantImporter(mutant))
        selection = Selection([test.name for test in tests])
        files = dict.fromkeys(test.path for test in tests)
        return int(pytest.main([*PYTEST, *files], plugins=[selection]))

    return forked(test, 5 + 3 * round(sum(test.seconds for test in tests)))


def survivors(mutants: Sequence[Mutant], tests: Sequence[ReachingTest], jobs: int) -> list[Mutant]:
    """Run the tests against each mutant, several at a time, and return those not noticed."""
    waiting = [(mutant, stages(mutant, tests)) for mutant in reversed(mutants)]
    running: dict[int, tuple[Mutant, list[list[ReachingTest]]]] = {}
    alive: list[Mutant] = []
    done = 0
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant, left = waiting.pop()
            if left:
                running[start(mutant, left[0])] = (mutant, left[1:])
                continue
            done += 1
            alive.append(mutant)
            print(f"  survived: {mutant.module}:{mutant.line}  {mutant.after}", flush=True)
        if not running:
            continue
        child, status = os.wait()
        mutant, left = running.pop(child)
        code = os.waitstatus_to_exitcode(status)
        if code == pytest.ExitCode.USAGE_ERROR:
            sys.exit(f"pytest cannot run against {mutant.module}:{mutant.line} {mutant.after}")
        if code == pytest.ExitCode.OK:
            waiting.append((mutant, left))
            continue
        done += 1
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
    tests = [test for path in sorted(TESTS.rglob("test_*.py")) for test in recorded(str(path))]
    alive = survivors(tested, tests, int(os.environ.get("JOBS", "2")))
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
