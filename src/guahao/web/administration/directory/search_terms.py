"""The city's search terms: complaints and other names, and the departments they lead to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.hospitals import search_terms as flows
from guahao.flows.hospitals.files import term_importing as files
from guahao.flows.hospitals.files.previews import LIMITS
from guahao.flows.hospitals.files.term_reading import HEADINGS, KINDS, YES, normal
from guahao.rules.hospitals.importing import FileRefusal
from guahao.rules.hospitals.search_terms import WORD_MAX, SearchTerm, TermFacts, TermKind, listed
from guahao.rules.kernel.outcomes import Done, Refused
from guahao.rules.kernel.reasons import full_reason
from guahao.rules.kernel.text import search_text
from guahao.rules.staff.staff import Role
from guahao.sheets.write import Column, Table, csv_file, workbook
from guahao.web.administration.directory.uploads import (
    fault_list,
    receive_upload,
    upload_form,
)
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ProblemError, read_id
from guahao.web.http.uploads import XLSX
from guahao.web.staff import Act, StaffPage, StaffRoute, confirmed
from guahao.words.catalogue import Language

_ADMINISTRATOR = frozenset({Role.ADMINISTRATOR})
_LIST = "/staff/search-terms"
_ONE = "/staff/search-terms/{term_id}"
_IMPORT = "/staff/search-terms/import"
_IMPORTED = "/staff/search-terms/imports/{import_id}"
_FORM = "staff/search_term_import.html"
_CSV = "text/csv; charset=utf-8"
_LINES = frozenset({"also", "targets", "children"})
_TYPED_MAX = 80
_WIDTHS = {"also": 60.0, "targets": 44.0, "children": 36.0, "name_en": 22.0}


def search_term_routes() -> list[StaffRoute]:
    """Return the list, the form of a term, and files of terms."""
    limit = LIMITS.bytes
    who = _ADMINISTRATOR
    return [
        StaffRoute("GET", _LIST, _show, who),
        StaffRoute("GET", f"{_LIST}/export", _export, who),
        StaffRoute("GET", f"{_LIST}/new", _new, who),
        StaffRoute("POST", f"{_LIST}/new", _add, who, lines=_LINES),
        StaffRoute("GET", _IMPORT, _ask, who),
        StaffRoute("POST", _IMPORT, _receive, who, upload_bytes_max=limit),
        StaffRoute("POST", f"{_LIST}/shipped", _receive_shipped, who),
        StaffRoute("GET", _IMPORTED, _imported, who),
        StaffRoute("POST", f"{_IMPORTED}/confirm", _confirm, who),
        StaffRoute("GET", _ONE, _one, who),
        StaffRoute("POST", _ONE, _change, who, lines=_LINES),
        StaffRoute("POST", f"{_ONE}/delete", _delete, who),
    ]


# The list and its entries -----------------------------------------------------------------


async def _show(page: StaffPage) -> ASGIApp:
    q = page.query("q").strip()[:_TYPED_MAX]
    terms = await flows.listed(page.services.platform)
    wanted = search_text(q)
    shown = []
    for term in terms:
        texts = (*term.facts.words, *term.facts.targets, *term.facts.children)
        if wanted in search_text(" ".join(texts)):
            shown.append(term)
    return page.show(
        "staff/search_terms.html", typed=q, terms=shown, count=len(terms), kinds=_kinds(page)
    )


def _kinds(page: StaffPage) -> dict[str, str]:
    return {
        TermKind.COMPLAINT: page.say("症状"),
        TermKind.DEPARTMENT: page.say("科室的叫法"),
        TermKind.HOSPITAL: page.say("医院的叫法"),
    }


async def _new(page: StaffPage) -> ASGIApp:
    return _form(page, None, {"kind": TermKind.COMPLAINT.value})


async def _one(page: StaffPage) -> ASGIApp:
    term = await _found(page)
    return _form(page, term, _as_form(term.facts))


async def _found(page: StaffPage) -> SearchTerm:
    id = read_id(page.request, "term_id", "not_found")
    terms = await flows.listed(page.services.platform)
    found = next((term for term in terms if term.id == id), None)
    if found is None:
        raise ProblemError("not_found")
    return found


def _form(
    page: StaffPage,
    term: SearchTerm | None,
    given: dict[str, str],
    refused: str = "",
    status: int = 200,
) -> ASGIApp:
    return page.show(
        "staff/search_term.html",
        status,
        term=term,
        version="" if term is None else flows.version(term),
        given=given,
        saved=given if term is None else _as_form(term.facts),
        refused=refused,
        kinds=_kinds(page),
        word_max=WORD_MAX,
    )


def _as_form(facts: TermFacts) -> dict[str, str]:
    return {
        "kind": facts.kind.value,
        "name": facts.name,
        "name_en": facts.name_en,
        "also": "、".join(facts.also),
        "targets": "\n".join(facts.targets),
        "children": "\n".join(facts.children),
        "urgent": "yes" if facts.urgent else "",
    }


def _read_form(page: StaffPage) -> TermFacts | None:
    """Return the entry as typed; None where its kind is none."""
    form = page.form
    try:
        kind = TermKind(form.get("kind", ""))
    except ValueError:
        return None
    also, targets, children = (
        listed(form.get(name, "")) for name in ("also", "targets", "children")
    )
    name, name_en, urgent = form.get("name", ""), form.get("name_en", ""), form.get("urgent")
    return normal(TermFacts(kind, name, name_en, also, targets, children, urgent == "yes"))


async def _add(page: StaffPage) -> ASGIApp:
    facts, reason = _read_form(page), full_reason(page.form.get("reason", ""))
    if facts is None:
        raise ProblemError("bad_request")
    if reason is None:
        return _form(page, None, page.form, page.say("请写明原因，2到200个字。"), 422)
    outcome = await flows.add(page.services.platform, page.staff, facts, reason)
    if isinstance(outcome, Refused):
        return _form(page, None, page.form, *page.refusal(outcome))
    page.flash(page.say("已添加。"))
    return page.redirect(_LIST)


async def _change(page: StaffPage) -> ASGIApp:
    term, facts = await _found(page), _read_form(page)
    reason = full_reason(page.form.get("reason", ""))
    if facts is None:
        raise ProblemError("bad_request")
    if reason is None:
        return _form(page, term, page.form, page.say("请写明原因，2到200个字。"), 422)
    seen = page.form.get("version", "")
    outcome = await flows.change(page.services.platform, page.staff, term.id, seen, facts, reason)
    match outcome:
        case Done():
            page.flash(page.say("已保存。"))
            return page.redirect(_LIST)
        case Refused():
            term = await _found(page)  # where there is none, that is the answer
            return _form(page, term, page.form, *page.refusal(outcome))
        case never:
            assert_never(never)


async def _delete(page: StaffPage) -> ASGIApp:
    term = await _found(page)
    reason = confirmed(
        page,
        Act(
            page.say("删除“{name}”？", name=term.facts.name),
            [page.say("患者再搜索这个词及其他说法，将只按医院和科室的名称查找。")],
            page.say("删除"),
            _ONE.format(term_id=term.id),
            "hospitals",
        ),
    )
    if isinstance(reason, Answer):
        return reason
    seen = page.form.get("version", "")
    outcome = await flows.delete(page.services.platform, page.staff, term.id, seen, reason)
    if isinstance(outcome, Refused):
        term = await _found(page)
        return _form(page, term, _as_form(term.facts), *page.refusal(outcome))
    page.flash(page.say("已删除。"))
    return page.redirect(_LIST)


# Files ------------------------------------------------------------------------------------


async def _export(page: StaffPage) -> ASGIApp:
    """Return all terms in the form in which they can be imported again."""
    found = await flows.listed(page.services.platform)
    if page.query("as") == "csv":
        data = csv_file(_table(found, page.language))
        return page.download(data, page.say("搜索用语.csv"), _CSV)
    data = await asyncio.to_thread(workbook, [_table(found, page.language)])
    return page.download(data, page.say("搜索用语.xlsx"), XLSX)


def _table(found: Iterable[SearchTerm], language: Language) -> Table:
    english = language == "en"
    columns = [
        Column(heading.titles[english], width=_WIDTHS.get(heading.name, 14.0))
        for heading in HEADINGS
    ]
    rows = [
        [
            KINDS[term.facts.kind][english],
            term.facts.name,
            term.facts.name_en,
            "、".join(term.facts.also),
            "、".join(term.facts.targets),
            "、".join(term.facts.children),
            YES[english] if term.facts.urgent else "",
        ]
        for term in found
    ]
    return Table("Search terms" if english else "搜索用语", columns, rows)


async def _ask(page: StaffPage) -> ASGIApp:
    return upload_form(page, _FORM)


async def _receive(page: StaffPage) -> ASGIApp:
    return await receive_upload(page, files.receive, _FORM, _IMPORTED)


async def _receive_shipped(page: StaffPage) -> ASGIApp:
    id = await files.receive_shipped(page.services.platform, page.staff)
    return page.redirect(_IMPORTED.format(import_id=id))


async def _imported(page: StaffPage) -> ASGIApp:
    return await _preview(page)


async def _preview(page: StaffPage, refused: str = "", status: int = 200) -> ASGIApp:
    id = read_id(page.request, "import_id", "not_found")
    saved = await files.show(page.services.platform, page.staff, id)
    if saved is None:
        raise ProblemError("not_found")
    preview = saved.preview
    if preview is None:
        return page.redirect(_LIST)
    return page.show(
        "staff/search_term_imported.html",
        status,
        saved=saved,
        preview=preview,
        **fault_list(page, preview),
        kinds=_kinds(page),
        refused=refused,
        reason=page.form.get("reason", ""),
    )


async def _confirm(page: StaffPage) -> ASGIApp:
    id = read_id(page.request, "import_id", "not_found")
    reason = full_reason(page.form.get("reason", ""))
    if reason is None:
        return await _preview(page, page.say("请写明原因，2到200个字。"), 422)
    seen = page.form.get("version", "")
    outcome = await files.confirm(page.services.platform, page.staff, id, seen, reason)
    if isinstance(outcome, Refused):
        if outcome.reason is FileRefusal.UNKNOWN:
            raise ProblemError("not_found")
        return await _preview(page, *page.refusal(outcome))
    page.flash(
        page.say(
            "已导入：新增{added}条，更改{changed}条。",
            added=len(outcome.additions),
            changed=len(outcome.changes),
        )
    )
    return page.redirect(_LIST)
