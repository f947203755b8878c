"""Words of a search and where they lead: complaints and what departments and hospitals are called.

The city keeps the list (docs/decisions/0049). It leads to a department; it never is a diagnosis.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from guahao.rules.kernel.text import search_text
from guahao.rules.kernel.versions import version_of

WORD_MAX = 40  # characters
WORDS_MAX = 80  # other words of a term
TARGET_MAX = 60
TARGETS_MAX = 8
_CODE = re.compile(r"[0-9A-Za-z.-]{1,32}")
_SEPARATORS = re.compile(r"[、，,;；\n]+")


class TermKind(StrEnum):
    """What a term is: something to complain of, or a name of departments or of hospitals."""

    COMPLAINT = "complaint"
    DEPARTMENT = "department"
    HOSPITAL = "hospital"


@dataclass(frozen=True, slots=True)
class TermFacts:
    """What an entry holds.

    `also`: other words for the same, in both languages. `targets`: departments in the order in
    which they are offered, each "03.04 心血管内科": its code in the national list, and its name
    for hospitals with codes of their own; or, of a hospital's name, the codes of hospitals.
    `children`: the departments for a child. `urgent`: may be an emergency.
    """

    kind: TermKind
    name: str
    name_en: str
    also: tuple[str, ...]
    targets: tuple[str, ...]
    children: tuple[str, ...]
    urgent: bool

    @property
    def words(self) -> tuple[str, ...]:
        """Return every word that is searched for."""
        return tuple(dict.fromkeys(filter(None, (self.name, self.name_en, *self.also))))


@dataclass(frozen=True, slots=True)
class SearchTerm:
    """An entry of the list."""

    id: int
    facts: TermFacts


class TermRefusal(StrEnum):
    """Why a term is not written, in order of precedence."""

    UNKNOWN = "term_unknown"
    CHANGED_MEANWHILE = "term_changed_meanwhile"
    NAME = "term_name"
    NAME_EN = "term_name_en"
    WORD = "term_word"
    TOO_MANY_WORDS = "term_too_many_words"
    TARGETS = "term_targets"
    TARGET = "term_target"
    CHILDREN = "term_children"
    NAME_TAKEN = "term_name_taken"


def fault_of(facts: TermFacts) -> TermRefusal | None:
    """Return what is wrong with an entry by itself."""
    if not (1 <= len(facts.name) <= WORD_MAX and search_text(facts.name)):
        return TermRefusal.NAME
    if len(facts.name_en) > WORD_MAX:
        return TermRefusal.NAME_EN
    if any(len(word) > WORD_MAX or not search_text(word) for word in facts.also):
        return TermRefusal.WORD
    if len(facts.also) > WORDS_MAX:
        return TermRefusal.TOO_MANY_WORDS
    if not 1 <= len(facts.targets) <= TARGETS_MAX:
        return TermRefusal.TARGETS
    if not all(map(is_target, (*facts.targets, *facts.children))):
        return TermRefusal.TARGET
    for_a_child = facts.kind is TermKind.HOSPITAL and facts.children
    return TermRefusal.CHILDREN if for_a_child or len(facts.children) > TARGETS_MAX else None


def is_target(text: str) -> bool:
    """Return whether a text begins with a code: "03.04 心血管内科", or "03.04" alone."""
    return len(text) <= TARGET_MAX and _CODE.fullmatch(code_of(text)) is not None


def code_of(target: str) -> str:
    """Return the code of "03.04 心血管内科"."""
    return target.partition(" ")[0]


def name_of(target: str) -> str:
    """Return the name of "03.04 心血管内科"; empty where it has only a code."""
    return target.partition(" ")[2]


def listed(text: str) -> tuple[str, ...]:
    """Return the parts of a list as people write it: 发热、高烧，fever."""
    parts = (part.strip() for part in _SEPARATORS.split(text))
    return tuple(dict.fromkeys(part for part in parts if part))


def decide_term(
    existing: Sequence[SearchTerm], facts: TermFacts, id: int | None = None, seen: str = ""
) -> TermRefusal | None:
    """Return why an entry is not written: a new one, or that of `id`, shown in version `seen`."""
    if id is not None:
        refusal = decide_deletion(existing, id, seen)
        if refusal is not None:
            return refusal
    fault = fault_of(facts)
    if fault is not None:
        return fault
    taken = any(
        term.facts.kind is facts.kind and key_of(term.facts) == key_of(facts) and term.id != id
        for term in existing
    )
    return TermRefusal.NAME_TAKEN if taken else None


def decide_deletion(existing: Sequence[SearchTerm], id: int, seen: str) -> TermRefusal | None:
    """Return why an entry is not deleted; `seen`: the version that was shown."""
    before = next((term for term in existing if term.id == id), None)
    if before is None:
        return TermRefusal.UNKNOWN
    return TermRefusal.CHANGED_MEANWHILE if version_of(before.facts) != seen else None


def key_of(facts: TermFacts) -> str:
    """Return that by which two names of the same kind are the same entry."""
    return search_text(facts.name)
