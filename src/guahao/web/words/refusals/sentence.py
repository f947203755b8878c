"""What a page says of a refusal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from guahao.words.text import Words


@dataclass(frozen=True, slots=True)
class Sentence:
    """The status of the answer, and what happened and what helps.

    `facts`: values of {places} that are always the same. The others are fields of the refusal,
    {hotline}, or what a page adds.
    """

    status: int
    words: Words
    facts: Mapping[str, object] = field(default_factory=dict)


# Each enum apart: reasons of two enums may have the same value.
Sentences = dict[type[StrEnum], Mapping[StrEnum, Sentence]]
