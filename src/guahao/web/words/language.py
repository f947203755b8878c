"""Chinese or English, as the reader asks; and how both say a date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from typing import Literal

from litestar.types import Scope

from guahao.rules.kernel.limits import CITY_TIME
from guahao.web.http.reading import cookie, header

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")
LANGUAGE_COOKIE = "language"

_LONGEST_HEADER = 200  # characters; nobody's browser sends more
WEEKDAYS_ZH = "一二三四五六日"
WEEKDAYS_EN = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS_EN = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Words:
    """The same said in both languages; may hold {places} for `str.format`."""

    zh: str
    en: str

    def of(self, language: Language) -> str:
        """The text in one language."""
        return self.en if language == "en" else self.zh


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


def say_date(day: date, language: Language) -> str:
    """2026年12月3日（周四） or Thu 3 Dec 2026."""
    weekday = day.weekday()
    if language == "en":
        return f"{WEEKDAYS_EN[weekday]} {day.day} {MONTHS_EN[day.month - 1]} {day.year}"
    return f"{day.year}年{day.month}月{day.day}日（周{WEEKDAYS_ZH[weekday]}）"


def say_moment(moment: datetime, language: Language) -> str:
    """The date and the city's clock; midnight is the date alone."""
    local = moment.astimezone(CITY_TIME)
    day = say_date(local.date(), language)
    if local.time() == time.min:
        return day
    clock = local.time().isoformat("minutes")
    return f"{clock} on {day}" if language == "en" else f"{day} {clock}"
