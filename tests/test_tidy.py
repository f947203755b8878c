"""House rules, checked on the syntax tree; each check is itself tested on a small sample."""

import ast
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "guahao"
FUNCTION_LINES_MAX = 70
MODULES_MAX = 15
EXEMPT_FOLDERS = {SOURCE / "migrations" / "versions"}  # a module for each change of the schema

# How often each word stands in src/guahao. The bounds may only fall: lower a bound with each
# sentence that is rewritten, so that no such word is written again.
BANNED_WORDS = {
    "whoever": 1,
    "whatever": 0,
    "whichever": 1,
    "whomever": 0,
    "deed": 1,
    "parcel": 0,
    "courier": 0,
    "manners": 0,
}
# Each of these once named several things: at most one class may have such a name.
AMBIGUOUS_NAMES = {"Call", "Session", "Visit"}
# Tools that run beside the platform have names of their own.
APART = ("tools", "backup", "deploy")
# A class of each of these stands for the same in every part of the web that has one.
SHARED_NAMES = {"Route", "Services"}
# Replaced by the words of the field: Services, Behaviour, DeskRequest, OutgoingMessage,
# MessageSender, Connection.
RETIRED_NAMES = {"Door", "Manners", "Wish", "Parcel", "Courier", "Line"}
# A function's docstring says what the function does: "Return whether", not "Whether".
FRAGMENT_STARTS = {"Whether", "How", "Why", "Who", "When", "Where", "What"}
MODULE_PATH = re.compile(r"(?<![\w/.-])[\w./-]*\w\.py\b")

# Where SQL may stand: the store, and what creates or measures whole databases.
SQL_HOMES = (SOURCE / "store", SOURCE / "embedded.py", SOURCE / "migrations")
SQL_STATEMENT = re.compile(
    r"\s*(SELECT|WITH|INSERT INTO|UPDATE|DELETE FROM|CREATE|ALTER|DROP|TRUNCATE|GRANT|REVOKE)\s"
    r"|(?i:\s*(insert\s+into|delete\s+from|update\s+\w+\s+set|select\s.*\sfrom)\s)",
    re.DOTALL,
)
# Check digits and numbering plans: pure, and better kept by others (docs/decisions/0002).
PURE_LIBRARIES = {"chinese_calendar", "opencc", "phonenumbers", "py_ecc", "stdnum"}
UNPREDICTABLE_MODULES = {"os", "random", "secrets", "time", "uuid"}
UNPREDICTABLE_CALLS = {"now", "today", "utcnow"}
SETTING = re.compile(r"GUAHAO_[A-Z][A-Z0-9_]*")

# Where the sentences of refusals stand (docs/decisions/0039).
SENTENCES_HOME = SOURCE / "web" / "words"
# Modules of the web with words of their own for reasons, and what these are.
OWN_WORDS = {
    "administration/reports/city.py": "names of a report's rows",
    "staff/hospital/api_calls.py": "names of the rows of the log of calls",
    "window/window.py": "titles over the sentences",
}
SAYING = {"say", "Words"}
REASONS = ("Refusal", "Fault")  # how the enums of reasons are named

Check = Callable[[ast.Module], Iterator[str]]


def long_functions(tree: ast.Module) -> Iterator[str]:
    """Functions of more than FUNCTION_LINES_MAX lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield f"{node.lineno}: {node.name} has {lines} lines"


def fragments(tree: ast.Module) -> Iterator[str]:
    """Docstrings of functions that begin with a question word instead of a verb."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = (ast.get_docstring(node) or "").partition(" ")[0]
            if first in FRAGMENT_STARTS:
                yield f"{node.lineno}: {node.name}: begin with a verb, not with {first!r}"


def sql_statements(tree: ast.Module) -> Iterator[str]:
    """String literals, other than docstrings, that start an SQL statement."""
    docstrings = {id(text) for text in _docstrings(tree)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in docstrings:
            continue
        text = node.value.decode(errors="replace") if isinstance(node.value, bytes) else node.value
        if isinstance(text, str) and SQL_STATEMENT.match(text):
            yield f"{node.lineno}: SQL outside the store: {text.strip()[:40]!r}"


def impurities(tree: ast.Module) -> Iterator[str]:
    """What a rule may not do: wait, read a clock, draw a number, import other parts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith | ast.Await):
            yield f"{node.lineno}: a rule does not wait"
        elif isinstance(node, ast.Call) and _called(node) in UNPREDICTABLE_CALLS:
            yield f"{node.lineno}: a rule reads no clock: {_called(node)}()"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (
                f"{node.lineno}: a rule does not import {name}"
                for name in _imported(node)
                if not _may_be_imported_by_a_rule(name)
            )


def sentences_of_reasons(tree: ast.Module) -> Iterator[str]:
    """Entries of dictionaries from a reason to its sentence, or to a tuple with sentences."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Attribute) and _is_reason(key) and _says(value):
                    yield f"{key.lineno}: the sentence of {ast.unparse(key)}"


def _is_reason(key: ast.Attribute) -> bool:
    return isinstance(key.value, ast.Name) and key.value.id.endswith(REASONS)


def _says(value: ast.expr) -> bool:
    parts = value.elts if isinstance(value, ast.Tuple) else [value]
    return any(isinstance(part, ast.Call) and _called(part) in SAYING for part in parts)


def outcome_chains(tree: ast.Module) -> Iterator[str]:
    """Ifs that tell more than two kinds of an outcome apart: a new kind would fall through.

    A guard compares a value with one class of ours. Where a block compares it with two of them,
    or with one and with None, `match` says what becomes of each (docs/decisions/0062).
    """
    ours = _own_classes(tree) | {"None"}
    for block in _blocks(tree):
        kinds: dict[str, set[str]] = {}
        for statement in block:
            if isinstance(statement, ast.Assign):
                for target in statement.targets:
                    kinds.pop(ast.unparse(target), None)
            for test in _tests(statement):
                for subject, kind in _compared(test):
                    kinds.setdefault(subject, set()).update(kind & ours)
                    if len(kinds[subject]) > 1:
                        names = " or ".join(sorted(kinds.pop(subject)))
                        yield f"{test.lineno}: {subject} is {names} or else: use match"


def settings_named(tree: ast.Module) -> set[str]:
    """GUAHAO_* settings: in string literals, and as the fields of a class Settings."""
    named: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            named.update(SETTING.findall(node.value))
        elif isinstance(node, ast.ClassDef) and node.name == "Settings":
            named.update(
                f"GUAHAO_{field.target.id.upper()}"
                for field in node.body
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
            )
    return named


def make_targets(makefile: str) -> set[str]:
    """The targets a Makefile declares phony: those meant for people."""
    lines = re.findall(r"^\.PHONY:(.*)$", makefile, re.MULTILINE)
    return {target for line in lines for target in line.split()}


def make_commands(document: str) -> set[str]:
    """Targets of the `make ...` commands in a document's code."""
    code = re.findall(r"`([^`\n]+)`", document)
    for block in re.findall(r"^```.*?^```", document, re.MULTILINE | re.DOTALL):
        code.extend(block.splitlines())
    commands = (line.strip().removeprefix("$ ").split() for line in code)
    return {words[1] for words in commands if len(words) > 1 and words[0] == "make"}


def module_paths(document: str) -> set[str]:
    """Return the paths of Python files that a document names, other than examples (NAME.py)."""
    found = set(MODULE_PATH.findall(document))
    return {path for path in found if not path.rsplit("/", 1)[-1].removesuffix(".py").isupper()}


def word_counts(text: str, words: Iterable[str]) -> dict[str, int]:
    """Return how often each of these words stands in a text, in any case."""
    return {word: len(re.findall(rf"\b{word}\b", text, re.IGNORECASE)) for word in words}


def class_names(tree: ast.Module) -> Iterator[str]:
    """Return the names of the classes that are defined in a module."""
    return (node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def _docstrings(tree: ast.Module) -> Iterator[ast.expr]:
    """Every string that stands as a statement of its own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            yield node.value


def _called(node: ast.Call) -> str | None:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else None


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return ["." * node.level + (node.module or "")]
    return [alias.name for alias in node.names]


def _own_classes(tree: ast.Module) -> set[str]:
    """The classes that a module defines or imports from ours, other than exceptions."""
    names = set(class_names(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("guahao."):
            names.update(alias.asname or alias.name for alias in node.names)
    return {name for name in names if name[0].isupper() and not name.endswith("Error")}


def _blocks(tree: ast.Module) -> Iterator[list[ast.stmt]]:
    """Every list of statements; an elif belongs to the list of its if."""
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            is_elif = name == "orelse" and isinstance(node, ast.If) and _is_elif(node.orelse)
            if isinstance(block, list) and not is_elif:
                yield block


def _is_elif(block: list[ast.stmt]) -> bool:
    return len(block) == 1 and isinstance(block[0], ast.If)


def _tests(statement: ast.stmt) -> Iterator[ast.expr]:
    """The conditions of an if and of its elifs."""
    while isinstance(statement, ast.If):
        yield statement.test
        if not _is_elif(statement.orelse):
            return
        statement = statement.orelse[0]


def _compared(test: ast.expr) -> Iterator[tuple[str, set[str]]]:
    """The values that a condition compares with classes, or only with None, with these names."""
    if isinstance(test, ast.Compare) and ast.unparse(test.comparators[0]) == "None":
        yield ast.unparse(test.left), {"None"}
    for node in ast.walk(test):
        match node:
            case ast.Call(func=ast.Name("isinstance"), args=[subject, classes]):
                names = {found.id for found in ast.walk(classes) if isinstance(found, ast.Name)}
                yield ast.unparse(subject), names
            case _:
                pass


def _may_be_imported_by_a_rule(name: str) -> bool:
    if name == "guahao.rules" or name.startswith("guahao.rules."):
        return True
    top = name.split(".", maxsplit=1)[0]
    return top in sys.stdlib_module_names | PURE_LIBRARIES and top not in UNPREDICTABLE_MODULES


def _complaints(check: Check, files: list[Path]) -> list[str]:
    return [
        f"{file.relative_to(ROOT)}:{complaint}"
        for file in files
        for complaint in check(ast.parse(file.read_text(encoding="utf-8")))
    ]


def _python_files(*folders: Path) -> list[Path]:
    return sorted(file for folder in folders for file in folder.rglob("*.py"))


def _is_home_of_sql(file: Path) -> bool:
    # The tools (demo, bench, audit, replay) have statements of their own, in modules so named.
    is_of_tool = SOURCE / "tools" in file.parents and file.stem.endswith(("queries", "scratch"))
    return is_of_tool or any(home in (file, *file.parents) for home in SQL_HOMES)


# The house -------------------------------------------------------------------------------------


def test_functions_are_short() -> None:
    files = _python_files(ROOT / "src", ROOT / "tests")
    assert _complaints(long_functions, files) == []


def test_docstrings_of_functions_begin_with_a_verb() -> None:
    assert _complaints(fragments, _python_files(SOURCE)) == []


def test_sql_stands_in_the_store() -> None:
    files = [file for file in _python_files(SOURCE) if not _is_home_of_sql(file)]
    assert _complaints(sql_statements, files) == []


def test_rules_are_pure() -> None:
    assert _complaints(impurities, _python_files(SOURCE / "rules")) == []


def test_sentences_of_refusals_stand_in_one_table() -> None:
    web = SOURCE / "web"
    files = [file for file in _python_files(web) if SENTENCES_HOME not in file.parents]
    with_own = [file for file in files if _complaints(sentences_of_reasons, [file])]
    assert {str(file.relative_to(web)) for file in with_own} == set(OWN_WORDS)


def test_outcomes_of_more_than_two_kinds_are_matched() -> None:
    files = _python_files(*(SOURCE / floor for floor in ("flows", "web", "notices")))
    files.append(SOURCE / "jobs.py")
    assert _complaints(outcome_chains, files) == []


def test_every_setting_is_documented_and_every_documented_one_is_read() -> None:
    read: set[str] = set()
    for file in [*_python_files(SOURCE), ROOT / "tests" / "conftest.py"]:
        read |= settings_named(ast.parse(file.read_text(encoding="utf-8")))
    documented = set(SETTING.findall((ROOT / "docs" / "SETTINGS.md").read_text(encoding="utf-8")))
    assert read == documented


def test_every_make_command_of_the_documents_exists() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    named = set().union(*(make_commands(file.read_text(encoding="utf-8")) for file in documents))
    assert named <= make_targets((ROOT / "Makefile").read_text(encoding="utf-8"))


def test_no_lock_file_names_a_host() -> None:
    locks = [ROOT / "package-lock.json", *(ROOT / "requirements").glob("*.txt")]
    assert [file.name for file in locks if "://" in file.read_text(encoding="utf-8")] == []


def test_every_module_that_the_documents_name_exists() -> None:
    names = {
        file.name for file in _python_files(*(ROOT / top for top in ("src", "tests", "deploy")))
    }
    missing = [
        f"{file.relative_to(ROOT)}: {path}"
        for file in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        for path in sorted(module_paths(file.read_text(encoding="utf-8")))
        if not any((top / path).exists() for top in (ROOT, SOURCE)) and path not in names
    ]
    assert missing == []


def test_no_folder_has_too_many_modules() -> None:
    modules = _python_files(SOURCE, ROOT / "tests")
    sizes = Counter(file.parent for file in modules if file.name != "__init__.py")
    large = {
        str(folder.relative_to(ROOT)): size
        for folder, size in sizes.items()
        if size > MODULES_MAX and folder not in EXEMPT_FOLDERS
    }
    assert large == {}


def test_banned_words_become_fewer() -> None:
    source = "\n".join(file.read_text(encoding="utf-8") for file in _python_files(SOURCE))
    counts = word_counts(source, BANNED_WORDS)
    assert {word: n for word, n in counts.items() if n > BANNED_WORDS[word]} == {}


def test_a_name_means_one_thing() -> None:
    files = _python_files(SOURCE)
    names = Counter(
        name for file in files for name in class_names(ast.parse(file.read_text(encoding="utf-8")))
    )
    assert {name for name in AMBIGUOUS_NAMES if names[name] > 1} == set()
    assert RETIRED_NAMES & set(names) == set()


def test_no_two_public_classes_of_the_platform_have_one_name() -> None:
    places: dict[str, list[str]] = {}
    for file in _python_files(SOURCE):
        path = file.relative_to(SOURCE)
        if path.parts[0] not in APART:
            for name in class_names(ast.parse(file.read_text(encoding="utf-8"))):
                places.setdefault(name, []).append(str(path))
    shared = {
        name: files
        for name, files in places.items()
        if len(files) > 1 and not name.startswith("_") and name not in SHARED_NAMES
    }
    assert shared == {}


# The checks themselves -------------------------------------------------------------------------


def _found(check: Check, source: str) -> int:
    return len(list(check(ast.parse(source))))


@pytest.mark.parametrize(("lines", "complaints"), [(70, 0), (71, 1)])
def test_long_functions_counts_lines(lines: int, complaints: int) -> None:
    assert _found(long_functions, "def f():\n" + "    x = 1\n" * (lines - 1)) == complaints


@pytest.mark.parametrize(
    ("source", "complaints"),
    [
        ('def f():\n    """Whether it is."""', 1),
        ('class A:\n    async def f(self):\n        """How many there are."""', 1),
        ('def f():\n    """Return whether it is."""', 0),
        ('class A:\n    """What is shown."""', 0),
    ],
)
def test_fragments_reads_docstrings_of_functions(source: str, complaints: int) -> None:
    assert _found(fragments, source) == complaints


@pytest.mark.parametrize(
    ("source", "complaints"),
    [
        ('q = "SELECT 1"', 1),
        ('q = """\n    UPDATE t SET n = 1"""', 1),
        ('q = f"insert into {t} values (1)"', 1),
        ('q = b"DELETE FROM t"', 1),
        ('q = "WITH x AS (SELECT 1) SELECT * FROM x"', 1),
        ('"""SELECT in a docstring."""', 0),
        ('t = "Select a hospital"', 0),
        ('t = "Update your phone number"', 0),
        ('t = "With a doctor"', 0),
    ],
)
def test_sql_statements_knows_sql_from_prose(source: str, complaints: int) -> None:
    assert _found(sql_statements, source) == complaints


@pytest.mark.parametrize(
    ("source", "complaints"),
    [
        ("async def f(): await g()", 2),
        ("d = datetime.now(zone)", 1),
        ("d = date.today()", 1),
        ("import random", 1),
        ("from secrets import token_bytes", 1),
        ("import psycopg", 1),
        ("from guahao.store import db", 1),
        ("from . import facts", 1),
        ("from guahao.rules import facts", 0),
        ("from dataclasses import dataclass", 0),
        ("from stdnum.cn import ric", 0),
        ("def f(now, today): return now, today", 0),
    ],
)
def test_impurities_finds_what_a_rule_may_not_do(source: str, complaints: int) -> None:
    assert _found(impurities, source) == complaints


@pytest.mark.parametrize(
    ("source", "complaints"),
    [
        ('{FeeRefusal.DATE: page.say("…"), FeeRefusal.FEE: page.say("…")}', 2),
        ('{HospitalFault.CODE: Words("…")}', 1),
        ('{PickupRefusal.WRONG_DAY: (page.say("…"), page.say("…"))}', 1),
        ('{FeeRefusal.DATE: say("…")}', 1),
        ('{FeeRefusal.DATE: "date"}', 0),
        ('{FeeRefusal.DATE: [Offer("/", page.say("…"))]}', 0),
        ('{Role.CLERK: page.say("…"), **others}', 0),
        ('{"fee_date": page.say("…")}', 0),
    ],
)
def test_sentences_of_reasons_knows_sentences_from_links(source: str, complaints: int) -> None:
    assert _found(sentences_of_reasons, source) == complaints


@pytest.mark.parametrize(
    ("source", "complaints"),
    [
        ("if isinstance(answer, Busy): ...\nelif isinstance(answer, Refused): ...", 1),
        ("if isinstance(answer, Busy): ...\nwait()\nif isinstance(answer, Refused): ...", 1),
        ("if isinstance(answer, Busy | Refused): ...", 1),
        ("if not isinstance(one.what, Busy): ...\nif isinstance(one.what, Refused): ...", 1),
        ("if answer is None: ...\nif isinstance(answer, Refused): ...", 1),
        ("if isinstance(answer, Refused) and answer.reason: ...\nelse: ...", 0),
        ("if isinstance(answer, Refused): ...\nif isinstance(answer, Refused): ...", 0),
        ("if isinstance(answer, Busy): ...\nif isinstance(other, Refused): ...", 0),
        (
            "if isinstance(answer, Busy): ...\nanswer = ask()\nif isinstance(answer, Refused): ...",
            0,
        ),
        ("if isinstance(text, str): ...\nelif isinstance(text, int): ...", 0),
        ("if isinstance(error, LostError): ...\nif isinstance(error, GoneError): ...", 0),
        ("match answer:\n    case Busy(): ...\n    case Refused(): ...", 0),
    ],
)
def test_outcome_chains_tells_a_guard_from_a_chain(source: str, complaints: int) -> None:
    imported = "from guahao.flows.booking.desk import Busy, GoneError, LostError, Refused\n"
    assert _found(outcome_chains, imported + source) == complaints


def test_settings_named_reads_literals_and_fields() -> None:
    source = 'prefix = "GUAHAO_"\nx = env["GUAHAO_PORT"]\nclass Settings:\n    data_dir: Path'
    assert settings_named(ast.parse(source)) == {"GUAHAO_PORT", "GUAHAO_DATA_DIR"}


def test_make_commands_reads_code_not_prose() -> None:
    document = "We make sure: `make run` first.\n```\n$ make test\nmake lint  # fast\n```\n"
    assert make_commands(document) == {"run", "test", "lint"}
    assert make_targets(".PHONY: run test\nrun: x\n") == {"run", "test"}


def test_module_paths_reads_paths_and_file_names() -> None:
    document = "See `rules/kernel/text.py`, (worker.py) and tests/operators/prepared/NAME.py."
    assert module_paths(document) == {"rules/kernel/text.py", "worker.py"}


def test_word_counts_reads_whole_words() -> None:
    assert word_counts("Whoever knows whatever, whoevers.", ["whoever", "whatever", "deed"]) == {
        "whoever": 1,
        "whatever": 1,
        "deed": 0,
    }


def test_class_names_finds_inner_classes() -> None:
    source = "class Call:\n    class Session: ...\n"
    assert list(class_names(ast.parse(source))) == ["Call", "Session"]
