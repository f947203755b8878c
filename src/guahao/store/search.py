"""Finding a hospital or a department by name, pinyin or initials, district and grade (S1)."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from guahao.store.db import Tx
from guahao.store.directory import escaped

WORDS_MAX = 5


@dataclass(frozen=True, slots=True)
class HospitalHit:
    """A hospital in a list."""

    id: int
    name: str
    name_en: str
    grade: str
    district: str
    district_en: str
    address: str


@dataclass(frozen=True, slots=True)
class DepartmentHit:
    """A department that can be booked, and the hospital it belongs to."""

    id: int
    name: str
    name_en: str
    hospital: HospitalHit


@dataclass(frozen=True, slots=True)
class Filters:
    """What hospitals can be narrowed down by: districts with their English names, grades."""

    districts: list[tuple[str, str]]
    grades: list[str]


@dataclass(frozen=True, slots=True)
class Place:
    """A department that somebody booked before."""

    hospital_id: int
    hospital_name: str
    hospital_name_en: str
    department_id: int
    department_name: str
    department_name_en: str


# What is searched begins with a space, so that " kou" is the beginning of a word or syllable.
_HOSPITAL_TEXT = "lower(' ' || h.name || ' ' || h.name_en || ' ' || h.search_keys)"
_DEPARTMENT_TEXT = "lower(' ' || d.name || ' ' || d.name_en || ' ' || d.search_keys)"
_HIT = "h.id, h.name, h.name_en, h.grade, h.district, h.district_en, h.address"
_NARROWED = """
    (asked.district IS NULL OR h.district = asked.district)
    AND (asked.grade IS NULL OR h.grade = asked.grade)
"""
_ASKED = """
    (SELECT %s::text[] AS words, %s::text AS whole, %s::text AS district, %s::text AS grade) asked
"""
# Names that hold what was typed as it is come before those that hold its letters in turn.
_HOSPITALS = f"""
    SELECT {_HIT}
    FROM hospitals h, {_ASKED}
    WHERE {_NARROWED} AND {_HOSPITAL_TEXT} LIKE ALL(asked.words)
    ORDER BY NOT {_HOSPITAL_TEXT} LIKE asked.whole, h.id
    OFFSET %s LIMIT %s
"""
# Every word is the department's or its hospital's, and one at least the department's.
_DEPARTMENTS = f"""
    SELECT d.id, d.name, d.name_en, {_HIT}
    FROM {_ASKED}
    JOIN departments d ON d.parent_id IS NOT NULL AND d.on_platform
                      AND {_DEPARTMENT_TEXT} LIKE ANY(asked.words)
    JOIN hospitals h ON h.id = d.hospital_id
    WHERE {_NARROWED}
      AND NOT EXISTS (SELECT FROM unnest(asked.words) word
                      WHERE NOT ({_DEPARTMENT_TEXT} LIKE word OR {_HOSPITAL_TEXT} LIKE word))
    ORDER BY NOT {_DEPARTMENT_TEXT} LIKE asked.whole, length(d.name), h.id, d.id
    OFFSET %s LIMIT %s
"""
_DISTRICTS = """
    SELECT district, max(district_en) FROM hospitals GROUP BY district ORDER BY min(id)
"""
_GRADES = "SELECT grade FROM hospitals GROUP BY grade ORDER BY count(*) DESC, grade"
_RECENT = """
    SELECT h.id, h.name, h.name_en, d.id, d.name, d.name_en
    FROM (SELECT a.department_id, max(a.booked_at) AS last
          FROM appointments a JOIN patients p ON p.id = a.patient_id
          WHERE p.account_id = %s
          GROUP BY a.department_id) booked
    JOIN departments d ON d.id = booked.department_id AND d.on_platform
    JOIN hospitals h ON h.id = d.hospital_id
    ORDER BY booked.last DESC
    LIMIT %s
"""


def search_keys(name: str) -> str:
    """Pinyin and initials of a name, from every syllable on, parted by spaces.

    眼科: "yanke ke yk k". To be kept in `search_keys` by whoever writes a name.
    """
    # Its dictionary is large, and needed only where names are written.
    from pypinyin import lazy_pinyin  # noqa: PLC0415

    syllables = [part.lower().replace(" ", "") for part in lazy_pinyin(name)]
    spelled = [part for part in syllables if part]
    initials = [part[0] for part in spelled]
    tails = ["".join(kind[n:]) for kind in (spelled, initials) for n in range(len(kind))]
    return " ".join(dict.fromkeys(tails))


async def hospitals(
    tx: Tx, q: str, district: str | None, grade: str | None, skip: int, limit: int
) -> list[HospitalHit]:
    """Hospitals that hold every word of `q` in their name, its pinyin or its initials."""
    rows = await tx.rows(_HOSPITALS, (*_asked(q), district, grade, skip, limit))
    return [HospitalHit(*row) for row in rows]


async def departments(
    tx: Tx, q: str, district: str | None, grade: str | None, skip: int, limit: int
) -> list[DepartmentHit]:
    """Departments whose own name holds a word of `q`, and their hospital's name the others."""
    rows = await tx.rows(_DEPARTMENTS, (*_asked(q), district, grade, skip, limit))
    return [DepartmentHit(*[*row[:3], HospitalHit(*row[3:])]) for row in rows]


async def filters(tx: Tx) -> Filters:
    """Every district and grade that there is a hospital of."""
    districts = [(row[0], row[1]) for row in await tx.rows(_DISTRICTS)]
    return Filters(districts, [row[0] for row in await tx.rows(_GRADES)])


async def recent_places(tx: Tx, account_id: int, limit: int) -> list[Place]:
    """Where the account booked last, the latest first."""
    return [Place(*row) for row in await tx.rows(_RECENT, (account_id, limit))]


def _asked(q: str) -> tuple[Sequence[str], str]:
    """A pattern for each word of `q`, and one for all of it as it was typed."""
    typed = unicodedata.normalize("NFKC", q).lower().split()
    return [_pattern(word) for word in typed[:WORDS_MAX]], f"%{escaped(' '.join(typed))}%"


def _pattern(word: str) -> str:
    """Letters begin a word or a syllable; characters may leave others out: 心内科, 心血管内科."""
    if word.isascii():
        return f"% {escaped(word)}%"
    return f"%{'%'.join(map(escaped, word))}%"
