"""Every refusal of the staff's pages has its sentence, in both languages, and it helps."""

from __future__ import annotations

import string
from enum import StrEnum

import pytest
from tests.web.site import has_chinese

from guahao.web.words.refusals import REFUSALS
from guahao.web.words.refusals.sentence import Sentence

SENTENCES = [
    pytest.param(sentence, id=f"{kind.__name__}.{reason.name}")
    for kind, sentences in REFUSALS.items()
    for reason, sentence in sentences.items()
]


@pytest.mark.parametrize("kind", REFUSALS)
def test_every_reason_has_its_sentence(kind: type[StrEnum]) -> None:
    assert set(REFUSALS[kind]) == set(kind)


@pytest.mark.parametrize("sentence", SENTENCES)
def test_every_sentence_is_whole_and_in_its_language(sentence: Sentence) -> None:
    assert 400 <= sentence.status < 500
    assert has_chinese(sentence.words.zh)
    assert not has_chinese(sentence.words.en)
    assert _places(sentence.words.zh) == _places(sentence.words.en)
    assert _places(sentence.words.zh) >= set(sentence.facts)
    assert sentence.words.zh.endswith("。")
    assert sentence.words.en.endswith(".")


def _places(text: str) -> set[str]:
    return {place for _, place, _, _ in string.Formatter().parse(text) if place}
