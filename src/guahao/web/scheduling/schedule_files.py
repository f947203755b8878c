"""The files of a plan: the template to fill in, the export in the same form, a list of faults."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, time, timedelta

from guahao.flows.supply.imports import columns as c
from guahao.sheets.faults import Fault
from guahao.sheets.headings import Heading
from guahao.sheets.write import Column, Kind, Plain, Table, workbook
from guahao.store.supply.supply_imports import ExportedSession
from guahao.web.words.sheet_words import cell_text
from guahao.words.catalogue import Language
from guahao.words.dates import PERIOD_WORDS, format_weekday
from guahao.words.text import Words

_SESSIONS = Words("门诊")
_WEEKLY = Words("每周排班")
_NOTES = Words("填写说明")
_FAULTS = Words("问题")
_MONDAY = date(2024, 1, 1)
_OPEN_STATE = Words("开放")
_STOPPED_STATE = Words("停诊", "sheets")

_KINDS = {
    c.VISIT_DATE: Kind.DATE,
    c.VALID_FROM: Kind.DATE,
    c.VALID_UNTIL: Kind.DATE,
    c.STARTS_AT: Kind.TIME,
    c.ENDS_AT: Kind.TIME,
    c.FEE: Kind.MONEY,
    c.CAPACITY: Kind.NUMBER,
    c.SESSION_ID: Kind.NUMBER,
    "booked": Kind.NUMBER,
}
_WIDTHS = {c.DEPARTMENT: 24.0, c.SPECIALTY: 20.0}
_CHOICES_CHARACTERS_MAX = 255  # Excel's own
_EXPORT_ONLY = (c.SESSION_ID, *c.TOLD_ONLY)

# What a column is for: whether it must be filled in, and how.
_MEANINGS: dict[str, tuple[bool, Words]] = {
    c.HOSPITAL: (
        False,
        Words("可不填；填写时须为本院编码。"),
    ),
    c.DEPARTMENT_CODE: (
        False,
        Words("科室编码或科室名称，写一个即可；同名科室请写编码。以文本格式填写，保留前面的0。"),
    ),
    c.DEPARTMENT: (
        False,
        Words("可挂号的（二级）科室名称。"),
    ),
    c.TITLE: (
        True,
        Words("不点名：写职称或门诊类型，最多40个字。"),
    ),
    c.SPECIALTY: (False, Words("可不填，最多40个字。")),
    c.VISIT_DATE: (
        True,
        Words("明天或以后，一年以内，例如2026-12-01。"),
    ),
    c.WEEKDAY: (True, Words("周一到周日，或1到7。")),
    c.VALID_FROM: (
        True,
        Words("从哪天起每周出诊，明天或以后。"),
    ),
    c.VALID_UNTIL: (False, Words("到哪天为止；不填为长期。")),
    c.PERIOD: (True, Words("上午、下午或晚上。")),
    c.STARTS_AT: (
        False,
        Words("分时段时填写，例如08:30，须在该时段内。"),
    ),
    c.ENDS_AT: (False, Words("晚于开始时间；可以不填。")),
    c.FEE: (True, Words("单位：元，0到10000，最多两位小数。")),
    c.CAPACITY: (
        True,
        Words("0到1000的整数；不能少于已预约人数。"),
    ),
}
_NOTE_LINES = (
    Words(
        "同一医院、科室、职称、专业、日期（星期）、时段、开始时间的一行就是同一个门诊：再导入一次不会重复，"
        "只更改结束时间、费用和号源数。"
    ),
    Words("文件里没有的门诊保持不变；要取消门诊请用停诊。"),
    Words("有一处问题就全部不导入；预览会逐格说明。"),
    Words("例子是编的，导入前请删去。"),
)


def _column(heading: Heading, language: Language, titles: tuple[str, ...] = ()) -> Column:
    title = heading.titles[1 if language == "en" else 0]
    if heading.name == c.FEE:
        title += " (yuan)" if language == "en" else "（元）"
    return Column(
        title,
        _KINDS.get(heading.name, Kind.TEXT),
        _WIDTHS.get(heading.name, 14),
        _choices(heading.name, language, titles),
    )


def _choices(name: str, language: Language, titles: tuple[str, ...]) -> tuple[str, ...]:
    if name == c.PERIOD:
        return tuple(words.of(language) for words in PERIOD_WORDS.values())
    if name == c.WEEKDAY:
        return tuple(format_weekday(_MONDAY + timedelta(days=n), language) for n in range(7))
    fits = len(",".join(titles)) <= _CHOICES_CHARACTERS_MAX
    return titles if name == c.TITLE and fits else ()


def template_file(
    department: str, tomorrow: date, language: Language, titles: tuple[str, ...]
) -> bytes:
    """Return a workbook to fill in: examples of a session and a timetable, all columns explained.

    `department`: one of the hospital's own, for the examples; `titles`: what may be chosen.
    """
    period = PERIOD_WORDS["morning"].of(language)
    clinic = (titles[0] if titles else "普通门诊", "", period, time(8, 30), time(9, 0), 5000, 10)
    sessions = [h for h in c.SESSION_HEADINGS if h.name not in _EXPORT_ONLY]
    session = ("", "", department, *clinic[:2], tomorrow, *clinic[2:])
    session_columns = [_column(h, language, titles) for h in sessions]
    weekly_columns = [_column(h, language, titles) for h in c.WEEKLY_HEADINGS]
    weekday = format_weekday(_MONDAY, language)
    timetable = ("", "", department, *clinic[:2], weekday, tomorrow, None, *clinic[2:])
    return workbook(
        [
            Table(_SESSIONS.of(language), session_columns, [session]),
            Table(_WEEKLY.of(language), weekly_columns, [timetable]),
            _notes(language),
        ]
    )


def _notes(language: Language) -> Table:
    must = {True: Words("必填"), False: Words("可不填")}
    rows: list[Sequence[Plain]] = []
    for headings in (c.SESSION_HEADINGS, c.WEEKLY_HEADINGS):
        for heading in headings:
            told = _column(heading, language).heading
            if heading.name in _MEANINGS and told not in [row[0] for row in rows]:
                required, meaning = _MEANINGS[heading.name]
                rows.append((told, must[required].of(language), meaning.of(language)))
    rows += [("", "", words.of(language)) for words in _NOTE_LINES]
    headings_of = (
        Words("列"),
        Words("必填？"),
        Words("说明"),
    )
    widths = (20.0, 10.0, 90.0)
    return Table(
        _NOTES.of(language),
        [Column(h.of(language), width=w) for h, w in zip(headings_of, widths, strict=True)],
        rows,
    )


def export_file(found: Iterable[ExportedSession], language: Language) -> bytes:
    """Return sessions in the form in which they can be imported again."""
    return workbook(
        [
            Table(
                _SESSIONS.of(language),
                [_column(heading, language) for heading in c.SESSION_HEADINGS],
                (_exported(one, language) for one in found),
            )
        ]
    )


def _exported(one: ExportedSession, language: Language) -> Sequence[Plain]:
    clinic = one.clinic
    return (
        *(one.hospital_code, one.department_code, one.department_name),
        *(clinic.title, clinic.specialty, one.visit_date, PERIOD_WORDS[clinic.period].of(language)),
        *(clinic.starts_at, clinic.ends_at, clinic.fee_fen, clinic.capacity),
        *(one.id, one.booked),
        (_STOPPED_STATE if one.stopped else _OPEN_STATE).of(language),
    )


def faults_file(faults: Sequence[Fault], language: Language) -> bytes:
    """Return every fault with its place, to work through beside the file."""
    headings = (
        (Words("工作表"), 16.0),
        (Words("单元格"), 10.0),
        (Words("列名"), 16.0),
        (Words("内容", "sheets"), 24.0),
        (Words("问题与改法"), 90.0),
    )
    rows = [
        (one.sheet, one.place, one.heading, one.value, cell_text(one, language)) for one in faults
    ]
    columns = [Column(words.of(language), width=width) for words, width in headings]
    return workbook([Table(_FAULTS.of(language), columns, rows)])
