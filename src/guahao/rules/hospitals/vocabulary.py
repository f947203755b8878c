"""The names of a city, as they are searched: hospitals, departments and search terms."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from guahao.rules.hospitals.hospital_names import called
from guahao.rules.hospitals.search_terms import SearchTerm, TermKind, code_of, name_of
from guahao.rules.hospitals.spelling import chinese, english, lenient
from guahao.rules.kernel.text import search_text

_CHILDREN = (
    "child baby infant toddler son daughter newborn boy girl pediatric grandson granddaughter"
)
CHILD_ENGLISH = frozenset(_CHILDREN.split())
SHORT = 3  # letters that may be initials
_OF_CHILDREN = re.compile("小儿|儿童|儿科|新生儿|青少年|pediatr|paediatr|child|neonat")


# How characters sound of which abbreviations are made: 市一院 is shiyiyuan.
_SOUNDS = (
    "市shi 院yuan 医yi 大da 附fu 属shu 学xue 科ke 人ren 民min 第di 牙ya 妇fu 产chan 保bao 幼you"
    " 健jian 一yi 二er 三san 四si 五wu 六liu 七qi 八ba 九jiu 十shi 儿er 童tong 精jing 神shen"
    " 病bing 卫wei 中zhong 传chuan 染ran 眼yan 心xin 脏zang 骨gu 肿zhong 瘤liu 口kou 腔qiang"
    " 皮pi 肤fu 肺fei 胸xiong 老lao 年nian 肾shen 专zhuan 区qu 女nv 少shao 小xiao 喉hou 官guan"
    " 工gong 西xi 结jie 核he 伤shang 防fang"
)
_READINGS = {sound[0]: sound[1:] for sound in _SOUNDS.split()}


def _first_readings(text: str) -> list[str]:
    """Return the first reading of each character, of a text with `search_keys`."""
    spelled = next((key for key in text.split() if key.startswith(",")), "")
    return [group.strip(",").split(",")[0] for group in spelled.split(";") if group]


@dataclass(frozen=True)
class KnownHospital:
    """A hospital; `text`: its names, district and `search_keys`, each after a space."""

    id: int
    code: str
    name: str
    name_en: str
    district: str
    district_en: str
    grade: str
    text: str

    @cached_property
    def key(self) -> str:
        """Return its name, normalised and without spaces."""
        return search_text(self.name).replace(" ", "")

    @cached_property
    def called(self) -> tuple[frozenset[str], frozenset[str]]:
        """Return what it is called, and what may as well mean another hospital."""
        return called(self.key, self.name_en)

    @cached_property
    def english(self) -> tuple[str, ...]:
        """Return the words of its English name and district."""
        return tuple(dict.fromkeys(english(search_text(f"{self.name_en} {self.district_en}"))))

    @cached_property
    def own_english(self) -> tuple[str, ...]:
        """Return the words of its English name."""
        return english(search_text(self.name_en))

    @cached_property
    def english_names(self) -> frozenset[tuple[str, ...]]:
        """Return the English names of its kind."""
        return frozenset(english(name) for name in self.called[1] if name.isascii())

    @cached_property
    def letters(self) -> frozenset[str]:
        """Return what it is called in pinyin and in initials, each as a word."""
        readings = {**_READINGS, **dict(zip(self.key, _first_readings(self.text), strict=False))}
        found = set()
        for name in self.called[0]:
            if all(character in readings for character in name):
                syllables = [readings[character] for character in name]
                found |= {"".join(syllables), "".join(one[0] for one in syllables)}
        return frozenset(found)

    @cached_property
    def own_text(self) -> str:
        """Return its names and their pinyin without the district and its pinyin."""
        keys = self.text.split()
        end = next((n + 1 for n, key in enumerate(keys) if key.startswith(",")), len(keys))
        districts = {self.district.casefold(), *self.district_en.casefold().split()}
        return " ".join(("", *(key for key in keys[:end] if key not in districts)))

    @cached_property
    def districts(self) -> frozenset[str]:
        """Return what its district is called."""
        plain = search_text(self.district).replace(" ", "")
        return frozenset((plain, plain.removesuffix("区").removesuffix("县"))) - {""}

    @cached_property
    def words(self) -> str:
        """Return everything that a word of a search may be part of."""
        others = [name for names in self.called for name in names]
        return " ".join((self.text, *others))


@dataclass(frozen=True)
class KnownDepartment:
    """Departments of the same name and code. `places`: (hospital, department) of each."""

    code: str
    name: str
    name_en: str
    parent: str
    parent_en: str
    text: str
    places: tuple[tuple[int, int], ...]

    def __hash__(self) -> int:
        """Hash its name: its places are many."""
        return hash((self.code, self.name))

    @cached_property
    def key(self) -> str:
        """Return its name, normalised and without spaces."""
        return search_text(self.name).replace(" ", "")

    @cached_property
    def letters(self) -> tuple[str, str]:
        """Return its pinyin and its initials."""
        syllables = _first_readings(self.text)
        return "".join(syllables), "".join(one[0] for one in syllables)

    @cached_property
    def parent_key(self) -> str:
        """Return the name above it, normalised and without spaces."""
        return search_text(self.parent).replace(" ", "")

    @cached_property
    def english(self) -> tuple[str, ...]:
        """Return the words of its English name."""
        return english(search_text(self.name_en))

    @cached_property
    def parent_english(self) -> tuple[str, ...]:
        """Return the words of the English name above it."""
        return english(search_text(self.parent_en))

    def is_meant(self, target: str) -> bool:
        """Return whether an entry of the list means it: by code, name, or what is above it."""
        code, name = code_of(target), search_text(name_of(target)).replace(" ", "")
        of_code = self.code == code or self.code.startswith(f"{code}.")
        return of_code or (bool(name) and name in (self.key, self.parent_key))

    @cached_property
    def for_children(self) -> bool:
        """Return whether it is for children."""
        return _OF_CHILDREN.search(f"{self.key}{self.name_en.casefold()}") is not None


@dataclass(frozen=True)
class KnownTerm:
    """A term. `spelled`: the syllables of each Chinese word, "tou teng"."""

    term: SearchTerm
    spelled: tuple[str, ...]

    def __hash__(self) -> int:
        """Hash its id: its words are many."""
        return hash(self.term.id)

    @cached_property
    def chinese(self) -> tuple[str, ...]:
        """Return its words that hold Chinese characters, normalised."""
        plain = (search_text(word).replace(" ", "") for word in self.term.facts.words)
        return tuple(chinese(word) for word in plain if not word.isascii())

    @cached_property
    def english(self) -> tuple[frozenset[str], ...]:
        """Return the words of each English expression."""
        plain = (search_text(word) for word in self.term.facts.words)
        expressions = (frozenset(english(one)) for one in plain if one.isascii())
        return tuple(words for words in expressions if words - CHILD_ENGLISH)

    @cached_property
    def letters(self) -> frozenset[str]:
        """Return its pinyin and its initials, each as a word."""
        return frozenset(
            letters
            for word in self.spelled
            for letters in (word.replace(" ", ""), "".join(one[0] for one in word.split()))
        )


@dataclass(frozen=True, slots=True)
class Filters:
    """What hospitals can be narrowed down by: districts with their English names, grades."""

    districts: list[tuple[str, str]]
    grades: list[str]


# Its place among all, the syllables between spaces, how many they are, and whose word it is.
Spelled = tuple[int, str, int, KnownTerm]


@dataclass(frozen=True)
class Vocabulary:
    """The names of a city, and its search terms."""

    hospitals: tuple[KnownHospital, ...] = ()
    departments: tuple[KnownDepartment, ...] = ()
    terms: tuple[KnownTerm, ...] = ()

    @cached_property
    def filters(self) -> Filters:
        """Return the districts as their first hospitals come, and the commonest grades first."""
        districts: dict[str, str] = {}
        for hospital in self.hospitals:
            known = districts.get(hospital.district, "")
            districts[hospital.district] = max(known, hospital.district_en)
        grades = Counter(hospital.grade for hospital in self.hospitals)
        return Filters(
            list(districts.items()), sorted(grades, key=lambda grade: (-grades[grade], grade))
        )

    @cached_property
    def hospitals_called(self) -> Mapping[str, frozenset[int]]:
        """Return hospitals by what they and their districts are called."""
        found: dict[str, set[int]] = {}
        for hospital in self.hospitals:
            for name in (*hospital.called[0], *hospital.called[1], *hospital.districts):
                if len(name) > 1 and not name.isascii():
                    found.setdefault(name, set()).add(hospital.id)
        return {name: frozenset(ids) for name, ids in found.items()}

    @cached_property
    def longest_name(self) -> int:
        """Return how many characters the longest name of a hospital has."""
        return max(map(len, self.hospitals_called), default=0)

    def meant(self, targets: Sequence[str]) -> list[list[KnownDepartment]]:
        """Return the departments that each of the targets means."""
        for target in targets:
            if target not in self._meant:
                self._meant[target] = [one for one in self.departments if one.is_meant(target)]
        return [self._meant[target] for target in targets]

    @cached_property
    def _meant(self) -> dict[str, list[KnownDepartment]]:
        """Return what was asked before: the same few targets, in every search."""
        return {}

    @cached_property
    def words_beginning(self) -> Mapping[str, Sequence[tuple[str, KnownTerm]]]:
        """Return the Chinese words of all terms but hospitals by their first character."""
        found: dict[str, list[tuple[str, KnownTerm]]] = {}
        for term in self.terms:
            if term.term.facts.kind is not TermKind.HOSPITAL:
                for word in term.chinese:
                    found.setdefault(word[0], []).append((word, term))
        return found

    @cached_property
    def spelled_beginning(self) -> Mapping[str, Sequence[Spelled]]:
        """Return the pinyin of all terms but hospitals by its first syllable."""
        return self._spelled(lambda word: word)

    @cached_property
    def lenient_beginning(self) -> Mapping[str, Sequence[Spelled]]:
        """Return the same, spelled as any accent may."""
        return self._spelled(lenient)

    def _spelled(self, spell: Callable[[str], str]) -> Mapping[str, Sequence[Spelled]]:
        words = (
            (spell(word), term)
            for term in self.terms
            if term.term.facts.kind is not TermKind.HOSPITAL
            for word in term.spelled
        )
        found: dict[str, list[Spelled]] = {}
        for number, (word, term) in enumerate(words):
            syllables = word.split()
            if syllables:
                found.setdefault(syllables[0], []).append(
                    (number, f" {word} ", len(syllables), term)
                )
        return found

    @cached_property
    def english_words(self) -> frozenset[str]:
        """Return every English word of the terms and departments."""
        expressions = [words for term in self.terms for words in term.english]
        return frozenset().union(*expressions, *(one.english for one in self.departments))

    @cached_property
    def spellings(self) -> Mapping[str, str]:
        """Return words that a misspelt word may be meant for, with the word to search for."""
        words: dict[str, str] = {}
        for known in self.terms:
            for word in known.spelled:
                words.setdefault(word.replace(" ", ""), word.replace(" ", ""))
            for text in known.term.facts.words:
                plain = search_text(text)
                words.setdefault(plain, plain)
                if plain.isascii():
                    words.update((one, one) for one in plain.split() if len(one) > SHORT)
        for department in self.departments:
            for one in (department.key, *search_text(department.name_en).split()):
                words.setdefault(one, one)
            words.setdefault(department.letters[0], department.letters[0])
        for hospital in self.hospitals:
            for name in (*hospital.called[0], *hospital.letters):
                words.setdefault(name, name)
        return words
