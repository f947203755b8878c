"""Chinese or English, as the reader asks."""

from __future__ import annotations

from functools import lru_cache

from litestar.types import Scope

from guahao.web.http.reading import cookie, header
from guahao.words.catalogue import Language

LANGUAGE_COOKIE = "language"

_LONGEST_HEADER = 200  # characters; nobody's browser sends more


def chosen_language(scope: Scope) -> Language:
    """What a page's reader chose by the switch; where nobody chose, what the browser asks."""
    chosen = cookie(scope, LANGUAGE_COOKIE)
    if chosen in ("zh", "en"):
        return "en" if chosen == "en" else "zh"
    return reader_language(scope)


def reader_language(scope: Scope) -> Language:
    """What `Accept-Language` prefers of Chinese and English; Chinese where it says neither."""
    accepted = header(scope, b"accept-language")
    return "zh" if accepted is None else _preferred(accepted[:_LONGEST_HEADER])


@lru_cache(maxsize=256)
def _preferred(accepted: bytes) -> Language:
    best: Language = "zh"
    best_weight = 0.0
    for part in accepted.decode("latin-1").lower().split(","):
        tag, *parameters = part.split(";")
        language = tag.strip().partition("-")[0]
        weight = _weight(parameters)
        if weight > best_weight and language in ("zh", "en"):
            best, best_weight = ("en" if language == "en" else "zh"), weight
    return best


def _weight(parameters: list[str]) -> float:
    """The value of `q`, 1 where there is none; what is no number prefers nothing."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
