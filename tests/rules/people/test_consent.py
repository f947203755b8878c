"""Whose consent a registration needs (PIPL, articles 14, 29 and 31)."""

from __future__ import annotations

from datetime import date

import pytest
from tests.rules.helpers import numbered

from guahao.rules.people.consent import (
    NOTICE_VERSION,
    Consent,
    check_consent,
    given_by,
    needs_guardian,
)
from guahao.rules.people.documents import Document
from guahao.rules.people.registering import PatientRefusal

TODAY = date(2026, 3, 2)


def born(day: str, id_type: str = "01") -> Document:
    """A resident's document with this birth date."""
    return Document(id_type, numbered(f"110000{day}001"))


CHILD, GROWN = born("20120303"), born("20120302")  # 14 tomorrow, and today
NEWBORN = Document("99", "A123456789")
PASSPORT = Document("03", "E12345678")


@pytest.mark.parametrize(
    ("document", "needed"),
    [
        (CHILD, True),
        (GROWN, False),
        (born("20120401"), True),
        (born("20120201"), False),
        (born("20130101"), True),
        (born("20111231"), False),
        (born("20260302"), True),
        (born("20120303", "02"), True),
        (born("20120302", "02"), False),
        (NEWBORN, True),
        (PASSPORT, False),
    ],
)
def test_a_guardian_consents_for_a_person_known_to_be_under_14(
    document: Document, needed: bool
) -> None:
    assert needs_guardian(document, TODAY) is needed


OWN = Consent(NOTICE_VERSION, "web")
BY_GUARDIAN = Consent(NOTICE_VERSION, "web", by_guardian=True)
OLD = Consent("2025-01-01", "web", by_guardian=True)


@pytest.mark.parametrize(
    ("consent", "document", "refusal"),
    [
        (None, GROWN, None),
        (None, CHILD, PatientRefusal.GUARDIAN_REQUIRED),
        (OLD, CHILD, PatientRefusal.CONSENT_REQUIRED),
        (OLD, GROWN, PatientRefusal.CONSENT_REQUIRED),
        (OWN, CHILD, PatientRefusal.GUARDIAN_REQUIRED),
        (OWN, GROWN, None),
        (BY_GUARDIAN, CHILD, None),
        (BY_GUARDIAN, GROWN, None),
    ],
)
def test_which_consent_suffices(
    consent: Consent | None, document: Document, refusal: PatientRefusal | None
) -> None:
    assert check_consent(consent, document, TODAY) is refusal


@pytest.mark.parametrize(
    ("consent", "document", "who"),
    [
        (BY_GUARDIAN, CHILD, "guardian"),
        (BY_GUARDIAN, NEWBORN, "guardian"),
        (BY_GUARDIAN, PASSPORT, "guardian"),  # it does not tell how old its holder is
        (BY_GUARDIAN, GROWN, "self"),
        (OWN, GROWN, "self"),
        (OWN, PASSPORT, "self"),
    ],
)
def test_who_consented_is_recorded(consent: Consent, document: Document, who: str) -> None:
    assert given_by(consent, document, TODAY) == who
