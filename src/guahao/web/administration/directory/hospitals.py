"""The directory of hospitals: find, add and change an entry."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.hospitals import hospitals as flows
from guahao.flows.hospitals.hospitals import Faulty
from guahao.rules.hospitals.hospitals import GRADES, LENGTHS, Faults, HospitalFacts
from guahao.rules.kernel.limits import HospitalRules
from guahao.rules.kernel.outcomes import Done, Refused
from guahao.rules.kernel.text import prose, typed
from guahao.rules.staff.staff import Role
from guahao.web.http.reading import read_id
from guahao.web.staff import StaffPage, StaffRoute
from guahao.web.staff.at_hospital import HospitalContext, place_of
from guahao.web.staff.hospital.hospital_rules import read_rules, rules_form
from guahao.web.staff.reading import read_number

_ADMINISTRATOR = frozenset({Role.ADMINISTRATOR})
_LIST = "/staff/hospitals"
_NEW = "/staff/hospitals/new"
_ONE = "/staff/hospitals/{hospital_id}"
_LINES = frozenset({"notice", "notice_en"})
_TYPED_MAX = 80
_PAGES_MAX = 1000


def hospital_routes() -> list[StaffRoute]:
    """Return the list, the form for a new hospital, and a hospital's entry."""
    return [
        StaffRoute("GET", _LIST, _listed, _ADMINISTRATOR),
        StaffRoute("GET", _NEW, _ask_new, _ADMINISTRATOR),
        StaffRoute("POST", _NEW, _add, _ADMINISTRATOR, lines=_LINES),
        StaffRoute("GET", _ONE, _show, _ADMINISTRATOR),
        StaffRoute("POST", _ONE, _change, _ADMINISTRATOR, lines=_LINES),
    ]


async def _listed(page: StaffPage) -> ASGIApp:
    typed = page.query("q").strip()[:_TYPED_MAX]
    number = min(max(read_number(page.query("page")), 1), _PAGES_MAX)
    found = await flows.find(page.services.platform, typed, number)
    return page.show("staff/hospitals.html", found=found, typed=typed, number=number)


# Adding -------------------------------------------------------------------------------------


async def _ask_new(page: StaffPage) -> ASGIApp:
    return await _new_form(page, {"grade": GRADES[-1], **rules_form(HospitalRules())})


async def _new_form(
    page: StaffPage,
    given: dict[str, str],
    refused: str = "",
    faults: Faults | None = None,
    status: int = 200,
) -> ASGIApp:
    return page.show(
        "staff/hospital_new.html",
        status,
        given=given,
        refused=refused,
        **await _words(page, faults),
    )


async def _words(page: StaffPage, faults: Faults | None) -> dict[str, object]:
    """Return what the form of an entry needs besides what was typed."""
    return {
        "faults": {
            name: page.refusal(Refused(fault), most=LENGTHS.get(name, 0)).text
            for name, fault in (faults or {}).items()
        },
        "grades": GRADES,
        "lengths": LENGTHS,
        "districts": await flows.districts(page.services.platform),
    }


async def _add(page: StaffPage) -> ASGIApp:
    form = page.form
    facts, rules = read_facts(form), read_rules(form)
    if rules is None:
        return await _new_form(page, form, page.say("请填写每个时间，写成8:30这样。"), status=422)
    code = typed(form.get("code", ""))
    outcome = await flows.add(page.services.platform, page.staff, code, facts, rules)
    match outcome:
        case Refused():
            refused, status = page.refusal(outcome)
            return await _new_form(page, form, refused, status=status)
        case Faulty(faults):
            said = page.say("没有保存：请改正标出的各栏。")
            return await _new_form(page, form, said, faults, 422)
        case int():
            page.flash(page.say("已添加。接着添加科室，再由医院排班。"))
            return page.redirect(f"{_LIST}/{outcome}/departments")
        case never:
            assert_never(never)


# One hospital's entry -----------------------------------------------------------------------


async def _show(page: StaffPage) -> ASGIApp:
    place = await place_of(page)
    assert place.hospital is not None
    return await _form(page, place, _as_form(place.hospital.facts))


async def _form(
    page: StaffPage,
    place: HospitalContext,
    given: dict[str, str],
    refused: str = "",
    faults: Faults | None = None,
    status: int = 200,
) -> ASGIApp:
    assert place.hospital is not None
    return page.show(
        "staff/hospital_facts.html",
        status,
        place=place,
        given=given,
        saved=_as_form(place.hospital.facts),
        version=flows.version(place.hospital),
        refused=refused,
        **await _words(page, faults),
    )


async def _change(page: StaffPage) -> ASGIApp:
    id = read_id(page.request, "hospital_id", "not_found")
    seen, facts = page.form.get("version", ""), read_facts(page.form)
    outcome = await flows.change(page.services.platform, page.staff, id, seen, facts)
    match outcome:
        case Done():
            page.flash(page.say("已保存。"))
            return page.redirect(f"{_LIST}/{id}")
        case Refused():
            place = await place_of(page)  # where there is none, that is the answer
            said, status = page.refusal(outcome)
            return await _form(page, place, page.form, said, status=status)
        case Faulty(faults):
            said = page.say("没有保存：请改正标出的各栏。")
            return await _form(page, await place_of(page), page.form, said, faults, 422)
        case never:
            assert_never(never)


def read_facts(form: dict[str, str]) -> HospitalFacts:
    """Return the entry as it was typed."""
    return HospitalFacts(
        **{
            field.name: prose(form.get(field.name, ""), lines=field.name in _LINES)
            for field in fields(HospitalFacts)
        }
    )


def _as_form(facts: HospitalFacts) -> dict[str, str]:
    return asdict(facts)
