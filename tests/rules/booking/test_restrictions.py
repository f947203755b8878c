"""When a restriction of an account, or a document, ends (S17)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from tests.rules.helpers import AGENT, NOW, OWNER, SOON, decide, moment, patient, session

from guahao.rules.kernel.outcomes import Accepted, Refusal, Refused

TODAY = NOW.date()
TOMORROW = TODAY + timedelta(days=1)


@pytest.mark.parametrize(
    ("until", "refused"),
    [(None, False), (TODAY - timedelta(days=1), False), (TODAY, False), (TOMORROW, True)],
)
def test_an_account_is_restricted_until_the_day_its_restriction_ends(
    until: date | None, refused: bool
) -> None:
    person = replace(patient(), account_restricted_until=until)
    refusal = Refused(Refusal.ACCOUNT_RESTRICTED, retry_from=moment(f"{TOMORROW} 00:00"))
    assert decide(session(), person) == (refusal if refused else Accepted())


def test_staff_book_for_a_person_whose_account_is_restricted() -> None:
    person = replace(patient(), account_restricted_until=TOMORROW)
    assert decide(session(), person, actor=AGENT) == Accepted()
    assert decide(session(), person, actor=OWNER) != Accepted()


@pytest.mark.parametrize(
    ("ends_on", "refused"), [(SOON, True), (SOON + timedelta(days=1), False), (None, False)]
)
def test_a_birth_certificate_serves_for_visits_before_its_end(
    ends_on: date | None, refused: bool
) -> None:
    person = replace(patient(), document_ends_on=ends_on)
    assert decide(session(), person) == (Refused(Refusal.DOCUMENT_ENDED) if refused else Accepted())
