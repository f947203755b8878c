"""Every page of the staff, tried by those it is not for. New pages are covered as they come."""

from __future__ import annotations

import pytest
from tests.city import add_session, ask, ask_as_owner, change
from tests.web.browsing import Reader
from tests.web.site import Site, add_citizen, booked
from tests.web.staff_site import add_member, at_the_desk, session_of

from guahao.rules.staff.staff import HOSPITAL_ROLES, Role
from guahao.web.app import staff_routes
from guahao.web.staff import StaffRoute

ROUTES = [route for route in staff_routes() if route.roles is not None]


class AnyId(dict[str, int]):
    """An id for whatever a path asks for."""

    def __missing__(self, name: str) -> int:
        return 1


async def call(reader: Reader, route: StaffRoute) -> tuple[str, int, str]:
    """Which route, the status, and the page it leads to."""
    path = route.path.format_map(AnyId())
    reader.client.follow_redirects = False
    answer = await reader.client.request(route.method, path, data={"x": "1"})
    place = answer.headers.get("location", "").partition("?")[0]
    return f"{route.method} {route.path}", answer.status_code, place


async def members(site: Site, *, verified: bool) -> dict[Role, Reader]:
    """Somebody of each role, whose session has both factors or the password alone."""
    [[hospital_id]] = await ask(
        site.platform,
        "SELECT hospital_id FROM clinic_sessions WHERE id = %s",
        await add_session(site.platform),
    )
    readers = {}
    for role in Role:
        own = hospital_id if role in HOSPITAL_ROLES else None
        member = await add_member(site.platform, role, own)
        readers[role] = Reader.of(site)
        token = await session_of(site.platform, member, verified=verified)
        readers[role].client.cookies.set("staff", token)
    return readers


async def test_without_a_login_every_page_leads_to_the_login(site: Site) -> None:
    seen = [await call(Reader.of(site), route) for route in ROUTES]
    assert [one for one in seen if one[1:] != (303, "/staff/login")] == []
    assert len(seen) > 30


async def test_the_password_alone_leads_to_the_login_too(site: Site) -> None:
    readers = await members(site, verified=False)
    seen = [await call(readers[role], route) for route in ROUTES for role in route.roles or ()]
    assert [one for one in seen if one[1:] != (303, "/staff/login")] == []


async def test_every_other_role_is_refused(site: Site) -> None:
    readers = await members(site, verified=True)
    seen = [
        (role, *await call(readers[role], route))
        for route in ROUTES
        for role in Role
        if role not in (route.roles or ())
    ]
    assert [one for one in seen if one[2:] != (403, "")] == []
    assert len(seen) > 100


async def test_a_form_that_is_not_ours_is_refused_and_changes_nothing(site: Site) -> None:
    readers = await members(site, verified=True)
    before = await _state(site)
    seen = [
        await call(readers[min(route.roles or {Role.AGENT})], route)
        for route in staff_routes()
        if route.method == "POST"
    ]
    assert [one for one in seen if one[1] != 403] == []
    assert await _state(site) == before


# What a path of the hospital's pages may name: an id of another hospital's.
OF_A_HOSPITAL = [r for r in ROUTES if r.roles and r.roles <= HOSPITAL_ROLES and "{" in r.path]


@pytest.mark.parametrize("route", OF_A_HOSPITAL, ids=lambda r: f"{r.method} {r.path}")
async def test_another_hospitals_record_is_not_there(site: Site, route: StaffRoute) -> None:
    citizen = await add_citizen(site)
    theirs = await booked(site, citizen)
    await ask(site.platform, "UPDATE appointments SET status = 'picked_up' RETURNING id")
    [[own]] = await ask(
        site.platform,
        "SELECT hospital_id FROM clinic_sessions WHERE id = %s",
        await add_session(site.platform),
    )
    # A parameter that is not named here fails the test, until somebody says whose it is.
    ids = {
        "appointment_id": theirs["id"],
        "session_id": theirs["clinic_session_id"],
        **await _plans(site, theirs["clinic_session_id"]),
    }
    reader = await at_the_desk(site, min(route.roles or ()), own)
    day = f"?date={theirs['visit_date']}"
    path = route.path.format_map(ids)
    before = await _state(site)
    if route.method == "POST":
        await reader.go("/staff/password")
        csrf = reader.form().fields["csrf"]
        sent = {"csrf": csrf, "reason": "测试", f"a{theirs['id']}": "on"}
        answer = await reader.client.post(path + day, data=sent)
    else:
        answer = await reader.client.get(path + day)
        if "correct" in path:  # the form itself shows nothing of the record
            assert theirs["order_no"] not in answer.text
            return
    assert answer.status_code == 404, answer.text
    assert await _state(site) == before


async def _plans(site: Site, session_id: int) -> dict[str, int]:
    """Return ids of the hospital: of a timetable, a stop, an import, a list, a move and so on."""
    [found] = await ask_as_owner(
        site.platform,
        """
        WITH one AS (SELECT * FROM clinic_sessions WHERE id = %s), timetable AS (
            INSERT INTO timetables (hospital_id, department_id, title, iso_weekday, period,
                                    fee_fen, capacity)
            SELECT hospital_id, department_id, title, 1, period, 0, 1 FROM one RETURNING id
        ), stop AS (
            INSERT INTO stops (hospital_id, staff_id, reason_enc, first_date, last_date, at,
                               tell_at)
            SELECT hospital_id, 1, '', visit_date, visit_date, now(), now() FROM one
            RETURNING id
        ), import AS (
            INSERT INTO supply_imports (hospital_id, who_kind, who_id, who_name, filename, state,
                                        at)
            SELECT hospital_id, 'staff', 1, 'x', 'x.csv', 'checked', now() FROM one RETURNING id
        ), list AS (
            INSERT INTO reconciliations (hospital_id, at, made_at, first_date, last_date, sent_by,
                                         listed, agreed, too_new)
            SELECT hospital_id, now(), now(), visit_date, visit_date, 'x', 0, 0, 0 FROM one
            RETURNING id
        ), asker AS (
            INSERT INTO staff (login, name, role, password_hash, created_at)
            VALUES ('asker', '演示人员', 'agent', '', now()) RETURNING id
        ), move AS (
            INSERT INTO moves (kind, patient_id, phone_enc, reason_enc, staff_id, hospital_id,
                               state, created_at)
            SELECT 'move', p.id, '', '', s.id, one.hospital_id, 'proving', now()
            FROM one, patients p, asker s RETURNING id
        ), act AS (
            INSERT INTO supply_acts (hospital_id, kind, by_name, reason, at)
            SELECT hospital_id, 'change', 'x', '测试', now() FROM one RETURNING id
        )
        SELECT timetable.id, stop.id, import.id, one.department_id, list.id, move.id, act.id
        FROM timetable, stop, import, one, list, move, act
        """,
        session_id,
    )
    timetable_id, stop_id, import_id, department_id, list_id, move_id, act_id = found
    reason = site.platform.vault.seal("stops", "reason", stop_id, "测试")
    await change(site.platform, "UPDATE stops SET reason_enc = %s", reason)
    return {
        "timetable_id": timetable_id,
        "stop_id": stop_id,
        "import_id": import_id,
        "department_id": department_id,
        "reconciliation_id": list_id,
        "move_id": move_id,
        "act_id": act_id,
    }


async def _state(site: Site) -> list[tuple[object, ...]]:
    return [
        *await ask(site.platform, "SELECT to_jsonb(a) FROM appointments a ORDER BY id"),
        *await ask(site.platform, "SELECT to_jsonb(s) FROM clinic_sessions s ORDER BY id"),
        *await ask(site.platform, "SELECT to_jsonb(h) FROM hospitals h ORDER BY id"),
        *await ask(site.platform, "SELECT to_jsonb(d) FROM departments d ORDER BY id"),
        *await ask(site.platform, "SELECT to_jsonb(t) FROM audit_trail t ORDER BY seq"),
    ]
