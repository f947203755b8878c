"""Identity documents: which are valid, and which person each belongs to (RULES.md "Real person").

`canonical_person` is the key by which limits, no-shows, suspensions and registration count. It
reads the number alone: the type is what somebody says of a document, and saying it differently
must not make another person (docs/decisions/0020).

Pure, but the check digit is python-stdnum's work (docs/decisions/0002).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from stdnum.cn import ric

from guahao.rules.kernel.limits import add_months
from guahao.rules.kernel.text import compact

RESIDENT_ID = "01"
HOUSEHOLD_REGISTER = "02"
OTHER = "99"
ID_TYPES = {
    RESIDENT_ID: "居民身份证",
    HOUSEHOLD_REGISTER: "居民户口簿",
    "03": "护照",
    "04": "军官证",
    "06": "港澳居民来往内地通行证",
    "07": "台湾居民来往大陆通行证",
    OTHER: "其他法定有效证件",
}
ADULT_FROM = 18  # years

# GB/T 2260: the provinces; 81, 82 and 83 are the residence permits of Hong Kong, Macau and Taiwan
# residents. Only the province is compared: counties came and went, a person keeps the number, and
# no list of them is complete enough to turn a real person away.
_PROVINCES = frozenset(
    str(province)
    for region in ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 83))
    for province in range(region[0], region[1] + 1)
)
_FOREIGN_RESIDENT = "9"  # the permanent-resident card of 2023: 9, province, nationality, birth date

_SEPARATORS = str.maketrans("", "", "()./-")
_WRITTEN = re.compile(r"[0-9A-Z\u4e00-\u9fff()./-]{1,40}")
_RESIDENT = re.compile(r"[0-9]{17}[0-9X]")
_OLD_RESIDENT = re.compile(r"[0-9]{15}")
# MPS notice of 2010: a letter and eight digits for life, then two that count the issues.
_HONG_KONG_MACAU = re.compile(r"([HM][0-9]{8})(?:[0-9]{2})?")
# Eight digits for life; until 2008 two that count the issues and the issuing office in brackets.
_TAIWAN = re.compile(r"([0-9]{8})(?:[0-9]{2})?(?:\([0-9A-Z]\))?")
_OFFICER = re.compile(r"([\u4e00-\u9fff]{1,8}?)字?第?([0-9A-Z]{4,10})号?")
_PASSPORT = re.compile(r"(?=.*[0-9])[0-9A-Z]{6,12}")
_OTHER = re.compile(r"(?=(?:.*[0-9]){4})[0-9A-Z\u4e00-\u9fff]{6,30}")
_BIRTH_CERTIFICATE = re.compile(r"[A-Z][0-9]{9}")  # 出生医学证明


@dataclass(frozen=True, slots=True)
class Document:
    """A valid identity document; `number` is normalised."""

    id_type: str
    number: str

    @property
    def person(self) -> str:
        """Return the canonical key of the person it belongs to."""
        return canonical_person(self.number)

    @property
    def is_birth_certificate(self) -> bool:
        """Return whether it is a newborn's birth certificate (出生医学证明)."""
        return self.id_type == OTHER and bool(_BIRTH_CERTIFICATE.fullmatch(_bare(self.number)))


def valid_document(id_type: str, number: str, today: date) -> Document | None:
    """Return the document, or None where its type or number cannot be right.

    A resident's number is a resident ID under any type it is typed; in a household register
    it stays what it is there: the number of the person.
    """
    written = compact(number)
    if id_type not in ID_TYPES or not _WRITTEN.fullmatch(written):
        return None
    resident = _resident_number(written if id_type == RESIDENT_ID else _bare(written))
    if resident is not None:
        if birth_date(resident) > today or (id_type == RESIDENT_ID and resident != written):
            return None
        kept = id_type if id_type == HOUSEHOLD_REGISTER else RESIDENT_ID
        return Document(kept, resident)
    is_valid = _PATTERNS.get(id_type)
    return Document(id_type, written) if is_valid is not None and is_valid(written) else None


# The types whose number is not a resident's; 01 and 02 have no other.
_PATTERNS: dict[str, Callable[[str], object]] = {
    "03": lambda written: _PASSPORT.fullmatch(_bare(written)),
    "04": lambda written: _OFFICER.fullmatch(_bare(written)),
    "06": lambda written: _HONG_KONG_MACAU.fullmatch(_bare(written)),
    "07": _TAIWAN.fullmatch,
    OTHER: lambda written: _OTHER.fullmatch(_bare(written)),
}


def canonical_person(number: str) -> str:
    """Return the key that is equal for every way of writing a person's document number.

    The number as somebody typed it, or as it is registered. The same for numbers that no document
    bears, so that old records have a key, too.
    """
    written = compact(number)
    bare = "".join(character for character in written if character.isalnum())
    resident = _resident_number(bare)
    if resident is not None:
        return resident
    permit = _HONG_KONG_MACAU.fullmatch(bare) or _TAIWAN.fullmatch(written)
    if permit is None:
        permit = _TAIWAN.fullmatch(bare)
    if permit is not None:
        return permit[1]
    officer = _OFFICER.fullmatch(bare)
    if officer is not None:
        return officer[1] + officer[2]
    return bare or written


def birth_date(resident: str) -> date:
    """Return the birth date in a resident ID, which the caller knows to be valid."""
    return date(int(resident[6:10]), int(resident[10:12]), int(resident[12:14]))


def birth_certificate_end(born: date, today: date) -> date | None:
    """Return the day from which a newborn's birth certificate serves no more: the first birthday.

    None where nobody with such a certificate can have been born then.
    """
    ends_on = add_months(born, 12)
    return ends_on if born <= today < ends_on else None


def is_adult(document: Document, today: date) -> bool:
    """Return whether the person is of age; without a birth date it counts as an adult's."""
    if document.is_birth_certificate:
        return False
    if document.id_type not in (RESIDENT_ID, HOUSEHOLD_REGISTER):
        return True
    born = birth_date(document.number)
    years = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return years >= ADULT_FROM


def _bare(written: str) -> str:
    return written.translate(_SEPARATORS)


def _resident_number(number: str) -> str | None:
    """Return the 18 digits of a resident ID, also of the old 15 digits; None for others."""
    if _OLD_RESIDENT.fullmatch(number):
        number = f"{number[:6]}19{number[6:]}"
        number += str(ric.calc_check_digit(number + "0"))
    if not _RESIDENT.fullmatch(number) or ric.calc_check_digit(number) != number[-1]:
        return None
    province = number[1:3] if number[0] == _FOREIGN_RESIDENT else number[:2]
    if province not in _PROVINCES:
        return None
    try:
        birth_date(number)
    except ValueError:
        return None
    return number
