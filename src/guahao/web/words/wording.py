"""How pages and chats say a day, a time and a sum, in both languages.

12月3日 周四 上午, or Thu 3 Dec, morning; ¥80. Every date comes with its weekday.
"""

from __future__ import annotations

from datetime import date, datetime, time

from guahao.rules.kernel.limits import CITY_TIME
from guahao.web.words.language import MONTHS_EN, WEEKDAYS_EN, WEEKDAYS_ZH, Language, Words

PERIOD_WORDS = {
    "morning": Words("上午", "morning"),
    "afternoon": Words("下午", "afternoon"),
    "evening": Words("晚上", "evening"),
}
ID_TYPE_WORDS = {
    "01": Words("居民身份证", "Resident ID card"),
    "02": Words("居民户口簿", "Household register"),
    "03": Words("护照", "Passport"),
    "04": Words("军官证", "Military officer's card"),
    "06": Words("港澳居民来往内地通行证", "Hong Kong and Macau resident's permit"),
    "07": Words("台湾居民来往大陆通行证", "Taiwan resident's permit"),
    "99": Words("其他法定有效证件", "Other valid document"),
}
_FEN = 100  # a yuan's


def say_weekday(day: date, language: Language) -> str:
    """周四 or Thu."""
    if language == "en":
        return WEEKDAYS_EN[day.weekday()]
    return f"周{WEEKDAYS_ZH[day.weekday()]}"


def say_day(day: date, language: Language, today: date) -> str:
    """12月3日 周四 or Thu 3 Dec; with its year where that is not today's."""
    weekday = say_weekday(day, language)
    if language == "en":
        year = "" if day.year == today.year else f" {day.year}"
        return f"{weekday} {day.day} {MONTHS_EN[day.month - 1]}{year}"
    year = "" if day.year == today.year else f"{day.year}年"
    return f"{year}{day.month}月{day.day}日 {weekday}"


def say_visit(
    day: date,
    period: str,
    language: Language,
    today: date,
    starts_at: time | None = None,
    ends_at: time | None = None,
) -> str:
    """12月3日 周四 上午 08:30–09:00 or Thu 3 Dec, morning 08:30–09:00."""
    parted = ", " if language == "en" else " "
    text = f"{say_day(day, language, today)}{parted}{PERIOD_WORDS[period].of(language)}"
    clock = "–".join(t.isoformat("minutes") for t in (starts_at, ends_at) if t is not None)
    return f"{text} {clock}" if clock else text


def say_time(moment: datetime, language: Language, today: date) -> str:
    """12月2日 周三 15:00 or Wed 2 Dec, 15:00, by the city's clock."""
    local = moment.astimezone(CITY_TIME)
    parted = ", " if language == "en" else " "
    clock = local.time().isoformat("minutes")
    return f"{say_day(local.date(), language, today)}{parted}{clock}"


def say_money(fen: int) -> str:
    """¥80, or ¥80.50 where there are fen."""
    yuan, rest = divmod(fen, _FEN)
    return f"¥{yuan}.{rest:02d}" if rest else f"¥{yuan}"
