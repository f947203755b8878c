"""What a report's address asks for: days, place, grouping; and what is wrong with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

from guahao.flows.reports import reports as flows
from guahao.rules.kernel.limits import ONE_DAY
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.reports.scope import ReportScope
from guahao.rules.staff.staff import Role
from guahao.store.reports.scope import Basis, Grouping, ScopeChoice
from guahao.store.reports.supply import Axis
from guahao.web.administration.reports.parts import Part
from guahao.web.http.reading import as_id
from guahao.web.staff import StaffPage
from guahao.words.text import Words

_NOBODYS_ID = 0
_YEARS = (2000, 2199)  # what the schema takes for a visit date

LAYOUTS = {
    "hospital_weekday": (Axis.HOSPITAL, Axis.WEEKDAY),
    "hospital_period": (Axis.HOSPITAL, Axis.PERIOD),
    "department_weekday": (Axis.DEPARTMENT, Axis.WEEKDAY),
    "title_weekday": (Axis.TITLE, Axis.WEEKDAY),
    "date_period": (Axis.DATE, Axis.PERIOD),
    "weekday_period": (Axis.WEEKDAY, Axis.PERIOD),
}


@dataclass(frozen=True)
class Report:
    """A report. `preset`: its days if the address names none."""

    path: str
    words: Words
    roles: frozenset[Role]
    parts: Callable[[StaffPage, ReportRequest], Awaitable[list[Part]]]
    presets: tuple[str, ...]
    preset: str = "last30"
    groupings: tuple[Grouping, ...] = ()
    has_basis: bool = False
    has_layout: bool = False
    has_place: bool = True
    asks_ticket: bool = False  # whether a ticket of a draw can be looked up beside it


@dataclass(frozen=True)
class ReportRequest:
    """A report's question, and the form that asks it again. `wrong`: why there is no answer."""

    scope: ReportScope
    preset: str
    grouping: Grouping
    basis: Basis
    layout: str
    hospitals: list[ScopeChoice]
    departments: list[ScopeChoice]
    presets: list[tuple[str, str]]
    groupings: list[tuple[Grouping, str]]
    layouts: list[tuple[str, str]]
    wrong: list[str] = field(default_factory=list)


async def read_asked(page: StaffPage, report: Report) -> ReportRequest:
    """Return the page's query, limited to what its reader may see."""
    wrong: list[str] = []
    preset, first, last = _days(page, report, wrong)
    scope = ReportScope(
        first,
        last,
        _id(page.query("hospital")) if report.has_place else None,
        _id(page.query("department")) if report.has_place else None,
    )
    groupings = _grouping_words(page)
    grouping = _one_of(
        page, page.query("by"), [grouping.value for grouping in report.groupings], wrong
    )
    layout = _one_of(page, page.query("layout"), list(LAYOUTS) if report.has_layout else [], wrong)
    basis = _one_of(
        page, page.query("day"), [b.value for b in Basis] if report.has_basis else [], wrong
    )
    choices = await flows.choices(page.services.platform, page.staff, scope)
    if not wrong and choices.refusal is not None:
        wrong.append(page.refusal(Refused(choices.refusal)).text)
    return ReportRequest(
        choices.scope,
        preset,
        Grouping(grouping or Grouping.DAY),
        Basis(basis or Basis.VISIT),
        layout,
        choices.hospitals,
        choices.departments,
        [(name, words) for name, words in _preset_words(page).items() if name in report.presets],
        [(offered, groupings[offered]) for offered in report.groupings],
        list(_layout_words(page).items()),
        wrong,
    )


def _days(page: StaffPage, report: Report, wrong: list[str]) -> tuple[str, date, date]:
    """Return a preset's days, or those of the two fields; the default's if they are no dates."""
    preset = page.query("period")
    texts = page.query("from"), page.query("to")
    if preset not in report.presets and preset:
        wrong.append(page.say("没有这个时间范围，请重新选择。"))
    if preset in report.presets or not any(texts):
        preset = preset if preset in report.presets else report.preset
        return preset, *_preset_days(preset, page.today)
    default = _preset_days(report.preset, page.today)
    first, last = (_date(text) or day for text, day in zip(texts, default, strict=True))
    if not all(_date(text) for text in texts):
        wrong.append(page.say("请填写开始和结束日期，格式如2026-12-03。"))
    return "", first, last


def _preset_days(preset: str, today: date) -> tuple[date, date]:
    if preset == "year":
        return today.replace(month=1, day=1), today
    days = timedelta(days=int(preset.removeprefix("last").removeprefix("next")))
    if preset.startswith("next"):
        return today + ONE_DAY, today + days
    return today - days + ONE_DAY, today


def _date(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if _YEARS[0] <= day.year <= _YEARS[1] else None


def _id(text: str) -> int | None:
    return (as_id(text) or _NOBODYS_ID) if text else None


def _one_of(page: StaffPage, given: str, allowed: list[str], wrong: list[str]) -> str:
    """Return what is given, or the first that is allowed; empty if there is no choice."""
    if given in allowed or not allowed:
        return given if allowed else ""
    if given:
        wrong.append(page.say("没有这种分组方式，请重新选择。"))
    return allowed[0]


def _preset_words(page: StaffPage) -> dict[str, str]:
    return {
        "last7": page.say("最近7天"),
        "last30": page.say("最近30天"),
        "last90": page.say("最近90天"),
        "next30": page.say("未来30天"),
        "next90": page.say("未来90天"),
        "year": page.say("今年"),
    }


def _grouping_words(page: StaffPage) -> dict[Grouping, str]:
    return {
        Grouping.DAY: page.say("按日"),
        Grouping.HOSPITAL: page.say("按医院"),
        Grouping.DEPARTMENT: page.say("按科室"),
        Grouping.TITLE: page.say("按职称"),
        Grouping.CHANNEL: page.say("按渠道"),
        Grouping.KIND: page.say("按种类"),
        Grouping.REASON: page.say("按原因"),
        Grouping.STAFF: page.say("按工作人员"),
    }


def _layout_words(page: StaffPage) -> dict[str, str]:
    return {
        "hospital_weekday": page.say("医院 × 星期"),
        "hospital_period": page.say("医院 × 时段"),
        "department_weekday": page.say("科室 × 星期"),
        "title_weekday": page.say("职称 × 星期"),
        "date_period": page.say("日期 × 时段"),
        "weekday_period": page.say("星期 × 时段"),
    }
