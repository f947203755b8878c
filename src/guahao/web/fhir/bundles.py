"""Pages of what a search found, as searchset Bundles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.resource import Resource

from guahao.web.answers import Answer
from guahao.web.fhir.door import Door, made, resource_answer
from guahao.web.fhir.search import Search

T = TypeVar("T")


def searchset(
    door: Door,
    kind: str,
    search: Search,
    page: Sequence[Resource],
    *,
    total: int,
    included: Iterable[Resource] = (),
) -> Answer:
    """A page of `total` matches, what was asked to be included, and links to go on by."""
    base = f"{door.base}/{kind}"
    links = [{"relation": "self", "url": search.link(base, search.cursor or None)}]
    after = search.cursor + search.count
    if search.count > 0 and after < total:
        links.append({"relation": "next", "url": search.link(base, after)})
    entries = [_entry(door, resource, "match") for resource in page]
    # Each resource once, as FHIR asks: whichever was found and is included, too, was found.
    entries += [_entry(door, resource, "include") for resource in included]
    unique = {entry["fullUrl"]: entry for entry in reversed(entries)}
    return resource_answer(
        made(
            Bundle,
            type="searchset",
            total=total,
            link=links,
            entry=list(reversed(unique.values())) or None,
        )
    )


def page_of(found: Sequence[T], search: Search) -> Sequence[T]:
    """The page of a list that is known in whole."""
    return found[search.cursor : search.cursor + search.count]


def _entry(door: Door, resource: Resource, mode: str) -> dict[str, Any]:
    kind = resource.get_resource_type()
    return {
        "fullUrl": f"{door.base}/{kind}/{resource.id}",
        "resource": resource,
        "search": {"mode": mode},
    }
