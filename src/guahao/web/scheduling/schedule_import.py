"""Importing a plan: the file, how far its check is, what it would change, and doing so."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from litestar.types import ASGIApp

from guahao.flows.supply import calendars, timetables
from guahao.flows.supply.imports import exporting, importing
from guahao.flows.supply.imports.importing import ImportReport
from guahao.rules.kernel.limits import ONE_DAY
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.supply.planning import FOR_EVER
from guahao.web.http.reading import ProblemError, read_id
from guahao.web.http.uploads import XLSX
from guahao.web.scheduling.schedule_files import export_file, faults_file, template_file
from guahao.web.scheduling.schedule_forms import SCHEDULER
from guahao.web.staff import StaffPage, StaffRoute
from guahao.web.staff.reading import read_date
from guahao.web.staff.weekdays import WEEKDAYS_SHOWN
from guahao.web.words.sheet_words import cell_text, file_text

_IMPORT = "/staff/schedule/import"
_ONE = "/staff/schedule/imports/{import_id}"
_EXPORT = "/staff/schedule/export"
_FAULTS_SHOWN = 200
_EXPORTED_DAYS = 30


def import_routes() -> list[StaffRoute]:
    """Return the routes of a plan from a file and into one."""
    limit = importing.LIMITS.bytes
    return [
        StaffRoute("GET", _IMPORT, _ask, SCHEDULER),
        StaffRoute("POST", _IMPORT, _receive, SCHEDULER, upload_bytes_max=limit),
        StaffRoute("GET", _IMPORT + "/template", _template, SCHEDULER),
        StaffRoute("GET", _ONE, _show, SCHEDULER),
        StaffRoute("GET", _ONE + "/faults", _faults, SCHEDULER),
        StaffRoute("POST", _ONE + "/confirm", _confirm, SCHEDULER),
        StaffRoute("POST", _ONE + "/withdraw", _withdraw, SCHEDULER),
        StaffRoute("GET", _EXPORT, _export, SCHEDULER),
    ]


async def _ask(page: StaffPage) -> ASGIApp:
    return await _show_form(page, "")


async def _show_form(page: StaffPage, refused: str, status: int = 200) -> ASGIApp:
    return page.show(
        "staff/schedule_import.html",
        status,
        refused=refused,
        imports=await importing.latest(page.services.platform, page.staff),
        first=page.query("first") or (page.today + ONE_DAY).isoformat(),
        last=page.query("last") or (page.today + timedelta(days=_EXPORTED_DAYS)).isoformat(),
    )


async def _receive(page: StaffPage) -> ASGIApp:
    upload = page.files.get("file")
    if upload is None:
        return await _show_form(page, page.say("请选择文件。"), 422)
    id = await importing.receive(
        page.services.platform,
        page.staff,
        upload.filename,
        upload.data,
        include_hidden=page.form.get("hidden") == "yes",
    )
    if isinstance(id, Refused):
        words = page.say("本院已有{most}个文件在检查，请等它们完成。", most=importing.WAITING_MAX)
        return await _show_form(page, words, 429)
    return page.redirect(_ONE.format(import_id=id))


async def _template(page: StaffPage) -> ASGIApp:
    found = await timetables.departments(page.services.platform, page.staff)
    department = found[0].name if found else "内科"
    tomorrow = page.today + ONE_DAY
    titles = page.services.platform.titles.offered
    data = await asyncio.to_thread(template_file, department, tomorrow, page.language, titles)
    return page.download(data, page.say("排班模板.xlsx"), XLSX)


async def _report(page: StaffPage) -> ImportReport:
    id = read_id(page.request, "import_id", "not_found")
    report = await importing.report(page.services.platform, page.staff.own_hospital_id, id)
    if report is None:
        raise ProblemError("not_found")
    return report


async def _show(page: StaffPage) -> ASGIApp:
    report = await _report(page)
    part = "staff/schedule_import_state.html"
    unreadable = report.checked.unreadable
    met = None
    if report.it.state == "checked" and report.changes_something:
        platform, hospital_id = page.services.platform, page.staff.own_hospital_id
        planned = (await importing.planned_dates(platform, hospital_id, report.it.id))[hospital_id]
        met = await calendars.met_days(platform, hospital_id, planned.timetables, planned.sessions)
    return page.show(
        part if page.is_partial else "staff/schedule_imported.html",
        report=report,
        it=report.it,
        counts=report.checked.counts,
        unreadable=file_text(unreadable, page.language) if unreadable else "",
        faults=[(one, cell_text(one, page.language)) for one in report.faults[:_FAULTS_SHOWN]],
        weekday=lambda number: WEEKDAYS_SHOWN[number - 1],
        for_ever=FOR_EVER,
        met=met,
        weekdays=WEEKDAYS_SHOWN,
    )


async def _faults(page: StaffPage) -> ASGIApp:
    report = await _report(page)
    data = await asyncio.to_thread(faults_file, report.faults, page.language)
    return page.download(data, page.say("导入问题.xlsx"), XLSX)


async def _confirm(page: StaffPage) -> ASGIApp:
    report = await _report(page)
    outcome = await importing.confirm(page.services.platform, page.staff, report.it.id)
    if isinstance(outcome, Refused):
        page.flash(page.say("没有可以确认的预览：可能已经确认、撤回，或正在重新检查。"))
    return page.redirect(_ONE.format(import_id=report.it.id))


async def _withdraw(page: StaffPage) -> ASGIApp:
    report = await _report(page)
    hospital_id = page.staff.own_hospital_id
    outcome = await importing.withdraw(page.services.platform, hospital_id, report.it.id)
    if isinstance(outcome, Refused):
        page.flash(page.say("已经确认的导入不能撤回。"))
        return page.redirect(_ONE.format(import_id=report.it.id))
    page.flash(page.say("文件已撤回，没有更改任何排班。"))
    return page.redirect(_IMPORT)


async def _export(page: StaffPage) -> ASGIApp:
    first, last = read_date(page.query("first")), read_date(page.query("last"))
    if first is None or last is None or last < first:
        return await _show_form(page, page.say("请选择日期，结束不能早于开始。"), 422)
    found = await exporting.sessions_between(page.services.platform, page.staff, first, last)
    if found is None:
        words = page.say("这段日期的门诊超过{most}个，请缩短日期。", most=exporting.SESSIONS_MAX)
        return await _show_form(page, words, 422)
    data = await asyncio.to_thread(export_file, found, page.language)
    name = page.say("门诊 {first} 至 {last}.xlsx", first=first, last=last)
    return page.download(data, name, XLSX)
