"""Every reason why a booking is refused has its row in each table that says or does something."""

from __future__ import annotations

import string
from collections.abc import Mapping

import pytest
from tests.web.site import has_chinese

from guahao.flows.fairness.drawing import ENDED, WITHDRAWN
from guahao.rules.booking.together import Companion
from guahao.rules.fairness.allocating import FULL
from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.outcomes import CancelRefusal, Refusal
from guahao.web.administration.reports.city import REASONS
from guahao.web.citizens.booking.ways import WAYS
from guahao.web.citizens.help import help_path
from guahao.web.words.refusals.booking import (
    BY_NAME,
    CHECKED_ONLY,
    PASSED_OVER,
    passed_over_text,
)
from guahao.words.catalogue import LANGUAGES, Language
from guahao.words.text import Words

NAMED = [words for words in (*BY_NAME.values(), CHECKED_ONLY) if words is not None]


@pytest.mark.parametrize(
    ("table", "besides"),
    [
        pytest.param(WAYS, set(), id="citizens/booking/ways.py"),
        pytest.param(BY_NAME, set(), id="words/refusals/booking.py BY_NAME"),
        pytest.param(PASSED_OVER, {FULL, ENDED, WITHDRAWN}, id="words/refusals/booking.py"),
        pytest.param(REASONS, set(Companion), id="administration/reports/city.py"),
    ],
)
def test_every_reason_has_its_row(table: Mapping[str, object], besides: set[str]) -> None:
    assert set(table) == {*Refusal, *besides}


@pytest.mark.parametrize("code", [*Refusal, *CancelRefusal])
def test_every_refusal_that_a_rule_makes_has_its_rule_explained(code: str) -> None:
    is_unknown = code in (Refusal.UNKNOWN_SESSION, CancelRefusal.UNKNOWN)
    assert (help_path(code) is None) == is_unknown


@pytest.mark.parametrize(
    "text",
    [text for words in NAMED for text in (words.detail, words.dated) if text is not None],
)
def test_a_patient_is_named_in_whole_sentences(text: Words) -> None:
    assert _places(text.zh) == _places(text.en)
    assert "name" in _places(text.zh)
    assert not has_chinese(text.en)
    assert (text.zh[-1], text.en[-1]) == ("。", ".")


def test_what_counts_bookings_names_their_days() -> None:
    for words in NAMED:
        assert ("days" in _places(words.detail.zh)) == words.counts
        assert words.dated is None or "when" in _places(words.dated.zh)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", [*PASSED_OVER, "of_a_later_release"])
def test_a_draw_says_why_it_passed_a_choice_over(reason: str, language: Language) -> None:
    said = passed_over_text(reason, Policy(), language)
    assert said
    assert "{" not in said
    assert has_chinese(said) == (language == "zh")


def _places(text: str) -> set[str]:
    return {place for _, place, _, _ in string.Formatter().parse(text) if place}
