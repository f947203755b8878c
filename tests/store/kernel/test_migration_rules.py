"""Expand and contract: the release before this one books on while its database is migrated.

From 0039 on a migration holds no table for long, and takes away nothing that the release before
it uses. What must be otherwise says why, in a comment right before the statement: `-- blocks:`
where it holds a table (because that is small, say), `-- contracts:` where it takes away (because
no release since ... reads it).
"""

from __future__ import annotations

import re
import shutil
import warnings
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

import guahao

MIGRATIONS = Path(guahao.__file__).parent / "migrations"
FIRST = 39

_PART = re.compile(
    r"(?P<comment>--[^\n]*|/\*.*?\*/)|(?P<quoted>\$(\w*)\$.*?\$\3\$|'(?:[^']|'')*')|(?P<end>;)",
    re.DOTALL,
)
_CREATED = re.compile(r"CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?(\w+)", re.IGNORECASE)
_TABLE = re.compile(
    r"(?:ALTER TABLE (?:IF EXISTS )?(?:ONLY )?|\bON |^UPDATE |^DELETE FROM )(\w+)", re.IGNORECASE
)
_VOLATILE = r"(?:clock_timestamp|random|gen_random_uuid|uuidv[47]|nextval|timeofday)\s*\("
BLOCKING = {
    "SET NOT NULL reads the whole table under its lock; first add CHECK ... NOT VALID, VALIDATE it"
    " in another migration": r"\bSET NOT NULL\b",
    "a new column that must be filled breaks the inserts of the release before": (
        r"ADD COLUMN (?:(?!,\s*ADD\b|\bDEFAULT\b).)*NOT NULL(?!(?:(?!,\s*ADD\b).)*\bDEFAULT\b)"
    ),
    "a volatile default or a generated column writes the whole table anew": (
        rf"ADD COLUMN (?:(?!,\s*ADD\b).)*(?:DEFAULT {_VOLATILE}|GENERATED|\b(?:big|small)?serial\b)"
    ),
    "another type writes the whole table anew": r"ALTER (?:COLUMN )?\w+ (?:SET DATA )?TYPE\b",
    "an index is created by guahao.store.kernel.migrate.create_index": (
        r"CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY)"
    ),
    "a constraint reads the whole table under its lock: NOT VALID, VALIDATE in another migration": (
        r"ADD (?:CONSTRAINT \w+ )?(?:CHECK|FOREIGN KEY)(?!.*NOT VALID)"
    ),
    "a unique constraint is made of an index that create_index has made: USING INDEX": (
        r"ADD (?:CONSTRAINT \w+ )?(?:UNIQUE|PRIMARY KEY)(?!.*USING INDEX)"
    ),
    "a whole table is written: in batches, from a command or a job": r"^(?:UPDATE|DELETE FROM) ",
    "this locks a whole table": (
        r"^(?:LOCK|CLUSTER|VACUUM FULL|TRUNCATE|REINDEX (?!.*CONCURRENTLY))"
    ),
}
CONTRACTING = {
    "the release before still uses it: take it away one release later": (
        r"\bDROP (?:COLUMN|TABLE|VIEW|FUNCTION|TYPE)\b|\bRENAME\b"
    ),
}


def faults(text: str) -> list[str]:
    """What a migration's SQL does that it may not, without a reason given."""
    created = set(_CREATED.findall(text))
    found = []
    for statement, comments in _statements(text):
        tables = set(_TABLE.findall(statement))
        if tables and tables <= created:
            continue  # nobody reads it yet
        for marker, rules in (("blocks:", BLOCKING), ("contracts:", CONTRACTING)):
            if marker in comments:
                continue
            for why, pattern in rules.items():
                if re.search(pattern, statement, re.IGNORECASE | re.DOTALL):
                    found.append(f"{statement[:60]}: {why}")
    return found


def _statements(text: str) -> list[tuple[str, str]]:
    """Each statement on one line, without strings, and the comments in and before it."""
    found, statement, comments, last = [], "", "", 0
    for part in _PART.finditer(text + ";"):
        statement += text[last : part.start()]
        last = part.end()
        if part["comment"]:
            comments += part["comment"]
        elif part["quoted"]:
            statement += "''"
        else:
            if plain := " ".join(statement.split()):
                found.append((plain, comments))
            statement, comments = "", ""
    return found


def test_migrations_let_the_release_before_them_book_on() -> None:
    found = {
        file.name: wrong
        for file in sorted((MIGRATIONS / "sql").glob("[0-9]*.sql"))
        if int(file.name[:4]) >= FIRST and (wrong := faults(file.read_text(encoding="utf-8")))
    }
    assert found == {}


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE messages ALTER COLUMN kind SET NOT NULL",
        "ALTER TABLE messages ADD COLUMN a int, ADD COLUMN b text NOT NULL",
        "ALTER TABLE messages ADD COLUMN a uuid DEFAULT gen_random_uuid()",
        "ALTER TABLE messages ADD COLUMN a int GENERATED ALWAYS AS (b + 1) STORED",
        "ALTER TABLE messages ALTER COLUMN kind TYPE varchar(20)",
        "CREATE INDEX messages_kind ON messages (kind)",
        "CREATE UNIQUE INDEX ON messages (kind)",
        "ALTER TABLE messages ADD CONSTRAINT short CHECK (length(kind) < 9)",
        "ALTER TABLE messages ADD FOREIGN KEY (account_id) REFERENCES accounts",
        "ALTER TABLE messages ADD CONSTRAINT once UNIQUE (kind)",
        "UPDATE messages SET kind = 'it''s; said'",
        "LOCK TABLE messages",
        "ALTER TABLE messages DROP COLUMN kind",
        "ALTER TABLE messages RENAME COLUMN kind TO sort",
        "CREATE TABLE notes (id int); DROP TABLE messages",
        "-- contracts: nobody reads it\nALTER TABLE messages ALTER COLUMN kind SET NOT NULL",
    ],
)
def test_a_statement_that_holds_or_breaks_bookings_is_found(statement: str) -> None:
    assert len(faults(f"SELECT 1;\n{statement};\nSELECT 2")) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE messages ADD COLUMN a int, ADD COLUMN b text NOT NULL DEFAULT ''",
        "ALTER TABLE messages ADD COLUMN a timestamptz DEFAULT now()",
        "ALTER TABLE messages ADD COLUMN a int DEFAULT 0 NOT NULL",
        "ALTER TABLE messages ADD CONSTRAINT short CHECK (length(kind) < 9) NOT VALID",
        "ALTER TABLE messages VALIDATE CONSTRAINT short",
        "ALTER TABLE messages ADD CONSTRAINT once UNIQUE USING INDEX messages_once",
        "CREATE TABLE notes (id int); CREATE INDEX ON notes (id); UPDATE notes SET id = 1",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ UPDATE messages SET kind = '' $$",
        "-- blocks: a handful of rows\nUPDATE titles SET name = ''",
        "-- contracts: not read since 0.3\nALTER TABLE messages DROP COLUMN kind",
    ],
)
def test_other_statements_are_not(statement: str) -> None:
    assert faults(statement) == []


# The order of the files ---------------------------------------------------------------------------


def in_order(folder: Path) -> list[str]:
    """What is wrong with the numbers of migrations, which follow one another from 0001 on."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        scripts = ScriptDirectory(str(folder))
        heads = scripts.get_heads()
        walked = [*scripts.walk_revisions()][::-1]
    found = [str(warning.message) for warning in warned]
    if len(heads) != 1:
        found.append(f"several heads: {', '.join(sorted(heads))}")
    files = sorted((folder / "versions").glob("*.py"))
    loaded = {Path(script.path).name for script in walked}
    found += [f"{file.name} is not in the chain" for file in files if file.name not in loaded]
    before = None
    for script in walked:
        name = Path(script.path).name
        if not re.fullmatch(rf"{script.revision}_[a-z0-9_]+\.py", name):
            found.append(f"{name} has the revision {script.revision}")
        if script.down_revision != before:
            found.append(f"{name} does not follow {before}")
        before = script.revision
    ran = {
        sql
        for file in files
        for sql in re.findall(r'run_file\(\s*"([^"]+)"', file.read_text(encoding="utf-8"))
    }
    numbered = {file.name for file in (folder / "sql").glob("[0-9]*.sql")}
    return found + [f"no migration runs {name}" for name in sorted(numbered - ran)]


def test_migrations_follow_one_another() -> None:
    assert in_order(MIGRATIONS) == []


@pytest.mark.parametrize(
    ("name", "head", "revision", "after", "fault"),
    [
        ("{head}_another.py", 0, 0, -1, "present more than once"),
        ("{next}_a.py", 1, 1, -1, "several heads"),
        ("{next}_a.py", 1, 2, 0, "has the revision"),
    ],
)
def test_a_number_that_stands_twice_or_branches_is_found(
    tmp_path: Path, name: str, head: int, revision: int, after: int, fault: str
) -> None:
    folder = Path(shutil.copytree(MIGRATIONS, tmp_path / "migrations"))
    last = max(int(file.name[:4]) for file in (folder / "versions").glob("[0-9]*.py"))
    file = folder / "versions" / name.format(head=f"{last:04}", next=f"{last + head:04}")
    file.write_text(f'revision = "{last + revision:04}"\ndown_revision = "{last + after:04}"\n')
    assert any(fault in found for found in in_order(folder))
