"""A file's rows as search terms, and what is wrong with its cells. Asks no database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import resources

from guahao.flows.hospitals.files.reading import fault_of
from guahao.rules.hospitals.search_terms import (
    WORD_MAX,
    WORDS_MAX,
    TermFacts,
    TermKind,
    TermRefusal,
    key_of,
    listed,
)
from guahao.rules.hospitals.search_terms import fault_of as term_fault_of
from guahao.rules.kernel.text import prose
from guahao.sheets import values
from guahao.sheets.book import Book, Row
from guahao.sheets.faults import Fault, UnreadableFile
from guahao.sheets.headings import HeadedTable, Heading, find_table, folded, table_faults
from guahao.sheets.hidden import LeftOut
from guahao.sheets.read import read_book
from guahao.sheets.values import CellFault, Wrong

SHIPPED = "search_terms.csv"
_LIST_MAX = WORD_MAX * WORDS_MAX
HEADINGS = (
    Heading("kind", ("类别", "Kind"), required=True),
    Heading("name", ("名称", "Name"), required=True),
    Heading("name_en", ("英文名称", "English name")),
    Heading("also", ("其他说法", "Other words")),
    Heading("targets", ("科室", "Departments", "医院编码"), required=True),
    Heading("children", ("儿童科室", "For children")),
    Heading("urgent", ("可能是急症", "May be an emergency")),
)
KINDS = {
    TermKind.COMPLAINT: ("症状", "Complaint"),
    TermKind.DEPARTMENT: ("科室", "Department"),
    TermKind.HOSPITAL: ("医院", "Hospital"),
}
YES = ("是", "Yes")
_KIND_CHOICES = {folded(word): kind.value for kind, words in KINDS.items() for word in words}
_KINDS_OFFERED = " / ".join(words[0] for words in KINDS.values())
_YES_CHOICES = {
    **{folded(word): "yes" for word in (*YES, "y", "1", "√", "urgent")},
    **{folded(word): "no" for word in ("否", "no", "n", "0")},
}


class TermFileFault(StrEnum):
    """What is wrong with a row of a file of terms, besides the faults of cells."""

    NO_TABLE = "term_no_table"
    NO_ROWS = "term_no_rows"
    TWICE = "term_twice"
    NAME = "term_row_name"
    WORDS = "term_row_words"
    TARGETS = "term_row_targets"
    CHILDREN = "term_row_children"


_OF_A_FIELD = {
    TermRefusal.NAME: ("name", TermFileFault.NAME),
    TermRefusal.NAME_EN: ("name_en", CellFault.TOO_LONG),
    TermRefusal.WORD: ("also", TermFileFault.WORDS),
    TermRefusal.TOO_MANY_WORDS: ("also", TermFileFault.WORDS),
    TermRefusal.TARGETS: ("targets", TermFileFault.TARGETS),
    TermRefusal.TARGET: ("targets", TermFileFault.TARGETS),
    TermRefusal.CHILDREN: ("children", TermFileFault.CHILDREN),
}


@dataclass(frozen=True, slots=True)
class TermRow:
    """A term as a row has it."""

    row: Row
    table: HeadedTable
    facts: TermFacts

    @property
    def key(self) -> tuple[TermKind, str]:
        """Return that by which rows are the same term."""
        return self.facts.kind, key_of(self.facts)


@dataclass(slots=True)
class FoundTerms:
    """Rows without a fault of their own, and every fault; filled as it is read."""

    rows: list[TermRow] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    may_hide_rows: bool = False


def read(book: Book) -> FoundTerms:
    """Return all terms of a file, in its order, and every fault of its cells."""
    found = FoundTerms()
    tables = [table for table in (find_table(sheet, HEADINGS) for sheet in book.sheets) if table]
    if not tables:
        name = book.sheets[0].name if book.sheets else ""
        found.faults.append(Fault(name, 1, "", "", TermFileFault.NO_TABLE))
    for table in tables:
        found.faults += table_faults(table, HEADINGS)
        rows = list(table.rows())
        if not rows:
            place = (table.sheet.name, table.heading_row + 1, "", "")
            found.faults.append(Fault(*place, TermFileFault.NO_ROWS))
        for row in rows:
            _read_row(table, row, found)
    found.faults += _twice(found.rows)
    return found


def _twice(rows: Iterable[TermRow]) -> list[Fault]:
    first: dict[tuple[TermKind, str], TermRow] = {}
    faults = []
    for row in rows:
        other = first.setdefault(row.key, row)
        if other is not row:
            detail: dict[str, object] = {"other": other.row.number}
            faults.append(fault_of(row.table, row.row, "name", TermFileFault.TWICE, detail))
    return faults


def _read_row(table: HeadedTable, row: Row, found: FoundTerms) -> None:
    cells = {
        heading.name: row.cell(table.columns[heading.name]).value
        for heading in HEADINGS
        if heading.name in table.columns
    }
    faults: list[Fault] = []

    def fault(column: str, word: str, **detail: object) -> None:
        faults.append(fault_of(table, row, column, word, dict(detail)))

    texts: dict[str, str] = {}
    for column in ("name", "name_en", "also", "targets", "children"):
        value = cells.get(column)
        if isinstance(value, str):
            value = value.strip().replace("\n", "、")
        text = values.text(value, WORD_MAX if column in ("name", "name_en") else _LIST_MAX)
        if isinstance(text, Wrong):
            fault(column, text.word, **text.detail)
        texts[column] = "" if isinstance(text, Wrong) else text
    kind = values.choice(cells.get("kind"), _KIND_CHOICES, _KINDS_OFFERED)
    if isinstance(kind, Wrong):
        fault("kind", kind.word, **kind.detail)
    urgent: str | Wrong = "no"
    if not values.is_blank(cells.get("urgent")):
        urgent = values.choice(cells.get("urgent"), _YES_CHOICES, f"{YES[0]} / 否")
        if isinstance(urgent, Wrong):
            fault("urgent", urgent.word, **urgent.detail)
    if not faults:
        facts = TermFacts(
            TermKind(str(kind)),
            texts["name"],
            texts["name_en"],
            listed(texts["also"]),
            listed(texts["targets"]),
            listed(texts["children"]),
            urgent == "yes",
        )
        refusal = term_fault_of(facts)
        if refusal is None:
            found.rows.append(TermRow(row, table, facts))
            return
        column, word = _OF_A_FIELD[refusal]
        fault(column, word, most=WORD_MAX)
    found.faults += faults


def shipped() -> bytes:
    """Return the list that comes with the platform, as a file."""
    return resources.files(__package__).joinpath(SHIPPED).read_bytes()


def shipped_terms() -> list[TermFacts]:
    """Return the terms of the list that comes with the platform."""
    book = read_book(shipped(), SHIPPED)
    assert not isinstance(book, UnreadableFile)
    found = read(book)
    assert not found.faults, found.faults
    return [row.facts for row in found.rows]


def normal(facts: TermFacts) -> TermFacts:
    """Return an entry as it is stored, of what was typed into a form."""
    name, name_en = prose(facts.name), prose(facts.name_en)
    also, targets, children = (
        tuple(map(prose, part)) for part in (facts.also, facts.targets, facts.children)
    )
    return TermFacts(facts.kind, name, name_en, also, targets, children, facts.urgent)
