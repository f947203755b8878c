"""The choice between Chinese and English."""

from __future__ import annotations

from functools import lru_cache

from litestar.types import Scope

from guahao.web.http.reading import cookie, header
from guahao.words.catalogue import Language

LANGUAGE_COOKIE = "language"

_HEADER_BYTES_MAX = 200  # browsers send less


def chosen_language(scope: Scope) -> Language:
    """Return the language chosen by the page's switch, else the browser's."""
    chosen = cookie(scope, LANGUAGE_COOKIE)
    if chosen in ("zh", "en"):
        return "en" if chosen == "en" else "zh"
    return reader_language(scope)


def reader_language(scope: Scope) -> Language:
    """Return Chinese or English by `Accept-Language`; Chinese where it lists neither."""
    accepted = header(scope, b"accept-language")
    return "zh" if accepted is None else _preferred(accepted[:_HEADER_BYTES_MAX])


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
    """Return the value of `q`, which defaults to 1; 0 where it is not a number."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
