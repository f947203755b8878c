"""Every refusal of the staff's pages has its sentence, in both languages, and it helps."""

from __future__ import annotations

import string
from datetime import date, time
from enum import StrEnum
from importlib import import_module
from itertools import chain
from pkgutil import walk_packages

import pytest
from tests.web.site import has_chinese

from guahao import rules
from guahao.flows.attendance.window import NotHandedOut
from guahao.rules.integration.clients import AccessRefusal
from guahao.rules.kernel.outcomes import PickupRefusal, Refused, ThrottleRefusal
from guahao.rules.people.own_data import ProofRefusal
from guahao.rules.staff.logins import LoginRefusal
from guahao.rules.supply.importing import ImportRefusal, RowRefusal
from guahao.rules.supply.releasing import city_time
from guahao.web.words.refusals import REFUSALS, said
from guahao.web.words.refusals.sentence import Sentence
from guahao.web.words.replies import REPLIES
from guahao.words.catalogue import Language

SENTENCES = [
    pytest.param(sentence, id=f"{kind.__name__}.{reason.name}")
    for kind, sentences in REFUSALS.items()
    for reason, sentence in sentences.items()
]


@pytest.mark.parametrize("kind", REFUSALS)
def test_every_reason_has_its_sentence(kind: type[StrEnum]) -> None:
    assert set(REFUSALS[kind]) == set(kind)


def test_every_refusal_of_the_rules_has_its_table() -> None:
    elsewhere = {
        ProofRefusal,  # of an account that is gone: its owner is asked to log in
        AccessRefusal,  # a stranger does not hear what was wrong
        ThrottleRefusal,  # said with the seconds to wait
        *(ImportRefusal, RowRefusal),  # `sheet_words`, beside the row
    }
    without = [
        kind
        for kind in refusals_of_the_rules()
        if kind not in REFUSALS and not set(kind) <= set(REPLIES)
    ]
    assert set(without) == elsewhere


def refusals_of_the_rules() -> set[type[StrEnum]]:
    found = [
        vars(import_module(module.name)).values()
        for module in walk_packages(rules.__path__, f"{rules.__name__}.")
    ]
    return {
        value
        for value in chain.from_iterable(found)
        if isinstance(value, type)
        and issubclass(value, StrEnum)
        and value.__name__.endswith("Refusal")
    }


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
