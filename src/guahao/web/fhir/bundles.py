"""Pages of what a search found, as searchset Bundles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.resource import Resource

from guahao.web.answers import Answer
from guahao.web.fhir.door import Door, made, resource_answer
from guahao.web.fhir.search import Search


def searchset(
    door: Door,
    kind: str,
    search: Search,
    found: Sequence[Resource],
    *,
    next_cursor: int | None = None,
    total: int | None = None,
    included: Iterable[Resource] = (),
) -> Answer:
    """A page: matches, what was asked to be included, links to itself and to the next."""
    base = f"{door.base}/{kind}"
    cursor = search.cursor or None
    links = [{"relation": "self", "url": search.link(base, cursor)}]
    if next_cursor is not None:
        links.append({"relation": "next", "url": search.link(base, next_cursor)})
    entries = [_entry(door, resource, "match") for resource in found]
    entries += [_entry(door, resource, "include") for resource in included]
    return resource_answer(
        made(Bundle, type="searchset", total=total, link=links, entry=entries or None)
    )


def page_of(found: Sequence[Any], search: Search) -> tuple[Sequence[Any], int | None]:
    """The page of a list that is known in whole, and where the next begins."""
    start, end = search.cursor, search.cursor + search.count
    return found[start:end], end if search.count > 0 and end < len(found) else None


def _entry(door: Door, resource: Resource, mode: str) -> dict[str, Any]:
    kind = resource.get_resource_type()
    return {
        "fullUrl": f"{door.base}/{kind}/{resource.id}",
        "resource": resource,
        "search": {"mode": mode},
    }
