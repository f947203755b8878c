"""What a hospital's entry in the directory may hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from guahao.rules.kernel.versions import version_of

# 医院等级: three levels, each with its classes, and what is not graded (yet).
GRADES = (
    *("三级特等", "三级甲等", "三级乙等", "三级丙等", "三级"),
    *("二级甲等", "二级乙等", "二级丙等", "二级"),
    *("一级甲等", "一级乙等", "一级丙等", "一级", "未定级"),
)
CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
# Area codes are 10, 2x and 3xx to 9xx; 400 and 800 are no area codes, 13 to 19 are mobiles.
_LANDLINE_WITHOUT_ZERO = re.compile(
    r"(10|2[0-9])[2-8][0-9]{7}|(?!400|800)[3-9][0-9]{2}[2-8][0-9]{6,7}", re.ASCII
)
_PHONE = re.compile(r"[0-9 ()+,/;、，；（）转-]*")


@dataclass(frozen=True, slots=True)
class HospitalFacts:
    """What patients read of a hospital, besides its booking rules."""

    name: str
    name_en: str
    grade: str
    district: str
    district_en: str
    address: str
    phone: str
    notice: str
    pickup_place: str
    address_en: str = ""
    pickup_place_en: str = ""
    notice_en: str = ""


# Characters; what is not here may be empty.
LENGTHS = {
    "name": 80,
    "name_en": 120,
    "district": 20,
    "district_en": 40,
    "address": 120,
    "phone": 60,
    "notice": 1000,
    "pickup_place": 120,
    "address_en": 200,
    "pickup_place_en": 200,
    "notice_en": 2000,
}
_NEEDED = ("name", "district")


class HospitalRefusal(StrEnum):
    """Why a hospital is not changed, regardless of its fields, in order of precedence."""

    UNKNOWN = "hospital_unknown"
    CHANGED_MEANWHILE = "hospital_changed_meanwhile"


class HospitalFault(StrEnum):
    """What is wrong with one field."""

    MISSING = "missing"
    TOO_LONG = "too_long"
    GRADE = "grade"
    PHONE = "phone"
    CODE = "code"
    CODE_TAKEN = "code_taken"
    NAME_TAKEN = "name_taken"


Faults = dict[str, HospitalFault]  # by the name of the field


@dataclass(frozen=True, slots=True)
class HospitalRecord:
    """A hospital's entry; `departments`: how many that patients can book."""

    id: int
    code: str
    departments: int
    facts: HospitalFacts


def decide_addition(
    code: str, facts: HospitalFacts, *, code_taken: bool, name_taken: bool
) -> Faults:
    """Return what is wrong with a new hospital's entry, nothing where it is added."""
    faults = faults_of(facts, name_taken=name_taken)
    fault = code_fault(code) or (HospitalFault.CODE_TAKEN if code_taken else None)
    return faults if fault is None else {**faults, "code": fault}


def decide_change(
    before: HospitalRecord | None, seen: str, facts: HospitalFacts, *, name_taken: bool
) -> HospitalRefusal | Faults:
    """Return why an entry is not changed, or what is wrong with it, nothing where it is.

    `seen`: the version that was shown; `name_taken`: whether another hospital has the name.
    """
    if before is None:
        return HospitalRefusal.UNKNOWN
    if version_of(before.facts) != seen:
        return HospitalRefusal.CHANGED_MEANWHILE
    return faults_of(facts, name_taken=name_taken)


def faults_of(facts: HospitalFacts, *, name_taken: bool) -> Faults:
    """Return each field that cannot stay as it is."""
    found = {
        name: HospitalFault.TOO_LONG
        for name, most in LENGTHS.items()
        if len(getattr(facts, name)) > most
    }
    found |= {name: HospitalFault.MISSING for name in _NEEDED if not getattr(facts, name)}
    if facts.grade not in GRADES:
        found["grade"] = HospitalFault.GRADE
    if not is_phone(facts.phone):
        found["phone"] = HospitalFault.PHONE
    if name_taken:
        found.setdefault("name", HospitalFault.NAME_TAKEN)
    return found


def is_phone(text: str) -> bool:
    """Return whether it can be one or more telephone numbers, or nothing."""
    return _PHONE.fullmatch(text) is not None


def lost_its_zero(digits: str) -> bool:
    """Return whether a number is a landline's with its area code, but without the leading 0."""
    return _LANDLINE_WITHOUT_ZERO.fullmatch(digits) is not None


def code_fault(code: str) -> HospitalFault | None:
    """Return what is wrong with a code: letters, digits and . _ -, at most 32."""
    return None if CODE.fullmatch(code) else HospitalFault.CODE
