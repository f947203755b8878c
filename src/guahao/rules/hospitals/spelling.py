"""How a search is compared with names: pinyin and initials, English words, and near misses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, product

_SPLITS_MAX = 6  # of the same letters: xi an, xian
_INITIALS_ALONE = re.compile("[bpmfdtnlgkhjqxrzcsyw]{3,}")
# Every initial with every final: more than there are, which finds nothing and does no harm.
_INITIALS = "b p m f d t n l g k h j q x r zh ch sh z c s y w"
_FINALS = (
    "a ai an ang ao e ei en eng i ia ian iang iao ie in ing iong iu"
    " o ong ou u ua uai uan uang ue ui un uo v ve"
)
_WITHOUT_INITIAL = "a ai an ang ao e ei en er o ou"
SYLLABLES = frozenset(map("".join, product(_INITIALS.split(), _FINALS.split()))) | frozenset(
    _WITHOUT_INITIAL.split()
)
_SYLLABLE_LENGTH_MAX = max(map(len, SYLLABLES))
BEGUN_SYLLABLES = frozenset(
    syllable[:length] for syllable in SYLLABLES for length in range(1, len(syllable) + 1)
)


# Pinyin -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pattern:
    """What a text must hold to match a word: the parts of any of the ways, in their order."""

    ways: tuple[tuple[str, ...], ...]

    def is_in(self, text: str) -> bool:
        """Return whether a text matches."""
        return any(_holds(text, way) for way in self.ways)


def _holds(text: str, parts: tuple[str, ...]) -> bool:
    at = 0
    for part in parts:
        at = text.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True


@lru_cache(4096)
def pattern(word: str) -> Pattern:
    """Return how a word of a search matches a text with `search_keys`.

    Letters begin a word or a syllable; characters and syllables may leave others out: 心内科
    and xinneike find 心血管内科.
    """
    if not word.isascii():
        return Pattern((tuple(word),))
    ways: list[tuple[str, ...]] = [(f" {word}",)]
    if _INITIALS_ALONE.fullmatch(word):
        # With gaps only from the beginning of a name, or three letters would find anything.
        rest = (part for initial in word[1:] for part in (";", f",{initial}"))
        ways.append((f" ,{word[0]}", *rest))
    else:
        for syllables in split(word, SYLLABLES) or split(word, BEGUN_SYLLABLES):
            *whole, last = syllables
            parts = (part for syllable in whole for part in (f",{syllable},", ";"))
            ways.append((*parts, f",{last}"))
    return Pattern(tuple(ways))


def split(letters: str, last: frozenset[str]) -> list[list[str]]:
    """Return ways to split letters into syllables, the last of them out of `last`."""
    end = len(letters)
    ends_well: dict[int, list[int]] = {}  # where the next syllable may end, longest first
    for start in reversed(range(end)):
        lengths = range(min(_SYLLABLE_LENGTH_MAX, end - start), 0, -1)
        ends_well[start] = [
            start + length
            for length in lengths
            if (start + length == end and letters[start:] in last)
            or (ends_well.get(start + length) and letters[start : start + length] in SYLLABLES)
        ]

    def split_from(start: int) -> Iterator[list[str]]:
        for stop in ends_well[start]:
            rests = split_from(stop) if stop < end else iter([[]])
            for rest in rests:
                yield [letters[start:stop], *rest]

    return list(islice(split_from(0), _SPLITS_MAX)) if letters else []


def lenient(syllables: str) -> str:
    """Return syllables as many speakers hear them: zh as z, ng as n, l as n."""
    plain = re.sub("([zcs])h", r"\1", syllables)
    plain = re.sub("(?<=[aeiou])ng(?![aeiouv])", "n", plain)
    return re.sub("(?<![a-z])l(?=[aeiouv])", "n", plain)


# Chinese ----------------------------------------------------------------------------------

_SAME_CHINESE = (
    ("疼痛", "疼"),
    ("痛", "疼"),
    ("呕吐", "吐"),
    ("腹部", "肚子"),
    ("喉咙", "嗓子"),
    ("咽喉", "嗓子"),
    ("屁股", "肛门"),
    ("睡不着觉", "失眠"),
    ("睡不着", "失眠"),
    ("医师", "医生"),
    ("大夫", "医生"),
)
# What says nothing about where to go. Longer phrases stand first.
_CHINESE_FILLERS = re.compile(
    "应该(?:看|挂|去)|(?:看|挂|找|去|是)?(?:什么|哪个|哪一个|哪|啥)(?:科室|科|医院|医生|号|里)?(?:比较)?(?:好|看)?"
    "|怎么(?:办|回事|治|挂号|看|了)?|请问|你好|您好|我要|我想|想要|帮我|麻烦|需要|挂号|预约|看病|看医生|医生|挂(?:个|一个)?"
    "|专家号|普通号|专家|名医|号源|有号吗|有没有|附近的?|离我(?:最)?近的?|最近的?|哪里|哪儿"
    "|有一?点儿?|有些|非常|特别|十分|厉害|严重|一直|老是|总是|经常|时常|反复|突然|偶尔|持续|不停地?|好几天|几天|好久"
    "|我的?|今天|昨天|现在|这几天|早上|晚上|半夜|家里|老人家?|爷爷|奶奶|爸爸?|妈妈?|父亲|母亲|老公|老婆|丈夫|妻子"
    "|男人?|女人?|很|好|又|了|的|得|吗|呢|啊|呀|想|要|去|在|看看|看|个|治疗?|疾病|患者|症状|门诊|科室|还|和|跟|并且?|都|老|是|也|地"
)


@lru_cache(8192)
def chinese(text: str) -> str:
    """Return Chinese text with a single word for what is called by several: 痛 is 疼."""
    for word, canonical in _SAME_CHINESE:
        text = text.replace(word, canonical)
    return text


def without_fillers(text: str) -> str:
    """Return Chinese text without what says nothing about the need: 我头有点疼 is 头疼."""
    return _CHINESE_FILLERS.sub("", text)


# English ----------------------------------------------------------------------------------

_FILLERS = (
    "a an and any at am are be been best bit by can cant cannot clinic clinics consult consultation"
    " department dept do doctor doctors dr feel feeling feels find for from get getting go good got"
    " has have having her his hospital i im in is ive it its issue issues keep keeps lot me my near"
    " nearby nearest need needs of on or our physician please problem problems really see so some"
    " someone something specialist specialists suffer suffering than the their them there to too"
    " very want wants wanna we went what when where which who with you your he she they that this"
    " time times day days week weeks since ago today since s t m ve re appointment book booking"
    " treatment treat center badly severe terrible constantly always often sometimes every"
    " husband wife mother father mom dad mum old man"
)
_STOP_WORDS = frozenset(_FILLERS.split())
_PAIN = "ache aching achy hurt hurting sore painful discomfort paining"
_SAME_ENGLISH = {
    **dict.fromkeys(_PAIN.split(), "pain"),
    "teeth": "tooth",
    "feet": "foot",
    "children": "child",
    "kid": "child",
    "baby": "baby",
    "babies": "baby",
    "tummy": "stomach",
    "belly": "stomach",
    "abdomen": "stomach",
    "abdominal": "stomach",
    "womb": "uterus",
    "itchy": "itch",
    "itchiness": "itch",
    "dizziness": "dizzy",
    "bled": "bleed",
    "blood": "blood",
    "bloody": "blood",
    "swollen": "swell",
    "swelling": "swell",
    "runny": "runny",
    "vomitting": "vomit",
    "throwing": "throw",
    "pregnancy": "pregnant",
    "sleepless": "insomnia",
    "depressed": "depress",
    "depression": "depress",
    "depressive": "depress",
    "anxious": "anxiety",
    "allergic": "allergy",
    "diabetic": "diabetes",
    "women": "woman",
    "women's": "woman",
    "gynae": "gynecology",
    "gyne": "gynecology",
    "hospitals": "hospital",
    "1st": "first",
    "2nd": "second",
    "3rd": "third",
    "4th": "fourth",
    "5th": "fifth",
    "6th": "sixth",
    "7th": "seventh",
    "8th": "eighth",
}
_NUMBERS = "first second third fourth fifth sixth seventh eighth"
_ORDINALS = dict(enumerate(_NUMBERS.split(), start=1))
_NUMBERED = re.compile(r"\b(?:no|number|num|nr)\.? ?([1-8])\b")
_COMPOUND = re.compile(
    r"\b(head|tooth|stomach|belly|tummy|back|ear|heart|neck|joint)[ -]?(?:aches?|aching)\b"
)
_ENDINGS = (("ies", "y"), ("ings", ""), ("ing", ""), ("es", "e"), ("s", ""), ("ed", ""))
_STEM_MIN = 3
_US_SPELLINGS = (
    ("ae", "e"),
    ("oe", "e"),
    ("our", "or"),
    ("centre", "center"),
    ("fibre", "fiber"),
    ("litre", "liter"),
    ("ph", "f"),
)
_ENGLISH_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")


@lru_cache(8192)
def english(text: str) -> tuple[str, ...]:
    """Return the words of an English text that matter, each in one spelling.

    "My tooth hurts" and "toothache" are (tooth, pain); paediatrics is pediatrics.
    """
    plain = _NUMBERED.sub(lambda found: _ORDINALS[int(found[1])], text)
    plain = _COMPOUND.sub(r"\1 pain", plain.replace("x-ray", "xray"))
    return tuple(
        word
        for word in map(english_word, _ENGLISH_WORD.findall(plain))
        if word and word not in _STOP_WORDS
    )


@lru_cache(8192)
def english_word(word: str) -> str:
    """Return a word without its ending, in the spelling of the United States."""
    word = word.removesuffix("'s").replace("'", "")
    if word in _SAME_ENGLISH:
        return _SAME_ENGLISH[word]
    if word in _STOP_WORDS:
        return word
    for before, after in _US_SPELLINGS:
        word = word.replace(before, after)
    if not word.endswith(("ss", "us", "is")):
        for ending, after in _ENDINGS:
            if word.endswith(ending) and len(word) - len(ending) >= _STEM_MIN:
                word = word.removesuffix(ending) + after
                break
    # coughing and cough, bleeding and bleed, breathe and breathing: one stem.
    word = word.removesuffix("e") if len(word) > _STEM_MIN else word
    return _SAME_ENGLISH.get(word, word)
