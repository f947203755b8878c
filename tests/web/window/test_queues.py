"""The clerk's queue, the slip, the boards of the waiting hall, and the patient's own place."""

from __future__ import annotations

import re

import pytest
from tests.city import Clock, ask, change, resident_id
from tests.flows.hall.hall_city import Clinic, add_clinic
from tests.web.browsing import Form, Reader
from tests.web.site import Site
from tests.web.staff_site import at_the_desk

from guahao.rules.staff.staff import Role


@pytest.fixture
async def clinic(site: Site, clock: Clock) -> Clinic:
    return await add_clinic(site.platform, clock)


async def clerk(site: Site, clinic: Clinic, language: str = "zh") -> Reader:
    return await at_the_desk(site, Role.CLERK, clinic.hospital_id, language=language)


def path(clinic: Clinic) -> str:
    return f"/staff/window/queues/{clinic.session_id}"


async def call_next(reader: Reader, clinic: Clinic, room: str = "3诊室") -> str:
    await reader.go(path(clinic))
    await reader.send(reader.form(f"{path(clinic)}/next"), room=room)
    return reader.text


async def act(reader: Reader, clinic: Clinic, place: int, name: str, **more: str) -> int:
    """Send a form of an act, as it stands on the page or stood there a moment ago."""
    await reader.go(path(clinic))
    fields = reader.form(f"{path(clinic)}/notice").fields
    given = {"appointment": str(clinic.bookings[place - 1]), "act": name, "room": "3诊室", **more}
    page = await reader.send(Form(f"{path(clinic)}/act", "post", fields), **given)
    return page.status_code


async def board(site: Site, language: str = "zh") -> str:
    [[department_id]] = await ask(site.platform, "SELECT department_id FROM clinic_sessions")
    answer = await site.get(
        f"/departments/{department_id}/board",
        headers={"Accept": "text/html", "Accept-Language": language},
    )
    assert answer.status_code == 200
    return answer.text


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


async def test_the_window_shows_number_and_time_and_prints_a_slip(
    site: Site, clinic: Clinic
) -> None:
    reader = await clerk(site, clinic)
    await reader.go("/staff/window")
    await reader.send(reader.form("/staff/window"), code="00000002", id_no=resident_id(2))
    assert "2号" in reader.text
    assert "请08:30–08:40候诊" in reader.text
    await reader.go(f"/staff/window/slips/{clinic.bookings[1]}")
    for said in ("2号", "08:30–08:40", "张*", "data-print"):
        assert said in reader.text
    assert "张三" not in reader.text
    await reader.go(f"/staff/window/slips/{clinic.bookings[0]}")  # not picked up
    assert reader.page.status_code == 404


async def test_a_clerk_calls_skips_puts_back_and_closes(site: Site, clinic: Clinic) -> None:
    await clinic.pick_up(1, 2, 3)
    reader = await clerk(site, clinic)
    await reader.go("/staff/window/queues")
    assert f'href="{path(clinic)}"' in reader.text
    assert "已叫1号" in await call_next(reader, clinic)
    assert 'value="3诊室"' in reader.text  # the room stands there for the next call
    assert await act(reader, clinic, 1, "skip") == 200
    assert "重新排队" in reader.text
    assert "已叫2号" in await call_next(reader, clinic)
    assert await act(reader, clinic, 1, "requeue", behind="1") == 200
    assert "已叫3号" in await call_next(reader, clinic)
    assert "已叫1号" in await call_next(reader, clinic)
    assert await act(reader, clinic, 1, "done") == 200
    assert await act(reader, clinic, 1, "skip") == 409
    assert "刚有变化" in reader.text
    assert await act(reader, clinic, 4, "done") == 409
    assert await act(reader, clinic, 1, "sing") == 400
    await reader.go(path(clinic))
    form = reader.form(f"{path(clinic)}/next")
    assert (await reader.send(form)).status_code == 409
    assert "没有候诊的人" in reader.text


async def test_a_form_sent_twice_calls_a_single_number(site: Site, clinic: Clinic) -> None:
    await clinic.pick_up(1, 2)
    reader = await clerk(site, clinic)
    await reader.go(path(clinic))
    form = reader.form(f"{path(clinic)}/next")
    await reader.send(form)
    await reader.send(form)
    called = await ask(site.platform, "SELECT number FROM queue_entries WHERE state = 'called'")
    assert called == [(1,)]


async def test_another_hospital_s_clerk_finds_nothing(site: Site, clinic: Clinic) -> None:
    await clinic.pick_up(1)
    await ask(
        site.platform,
        "INSERT INTO hospitals (code, name, grade, district)"
        " VALUES ('X', '别院', '三级甲等', '西城') RETURNING id",
    )
    [[other]] = await ask(site.platform, "SELECT id FROM hospitals WHERE code = 'X'")
    reader = await at_the_desk(site, Role.CLERK, other)
    for found in (path(clinic), f"/staff/window/slips/{clinic.bookings[0]}"):
        assert (await reader.go(found)).status_code == 404


async def test_the_board_shows_numbers_and_rooms_and_nobody_s_name(
    site: Site, clinic: Clinic
) -> None:
    assert "现在没有叫号" in await board(site)
    await clinic.pick_up(1, 2, 3)
    reader = await clerk(site, clinic)
    await call_next(reader, clinic)
    await act(reader, clinic, 1, "skip")
    await call_next(reader, clinic, "5诊室")
    page = await board(site)
    assert 'data-say="请2号到5诊室就诊"' in page
    assert "过号 1 请到分诊台" in text_of(page)
    assert "请准备 3" in text_of(page)
    assert 'http-equiv="refresh"' in page
    for hidden in ("张", resident_id(1), "00000001", "csrf", "1380000"):
        assert hidden not in page
    english = await board(site, "en")
    assert "Number 2, please go to 5诊室" in english


@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        ("delayed", {"minutes": "30"}, "医生晚到，约30分钟"),
        ("delayed", {"minutes": "31"}, "医生晚到，请稍候"),
        ("paused", {}, "暂停叫号，请稍候"),
        ("moved", {"room": "二层8诊室"}, "已换到二层8诊室"),
    ],
)
async def test_a_notice_stands_on_the_board_until_it_is_removed(
    site: Site, clinic: Clinic, kind: str, fields: dict[str, str], said: str
) -> None:
    await clinic.pick_up(1)
    reader = await clerk(site, clinic)
    await reader.go(path(clinic))
    await reader.send(reader.form(f"{path(clinic)}/notice"), kind=kind, **fields)
    assert reader.page.status_code == 200
    assert said in reader.text
    assert said in await board(site)
    await reader.go(path(clinic))
    await reader.send(reader.form(f"{path(clinic)}/notice"), kind="")
    assert said not in reader.text


async def test_a_notice_without_its_room_or_of_no_kind_is_refused(
    site: Site, clinic: Clinic
) -> None:
    reader = await clerk(site, clinic)
    for fields, status in (({"kind": "moved", "room": " "}, 422), ({"kind": "<b>"}, 400)):
        await reader.go(path(clinic))
        page = await reader.send(reader.form(f"{path(clinic)}/notice"), **fields)
        assert page.status_code == status
    assert await ask(site.platform, "SELECT FROM queue_notices") == []


async def test_a_stop_after_pick_up_is_on_the_board_and_ends_the_calls(
    site: Site, clinic: Clinic
) -> None:
    await clinic.pick_up(1, 2)
    reader = await clerk(site, clinic)
    await call_next(reader, clinic)
    await change(site.platform, "UPDATE clinic_sessions SET stopped_at = now()")
    assert "停诊：已取号的患者" in await board(site)
    await reader.go(path(clinic))
    assert "不再叫号" in reader.text
    page = await reader.send(reader.form(f"{path(clinic)}/next"))
    assert page.status_code == 409


async def test_the_list_of_a_hospital_leads_to_its_boards(site: Site, clinic: Clinic) -> None:
    await clinic.pick_up(1, 2)
    found = await site.get(
        f"/hospitals/{clinic.hospital_id}/boards", headers={"Accept": "text/html"}
    )
    [[department_id]] = await ask(site.platform, "SELECT department_id FROM clinic_sessions")
    assert f'href="/departments/{department_id}/board"' in found.text
    assert "候诊2人" in found.text
    for missing in ("/hospitals/999/boards", "/departments/999/board", "/departments/0/board"):
        assert (await site.get(missing)).status_code == 404


async def test_a_patient_sees_their_own_place_and_it_renews_itself(
    site: Site, clinic: Clinic
) -> None:
    citizen = Reader.of(site)
    await citizen.log_in(3)
    page = f"/bookings/{clinic.bookings[2]}"
    assert "排队号" not in (await citizen.go(page)).text
    await clinic.pick_up(1, 2, 3)
    reader = await clerk(site, clinic)
    await call_next(reader, clinic)
    shown = text_of((await citizen.go(page)).text)
    assert "3号" in shown
    assert "现在叫到1号，您前面约1人。" in shown
    partial = {"HX-Request": "true"}
    part = await citizen.client.get(f"{page}/queue", headers=partial)
    assert part.text.lstrip().startswith('<section id="queue"')
    assert "private" in part.headers["cache-control"]
    known = {**partial, "If-None-Match": part.headers["etag"]}
    assert (await citizen.client.get(f"{page}/queue", headers=known)).status_code == 304
    await call_next(reader, clinic)
    changed = await citizen.client.get(f"{page}/queue", headers=known)
    assert "下一个就是您" in changed.text
    await call_next(reader, clinic)
    assert "轮到您了，请到3诊室" in (await citizen.client.get(f"{page}/queue", headers=known)).text
    # Without scripts, the page itself.
    assert (await citizen.go(f"{page}/queue")).url.path == page
    # Nobody else's.
    other = f"/bookings/{clinic.bookings[0]}/queue"
    assert (await citizen.client.get(other, headers=partial)).status_code == 404
