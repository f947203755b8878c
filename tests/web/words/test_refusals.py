"""Every refusal of the staff's pages has its sentence, in both languages, and it helps."""

from __future__ import annotations

import string
from datetime import date, time
from enum import StrEnum

import pytest
from tests.web.site import has_chinese

from guahao.flows.attendance.window import NotHandedOut
from guahao.rules.kernel.outcomes import PickupRefusal, Refused
from guahao.rules.staff.logins import LoginRefusal
from guahao.rules.supply.releasing import city_time
from guahao.web.words.refusals import REFUSALS, said
from guahao.web.words.refusals.sentence import Sentence
from guahao.words.catalogue import Language

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
    assert sentence.status in (403, 404, 409, 422, 429, 503)
    assert has_chinese(sentence.words.zh)
    assert not has_chinese(sentence.words.en)
    assert _places(sentence.words.zh) == _places(sentence.words.en)
    assert _places(sentence.words.zh) >= set(sentence.facts)
    assert sentence.words.zh.endswith("。")
    assert sentence.words.en.endswith(".")


@pytest.mark.parametrize(
    ("refused", "language", "text"),
    [
        (
            NotHandedOut(PickupRefusal.WRONG_DAY, visit_date=date(2026, 12, 3)),
            "zh",
            "就诊日期是12月3日 周四，只能在当天取号。",
        ),
        (
            NotHandedOut(PickupRefusal.WRONG_DAY, visit_date=date(2026, 12, 3)),
            "en",
            "The visit is on Thu 3 Dec; the number can only be picked up that day.",
        ),
        (
            Refused(LoginRefusal.LOCKED, city_time(date(2026, 12, 2), time(15))),
            "zh",
            "尝试次数过多，请在12月2日 周三 15:00之后再试，或请管理员重置密码。",
        ),
    ],
)
def test_days_and_times_are_written_for_the_reader(
    refused: Refused[StrEnum], language: Language, text: str
) -> None:
    assert said(refused, language, date(2026, 12, 1)).text == text


def _places(text: str) -> set[str]:
    return {place for _, place, _, _ in string.Formatter().parse(text) if place}
