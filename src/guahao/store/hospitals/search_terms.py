"""The city's list of search terms: complaints, and other names of departments and hospitals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from guahao.rules.hospitals.search_terms import SearchTerm, TermFacts, TermKind, key_of
from guahao.rules.hospitals.vocabulary import KnownTerm
from guahao.store.hospitals.search import spelled
from guahao.store.kernel.db import Tx

_TERM = "SELECT id, kind, name, name_en, also, targets, children, urgent FROM search_terms"
_ORDER = "ORDER BY array_position('{complaint,department,hospital}', kind), id"
_COLUMNS = "kind, name, name_key, name_en, also, targets, children, urgent, spelled"
_VALUES = """
    %(kind)s, %(name)s, %(name_key)s, %(name_en)s, %(also)s, %(targets)s, %(children)s,
    %(urgent)s, %(spelled)s
"""


async def listed(tx: Tx) -> list[SearchTerm]:
    """Return all terms: complaints first, each kind in the order in which they were added."""
    return await tx.records(_term, f"{_TERM} {_ORDER}")


async def known(tx: Tx) -> list[KnownTerm]:
    """Return all terms with their pinyin, as they are searched for."""
    return await tx.records(
        _known,
        f"""
        SELECT id, kind, name, name_en, also, targets, children, urgent, spelled
        FROM search_terms {_ORDER}
        """,
    )


async def lock_all(tx: Tx) -> list[SearchTerm]:
    """Return all terms; nobody else changes the list until the commit."""
    await tx.do("LOCK TABLE search_terms IN SHARE ROW EXCLUSIVE MODE")
    return await listed(tx)


async def add(tx: Tx, terms: Sequence[TermFacts]) -> list[int]:
    """Add terms; return their ids, in this order."""
    ids = []
    for facts in terms:
        row = await tx.row(
            f"INSERT INTO search_terms ({_COLUMNS}) VALUES ({_VALUES}) RETURNING id",
            _written(facts),
        )
        assert row is not None
        ids.append(int(row[0]))
    return ids


async def change(tx: Tx, id: int, facts: TermFacts) -> None:
    """Replace an entry."""
    await tx.do(
        f"UPDATE search_terms SET ({_COLUMNS}) = ROW ({_VALUES}) WHERE id = %(id)s",
        {"id": id, **_written(facts)},
    )


async def delete(tx: Tx, ids: Sequence[int]) -> None:
    """Delete entries."""
    await tx.do("DELETE FROM search_terms WHERE id = ANY(%(ids)s::bigint[])", {"ids": list(ids)})


def _term(id: int, **row: Any) -> SearchTerm:
    return SearchTerm(id, _facts(**row))


def _known(id: int, spelled: list[str], **row: Any) -> KnownTerm:
    return KnownTerm(SearchTerm(id, _facts(**row)), tuple(spelled))


def _facts(
    kind: str, also: list[str], targets: list[str], children: list[str], **row: Any
) -> TermFacts:
    return TermFacts(
        kind=TermKind(kind),
        also=tuple(also),
        targets=tuple(targets),
        children=tuple(children),
        **row,
    )


def _written(facts: TermFacts) -> dict[str, object]:
    return {
        "kind": facts.kind.value,
        "name": facts.name,
        "name_key": key_of(facts),
        "name_en": facts.name_en,
        "also": list(facts.also),
        "targets": list(facts.targets),
        "children": list(facts.children),
        "urgent": facts.urgent,
        "spelled": spelled(facts.words),
    }
