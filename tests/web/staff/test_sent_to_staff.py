"""Every sentence that sends people to the hotline or the window names what staff really do there.

A sentence is matched by what it promises; each promise names the route by which staff fulfil it.
A new sentence that fits none fails here until somebody says who does it, and where.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.web.words.test_words import said

import guahao.web
from guahao.notices import templates
from guahao.web.app import staff_routes
from guahao.web.wechat import words as wechat_words
from guahao.web.words.replies import REPLIES
from guahao.web.words.replies_hospital import HOSPITAL_REPLIES
from guahao.web.words.replies_reconciling import RECONCILING_REPLIES
from guahao.words.text import Words

TO_STAFF = re.compile(r"热线|hotline|窗口|客服")

# What is promised, and the route of the staff that does it. None: done by the hospital's own
# system at its own window (register for the day), or no promise at all (a label, a number).
PROMISES: dict[str, str | None] = {
    r"窗口打印": "POST /staff/window/persons/slips",
    r"窗口.{0,6}更正": "POST /staff/window/persons/check",
    r"(证件|原件|证明).{0,12}窗口.{0,4}登记": "POST /staff/window/persons/register",
    r"(证件|原件|证明).{0,12}窗口": "POST /staff/window/persons",
    r"申诉|异议|咨询": "POST /staff/no-shows/{patient_id}/excuse",
    r"退号": "POST /staff/calls/{call_id}/bookings/{appointment_id}/cancel",
    r"重发|重新发送": "POST /staff/calls/{call_id}/bookings/{appointment_id}/resend",
    r"转到|转号|不是本人": "POST /staff/calls/move",
    r"本人要求|查询|识别码|核实": "POST /staff/calls/{call_id}/verify",
    r"座机|登记": "POST /staff/calls/register",
    r"预约|办理|帮您办|帮您预约": "POST /staff/calls/{call_id}/book/{session_id}",
    r"致电|打电话": "POST /staff/tasks",
    r"窗口(现场)?挂号|窗口取号|挂号窗口|窗口照常|医院窗口|新窗口|窗口和排班|窗口": None,
    r"热线|客服|hotline": None,
}


def sentences() -> Iterator[str]:
    for reply in (REPLIES | HOSPITAL_REPLIES | RECONCILING_REPLIES).values():
        yield reply.detail.zh
        if reply.dated is not None:
            yield reply.dated.zh
    yield from (text for text, _ in said())
    yield from (template.zh for template in templates.TEMPLATES.values())
    yield from wechat_texts()
    for page in ("help.zh.html", "help_parts.zh.html"):
        text = (Path(guahao.web.__file__).parent / "templates" / page).read_text("utf-8")
        yield from re.split(r"[。\n]", re.sub(r"<[^>]+>", "", text))


def wechat_texts() -> Iterator[str]:
    """What the Official Account says, one by one or chosen from a table."""
    for value in vars(wechat_words).values():
        for text in value.values() if isinstance(value, dict) else [value]:
            if isinstance(text, Words):
                yield text.zh


def test_all_ways_of_speaking_to_people_are_read() -> None:
    read = set(sentences())
    assert any("微信与您的账户关联" in text for text in read)
    assert any("取号截止时间" in text for text in read)  # a hospital's system passes it on
    assert any("申诉成立" in text for text in read)  # an SMS


def promise(sentence: str) -> str | None:
    """The first promise that fits."""
    return next(pattern for pattern in PROMISES if re.search(pattern, sentence))


def test_who_is_sent_to_the_staff_is_helped_there() -> None:
    routes = {f"{route.method} {route.path}" for route in staff_routes()}
    promised = {promise(one) for one in sentences() if TO_STAFF.search(one)}
    missing = {PROMISES[one] for one in promised if one} - routes - {None}
    assert missing == set()


def test_no_sentence_leads_to_a_dead_end() -> None:
    """Phrases that promise what nobody does."""
    vague = re.compile(r"如有困难|trace_id|告知下面的编号")
    assert [one for one in sentences() if vague.search(one)] == []
