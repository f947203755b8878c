"""Phones that a person is registered to: mobiles, and landlines that no SMS reaches (S3).

Pure, but the numbering plan is phonenumbers' work (docs/decisions/0002).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from guahao.rules.kernel.text import compact
from guahao.rules.people.identity import valid_phone

EXTENSION_DIGITS_MAX = 6
_EXTENSION = ";ext="  # RFC 3966, behind the number as it is stored
_SPOKEN_EXTENSIONS = ("转分机", "轉分機", "分机号", "分机", "分機", "转", "轉", "EXT.", "EXT", "#")
_HYPHENATED_EXTENSION = re.compile(r"(?<=[0-9-])([0-9]{7,8})-([0-9]+)$")  # 010-65551234-801


@dataclass(frozen=True, slots=True)
class Phone:
    """A number as it is stored: E.164, for a landline followed by its extension, if any."""

    number: str
    is_landline: bool


def valid_any_phone(text: str) -> Phone | None:
    """Return a mainland mobile or landline number; None for anything else.

    A landline needs its area code, and may have an extension (010-65551234转801).
    """
    mobile = valid_phone(text)
    if mobile is not None:
        return Phone(mobile, is_landline=False)
    written = compact(text)
    for word in _SPOKEN_EXTENSIONS:
        written = written.replace(word, "X")
    written = _HYPHENATED_EXTENSION.sub(r"\1X\2", written)
    if any(character.isalpha() and character != "X" for character in written):
        return None
    try:
        phone = phonenumbers.parse(written, "CN")
    except phonenumbers.NumberParseException:
        return None
    if phone.country_code != phonenumbers.country_code_for_region("CN"):
        return None
    if not phonenumbers.is_valid_number_for_region(phone, "CN"):
        return None
    if phonenumbers.number_type(phone) is not PhoneNumberType.FIXED_LINE:
        return None
    extension = phone.extension or ""
    if len(extension) > EXTENSION_DIGITS_MAX:
        return None
    plain = phonenumbers.format_number(
        phonenumbers.PhoneNumber(phone.country_code, phone.national_number),
        PhoneNumberFormat.E164,
    )
    return Phone(plain + (_EXTENSION + extension if extension else ""), is_landline=True)


def spoken_phone(number: str) -> str:
    """Return a stored number as people write it: 13812345678, 010-65551234 转 801."""
    plain, _, extension = number.partition(_EXTENSION)
    if valid_phone(plain) == plain:
        return plain.removeprefix("+86")
    try:
        phone = phonenumbers.parse(plain, "CN")
    except phonenumbers.NumberParseException:
        return number
    national = str(phone.national_number)
    area = national[: phonenumbers.length_of_geographical_area_code(phone)]
    local = national.removeprefix(area)
    return f"0{area}-{local}" + (f" 转 {extension}" if extension else "")
