"""An insider at the hotline guesses who calls: every guess is counted, recorded, and in vain."""

from __future__ import annotations

import asyncio

from tests.city import ask, phone, resident_id
from tests.web.site import Site, add_citizen
from tests.web.staff_site import add_member

from guahao.flows.call_centre.calls import begin_call, search, verify
from guahao.rules.call_centre.calls import (
    ATTEMPTS_A_DAY,
    ATTEMPTS_OF_AGENT_A_DAY,
    WRONG_ANSWERS_MAX,
    CallRefusal,
    Question,
)
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.staff.staff import Role, Staff

GUESSES = 345
TOO_MANY = Refused(CallRefusal.TOO_MANY_WRONG)
RIGHT = {Question.DOCUMENT: resident_id(1), Question.NAME: "张三"}
_ATTEMPTS = """
    SELECT count(*), count(*) FILTER (WHERE detail::jsonb ? 'refused')
    FROM audit_trail WHERE action = 'verify_caller'
"""


async def on_the_line(site: Site, by: Staff, number: int = 1) -> int:
    hits = await search(site.platform, by, phone(number))
    call_id = await begin_call(site.platform, by, hits.found[0].reference)
    assert call_id is not None
    return call_id


async def test_345_guesses_leave_345_entries_and_the_right_answer_comes_too_late(
    site: Site,
) -> None:
    await add_citizen(site)
    agent = await add_member(site.platform, Role.AGENT)
    compared = call_id = 0
    for guess in range(GUESSES):
        if guess % WRONG_ANSWERS_MAX == 0:  # a new call, as often as the agent likes
            call_id = await on_the_line(site, agent)
        said = {Question.DOCUMENT: f"{guess:06d}"}
        compared += await verify(site.platform, agent, call_id, said) is False
    assert compared == ATTEMPTS_A_DAY
    call_id = await on_the_line(site, agent)
    assert await verify(site.platform, agent, call_id, RIGHT) == TOO_MANY
    assert await ask(site.platform, _ATTEMPTS) == [(GUESSES + 1, GUESSES + 1 - ATTEMPTS_A_DAY)]


async def test_guesses_at_once_are_counted_one_by_one(site: Site) -> None:
    await add_citizen(site)
    agents = [await add_member(site.platform, Role.AGENT) for _ in range(12)]
    calls = [(agent, await on_the_line(site, agent)) for agent in agents]
    said = {Question.DOCUMENT: "000000"}
    outcomes = await asyncio.gather(
        *(verify(site.platform, agent, call_id, said) for agent, call_id in calls)
    )
    assert outcomes.count(False) == ATTEMPTS_A_DAY
    assert outcomes.count(TOO_MANY) == 12 - ATTEMPTS_A_DAY
    assert await ask(site.platform, _ATTEMPTS) == [(12, 12 - ATTEMPTS_A_DAY)]


async def test_an_agent_who_guesses_at_many_callers_is_stopped(site: Site) -> None:
    agent = await add_member(site.platform, Role.AGENT)
    callers = ATTEMPTS_OF_AGENT_A_DAY // 2 + 1
    outcomes: list[bool | Refused[CallRefusal]] = []
    for number in range(1, callers + 1):
        await add_citizen(site, number)
        call_id = await on_the_line(site, agent, number)
        said = {Question.DOCUMENT: "000000"}
        outcomes += [await verify(site.platform, agent, call_id, said) for _ in range(2)]
    assert outcomes.count(False) == ATTEMPTS_OF_AGENT_A_DAY
    assert outcomes[-2:] == [TOO_MANY] * 2


async def test_right_answers_use_nothing_up(site: Site) -> None:
    await add_citizen(site)
    agent = await add_member(site.platform, Role.AGENT)
    for _ in range(ATTEMPTS_A_DAY + 3):
        call_id = await on_the_line(site, agent)
        assert await verify(site.platform, agent, call_id, RIGHT) is True


async def test_another_agents_call_and_a_call_that_is_over_are_recorded_too(site: Site) -> None:
    await add_citizen(site)
    agent, other = [await add_member(site.platform, Role.AGENT) for _ in range(2)]
    call_id = await on_the_line(site, agent)
    assert await verify(site.platform, other, call_id, RIGHT) == Refused(CallRefusal.CALL_OVER)
    assert await ask(site.platform, _ATTEMPTS) == [(1, 1)]
