"""Consent to the privacy notice: by whom, to which version (PIPL, articles 14, 29 and 31)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from guahao.rules.people.documents import (
    HOUSEHOLD_REGISTER,
    RESIDENT_ID,
    Document,
    birth_date,
)
from guahao.rules.people.registering import PatientRefusal

# Change it with the text of the notice (web/templates/privacy.*.html); a test compares them.
NOTICE_VERSION = "2026-12-20"
GUARDIAN_UNDER = 14  # years


@dataclass(frozen=True, slots=True)
class Consent:
    """Consent as it was given: to which version, at which entrance, by a guardian or not."""

    version: str
    channel: str
    by_guardian: bool = False


def check_consent(
    consent: Consent | None, document: Document, today: date
) -> PatientRefusal | None:
    """Return why the consent does not suffice; None where it does.

    `consent` None: of a client of the API that sends none. It registers adults as before; for a
    child the law requires a guardian's consent, even from an old client (PIPL, article 31).
    """
    if consent is None:
        needed = needs_guardian(document, today)
        return PatientRefusal.GUARDIAN_REQUIRED if needed else None
    if consent.version != NOTICE_VERSION:
        return PatientRefusal.CONSENT_REQUIRED
    if needs_guardian(document, today) and not consent.by_guardian:
        return PatientRefusal.GUARDIAN_REQUIRED
    return None


def needs_guardian(document: Document, today: date) -> bool:
    """Return whether the person is known to be under 14."""
    if document.is_birth_certificate:
        return True
    born = _birth_date(document)
    return born is not None and (born.year + GUARDIAN_UNDER, born.month, born.day) > (
        today.year,
        today.month,
        today.day,
    )


def given_by(consent: Consent, document: Document, today: date) -> str:
    """Return who consented: `guardian`, unless the document says that there need not be any."""
    is_grown = _birth_date(document) is not None and not needs_guardian(document, today)
    return "guardian" if consent.by_guardian and not is_grown else "self"


def _birth_date(document: Document) -> date | None:
    if document.id_type not in (RESIDENT_ID, HOUSEHOLD_REGISTER):
        return None
    return birth_date(document.number)
