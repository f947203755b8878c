"""What is searched: the names of hospitals and departments, and how they are spelled (S1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from guahao.rules.hospitals.vocabulary import KnownDepartment, KnownHospital
from guahao.rules.kernel.text import search_text
from guahao.store.hospitals.directory import escaped
from guahao.store.kernel.db import Tx, array
from guahao.store.kernel.records import columns, take

_READINGS_MAX = 3  # of a character
_WORDS_MAX = 5


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
class BookedDepartment:
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


_HOSPITALS = f"""
    SELECT h.id, h.code, h.name, h.name_en, h.district, h.district_en, h.grade,
           {_HOSPITAL_TEXT} AS text
    FROM hospitals h ORDER BY h.id
"""
_DEPARTMENTS = f"""
    SELECT d.code, d.name, d.name_en, parent.name AS parent, parent.name_en AS parent_en,
           {_DEPARTMENT_TEXT} AS text,
           array_agg(d.hospital_id ORDER BY d.hospital_id, d.id) AS hospital_ids,
           array_agg(d.id ORDER BY d.hospital_id, d.id) AS ids
    FROM departments d JOIN departments parent ON parent.id = d.parent_id
    WHERE d.on_platform
    GROUP BY d.code, d.name, d.name_en, parent.name, parent.name_en, d.search_keys
    ORDER BY length(d.name), d.code
"""


# Names ------------------------------------------------------------------------------------


async def known_hospitals(tx: Tx) -> list[KnownHospital]:
    """Return all hospitals as they are searched for, by id."""
    return await tx.records(KnownHospital, _HOSPITALS)


async def known_departments(tx: Tx) -> list[KnownDepartment]:
    """Return the departments that can be booked, those of the same name and code together."""
    return await tx.records(_known_department, _DEPARTMENTS)


def _known_department(hospital_ids: list[int], ids: list[int], **described: Any) -> KnownDepartment:
    return KnownDepartment(places=tuple(zip(hospital_ids, ids, strict=True)), **described)


async def hospitals(tx: Tx, ids: Sequence[int]) -> list[HospitalHit]:
    """Return these hospitals, in this order."""
    return await tx.records(
        HospitalHit,
        f"""
        SELECT {columns(HospitalHit, "h")}
        FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY asked (id, place)
        JOIN hospitals h ON h.id = asked.id
        ORDER BY asked.place
        """,
        {"ids": array(ids)},
    )


async def departments(tx: Tx, ids: Sequence[int]) -> list[DepartmentHit]:
    """Return these departments that can be booked, in this order."""
    return await tx.records(
        _department_hit,
        f"""
        SELECT d.id, d.name, d.name_en, {columns(HospitalHit, "h", "hospital_")}
        FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY asked (id, place)
        JOIN departments d ON d.id = asked.id AND d.on_platform
        JOIN hospitals h ON h.id = d.hospital_id
        ORDER BY asked.place
        """,
        {"ids": array(ids)},
    )


def _department_hit(**row: Any) -> DepartmentHit:
    return DepartmentHit(hospital=take(HospitalHit, row, "hospital_"), **row)


def department_matches(q: str) -> tuple[str, dict[str, object]]:
    """Return the condition that department `d` or hospital `h` holds each word, and its values.

    For few rows that are found otherwise: it reads the names of each. Letters begin a word, the
    pinyin or the initials.
    """
    typed_words = search_text(q).split() or q.lower().split()
    words = {
        f"word{n}": f"% {escaped(word)}%" if word.isascii() else f"%{escaped(word)}%"
        for n, word in enumerate(typed_words[:_WORDS_MAX])
    }
    held = [
        f"({_DEPARTMENT_TEXT} LIKE %({name})s OR {_HOSPITAL_TEXT} LIKE %({name})s)"
        for name in words
    ]
    return " AND ".join(held) or "true", {**words}


# Spelling ---------------------------------------------------------------------------------


def search_keys(*names: str) -> str:
    """Return how names are spelled, for `search_keys` of a row that holds them.

    长堤区: "zhangdiqu diqu qu zdq dq q cdq … ,zhang,,chang,;,di,,ti,,shi,;,qu,,ou,". Pinyin and
    initials from every syllable on, by the readings that the phrase has; initials with another
    reading of one character; then the common readings of every character.
    """
    return " ".join(dict.fromkeys(key for name in names for key in _keys(name)))


def spelled(words: Sequence[str]) -> list[str]:
    """Return the syllables of Chinese words, by the readings that the phrase has: "tou teng"."""
    # Its dictionary is large, and needed only where words are written.
    from pypinyin import lazy_pinyin  # noqa: PLC0415

    plain = (search_text(word).replace(" ", "") for word in words)
    return [
        " ".join(syllable.casefold() for syllable in lazy_pinyin(word, v_to_u=False))
        for word in plain
        if not word.isascii()
    ]


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


async def recent_places(tx: Tx, account_id: int, limit: int) -> list[BookedDepartment]:
    """Return where the account booked last, the latest first."""
    return await tx.records(BookedDepartment, _RECENT, {"account_id": account_id, "limit": limit})
