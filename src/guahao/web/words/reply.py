"""The texts of an outcome, before numbers are filled in."""

from __future__ import annotations

from dataclasses import dataclass

from guahao.words.text import Words


@dataclass(frozen=True, slots=True)
class Reply:
    """The texts of an outcome. `dated` replaces `detail` where its {when} is known."""

    status: int
    title: Words
    detail: Words
    dated: Words | None = None
