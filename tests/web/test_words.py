"""Every word of the pages is said in English, too, with the same places to fill in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import guahao.web
from guahao.web.catalogue import catalogues, translations

WEB = Path(guahao.web.__file__).parent
PLACES = re.compile(r"%\((\w+)\)s|\{(\w+)\}")
Word = str | tuple[str, ...]


def said() -> set[Word]:
    """What templates and pages say."""
    methods = [("templates/**.html", "jinja2.ext.babel_extract"), ("pages/**.py", "python")]
    found = extract_from_dir(
        WEB,
        methods,
        {"templates/**.html": {"trimmed": "true"}},
        {"say": None, "_": None} | NGETTEXT,
    )
    return {message for _, _, message, _, _ in found}


NGETTEXT = {"ngettext": (1, 2)}


def translated() -> Iterator[tuple[str, Word, Word]]:
    """File, Chinese, English."""
    for file in catalogues("en"):
        with file.open("rb") as source:
            for message in read_po(source, locale="en"):
                if message.id:
                    yield file.name, message.id, message.string


def test_every_word_of_a_page_has_its_english_and_none_is_left_over() -> None:
    known = {
        tuple(chinese) if isinstance(chinese, list) else chinese for _, chinese, _ in translated()
    }
    assert sorted(map(str, said() - known)) == []
    assert sorted(map(str, known - said())) == []


def test_english_is_said_in_english() -> None:
    for file, chinese, english in translated():
        for text in (english,) if isinstance(english, str) else english:
            assert text, (file, chinese)
            assert not re.search(r"[\u4e00-\u9fff，。：；？！]", text), (file, text)


def test_both_languages_fill_in_the_same_places() -> None:
    for file, chinese, english in translated():
        wanted = set(PLACES.findall(chinese if isinstance(chinese, str) else chinese[0]))
        for text in (english,) if isinstance(english, str) else english:
            assert set(PLACES.findall(text)) == wanted, (file, chinese)


def test_two_catalogues_do_not_say_one_word_differently() -> None:
    first: dict[Word, Word] = {}
    for _, chinese, english in translated():
        assert first.setdefault(chinese, english) == english


@pytest.mark.parametrize(("language", "word"), [("zh", "首页"), ("en", "Home")])
def test_a_word_is_said_in_the_readers_language(language: str, word: str) -> None:
    assert translations("en" if language == "en" else "zh").gettext("首页") == word
