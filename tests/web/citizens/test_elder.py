"""The elder view's own flow, by plain links and forms."""

from __future__ import annotations

import re
from datetime import date

from tests.city import add_session, change
from tests.web.browsing import Reader
from tests.web.site import Site, add_citizen, booked

from guahao.web.citizens.elder import ANSWERS, few

HEAD = """
WITH head AS (
    INSERT INTO departments (hospital_id, code, name) VALUES (1, '03', '内科') RETURNING id
)
UPDATE departments SET parent_id = head.id FROM head WHERE departments.id = 1
"""


async def elder(site: Site, language: str = "zh") -> Reader:
    reader = Reader.of(site, language=language)
    reader.client.cookies.set("view", "elder")
    await reader.go("/")
    return reader


def answers(reader: Reader) -> list[str]:
    """The links of the screen's answers."""
    return re.findall(r'<a class="answer[^"]*"[^>]* href="([^"]*)"', reader.text)


async def test_each_answer_leads_to_the_next_question_until_the_visit_is_booked(
    site: Site,
) -> None:
    await add_citizen(site)
    await add_session(site.platform)
    await change(site.platform, HEAD)
    reader = await elder(site)
    await reader.log_in()
    await reader.go("/")
    assert answers(reader) == ["/search", "/bookings", "tel:114"]
    questions = []
    for _ in range(10):
        await reader.go(answers(reader)[0].replace("&amp;", "&"))
        questions += re.findall(r'<h1 class="ask__question">(.*?)</h1>', reader.text)
        if not answers(reader):
            break
    assert questions == ["去哪家医院？", "看哪个科？", "哪一天？", "什么时间？", "对吗？"]
    await reader.send()
    assert reader.path.startswith("/bookings/"), reader.text


async def test_the_next_visit_stands_below_the_buttons(site: Site) -> None:
    citizen = await add_citizen(site)
    reader = await elder(site)
    assert 'hx-get="/mine"' in reader.text
    part = {"HX-Request": "true"}
    assert (await reader.client.get("/mine", headers=part)).text.strip() == ""
    await reader.log_in()
    booking = await booked(site, citizen)  # whose SMS could be taken for the log-in's before
    said = (await reader.client.get("/mine", headers=part)).text
    assert f'href="/bookings/{booking["id"]}"' in said
    assert "下一次就诊" in said
    assert booking["code"][:4] not in said  # read over a shoulder


async def test_the_standard_view_and_the_elder_view_are_stored_apart(site: Site) -> None:
    reader = await elder(site)
    assert "您要做什么？" in reader.text
    assert "您要做什么？" not in (await site.get("/", headers={"Accept": "text/html"})).text


async def test_a_department_without_places_says_so_and_goes_on(site: Site) -> None:
    await add_session(site.platform)
    reader = await elder(site)
    await change(site.platform, "UPDATE clinic_sessions SET booked = capacity")
    await reader.go("/departments/1")
    assert "没有能约的号" in reader.text
    await reader.go("/departments/1?day=2026-12-03")
    assert "这一天没有能约的号" in reader.text


async def test_a_screen_has_few_answers_and_leads_to_the_others(site: Site) -> None:
    for n in range(ANSWERS + 1):
        await add_session(site.platform, date(2026, 12, 1 + n))
    await change(site.platform, "UPDATE clinic_sessions SET hospital_id = 1, department_id = 1")
    reader = await elder(site)
    await reader.go("/departments/1")
    assert len(answers(reader)) == ANSWERS
    await reader.go("/departments/1?page=2")
    assert answers(reader) == ["/departments/1?day=2026-12-05"]
    assert 'href="/departments/1?page=1"' in reader.text


def test_a_page_beyond_the_last_is_the_last() -> None:
    numbers = list(range(ANSWERS + 1))
    for typed in ("2", "999"):
        last = few(numbers, "/x", {"page": typed, "group": "3"})
        assert last.shown == [ANSWERS]
        assert (last.earlier, last.later) == ("/x?page=1&group=3", None)
    for typed in ("", "0", "-1", "x", "9" * 40):
        first = few(numbers, "/x", {"page": typed} if typed else {})
        assert (first.earlier, first.later) == (None, "/x?page=2")
