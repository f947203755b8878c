"""Test the tests: change one thing in `rules/`, and `tests/rules` must notice it (`make mutants`).

A mutant runs in a forked process; no file is touched. Where the change is in a function that did
not run at import, its process comes from one that has collected all tests, and only the function's
code is exchanged. Elsewhere it comes from one that has imported the libraries alone, and imports
the changed source in place of the module.

A mutant meets only the tests that reach it: those that call the changed function or, where the
change runs at import, those that import the module; first the tests of its own room, quick ones
first. Time is limited by processor time, which does not depend on what else the machine does.
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
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from io import StringIO
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType

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
    """A test with what it calls (file and line), and what its file calls and imports at import."""

    path: str
    name: str
    seconds: float
    called: frozenset[tuple[str, int]]
    at_import: frozenset[tuple[str, int]]
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
    cached: set[tuple[str, int]] = field(default_factory=set)

    def trace(self, frame: FrameType, *_: object) -> None:
        function = place_of(frame)
        if function[0].startswith(RULES_PREFIX) and function not in self.called:
            self.called.add(function)
            if is_cached(frame.f_back):
                self.cached.add(function)

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
                json.dumps(
                    [recorder.tests, sorted(recorder.at_import), sorted(recorder.cached), imported]
                )
            )
            return code

        if os.waitpid(forked(record, 600), 0)[1]:
            sys.exit(f"{path} fails without any mutant: mend it first.")
        tests, at_import, cached, imported = json.load(output)
    return [
        ReachingTest(
            path,
            name,
            seconds,
            frozenset((file, line) for file, line in [*called, *at_import, *cached]),
            frozenset((file, line) for file, line in at_import),
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


def function_of(mutant: Mutant) -> Function | None:
    """Return the function whose body holds the change; None where it runs at import."""
    return next((f for f in functions(mutant.path) if f.first <= mutant.line <= f.last), None)


def reaching(mutant: Mutant, tests: Sequence[ReachingTest]) -> list[ReachingTest]:
    """Return the tests that run the changed line: those of its room, then others; quick ones first.

    A cached function counts as run at import.
    """
    name = "guahao.rules." + mutant.module.replace("/", ".")
    own = f"{TESTS / mutant.room}/"
    function = function_of(mutant)
    if function is None or function.is_cached:
        found = [test for test in tests if name in test.imported]
    else:
        place = (str(mutant.path), function.begins)
        found = [test for test in tests if place in test.called]
    return sorted(found, key=lambda test: (not test.path.startswith(own), test.seconds))


def cpu_limit(tests: Iterable[ReachingTest]) -> int:
    """Return after how many seconds of processor time a mutant loops."""
    return 5 + 3 * round(sum(test.seconds for test in tests))


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

    return forked(test, cpu_limit(tests))


@dataclass(slots=True)
class Progress:
    """What is printed while mutants are tested, and those that survive."""

    mutants: int
    done: int = 0
    alive: list[Mutant] = field(default_factory=list)

    def end(self, mutant: Mutant, *, survived: bool) -> None:
        self.done += 1
        if survived:
            self.alive.append(mutant)
            print(f"  survived: {mutant.module}:{mutant.line}  {mutant.after}", flush=True)
        if self.done % 50 == 0:
            print(f"{self.done} of {self.mutants}", flush=True)


def survivors_of_import(
    mutants: Sequence[Mutant], tests: Sequence[ReachingTest], jobs: int
) -> list[Mutant]:
    """Import the tests with each mutant, several at a time, and return those not noticed."""
    waiting = [(mutant, stages(mutant, tests)) for mutant in reversed(mutants)]
    running: dict[int, tuple[Mutant, list[list[ReachingTest]]]] = {}
    progress = Progress(len(mutants))
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant, left = waiting.pop()
            if left:
                running[start(mutant, left[0])] = (mutant, left[1:])
            else:
                progress.end(mutant, survived=True)
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
        progress.end(mutant, survived=False)
    return progress.alive


def code_at(code: CodeType, begins: int) -> CodeType | None:
    """Return the code of the function that begins at a line of a compiled module."""
    for part in code.co_consts:
        if isinstance(part, CodeType):
            is_it = part.co_firstlineno == begins and not part.co_name.startswith("<")
            found = part if is_it else code_at(part, begins)
            if found is not None:
                return found
    return None


def loaded_functions() -> dict[tuple[str, int], list[FunctionType]]:
    """Return the functions of the rules by file and line."""
    found = defaultdict[tuple[str, int], list[FunctionType]](list)
    for function in gc.get_objects():
        if isinstance(function, FunctionType):
            code = function.__code__
            if code.co_filename.startswith(RULES_PREFIX):
                found[code.co_filename, code.co_firstlineno].append(function)
    return dict(found)


@dataclass(slots=True)
class CodeExchange:
    """A pytest plugin that collects all tests and runs them against exchanged functions."""

    mutants: Sequence[Mutant]
    tests: Sequence[ReachingTest]
    jobs: int
    alive: list[Mutant] = field(default_factory=list)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        loaded = loaded_functions()
        gc.collect()
        gc.freeze()
        progress = Progress(len(self.mutants))
        running: dict[int, Mutant] = {}
        waiting = list(reversed(self.mutants))
        while waiting or running:
            while waiting and len(running) < self.jobs:
                mutant = waiting.pop()
                tests = reaching(mutant, self.tests)
                if tests:
                    function = function_of(mutant)
                    assert function is not None
                    code = code_at(compile(mutant.source, "mutant", "exec"), function.begins)
                    assert code is not None, mutant
                    known = loaded[str(mutant.path), function.begins]
                    chosen = [items[test.name] for test in tests]
                    act = partial(run_against, session, known, code, chosen)
                    running[forked(act, cpu_limit(tests))] = mutant
                else:
                    progress.end(mutant, survived=True)
            if running:
                child, status = os.wait()
                progress.end(running.pop(child), survived=not status)
        self.alive = progress.alive
        return True


def run_against(
    session: pytest.Session,
    functions: Sequence[FunctionType],
    code: CodeType,
    items: Sequence[pytest.Item],
) -> int:
    """Exchange a function's code and run tests until one fails."""
    for function in functions:
        function.__code__ = code
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return 1
    return 0


def survivors_of_exchange(
    mutants: Sequence[Mutant], tests: Sequence[ReachingTest], jobs: int
) -> list[Mutant]:
    """Test mutants in a process that collects all tests once, and return those not noticed."""
    with tempfile.NamedTemporaryFile("r+") as output:
        child = os.fork()
        if not child:
            exchange = CodeExchange(mutants, tests, jobs)
            # The children share what pytest captures in files: nothing is captured.
            code = pytest.main([*PYTEST, "-s", str(TESTS)], plugins=[exchange])
            alive = [mutants.index(mutant) for mutant in exchange.alive]
            Path(output.name).write_text(json.dumps(alive))
            sys.stdout.flush()
            os._exit(int(code))
        if os.waitpid(child, 0)[1]:
            sys.exit("pytest cannot collect the tests.")
        return [mutants[place] for place in json.load(output)]


def survivors(mutants: Sequence[Mutant], tests: Sequence[ReachingTest], jobs: int) -> list[Mutant]:
    """Run the tests against each mutant and return those not noticed."""
    at_import = frozenset[tuple[str, int]]().union(*(test.at_import for test in tests))
    exchanged, imported = list[Mutant](), list[Mutant]()
    for mutant in mutants:
        function = function_of(mutant)
        is_late = function is not None and (str(mutant.path), function.begins) not in at_import
        (exchanged if is_late else imported).append(mutant)
    alive = survivors_of_exchange(exchanged, tests, jobs)
    alive += survivors_of_import(imported, tests, jobs)
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
    print(f"Finding the mutants of {len(paths)} modules ...", flush=True)
    mutants = generated(paths)
    listed = {(entry.module, entry.before, entry.after) for entry in equivalents()}
    changes = {mutant: (mutant.module, mutant.before, mutant.after) for mutant in mutants}
    spared = [mutant for mutant in mutants if changes[mutant] in listed]
    tested = [mutant for mutant in mutants if changes[mutant] not in listed]
    import_libraries()
    print(f"{len(tested)} mutants; finding the tests that reach them ...", flush=True)
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
