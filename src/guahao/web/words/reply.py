"""One outcome's words, before any numbers are in them."""

from __future__ import annotations

from dataclasses import dataclass

from guahao.words.text import Words


@dataclass(frozen=True, slots=True)
class Reply:
    """One outcome. `dated` replaces `detail` where a time is known, as its {when}."""

    status: int
    title: Words
    detail: Words
    dated: Words | None = None
