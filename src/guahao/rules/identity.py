"""Who a person is: identity documents (S2, S12) and phones (S3), normalised first.

Pure, but not standard library alone: the check digit and the numbering plan are
python-stdnum's and phonenumbers' work (docs/decisions/0002).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

import phonenumbers
from stdnum.cn import ric
from stdnum.exceptions import ValidationError

from guahao.rules.kernel.text import compact

RESIDENT_ID = "01"
ID_TYPES = {
    RESIDENT_ID: "居民身份证",
    "02": "居民户口簿",
    "03": "护照",
    "04": "军官证",
    "06": "港澳居民来往内地通行证",
    "07": "台湾居民来往大陆通行证",
    "99": "其他法定有效证件",
}
_OTHER_DOCUMENT = re.compile(r"[0-9A-Z\u4e00-\u9fff()./-]{3,30}")
_LONG_NUMBER = 15  # characters; eight of them are shown
_CHINA_MOBILE = re.compile(r"\+861[3-9][0-9]{9}")

normalised = compact  # for callers that know it by this name


@dataclass(frozen=True, slots=True)
class Document:
    """A valid identity document; `number` is normalised."""

    id_type: str
    number: str


def valid_document(id_type: str, number: str, today: date) -> Document | None:
    """The document, or None where its type or number cannot be right.

    01: 18 digits, the check digit and a birth date that exists and is not to come.
    """
    number = normalised(number)
    if id_type == RESIDENT_ID:
        return Document(id_type, number) if _valid_resident_id(number, today) else None
    if id_type in ID_TYPES and _OTHER_DOCUMENT.fullmatch(number):
        return Document(id_type, number)
    return None


def _valid_resident_id(number: str, today: date) -> bool:
    if not re.fullmatch(r"[0-9]{17}[0-9X]", number):
        return False
    try:
        born = ric.get_birth_date(number)
    except ValidationError:
        return False
    return born <= today and ric.calc_check_digit(number) == number[-1]


def valid_phone(text: str) -> str | None:
    """A mainland mobile number as +86 and eleven digits, or None (an SMS must reach it)."""
    text = normalised(text)
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
    """138****1234, of a landline 106****1234; empty where there is no phone."""
    local = e164.removeprefix("+86").partition(";")[0]
    if not local:
        return ""
    return f"{local[:3]}****{local[-4:]}"


def hidden_phone(e164: str) -> str:
    """Return 138********, for those to whom the number must not be shown yet."""
    local = e164.removeprefix("+86").partition(";")[0]
    return local[:3] + "*" * (len(local) - 3)


def masked_document(number: str) -> str:
    """1101****1234; a number too short to hide so much keeps its last two characters only."""
    if len(number) < _LONG_NUMBER:
        return "*" * (len(number) - 2) + number[-2:]
    return f"{number[:4]}****{number[-4:]}"


def masked_name(name: str) -> str:
    """The first character, so that a queue can be called by it: 张**."""
    return name[:1] + "*" * (len(name) - 1)
