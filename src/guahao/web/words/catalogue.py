"""The words of pages in English, by gettext; the Chinese in the source is the key.

Every .po file under locales/en/LC_MESSAGES is read at start: one for each set of pages,
so that nothing needs compiling and nothing compiled can be out of date.
"""

from __future__ import annotations

from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from guahao.web.words.language import Language

LOCALES = Path(__file__).parents[1] / "locales"


@cache
def translations(language: Language) -> NullTranslations:
    """What says Chinese words in this language; Chinese stays as it is."""
    found = NullTranslations()
    for file in catalogues(language):
        compiled = BytesIO()
        with file.open("rb") as source:
            write_mo(compiled, read_po(source, locale=language))
        compiled.seek(0)
        part = GNUTranslations(compiled)
        part.add_fallback(found)
        found = part
    return found


def catalogues(language: Language) -> list[Path]:
    """The files that hold a language's words."""
    return sorted((LOCALES / language / "LC_MESSAGES").glob("*.po"))
