"""Every word of the pages is said in English, too, with the same places to fill in."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from tests.web.site import Site
from tests.web.staff_site import at_the_desk

import guahao
import guahao.flows
from guahao.rules.staff.staff import Role
from guahao.words.catalogue import Language, catalogues, translations

PACKAGE = Path(guahao.__file__).parent
METHODS = [("web/templates/**.html", "jinja2.ext.babel_extract"), ("web/**.py", "python")]
KEYWORDS = {"say": None, "_": None, "ngettext": (1, 2)}
PLACES = re.compile(r"%\((\w+)\)s|\{(\w+)\}")
CHINESE = re.compile(r"[\u4e00-\u9fff，。：；？！]")


@dataclass(frozen=True)
class Word:
    """A text, and how a catalogue says it in English: one, many."""

    chinese: str
    context: str | None
    english: tuple[str, ...]


@cache
def said() -> frozenset[tuple[str, str | None]]:
    """Return what templates, pages, messages and errors say, with their contexts."""
    found = extract_from_dir(PACKAGE, METHODS, {}, KEYWORDS)
    of_words = (word for file in PACKAGE.rglob("*.py") for word in _words_in(file))
    return frozenset(
        [*((_first(message), context) for _, _, message, _, context in found), *of_words]
    )


def _words_in(file: Path) -> Iterator[tuple[str, str | None]]:
    for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Words":
            texts = [ast.literal_eval(argument) for argument in call.args]
            yield texts[0], (texts[1] if len(texts) > 1 else None)


def words() -> Iterator[Word]:
    """All catalogues' words."""
    for file in catalogues("en"):
        with file.open("rb") as source:
            catalogue = read_po(source, locale="en")
        for message in catalogue:
            if message.id:
                yield Word(_first(message.id), message.context, _all(message.string or ""))


def _first(text: str | list[str] | tuple[str, ...]) -> str:
    return _all(text)[0]


def _all(text: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def test_every_word_of_a_page_has_its_english_and_none_is_left_over() -> None:
    known = {(word.chinese, word.context) for word in words()}
    assert said() - known == set()
    assert known - said() == set()


# Sentences that were rewritten because people stumbled over them; `WHOLE`: as a text of its own.
RETIRED = (
    *("同一就诊人同一天在同一医院", "七日内", "会记爽约", "短期内最多几个号", "一年内爽约几次"),
    *("第一次暂停", "后七天", "预约于", "带什么", "按键", "未约成原因", "关闭出诊记录"),
    *("A patient can book 1 place a day", "Neither cancelling nor coming", "is a no-show: "),
    *("the original of the registered document", "They hold for", "Nothing arrived"),
    *("It is no no-show", "counts against no limit", "The hospital says", "Booked before"),
    *("What holds now", "来信", "it returns on", "chosen no more", "Priced apart"),
)
RETIRED_WHOLE = ("改约", "To call", "Reconciling")


def test_no_sentence_that_was_replaced_has_come_back() -> None:
    shown = {text for text, _ in said()} | {text for word in words() for text in word.english}
    # Help and privacy have a template for each language; scripts write nothing of their own.
    shown |= {file.read_text(encoding="utf-8") for file in PACKAGE.glob("web/templates/**/*.html")}
    assert {old for old in RETIRED for text in shown if old in text} == set()
    assert shown.isdisjoint(RETIRED_WHOLE)


# What hospitals write in both languages; the forms in which they write it are left out.
OF_HOSPITALS = r"hospital_name|department_name|specialty|pickup_place"
RAW = re.compile(rf">[^<>]*\{{\{{ *[\w.]+\.(?:{OF_HOSPITALS})(?: or [^}}]*)? *\}}\}}")


def test_pages_show_what_hospitals_write_in_the_readers_language() -> None:
    templates = PACKAGE.glob("web/templates/**/*.html")
    found = {file.name: RAW.findall(file.read_text(encoding="utf-8")) for file in templates}
    assert {name: raw for name, raw in found.items() if raw} == {}


QUOTED = "使用完整服务"  # a button of WeChat's own, which has no English


def test_english_is_said_in_english() -> None:
    for word in words():
        for text in word.english:
            assert text, word
            assert not CHINESE.search(text.replace(QUOTED, "")), word


def test_both_languages_fill_in_the_same_places() -> None:
    for word in words():
        for text in word.english:
            assert set(PLACES.findall(text)) == set(PLACES.findall(word.chinese)), word


def test_two_catalogues_do_not_say_one_text_differently() -> None:
    first: dict[tuple[str, str | None], tuple[str, ...]] = {}
    for word in words():
        assert first.setdefault((word.chinese, word.context), word.english) == word.english


@pytest.mark.parametrize(("language", "word"), [("zh", "首页"), ("en", "Home")])
def test_a_word_is_said_in_the_readers_language(language: Language, word: str) -> None:
    assert translations(language).gettext("首页") == word


# The auditor reads words --------------------------------------------------------------------

FLOWS = Path(guahao.flows.__file__).parent


def recorded() -> Iterator[str]:
    """Every action that stands in the flows as a text."""
    for file in sorted(FLOWS.glob("**/*.py")):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call):
                continue
            name = getattr(call.func, "attr", None) or getattr(call.func, "id", "")
            arguments = list(_flat(call.args))
            if name in ("record", "_record", "_failed"):
                constants = (a.value for a in arguments if isinstance(a, ast.Constant))
                yield from [value for value in constants if isinstance(value, str)][:1]


def _flat(arguments: list[ast.expr]) -> Iterator[ast.expr]:
    """Also those of a starred tuple."""
    for argument in arguments:
        starred = argument.value if isinstance(argument, ast.Starred) else None
        yield from starred.elts if isinstance(starred, ast.Tuple) else [argument]


async def test_every_recorded_action_has_its_words(site: Site) -> None:
    reader = await at_the_desk(site, Role.AUDITOR)
    await reader.go("/staff/trail")
    actions = sorted(set(recorded()))
    assert "stop_sessions" in actions
    assert [one for one in actions if f'value="{one}"' not in reader.text] == []
