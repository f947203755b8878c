"""How a hospital gives out places from a visit date on, with what patients will read."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.fairness import modes as flows
from guahao.flows.fairness.modes import ModesOverview
from guahao.rules.fairness.modes import (
    FIRST_COME,
    REFERRAL_PERCENT_MAX,
    DatedMode,
    Release,
    mode_of,
)
from guahao.rules.fairness.returning import ReleaseMode
from guahao.rules.kernel.outcomes import Done, Refused
from guahao.rules.kernel.reasons import REASON_MAX
from guahao.rules.kernel.text import prose
from guahao.store.fairness.modes import Decision
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ProblemError, as_id
from guahao.web.staff.at_hospital import HospitalContext, at_both, place_of
from guahao.web.staff.confirming import Act, confirmed
from guahao.web.staff.page import StaffPage, StaffRoute
from guahao.web.staff.reading import read_date, read_number
from guahao.web.words.release_words import MODES, release_example, release_sentences
from guahao.words.catalogue import LANGUAGES

_FIELDS = ("department", "title", "mode", "referral_percent", "holds_from", "reason")


def release_mode_routes() -> list[StaffRoute]:
    """Return the routes of decisions in force and to come, for schedulers and administrators."""
    return [
        *at_both("GET", "/release", _show),
        *at_both("POST", "/release", _decide),
        *at_both("POST", "/release/withdraw", _withdraw),
    ]


async def _show(page: StaffPage) -> ASGIApp:
    """Show the decisions; the report's proposal fills in the form."""
    given = {name: page.query(name) for name in ("department", "title", "mode", "reason")}
    return await _shown(page, {name: text for name, text in given.items() if text})


async def _shown(
    page: StaffPage,
    given: dict[str, str],
    refused: str = "",
    status: int = 200,
    preview: tuple[DatedMode, datetime] | None = None,
) -> ASGIApp:
    place = await place_of(page)
    overview = await flows.overview(page.services.platform, place.staff)
    return page.show(
        "staff/release_modes.html",
        status,
        place=place,
        overview=overview,
        given=given,
        preview=None if preview is None else _Preview(page, overview, *preview),
        today=mode_of(overview.modes, None, None, page.today),
        first_come=FIRST_COME,
        modes={mode: words.of(page.language) for mode, words in MODES.items()},
        scope=lambda mode: _scope_text(page, overview, mode),
        release=lambda release: _release_text(page, release),
        referral_max=REFERRAL_PERCENT_MAX,
        reason_max=REASON_MAX,
        refused=refused,
    )


class _Preview:
    """A decision before it is made, and what patients will read, in both languages."""

    def __init__(
        self, page: StaffPage, overview: ModesOverview, new: DatedMode, released_at: datetime
    ) -> None:
        self.new = new
        self.before = mode_of(overview.modes, new.department_id, new.title, new.holds_from)
        policy = page.services.platform.policies.known.on(released_at.date())
        self.texts = {
            language: [
                *release_sentences(
                    new.release, language, page.hotline, is_personal=policy.personal_release
                ),
                release_example(new.release, new.holds_from, released_at, language, page.today),
            ]
            for language in LANGUAGES
        }
        # Exceptions that go on, and that the reader may have forgotten.
        self.exceptions = [
            row
            for row in overview.decisions
            if row.mode.specificity > new.specificity
            and new.department_id in (None, row.mode.department_id)
            and new.title in (None, row.mode.title)
        ]


def _release_text(page: StaffPage, release: Release) -> str:
    mode = MODES[release.mode].of(page.language)
    if not release.referral_percent:
        return mode
    return page.say("{mode}，{percent}%留给转诊", mode=mode, percent=release.referral_percent)


def _scope_text(page: StaffPage, overview: ModesOverview, mode: DatedMode) -> str:
    """Return which sessions a decision is about."""
    departments = {
        department.id: page.names.name(department.name, department.name_en)
        for department in overview.departments
    }
    department = None
    if mode.department_id is not None:
        department = departments.get(mode.department_id, page.say("已撤销的科室"))
    title = None if mode.title is None else page.names.title(mode.title)
    if department is None and title is None:
        return page.say("全院")
    return " · ".join(part for part in (department, title) if part is not None)


def _read(form: dict[str, str]) -> DatedMode | None:
    """Return the decision typed in; None where its mode or date is none."""
    department, title = form.get("department", ""), prose(form.get("title", ""))
    holds_from = read_date(form.get("holds_from", ""))
    if form.get("mode") not in set(ReleaseMode) or holds_from is None:
        return None
    mode = ReleaseMode(form["mode"])
    percent = form.get("referral_percent", "").strip()
    # Shown for both modes where no JavaScript hides it; of first come it means nothing.
    share = read_number(percent) if percent and mode is ReleaseMode.DRAW else 0
    # A department that cannot be read is nobody's.
    id = (as_id(department) or 0) if department else None
    return DatedMode(id, title or None, holds_from, Release(mode, share))


async def _decide(page: StaffPage) -> ASGIApp:
    """Show what patients will read first; decide when it is sent again."""
    given = {name: page.form.get(name, "") for name in _FIELDS}
    new = _read(page.form)
    if new is None:
        sentence = page.say("请选择放号方式，并填写从哪天的就诊起。")
        return await _shown(page, given, sentence, 422)
    place, reason = await place_of(page), prose(given["reason"])
    platform = page.services.platform
    if page.form.get("step") != "save":
        previewed = await flows.preview(platform, place.staff, new, reason)
        if isinstance(previewed, Refused):
            return await _shown(page, given, *page.refusal(previewed))
        return await _shown(page, given, preview=(new, previewed))
    seen = page.form.get("version", "")
    outcome = await flows.decide(platform, place.staff, new, reason, seen)
    if isinstance(outcome, Refused):
        return await _shown(page, given, *page.refusal(outcome))
    page.flash(page.say("已决定，从{day}的就诊起。", day=page.day(new.holds_from)))
    return page.redirect(f"{place.address}/release")


async def _withdraw(page: StaffPage) -> ASGIApp:
    place = await place_of(page)
    id = as_id(page.form.get("id", ""))
    overview = await flows.overview(page.services.platform, place.staff)
    found = next((row for row in overview.decisions if row.id == id), None)
    if found is None:
        raise ProblemError("not_found")
    reason = confirmed(page, _withdrawing(page, place, overview, found))
    if isinstance(reason, Answer):
        return reason
    outcome = await flows.withdraw(page.services.platform, place.staff, found.id, reason)
    match outcome:
        case Done():
            page.flash(page.say("已撤回。"))
        case Refused():
            page.flash(page.refusal(outcome).text)
        case never:
            assert_never(never)
    return page.redirect(f"{place.address}/release")


def _withdrawing(
    page: StaffPage, place: HospitalContext, overview: ModesOverview, found: Decision
) -> Act:
    others = [row.mode for row in overview.decisions if row.id != found.id]
    mode = found.mode
    after = mode_of(others, mode.department_id, mode.title, mode.holds_from)
    return Act(
        page.say(
            "撤回“{scope}”从{day}起的放号方式？",
            scope=_scope_text(page, overview, mode),
            day=page.day(mode.holds_from),
        ),
        [
            page.say(
                "{day}起的就诊将改为：{release}。",
                day=page.day(mode.holds_from),
                release=_release_text(page, after),
            ),
            page.say("撤回后不能恢复，需要时重新决定。"),
        ],
        page.say("撤回"),
        f"{place.address}/release",
        "hospitals" if place.hospital else "release",
    )
