"""Who a person is: identity documents (S2, S12) and phones (S3), normalised first.

Pure, but not standard library alone: the numbering plan is phonenumbers' work
(docs/decisions/0002).
"""

from __future__ import annotations

import re

import phonenumbers

from guahao.rules.kernel.text import compact
from guahao.rules.people.documents import ID_TYPES, RESIDENT_ID, Document, valid_document

__all__ = [
    "ID_TYPES",
    "RESIDENT_ID",
    "Document",
    "masked_document",
    "masked_name",
    "masked_phone",
    "valid_document",
    "valid_phone",
]

_LONG_NUMBER = 15  # characters; eight of them are shown
_CHINA_MOBILE = re.compile(r"\+861[3-9][0-9]{9}")


def valid_phone(text: str) -> str | None:
    """Return a mainland mobile number as +86 and eleven digits, or None (an SMS must reach it)."""
    text = compact(text)
    if any(character.isalpha() for character in text):
        return None  # the library would dial letters, and pick a number out of a sentence
    try:
        phone = phonenumbers.parse(text, "CN")
    except phonenumbers.NumberParseException:
        return None
    if phone.extension:
        return None
    e164 = phonenumbers.format_number(phone, phonenumbers.PhoneNumberFormat.E164)
    return e164 if _CHINA_MOBILE.fullmatch(e164) else None


def masked_phone(e164: str) -> str:
    """Return 138****1234, of a landline 010****1234; empty where there is no phone."""
    local = _as_dialled(e164)
    return f"{local[:3]}****{local[-4:]}" if local else ""


def hidden_phone(e164: str) -> str:
    """Return 138********, for those to whom the number must not be shown yet."""
    local = _as_dialled(e164)
    return local[:3] + "*" * (len(local) - 3)


def _as_dialled(e164: str) -> str:
    """Return a number without its extension as people dial it: a landline begins with 0."""
    local = e164.removeprefix("+86").partition(";")[0]
    return local if not local or valid_phone(e164) else f"0{local}"


def masked_document(number: str) -> str:
    """Return 1101****1234; of a number too short to hide so much, its last two characters."""
    if len(number) < _LONG_NUMBER:
        return "*" * (len(number) - 2) + number[-2:]
    return f"{number[:4]}****{number[-4:]}"


def masked_name(name: str) -> str:
    """Return the first character, so that a queue can be called by it: 张**."""
    return name[:1] + "*" * (len(name) - 1)
