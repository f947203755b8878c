"""The English of every text, by gettext; the Chinese in the source is the key.

Every .po file under locales/en/LC_MESSAGES is read on first use, so that no compiled catalogue can
be out of date.
"""

from __future__ import annotations

from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Literal

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")
LOCALES = Path(__file__).parent / "locales"


@cache
def translations(language: Language) -> NullTranslations:
    """Return the translations from Chinese into a language; Chinese stays as it is."""
    files = catalogues(language)
    if not files:
        return NullTranslations()
    merged = Catalog(locale=language)
    for file in files:
        with file.open("rb") as source:
            for message in read_po(source, locale=language):
                if message.id:
                    merged.add(message.id, message.string, context=message.context)
    compiled = BytesIO()
    write_mo(compiled, merged)
    compiled.seek(0)
    return GNUTranslations(compiled)


def catalogues(language: Language) -> list[Path]:
    """Return the files that hold a language's texts."""
    return sorted((LOCALES / language / "LC_MESSAGES").glob("*.po"))
