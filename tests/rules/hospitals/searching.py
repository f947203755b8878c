"""The vocabulary of the demo city, and a search in it, without a database."""

from __future__ import annotations

from collections import defaultdict
from functools import cache

from guahao.flows.hospitals.files.term_reading import shipped_terms
from guahao.rules.hospitals.needs import Meaning, understand
from guahao.rules.hospitals.search_terms import SearchTerm
from guahao.rules.hospitals.vocabulary import KnownDepartment, KnownHospital, KnownTerm, Vocabulary
from guahao.store.hospitals.search import search_keys, spelled
from guahao.tools.demo import city

HOSPITALS = 146


@cache
def vocabulary(hospitals: int = HOSPITALS) -> Vocabulary:
    """What is searched in the demo city, hospitals and departments numbered from 1 on."""
    found = city.hospitals(hospitals)
    parents = city.parents()
    places: dict[city.Department, list[tuple[int, int]]] = defaultdict(list)
    for number, hospital in enumerate(found, start=1):
        for n, department in enumerate(city.departments(hospital)):
            if department.on_platform:
                places[department].append((number, number * 1000 + n))
    return Vocabulary(
        tuple(_hospital(number, hospital) for number, hospital in enumerate(found, start=1)),
        tuple(
            KnownDepartment(
                department.code,
                department.name,
                department.name_en,
                *parents[department.parent_code],
                f" {department.name} {department.name_en} {search_keys(department.name)}".lower(),
                tuple(where),
            )
            for department, where in places.items()
        ),
        tuple(
            KnownTerm(SearchTerm(number, facts), tuple(spelled(facts.words)))
            for number, facts in enumerate(shipped_terms(), start=1)
        ),
    )


def _hospital(number: int, one: city.Hospital) -> KnownHospital:
    keys = search_keys(one.name, one.district)
    text = f" {one.name} {one.name_en} {one.district} {one.district_en} {keys}".lower()
    return KnownHospital(
        number, one.code, one.name, one.name_en, one.district, one.district_en, one.grade, text
    )


def first(q: str) -> str:
    """The name of what a search finds first, a department's or a hospital's; empty: nothing."""
    return (found(q) or [""])[0]


def found(q: str) -> list[str]:
    """The names of what a search finds, the likeliest kind first."""
    meaning = understand(q, vocabulary())
    departments = [d.name for d in by_quality(meaning)]
    hospitals = {hospital.id: hospital.name for hospital in vocabulary().hospitals}
    order = sorted(meaning.hospitals, key=lambda id: (-meaning.hospitals[id], id))
    names = [hospitals[id].removeprefix("安澜市") for id in order]
    return names + departments if meaning.hospitals_first else departments + names


def by_quality(meaning: Meaning) -> list[KnownDepartment]:
    """The departments that are meant, the likeliest first."""
    qualities = meaning.departments
    return sorted(qualities, key=lambda one: -round(qualities[one]))
