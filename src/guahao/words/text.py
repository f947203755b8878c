"""A text for people, in the language of the reader."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from guahao.words.catalogue import Language, translations


@dataclass(frozen=True, slots=True)
class Words:
    """A Chinese text, which is the key of its English; may hold {places} for `str.format`.

    `context`: gettext's msgctxt, where the same Chinese has another meaning elsewhere.
    """

    zh: str
    context: str | None = None

    @property
    def en(self) -> str:
        """Return the text in English."""
        return self.of("en")

    def of(self, language: Language) -> str:
        """Return the text in one language."""
        if language == "zh":
            return self.zh
        known = translations(language)
        if self.context is None:
            return known.gettext(self.zh)
        return known.pgettext(self.context, self.zh)


def listed(words: Iterable[str], language: Language) -> str:
    """Write several words as a list: 甲、乙 or A, B."""
    return (", " if language == "en" else "、").join(words)
