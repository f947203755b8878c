"""What somebody who searches wants: departments and hospitals, the likeliest first.

Pure and in memory: `Vocabulary` holds the names of a city and its list of search terms.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from guahao.rules.hospitals.search_terms import SearchTerm, TermKind, code_of
from guahao.rules.hospitals.spelling import (
    BEGUN_SYLLABLES,
    SYLLABLES,
    Pattern,
    chinese,
    english,
    lenient,
    pattern,
    split,
    without_fillers,
)
from guahao.rules.hospitals.vocabulary import (
    CHILD_ENGLISH,
    SHORT,
    KnownDepartment,
    KnownHospital,
    KnownTerm,
    Vocabulary,
)
from guahao.rules.kernel.text import search_text

WORDS_MAX = 8
# How well something matches, from 0 to 100.
_EXACT = 100.0
_EXACT_TERM = 95.0
_BEGINS = 85.0
_HOLDS = 75.0
_PARENT = 66.0
_LETTERS = 70.0
_GAPS = 50.0
_INITIALS = 45.0
_PART_OF_A_SEARCH = 60.0  # a term that covers little of what was typed; more with its share
_AMONG_WORDS = 55.0  # a name among words that say something else
_NEXT_DEPARTMENT = 6.0  # less for every further department of a term
_OF_ANOTHER_TERM = 0.5  # more for a department that two terms mean
_WITHIN = 45.0  # of the best: what matches worse is not shown

# A search with one of these is never taken for a similar word with the other.
_OPPOSITES = (
    ("大", "小"),
    ("上", "下"),
    ("高", "低"),
    ("男", "女"),
    ("左", "右"),
    ("内", "外"),
    ("多", "少"),
    ("冷", "热"),
)

# How somebody learned of it, before what it is: a check-up itself is something to look for.
_FOUND_BY = re.compile("(?:体检|检查|做(?:检查|[a-z超]+))?(?:时|中)?(?:发现|查出来?)了?(?=.)")

_RUNS = re.compile(
    "[\u3007\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003fffd]+|[^\\s\u3007\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003fffd]+"
)
_CHILD = re.compile(
    "孩子|小孩儿?|孩儿|[女男]孩|娃娃?|宝宝|宝贝|儿童|小儿|婴儿|幼儿|婴幼儿|小朋友|小宝|儿子|女儿|闺女|孙子|孙女|外孙|少儿"
    "|(?<![0-9])(?:[1-9]|1[0-4])岁半?|[一二三四五六七八九]岁半?|十[一二三四]?岁|(?:1?[0-9]|[一二三四五六七八九十]+)个月大?"
)
_AGE_ENGLISH = re.compile(r"\b(?:[1-9]|1[0-4])[ -]?(?:years?|yrs?|months?|yo|mo)[ -]?(?:olds?)?\b")
_CHILD_PINYIN = ("hai zi", "xiao hai", "bao bao", "er tong", "xiao er", "wa wa", "er zi", "nv er")
_PREGNANT = re.compile(
    "怀孕|孕妇|孕期|孕早期|孕晚期|怀胎|身孕|(?<![备不未])孕|准妈妈|坐胎|产检|保胎"
)
_PREGNANT_ENGLISH = frozenset({"pregnant", "prenatal", "antenatal", "expecting", "obstetric"})
_OBSTETRICS, _PAEDIATRICS = ("05.02 产科",), ("07.81 普通儿科", "07 儿科")
_NOT_PREGNANT = ("05.03", "05.05")  # who comes for these wants to be, or not to be
_AFTER_A_HOSPITAL = re.compile("(?:医院|保健院|卫生中心|院区)(?=.)")
_NOTHING_ELSE = re.compile("医院|hospitals?|的|里|yiyuan|yy")
_ENGLISH_HOSPITAL = re.compile(r"\bhosp(?:ital)?s?\b")
_NUMBERED = re.compile("第?([1-9])(?=人民|附|院|医院|中)")
_DIGITS = dict(zip("123456789", "一二三四五六七八九", strict=True))


# What is wanted ---------------------------------------------------------------------------


@dataclass(slots=True)
class Meaning:
    """What a search means: departments and hospitals, each with how well it matches.

    `within`: hospitals that the search names besides a need; None: everywhere. `terms`: the
    entries that were recognised. `guessed`: the word that was searched for instead.
    """

    departments: dict[KnownDepartment, float] = field(default_factory=dict)
    hospitals: dict[int, float] = field(default_factory=dict)
    within: dict[int, float] | None = None
    terms: list[SearchTerm] = field(default_factory=list)
    for_child: bool = False
    pregnant: bool = False
    guessed: str = ""

    @property
    def best(self) -> float:
        """Return how well the best match does."""
        return max((*self.departments.values(), *self.hospitals.values()), default=0)

    @property
    def hospitals_first(self) -> bool:
        """Return whether a hospital is the likelier answer."""
        return max(self.hospitals.values(), default=0) > max(self.departments.values(), default=0)

    @property
    def urgent(self) -> bool:
        """Return whether something recognised may be an emergency."""
        return any(term.facts.urgent for term in self.terms)


def understand(q: str, known: Vocabulary) -> Meaning:
    """Return what a search means; nothing typed means nothing.

    Where nothing matches, the pinyin of other accents and then the most similar word is tried.
    """
    text = search_text(q)
    text = _FOUND_BY.sub("", text)
    text = _NUMBERED.sub(lambda found: found[0].replace(found[1], _DIGITS[found[1]]), text)
    if not text:
        # Signs alone are a word that nothing holds.
        return Meaning()
    meaning = _understood(text, known)
    if meaning.best or meaning.terms:
        return _likeliest(meaning)
    meaning = _needs_in(text, known, in_any_accent=True)
    if meaning.departments:
        return _likeliest(meaning)
    compact = text.replace(" ", "")
    if len(compact) > SHORT or (len(compact) == SHORT and not compact.isascii()):
        similar = 0.78 if compact.isascii() else 0.66
        for one in dict.fromkeys((text, compact)):
            for word in get_close_matches(one, known.spellings, 3, similar):
                if _says_the_opposite(one, word):
                    continue
                meaning = _understood(known.spellings[word], known)
                if meaning.best or meaning.terms:
                    meaning.guessed = word
                    return _likeliest(meaning)
    return Meaning()


def _says_the_opposite(text: str, word: str) -> bool:
    """Return whether a similar word says the opposite: 小便有血 is similar to 大便有血."""
    return any(
        (a in text and a not in word and b in word) or (b in text and b not in word and a in word)
        for a, b in _OPPOSITES
    )


def _likeliest(meaning: Meaning) -> Meaning:
    least = meaning.best - _WITHIN
    for found in (meaning.departments, meaning.hospitals):
        for key in [key for key, quality in found.items() if quality < least]:
            del found[key]  # type: ignore[arg-type]
    return meaning


def _understood(text: str, known: Vocabulary) -> Meaning:
    words = text.split()[:WORDS_MAX]
    whole = _needs_in(text, known)
    whole.hospitals = hospitals_named(words, known)
    best = whole
    for where, rest in _parted(text, known):
        places = (
            dict.fromkeys(where, _BEGINS) if isinstance(where, frozenset)
            else hospitals_named(where, known)
        )  # fmt: skip
        if not places:
            continue
        need = _needs_in(rest, known)
        if not need.departments:
            continue
        top = max(places.values())
        likely = {id: quality for id, quality in places.items() if quality >= top - 10}
        offered = {
            department: (quality + top) / 2 + 5
            for department, quality in need.departments.items()
            if any(hospital_id in likely for hospital_id, _ in department.places)
        }
        if offered and max(offered.values()) > best.best:
            need.departments, need.within = offered, likely
            best = need
    return best


def _parted(text: str, known: Vocabulary) -> list[tuple[frozenset[int] | list[str], str]]:
    """Return ways to part a search into a hospital or district and a need."""
    ways: list[tuple[frozenset[int] | list[str], str]] = []
    words = text.split()[:WORDS_MAX]
    for at in range(1, len(words)):
        ways.append((words[:at], " ".join(words[at:])))
        ways.append((words[at:], " ".join(words[:at])))
    joined = text.replace(" ", "")
    if not joined.isascii():
        for length in range(min(known.longest_name, len(joined) - 1), 1, -1):
            for part, rest in (
                (joined[:length], joined[length:]),
                (joined[-length:], joined[:-length]),
            ):
                ids = known.hospitals_called.get(part)
                if ids is not None:
                    ways.append((ids, rest))
        ends = [found.end() for found in _AFTER_A_HOSPITAL.finditer(joined)]
        ways += [([joined[:end]], joined[end:]) for end in ends]
    return ways


# Hospitals --------------------------------------------------------------------------------


def hospitals_named(words: Sequence[str], known: Vocabulary) -> dict[int, float]:
    """Return hospitals that hold every word in their names or districts."""
    joined, spoken = "".join(words), english(" ".join(words))
    if _NOTHING_ELSE.fullmatch(joined):
        return {hospital.id: _GAPS for hospital in known.hospitals}
    patterns = [pattern(word) for word in words]
    found: dict[int, float] = {}
    for hospital in known.hospitals:
        quality = _hospital_quality(hospital, words, joined, spoken, patterns)
        if quality:
            found[hospital.id] = quality
    for term in known.terms:
        if term.term.facts.kind is TermKind.HOSPITAL and _is_word_of(term, joined, spoken):
            codes = [code_of(target) for target in term.term.facts.targets]
            for hospital in known.hospitals:
                if hospital.code in codes:
                    found[hospital.id] = _EXACT - codes.index(hospital.code)
    return found


def _hospital_quality(
    hospital: KnownHospital,
    words: Sequence[str],
    joined: str,
    spoken: tuple[str, ...],
    patterns: Sequence[Pattern],
) -> float:
    if len(words) == 1 and not joined.isascii() and not patterns[0].is_in(hospital.words):
        return 0
    own, also = hospital.called
    if joined in own:
        return _EXACT
    besides = [word for word in words if word not in hospital.districts]
    if len(besides) < len(words) and "".join(besides) in own | also:
        return _EXACT - 1
    if joined in also:
        return _BEGINS
    in_letters = _quality_in_letters(hospital, joined, spoken, words) if joined.isascii() else 0
    if in_letters:
        return in_letters
    if not all(one.is_in(hospital.words) for one in patterns):
        return 0
    own_name = 2 if all(one.is_in(hospital.own_text) for one in patterns) else 0
    if joined in hospital.key or f" {' '.join(words)}" in hospital.text:
        return own_name + (_HOLDS if not joined.isascii() else _LETTERS)
    if joined.isascii() and len(joined) <= SHORT + 1:
        return own_name + _INITIALS
    return own_name + _GAPS


def _quality_in_letters(
    hospital: KnownHospital, joined: str, spoken: tuple[str, ...], words: Sequence[str]
) -> float:
    if joined in hospital.letters:
        return _EXACT - 3 if len(joined) > SHORT else _HOLDS - 2
    own_names = (set(hospital.english), set(hospital.own_english))
    if spoken and (spoken in hospital.english_names or set(spoken) in own_names):
        return _EXACT if _ENGLISH_HOSPITAL.search(" ".join(words)) else _HOLDS
    if spoken and _begin(spoken, hospital.english):
        # The fewer other words the name has, the likelier it is meant.
        own_name = 4 if _begin(spoken, hospital.own_english) else 0
        return _HOLDS - 4 + own_name + 10 * len(spoken) / len(hospital.english)
    return 0


def _begin(spoken: Sequence[str], words: Sequence[str]) -> bool:
    """Return whether every spoken word begins a word of a name."""
    return all(
        one in words or (len(one) >= SHORT and any(word.startswith(one) for word in words))
        for one in spoken
    )


def _is_word_of(known: KnownTerm, joined: str, spoken: tuple[str, ...]) -> bool:
    if joined.isascii():
        return joined in known.letters or (bool(spoken) and frozenset(spoken) in known.english)
    return chinese(joined) in known.chinese


# Departments ------------------------------------------------------------------------------


def _needs_in(text: str, known: Vocabulary, *, in_any_accent: bool = False) -> Meaning:
    """Return the departments that a search names or that its complaints lead to."""
    found = _Terms(text, known, in_any_accent=in_any_accent)
    qualities = _of_terms(found, known)
    if found.pregnant and not any(_is_about_no_pregnancy(term) for term in found.matched):
        top = max(qualities.values(), default=_AMONG_WORDS)
        qualities.update(dict.fromkeys(known.meant(_OBSTETRICS)[0], top + 1))
    # Words as typed, and where that finds nothing, what is left of a sentence.
    typed = _words(text)
    named = departments_named(typed, known)
    most = _EXACT
    if not named:
        named, most = departments_named(_words(found.rest), known), found.named
    for department, quality in named.items():
        for_a_child = 3 if found.for_child and department.for_children else 0
        least = qualities.get(department, 0)
        qualities[department] = max(least, min(quality + for_a_child, most))
    return Meaning(
        departments=qualities,
        terms=[one.term for one in found.matched],
        for_child=found.for_child,
        pregnant=found.pregnant,
    )


def _of_terms(found: _Terms, known: Vocabulary) -> dict[KnownDepartment, float]:
    """Return the departments of the recognised terms, for a child those for children first."""
    qualities: dict[KnownDepartment, float] = {}
    if found.for_child and not found.matched:
        quality = _EXACT_TERM if found.is_all else _AMONG_WORDS
        for place, group in enumerate(known.meant(_PAEDIATRICS)):
            for department in group:
                qualities.setdefault(department, quality - place)
        return qualities
    for order, one in enumerate(found.matched):
        facts = one.term.facts
        targets = facts.targets
        is_for_children = all(
            department.for_children for group in known.meant(targets[:1]) for department in group
        )
        if found.for_child and not is_for_children:
            targets = (*(facts.children or _PAEDIATRICS), *targets)
        for place, group in enumerate(known.meant(targets)):
            quality = found.quality - order - _NEXT_DEPARTMENT * place
            for department in group:
                before = qualities.get(department, 0)
                qualities[department] = max(quality, before) + (_OF_ANOTHER_TERM if before else 0)
    return qualities


def _is_about_no_pregnancy(known: KnownTerm) -> bool:
    return code_of(known.term.facts.targets[0]) in _NOT_PREGNANT


def _words(text: str) -> list[str]:
    """Return the words of a search, Chinese and other letters apart: 牙ke is 牙, ke."""
    return [run for word in text.split()[:WORDS_MAX] for run in _RUNS.findall(word)][:WORDS_MAX]


def departments_named(words: Sequence[str], known: Vocabulary) -> dict[KnownDepartment, float]:
    """Return departments that hold every word in their names, or in the name above them."""
    if not words:
        return {}
    joined, whole = "".join(words), " ".join(words)
    spoken = english(whole) if whole.isascii() else ()
    patterns = [pattern(word) for word in words]
    found: dict[KnownDepartment, float] = {}
    for department in known.departments:
        quality = 0.0
        if joined == department.key or whole == department.name_en.casefold():
            quality = _EXACT
        elif spoken and set(spoken) == set(department.english):
            quality = _EXACT - 1
        elif all(one.is_in(department.text) for one in patterns):
            quality = _name_quality(department, joined, whole)
        elif spoken and _begin(spoken, department.english):
            quality = _LETTERS
        elif joined == department.parent_key or (spoken and spoken == department.parent_english):
            quality = _PARENT
        if quality:
            found[department] = quality - len(department.key) / 100
    return found


def _name_quality(department: KnownDepartment, joined: str, whole: str) -> float:
    if joined in department.key:
        return _BEGINS if department.key.startswith(joined) else _HOLDS
    if not joined.isascii():
        return _GAPS
    if joined in department.letters:
        return _EXACT - 5 if len(joined) > SHORT else _HOLDS + 2
    if f" {joined}" in department.text or f" {whole}" in department.text:
        return _LETTERS if len(joined) > SHORT else _GAPS
    return _GAPS if len(joined) > SHORT else _INITIALS


class _Terms:
    """The entries of the list that a search holds, and how much of it they cover."""

    def __init__(self, text: str, known: Vocabulary, *, in_any_accent: bool) -> None:
        self.matched: list[KnownTerm] = []
        self.quality = 0.0
        self.rest = text
        self.named = _EXACT
        joined = text.replace(" ", "")
        self.for_child = _CHILD.search(joined) is not None
        self.pregnant = _PREGNANT.search(joined) is not None
        self.is_all = False
        if joined.isascii():
            self._in_letters(text, joined, known, in_any_accent=in_any_accent)
        else:
            self._in_chinese(chinese(joined), known)

    def _in_chinese(self, text: str, known: Vocabulary) -> None:
        plain = without_fillers(text)
        self.rest = _CHILD.sub("", plain)
        self.is_all = not self.rest
        best = 0.0
        for candidate in dict.fromkeys((text, plain)):
            spans = _spans(candidate, known)
            if not spans:
                continue
            left = list(candidate)
            for start, end, _ in spans:
                left[start:end] = " " * (end - start)
            covered = sum(end - start for start, end, _ in spans)
            others = _CHILD.sub("", without_fillers("".join(left)).replace(" ", ""))
            share = covered / (covered + len(others))
            if share > best:
                best = share
                # 腿上静脉曲张: a single character says less than a word, wherever it stands.
                telling = sorted(spans, key=lambda span: span[1] - span[0] == 1)
                self.matched = list(dict.fromkeys(term for _, _, term in telling))
                self.quality = _EXACT_TERM if share == 1 else _PART_OF_A_SEARCH + 30 * share
                self.named = self.quality - 1 if share == 1 else _EXACT

    def _in_letters(
        self, text: str, joined: str, known: Vocabulary, *, in_any_accent: bool
    ) -> None:
        spoken = tuple(_corrected(word, known) for word in english(_AGE_ENGLISH.sub("child", text)))
        children = [one for one in spoken if one in CHILD_ENGLISH]
        self.for_child = self.for_child or bool(children)
        self.pregnant = self.pregnant or any(one in _PREGNANT_ENGLISH for one in spoken)
        needed = [one for one in spoken if one not in CHILD_ENGLISH] or list(spoken)
        said = set(spoken)
        best: list[tuple[int, int, KnownTerm]] = []
        for term in known.terms:
            if term.term.facts.kind is TermKind.HOSPITAL:
                continue
            for words in term.english:
                if words <= said:
                    first = min(spoken.index(word) for word in words)
                    best.append((-len(words), first, term))
        covered: set[str] = set()
        for _, _, term in sorted(best, key=lambda one: one[:2]):
            words = max((one for one in term.english if one <= said), key=len)
            if not words <= covered:
                covered |= words
                self.matched.append(term)
        self.matched = list(dict.fromkeys(self.matched))
        if self.matched:
            share = len(covered & set(needed)) / len(needed) if needed else 1
            self.quality = _EXACT_TERM if share == 1 else _PART_OF_A_SEARCH + 30 * share
            self.rest = " ".join(needed)
            return
        self.is_all = bool(children) and needed == list(children)
        if spoken:
            self.rest = " ".join(text.split())
        self._in_pinyin(joined, known, in_any_accent=in_any_accent)

    def _in_pinyin(self, joined: str, known: Vocabulary, *, in_any_accent: bool) -> None:
        best: tuple[float, list[KnownTerm], bool, str] = (0, [], False, "")
        ways = split(joined, SYLLABLES) or split(joined, BEGUN_SYLLABLES)
        for number, syllables in enumerate(ways):
            text = f" {' '.join(syllables)} "
            if in_any_accent:
                text = lenient(text)
            plain = re.sub(
                " (?:wo|de|kan|shen me|shenme|ke(?= $)|you dian|zen me ban|hen|yao|xiang|gua) ",
                " ",
                text,
            )
            for candidate in (text, plain):
                for_child = any(f" {word} " in candidate for word in _CHILD_PINYIN)
                bare = candidate
                for word in _CHILD_PINYIN:
                    bare = bare.replace(f" {word} ", " ")
                found, covered = _spelled(bare, known, in_any_accent=in_any_accent)
                total = len(bare.split())
                share = covered / total if total else float(for_child)
                likely = number == 0 or share == 1
                if likely and (found or (for_child and not total)) and share > best[0]:
                    best = (share, found, for_child, bare)
        share, self_matched, for_child, _ = best
        if share:
            self.matched = self_matched
            self.for_child = self.for_child or for_child
            self.is_all = for_child and not self_matched
            exact = share == 1
            self.quality = _EXACT_TERM if exact else _PART_OF_A_SEARCH - 10 + 30 * share
            return
        if len(joined) > 1:
            self.matched = [
                term
                for term in known.terms
                if joined in term.letters and term.term.facts.kind is not TermKind.HOSPITAL
            ]
            if self.matched:
                self.quality = _EXACT_TERM if len(joined) > SHORT else _HOLDS + 1


def _corrected(word: str, known: Vocabulary) -> str:
    """Return an English word for one that is misspelt: stomach for stomac."""
    if len(word) <= SHORT or word in known.english_words or split(word, BEGUN_SYLLABLES):
        return word
    return (get_close_matches(word, known.english_words, 1, 0.82) or [word])[0]


def _spans(text: str, known: Vocabulary) -> list[tuple[int, int, KnownTerm]]:
    """Return the longest words of the list in a Chinese text that do not overlap, in order."""
    found = []
    for start, character in enumerate(text):
        for word, term in known.words_beginning.get(character, ()):
            if text.find(word) == start:
                found.append((start, start + len(word), term))
    taken: list[tuple[int, int, KnownTerm]] = []
    for start, end, term in sorted(found, key=lambda one: (one[0] - one[1], one[0])):
        if all(end <= other_start or start >= other_end for other_start, other_end, _ in taken):
            taken.append((start, end, term))
    return sorted(taken, key=lambda one: one[0])


def _spelled(text: str, known: Vocabulary, *, in_any_accent: bool) -> tuple[list[KnownTerm], int]:
    """Return the terms whose pinyin a text of syllables holds, and how many these cover."""
    beginning = known.lenient_beginning if in_any_accent else known.spelled_beginning
    possible = [one for syllable in {*text.split()} for one in beginning.get(syllable, ())]
    found = []
    for _, word, length, term in sorted(possible, key=lambda one: one[0]):
        start = text.find(word)
        if start >= 0:
            found.append((length, start, word, term))
    covered, matched, left = 0, [], text
    for length, _, word, term in sorted(found, key=lambda one: (-one[0], one[1])):
        if word in left:
            left = left.replace(word, "  |  ", 1)
            covered += length
            matched.append(term)
    order = {id(term): text.find(word) for _, _, word, term in found}
    return sorted(dict.fromkeys(matched), key=lambda term: order[id(term)]), covered
