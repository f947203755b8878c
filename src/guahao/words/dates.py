"""Dates, times and amounts of money in both languages.

12月3日 周四 上午, or Thu 3 Dec, morning; ¥80. Every date comes with its weekday.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import groupby

from babel.dates import format_date

from guahao.rules.kernel.limits import CITY_TIME
from guahao.words.catalogue import Language
from guahao.words.text import Words, listed

PERIOD_WORDS = {
    "morning": Words("上午"),
    "afternoon": Words("下午"),
    "evening": Words("晚上"),
}
ID_TYPE_WORDS = {
    "01": Words("居民身份证"),
    "02": Words("居民户口簿"),
    "03": Words("护照"),
    "04": Words("军官证"),
    "06": Words("港澳居民来往内地通行证"),
    "07": Words("台湾居民来往大陆通行证"),
    "99": Words("其他法定有效证件"),
}
_FEN = 100  # a yuan's
_UNITS = {"zh": ("天", "小时", "分", "秒"), "en": (" days", " h", " min", " s")}
_IN_DAYS = timedelta(days=2)  # from here on, hours do not matter
_IN_SECONDS = timedelta(minutes=10)  # from here on, seconds do not


_LOCALES = {"zh": "zh_CN", "en": "en"}
# Babel's patterns (CLDR): EEE is 周四 or Thu.
_WEEKDAY = {"zh": "EEE", "en": "EEE"}
_SHORT = {"zh": "M月d日", "en": "d MMM"}
_DAY = {"zh": "M月d日 EEE", "en": "EEE d MMM"}
_DAY_OF_YEAR = {"zh": "y年M月d日 EEE", "en": "EEE d MMM y"}
_MONTH = {"zh": "y年M月", "en": "MMMM y"}


@lru_cache(maxsize=4096)
def _written(day: date, pattern: str, language: Language) -> str:
    return format_date(day, pattern, _LOCALES[language])


def format_weekday(day: date, language: Language) -> str:
    """Write 周四 or Thu."""
    return _written(day, _WEEKDAY[language], language)


def format_short_day(day: date, language: Language) -> str:
    """Write 12月3日 or 3 Dec."""
    return _written(day, _SHORT[language], language)


def format_day(
    day: date, language: Language, today: date | None = None, *, with_year: bool = False
) -> str:
    """Write 12月3日 周四 or Thu 3 Dec; with its year where that is not today's, or where asked."""
    with_year = with_year or (today is not None and day.year != today.year)
    return _written(day, (_DAY_OF_YEAR if with_year else _DAY)[language], language)


def format_month(day: date, language: Language) -> str:
    """Write 2026年12月 or December 2026."""
    return _written(day, _MONTH[language], language)


def format_few_days(days: Iterable[date], language: Language) -> str:
    """Write 11月30日、12月3、4日 or 30 Nov, 3 and 4 Dec: a few days without their weekdays."""
    months = []
    for _, group in groupby(sorted(set(days)), key=lambda day: (day.year, day.month)):
        *earlier, last = group
        if language == "en":
            joined = ", ".join(str(day.day) for day in earlier)
            written = format_short_day(last, language)
            months.append(f"{joined} and {written}" if joined else written)
        else:
            months.append(f"{last.month}月{'、'.join(str(day.day) for day in (*earlier, last))}日")
    return listed(months, language)


def format_moment(moment: datetime, language: Language, today: date) -> str:
    """Write the date and the city's clock; midnight is the date alone."""
    local = moment.astimezone(CITY_TIME)
    if local.time() == time.min:
        return format_day(local.date(), language, today)
    return format_time(moment, language, today)


def format_second(moment: datetime) -> str:
    """Write the city's clock to the second, rounded up: from then on the moment has come."""
    local = moment.astimezone(CITY_TIME)
    if local.microsecond:
        local = local.replace(microsecond=0) + timedelta(seconds=1)
    return local.time().isoformat("seconds")


def format_visit(
    day: date,
    period: str,
    language: Language,
    today: date,
    starts_at: time | None = None,
    ends_at: time | None = None,
) -> str:
    """Write 12月3日 周四 上午 08:30–09:00 or Thu 3 Dec, morning 08:30–09:00."""
    parted = ", " if language == "en" else " "
    text = f"{format_day(day, language, today)}{parted}{PERIOD_WORDS[period].of(language)}"
    clock = "–".join(t.isoformat("minutes") for t in (starts_at, ends_at) if t is not None)
    return f"{text} {clock}" if clock else text


def format_time(moment: datetime, language: Language, today: date) -> str:
    """Write 12月2日 周三 15:00 or Wed 2 Dec, 15:00, by the city's clock."""
    local = moment.astimezone(CITY_TIME)
    parted = ", " if language == "en" else " "
    clock = local.time().isoformat("minutes")
    return f"{format_day(local.date(), language, today)}{parted}{clock}"


def format_money(fen: int) -> str:
    """Write ¥80, or ¥80.50 where there are fen."""
    yuan, rest = divmod(fen, _FEN)
    return f"¥{yuan}.{rest:02d}" if rest else f"¥{yuan}"


def format_duration(took: timedelta, language: Language) -> str:
    """Write 8秒, 2分30秒, 5小时12分 or 83天; in English 8 s, 2 min 30 s, 5 h 12 min or 83 days.

    In the units that people use: nobody reads months as minutes.
    """
    day, hour, minute, second = _UNITS[language]
    took = timedelta(seconds=round(took.total_seconds()))
    hours, within_hour = divmod(took, timedelta(hours=1))
    minutes, within_minute = divmod(within_hour, timedelta(minutes=1))
    if took >= _IN_DAYS:
        shown = [(took.days, day)]
    elif hours:
        shown = [(hours, hour), (minutes, minute)]
    else:
        shown = [(minutes, minute), (within_minute.seconds if took < _IN_SECONDS else 0, second)]
    said = [f"{number}{unit}" for number, unit in shown if number] or [f"0{second}"]
    return (" " if language == "en" else "").join(said)
