"""Finding a hospital or a department by name, pinyin or initials, district and grade (S1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice, product
from typing import Any

from guahao.rules.kernel.text import search_text, typed
from guahao.store.hospitals.directory import escaped
from guahao.store.kernel.db import Tx
from guahao.store.kernel.records import columns, take

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
_HOSPITAL_TEXT = (
    "lower(concat_ws(' ', '', h.name, h.name_en, h.district, h.district_en, h.search_keys))"
)
_DEPARTMENT_TEXT = "lower(' ' || d.name || ' ' || d.name_en || ' ' || d.search_keys)"
_NARROWED = """
    (%(district)s::text IS NULL OR h.district = %(district)s)
    AND (%(grade)s::text IS NULL OR h.grade = %(grade)s)
"""
_DISTRICTS = """
    SELECT district, max(district_en) FROM hospitals GROUP BY district ORDER BY min(id)
"""
_GRADES = "SELECT grade FROM hospitals GROUP BY grade ORDER BY count(*) DESC, grade"
_RECENT = """
    SELECT h.id AS hospital_id, h.name AS hospital_name, h.name_en AS hospital_name_en,
           d.id AS department_id, d.name AS department_name, d.name_en AS department_name_en
    FROM (SELECT a.department_id, max(a.booked_at) AS last
          FROM appointments a JOIN patients p ON p.id = a.patient_id
          WHERE p.account_id = %(account_id)s
          GROUP BY a.department_id) booked
    JOIN departments d ON d.id = booked.department_id AND d.on_platform
    JOIN hospitals h ON h.id = d.hospital_id
    ORDER BY booked.last DESC
    LIMIT %(limit)s
"""


# Searching --------------------------------------------------------------------------------


async def hospitals(
    tx: Tx, q: str, district: str | None, grade: str | None, skip: int, limit: int
) -> list[HospitalHit]:
    """Return hospitals that hold every word of `q` in their name or district, or its pinyin."""
    words = _words(q)
    params = _params(words, district, grade, skip, limit)
    return await tx.records(HospitalHit, _hospitals_sql(len(words)), params)


async def departments(
    tx: Tx, q: str, district: str | None, grade: str | None, skip: int, limit: int
) -> list[DepartmentHit]:
    """Return departments whose own name holds a word of `q`, and their hospital's the others."""
    words = _words(q)
    if not words:
        return []
    params = _params(words, district, grade, skip, limit)
    return await tx.records(_department_hit, _departments_sql(len(words)), params)


def _department_hit(**row: Any) -> DepartmentHit:
    return DepartmentHit(hospital=take(HospitalHit, row, "hospital_"), **row)


@cache
def _hospitals_sql(words: int) -> str:
    # Names that hold what was typed as it is come before those that hold its letters in turn.
    found = "".join(f" AND text LIKE ANY(%(word{n})s::text[])" for n in range(words))
    return f"""
        SELECT {columns(HospitalHit, "h")}
        FROM (SELECT h.*, {_HOSPITAL_TEXT} AS text FROM hospitals h
              WHERE {_NARROWED} OFFSET 0) h
        WHERE true {found}
        ORDER BY NOT text LIKE %(whole)s, h.id
        OFFSET %(skip)s LIMIT %(limit)s
    """


@cache
def _departments_sql(words: int) -> str:
    # Every word is the department's or its hospital's, and one at least the department's.
    own = [f"d.text LIKE ANY(%(word{n})s::text[])" for n in range(words)]
    either = [f"({own[n]} OR h.text LIKE ANY(%(word{n})s::text[]))" for n in range(words)]
    return f"""
        SELECT d.id, d.name, d.name_en, {columns(HospitalHit, "h", "hospital_")}
        FROM (SELECT d.id, d.hospital_id, d.name, d.name_en, {_DEPARTMENT_TEXT} AS text
              FROM departments d
              WHERE d.parent_id IS NOT NULL AND d.on_platform OFFSET 0) d
        JOIN (SELECT h.*, {_HOSPITAL_TEXT} AS text FROM hospitals h
              WHERE {_NARROWED} OFFSET 0) h ON h.id = d.hospital_id
        WHERE ({" OR ".join(own)}) AND {" AND ".join(either)}
        ORDER BY NOT d.text LIKE %(whole)s, length(d.name), h.id, d.id
        OFFSET %(skip)s LIMIT %(limit)s
    """


def _words(q: str) -> list[str]:
    """Return the words of a search; signs alone are a word that nothing holds."""
    return (search_text(q).split() or typed(q).lower().split())[:WORDS_MAX]


def _params(
    words: list[str], district: str | None, grade: str | None, skip: int, limit: int
) -> dict[str, object]:
    return {
        **{f"word{n}": _patterns(word) for n, word in enumerate(words)},
        "whole": f"%{escaped(' '.join(words))}%",
        "district": district,
        "grade": grade,
        "skip": skip,
        "limit": limit,
    }


def _patterns(word: str) -> list[str]:
    """Return patterns of which a text must match one.

    Letters begin a word or a syllable; characters and syllables may leave others out: 心内科
    and xinneike find 心血管内科.
    """
    if not word.isascii():
        return [f"%{'%'.join(map(escaped, word))}%"]
    patterns = [f"% {escaped(word)}%"]
    if _INITIALS_ALONE.fullmatch(word):
        # With gaps only from the beginning of a name, or three letters would find anything.
        return [*patterns, f"% ,{word[0]}%" + "".join(f";%,{initial}%" for initial in word[1:])]
    splits = _split(word, _SYLLABLES) or _split(word, _BEGUN_SYLLABLES)
    for syllables in splits:
        *whole, last = syllables
        patterns.append("".join(f"%,{syllable},%;" for syllable in whole) + f"%,{last}%")
    return patterns


def _split(letters: str, last: frozenset[str]) -> list[list[str]]:
    """Return ways to split letters into syllables, the last of them out of `last`."""
    end = len(letters)
    ends_well: dict[int, list[int]] = {}  # where the next syllable may end, longest first
    for start in reversed(range(end)):
        lengths = range(min(_SYLLABLE_LENGTH_MAX, end - start), 0, -1)
        ends_well[start] = [
            start + length
            for length in lengths
            if (start + length == end and letters[start:] in last)
            or (ends_well.get(start + length) and letters[start : start + length] in _SYLLABLES)
        ]

    def split_from(start: int) -> Iterator[list[str]]:
        for stop in ends_well[start]:
            rests = split_from(stop) if stop < end else iter([[]])
            for rest in rests:
                yield [letters[start:stop], *rest]

    return list(islice(split_from(0), _SPLITS_MAX))


# Spelling ---------------------------------------------------------------------------------

_SPLITS_MAX = 6  # of the same letters: xi an, xian
_READINGS_MAX = 3  # of a character
_INITIALS_ALONE = re.compile("[bpmfdtnlgkhjqxrzcsyw]{3,}")
# Every initial with every final: more than there are, which finds nothing and does no harm.
_INITIALS = "b p m f d t n l g k h j q x r zh ch sh z c s y w"
_FINALS = (
    "a ai an ang ao e ei en eng i ia ian iang iao ie in ing iong iu"
    " o ong ou u ua uai uan uang ue ui un uo v ve"
)
_WITHOUT_INITIAL = "a ai an ang ao e ei en er o ou"
_SYLLABLES = frozenset(map("".join, product(_INITIALS.split(), _FINALS.split()))) | frozenset(
    _WITHOUT_INITIAL.split()
)
_SYLLABLE_LENGTH_MAX = max(map(len, _SYLLABLES))
_BEGUN_SYLLABLES = frozenset(
    syllable[:length] for syllable in _SYLLABLES for length in range(1, len(syllable) + 1)
)


def search_keys(*names: str) -> str:
    """Return how names are spelled, for `search_keys` of a row that holds them.

    长堤区: "zhangdiqu diqu qu zdq dq q cdq … ,zhang,,chang,;,di,,ti,,shi,;,qu,,ou,". Pinyin and
    initials from every syllable on, by the readings that the phrase has; initials with another
    reading of one character; then the common readings of every character.
    """
    return " ".join(dict.fromkeys(key for name in names for key in _keys(name)))


def _keys(name: str) -> Iterator[str]:
    # Its dictionary is large, and needed only where names are written.
    from pypinyin import Style, pinyin  # noqa: PLC0415

    plain = search_text(name)
    if plain != name.lower():
        yield plain
    readings: list[list[str]] = []
    at = 0
    for by_phrase in pinyin(plain, Style.NORMAL, heteronym=True):
        spelled = by_phrase
        if plain.startswith(by_phrase[0], at):  # letters, digits, a character without pinyin
            at += len(by_phrase[0])
        else:
            spelled = [*by_phrase, *pinyin(plain[at], Style.NORMAL, heteronym=True)[0]]
            at += 1
        known = [reading.replace(" ", "") for reading in spelled]
        if known[0]:
            # The further a reading is down the list, the rarer it is.
            common = list(dict.fromkeys(known))[:_READINGS_MAX]
            typed_as = [reading.replace("v", "u") for reading in common]  # lü: lv or lu
            readings.append(list(dict.fromkeys([*common, *typed_as])))
    first = [known[0] for known in readings]
    yield from ("".join(first[n:]) for n in range(len(first)))
    initials = [known[0] for known in first]
    yield from ("".join(initials[n:]) for n in range(len(initials)))
    for n, known in enumerate(readings):
        for other in dict.fromkeys(reading[0] for reading in known):
            yield "".join([*initials[:n], other, *initials[n + 1 :]])
    yield ";".join("".join(f",{reading}," for reading in known) for known in readings)


async def filters(tx: Tx) -> Filters:
    """Return every district and grade that there is a hospital of."""
    districts = [(district, english) for district, english in await tx.rows(_DISTRICTS)]
    return Filters(districts, [grade for (grade,) in await tx.rows(_GRADES)])


async def recent_places(tx: Tx, account_id: int, limit: int) -> list[Place]:
    """Return where the account booked last, the latest first."""
    return await tx.records(Place, _RECENT, {"account_id": account_id, "limit": limit})
