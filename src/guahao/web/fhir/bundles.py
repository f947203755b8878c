"""Pages of search results, as searchset Bundles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.resource import Resource

from guahao.web.fhir.search import Search
from guahao.web.fhir.services import Services, made, resource_answer
from guahao.web.http.answers import Answer

T = TypeVar("T")
Key = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ResultPage(Generic[T]):
    """A page; `following`: the key of its last item, where more items follow."""

    items: Sequence[T]
    following: Key | None


def searchset(
    services: Services,
    kind: str,
    search: Search,
    page: Sequence[Resource],
    *,
    total: int,
    following: Key | None,
    included: Iterable[Resource] = (),
) -> Answer:
    """Return a page of `total` matches, with included resources and links."""
    base = f"{services.base}/{kind}"
    links = [{"relation": "self", "url": search.link(base)}]
    if following is not None:
        links.append({"relation": "next", "url": search.link(base, following)})
    entries = [_entry(services, resource, "match") for resource in page]
    # Each resource once, as FHIR requires: a match that is also included counts as a match.
    entries += [_entry(services, resource, "include") for resource in included]
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


def page_of(
    found: Iterable[T],
    search: Search,
    key: Callable[[T], Key],
    *,
    parts: int = 1,
    backwards: bool = False,
) -> ResultPage[T]:
    """Return the page of a complete list, in order of `key`: unique, `parts` long."""
    ordered = sorted(found, key=key, reverse=backwards)
    after = search.after(parts)
    if after is not None:
        ordered = [
            item for item in ordered if (key(item) < after if backwards else key(item) > after)
        ]
    return first_page(ordered, search.count, key)


def first_page(rest: Sequence[T], count: int, key: Callable[[T], Key]) -> ResultPage[T]:
    """Return the first `count` of `rest`; a single item more shows that others follow."""
    items = rest[:count]
    return ResultPage(items, key(items[-1]) if items and len(rest) > count else None)


def _entry(services: Services, resource: Resource, mode: str) -> dict[str, Any]:
    kind = resource.get_resource_type()
    return {
        "fullUrl": f"{services.base}/{kind}/{resource.id}",
        "resource": resource,
        "search": {"mode": mode},
    }
