"""All hospitals as a file, and a file of hospitals: shown first, then applied as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import asdict
from datetime import time
from typing import Any

from litestar.types import ASGIApp

from guahao.flows.hospitals.files import columns as c
from guahao.flows.hospitals.files import importing as flows
from guahao.flows.hospitals.files.previews import LIMITS
from guahao.rules.hospitals.hospitals import HospitalRecord
from guahao.rules.hospitals.importing import FileRefusal
from guahao.rules.kernel.limits import HospitalRules
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.staff.staff import Role
from guahao.sheets.write import Column, Kind, Table, workbook
from guahao.web.administration.directory.uploads import (
    fault_list,
    receive_upload,
    upload_form,
)
from guahao.web.http.reading import ProblemError, read_id
from guahao.web.http.uploads import XLSX
from guahao.web.staff import StaffPage, StaffRoute
from guahao.words.catalogue import Language

_ADMINISTRATOR = frozenset({Role.ADMINISTRATOR})
_IMPORT = "/staff/hospitals/import"
_ONE = "/staff/hospitals/imports/{import_id}"
_FORM = "staff/hospital_import.html"
_WIDTHS = {
    "name": 28.0,
    "name_en": 32.0,
    "address": 36.0,
    "notice": 48.0,
    "pickup_place": 24.0,
    "address_en": 36.0,
    "notice_en": 48.0,
    "pickup_place_en": 32.0,
}


def hospital_file_routes() -> list[StaffRoute]:
    """Return export, upload, preview and confirmation."""
    limit = LIMITS.bytes
    return [
        StaffRoute("GET", "/staff/hospitals/export", _export, _ADMINISTRATOR),
        StaffRoute("GET", _IMPORT, _ask, _ADMINISTRATOR),
        StaffRoute("POST", _IMPORT, _receive, _ADMINISTRATOR, upload_bytes_max=limit),
        StaffRoute("GET", _ONE, _show, _ADMINISTRATOR),
        StaffRoute("POST", f"{_ONE}/confirm", _confirm, _ADMINISTRATOR),
    ]


async def _export(page: StaffPage) -> ASGIApp:
    found = await flows.every(page.services.platform)
    data = await asyncio.to_thread(hospitals_file, found, page.language)
    return page.download(data, page.say("医院.xlsx"), XLSX)


def hospitals_file(
    found: Iterable[tuple[HospitalRecord, HospitalRules]], language: Language
) -> bytes:
    """Return every hospital in the form in which it can be imported again."""
    english = language == "en"
    columns = []
    for heading in c.HEADINGS:
        kind = Kind.NUMBER if heading.name in c.NUMBERS else Kind.TEXT
        if heading.name in c.TIMES:
            kind = Kind.TIME
        title = heading.titles[1 if english else 0]
        columns.append(Column(title, kind, _WIDTHS.get(heading.name, 14)))
    rows = []
    for record, rules in found:
        told = {c.CODE: record.code, **asdict(record.facts), **asdict(rules)}
        rows.append([told[heading.name] for heading in c.HEADINGS])
    return workbook([Table("Hospitals" if english else "医院", columns, rows)])


async def _ask(page: StaffPage) -> ASGIApp:
    return upload_form(page, _FORM)


async def _receive(page: StaffPage) -> ASGIApp:
    return await receive_upload(page, flows.receive, _FORM, _ONE)


async def _show(page: StaffPage) -> ASGIApp:
    return await _preview(page)


async def _preview(page: StaffPage, refused: str = "", status: int = 200) -> ASGIApp:
    id = read_id(page.request, "import_id", "not_found")
    saved = await flows.show(page.services.platform, page.staff, id)
    if saved is None:
        raise ProblemError("not_found")
    preview = saved.preview
    if preview is None:
        return page.redirect("/staff/hospitals")
    return page.show(
        "staff/hospital_imported.html",
        status,
        saved=saved,
        preview=preview,
        **fault_list(page, preview),
        headings={heading.name: heading.titles[page.language == "en"] for heading in c.HEADINGS},
        told=_told,
        refused=refused,
    )


def _told(value: Any) -> str:
    """Return a field's value as the preview shows it."""
    if isinstance(value, time):
        return value.isoformat("minutes")
    return "" if value is None else str(value)


async def _confirm(page: StaffPage) -> ASGIApp:
    id = read_id(page.request, "import_id", "not_found")
    seen = page.form.get("version", "")
    outcome = await flows.confirm(page.services.platform, page.staff, id, seen)
    if isinstance(outcome, Refused):
        if outcome.reason is FileRefusal.UNKNOWN:
            raise ProblemError("not_found")
        return await _preview(page, *page.refusal(outcome))
    page.flash(
        page.say(
            "已导入：新增{added}家医院，更改{changed}家；预约规则的更改从明天起生效。",
            added=len(outcome.additions),
            changed=len(outcome.changes),
        )
    )
    return page.redirect("/staff/hospitals")
