"""The elder view's own flow: the same pages as one question a screen (templates/elder)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlencode

from guahao.web.framework.templating import TEMPLATES
from guahao.web.http.reading import as_id

ANSWERS = 4  # to a question; more do not fit on a phone of 360 by 640 without scrolling
# What leads through the flow; anything else in a query is dropped from the links to other pages.
QUERY = ("day", "week", "group", "page")


@dataclass(frozen=True, slots=True)
class Few:
    """The answers of one screen, and the URLs of the screens before and after it."""

    shown: Sequence[Any]
    earlier: str | None
    later: str | None


def few(answers: Sequence[Any], path: str, query: Mapping[str, str]) -> Few:
    """Return the answers of the screen that `query` names by its `page`."""
    last = max(1, -(-len(answers) // ANSWERS))
    number = min(as_id(query.get("page", "")) or 1, last)

    def address(page: int) -> str:
        fields = {**query, "page": page}
        return f"{path}?{urlencode(fields)}"

    first = (number - 1) * ANSWERS
    return Few(
        answers[first : first + ANSWERS],
        address(number - 1) if number > 1 else None,
        address(number + 1) if number < last else None,
    )


@cache
def has_template(name: str) -> bool:
    """Return whether the elder view has a template of its own for this page."""
    return (TEMPLATES / "elder" / name).is_file()
