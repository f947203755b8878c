"""Every outcome has its words, in both languages, and they help."""

from __future__ import annotations

import string
from datetime import date, datetime

import pytest
from tests.web.site import has_chinese

from guahao.rules.kernel.limits import CITY_TIME, Policy
from guahao.rules.kernel.outcomes import CancelRefusal, Refusal, Refused
from guahao.rules.people.registering import PatientRefusal
from guahao.web.words.replies import REPLIES, Replies
from guahao.words.catalogue import LANGUAGES, Language
from guahao.words.text import Words

TODAY = date(2026, 11, 30)
OUTCOMES = [*Refusal, *CancelRefusal, *PatientRefusal]
TEXTS = [
    (code, kind, words)
    for code, reply in REPLIES.items()
    for kind, words in (("title", reply.title), ("detail", reply.detail), ("dated", reply.dated))
    if words is not None
]
WORDING = pytest.mark.parametrize(
    ("code", "kind", "words"), TEXTS, ids=[f"{code}-{kind}" for code, kind, _ in TEXTS]
)


@pytest.fixture
def replies() -> Replies:
    return Replies(Policy, lambda: TODAY, "114")


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_of_the_rules_and_flows_has_a_reply(outcome: str) -> None:
    assert outcome in REPLIES


@WORDING
def test_every_text_is_in_its_language(code: str, kind: str, words: Words) -> None:
    assert has_chinese(words.zh)
    assert not has_chinese(words.en)
    assert _places(words.zh) == _places(words.en), (code, kind)


@WORDING
def test_every_sentence_is_whole(code: str, kind: str, words: Words) -> None:
    ends = {"title": ("", "")}.get(kind, ("。", "."))
    assert words.zh.endswith(ends[0])
    assert words.en.endswith(ends[1])
    assert words.en[0].isupper() or words.en.startswith("date_from"), code


def _places(text: str) -> set[str | None]:
    return {place for _, place, _, _ in string.Formatter().parse(text) if place}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", REPLIES)
def test_every_reply_can_be_said(replies: Replies, code: str, language: Language) -> None:
    problem = replies.problem(code, language, field="phone", retry_after_seconds=30)
    assert "{" not in problem.detail
    assert "None" not in problem.detail
    assert 400 <= problem.status < 600


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", Refusal)
def test_a_sentence_names_the_day_from_which_it_would_be_allowed(
    replies: Replies, reason: Refusal, language: Language
) -> None:
    if REPLIES[reason].dated is None:
        assert reason in {
            Refusal.UNKNOWN_SESSION,
            Refusal.NOT_YOUR_PATIENT,
            Refusal.SESSION_STOPPED,
            Refusal.DOCUMENT_ENDED,  # what helps are documents, not days
            Refusal.PERSON_UNCHECKED,
            Refusal.SOLD_OUT,
        }
        return
    named = {"zh": "12月3日 周四", "en": "Thu 3 Dec"}[language]
    refused = Refused(reason, visit_from=date(2026, 12, 3))
    assert named in replies.refused(refused, language).detail
    assert named not in replies.refused(Refused(reason), language).detail


def test_a_moment_is_named_with_its_hour(replies: Replies) -> None:
    opens = datetime(2026, 12, 3, 8, 30, tzinfo=CITY_TIME)
    refused = Refused(Refusal.NOT_RELEASED, retry_from=opens)
    assert "号将于12月3日 周四 08:30放出" in replies.refused(refused, "zh").detail
    assert "released on Thu 3 Dec, 08:30." in replies.refused(refused, "en").detail


def test_a_day_of_another_year_is_named_with_its_year(replies: Replies) -> None:
    refused = Refused(Refusal.PATIENT_SUSPENDED, retry_from=datetime(2027, 1, 30, tzinfo=CITY_TIME))
    assert "2027年1月30日 周六起恢复" in replies.refused(refused, "zh").detail
    assert "from Sat 30 Jan 2027." in replies.refused(refused, "en").detail


def test_sentences_tell_the_platforms_own_numbers() -> None:
    replies = Replies(lambda: Policy(per_day=7), lambda: TODAY, "12345")
    assert "7" in replies.refused(Refused(Refusal.DAY_LIMIT), "en").detail
    assert "12345" in replies.problem("cancel_by_phone", "en").detail
