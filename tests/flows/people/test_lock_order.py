"""Staff and citizens act on one person at the same time: one order of locks, no deadlock.

A test cannot wait for luck: a third transaction holds a row until both wait in front of it, so
that they meet every time. `test_the_gate_makes_two_orders_meet` is the control: two orders that
differ deadlock there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement, count, cycle

import pytest
from psycopg.errors import DeadlockDetected
from tests.city import (
    LOOPBACK,
    Clock,
    add_account,
    add_patient,
    add_session,
    ask,
    change,
    open_platform,
    phone,
    resident_id,
)
from tests.crowd import open_desk
from tests.flows.meeting import Act, assert_no_deadlock, meet
from tests.web.staff_site import add_member

from guahao.flows.kernel.platform import Platform
from guahao.flows.people import counter, moving
from guahao.flows.people import logins as login_flows
from guahao.flows.people.counter import AtCounter
from guahao.flows.people.logins import Device, log_in_bound, log_out_everywhere
from guahao.flows.people.moving import MovePending
from guahao.flows.people.patients import register_patient
from guahao.flows.people.removing import remove_patient
from guahao.identity_check.gateway import Verdict
from guahao.rules.kernel.facts import Actor
from guahao.rules.people.identity import Document
from guahao.rules.staff.staff import Role, Staff
from guahao.tools.audit.audit import audit

_ROUNDS = 5


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as platform:
        yield platform


class Registry:
    """An authority that knows everybody."""

    name = "registry"

    async def check(self, person_name: str, document: Document) -> Verdict:  # noqa: ARG002
        return Verdict.MATCH


@dataclass
class Scene:
    """A person on an account, and the staff who serve them.

    `number`: whose documents and phones these are; every scene has its own.
    """

    platform: Platform
    number: int
    account_id: int
    patient_id: int
    session_id: int
    clerk: Staff
    agent: Staff
    supervisor: Staff

    @property
    def id_no(self) -> str:
        return resident_id(self.number)

    @property
    def landline(self) -> str:
        return f"010-65551234转{self.number}"

    def phone(self, which: int) -> str:
        return phone(self.number * 10 + which)

    async def in_hand(self) -> str:
        found = await counter.look_up(
            self.platform, self.clerk, "张三", "01", self.id_no, original_seen=True
        )
        assert isinstance(found, AtCounter)
        return found.sealed

    async def asked(self, *, at_window: bool) -> tuple[int, str]:
        """A request whose phone is to be proven, and the code that does."""
        outcome: object
        if at_window:
            outcome = await counter.ask_to_move(
                self.platform, self.clerk, await self.in_hand(), self.phone(1), "换号"
            )
        else:
            outcome = await moving.ask_by_document(
                self.platform, self.agent, "张三", "01", self.id_no, self.phone(2), "能说出过往"
            )
        assert isinstance(outcome, MovePending)
        code = "123456"
        index = self.platform.vault.index("move_code", f"{outcome.move_id} {code}")
        await change(
            self.platform,
            "UPDATE moves SET code_index = %s WHERE id = %s",
            *(index, outcome.move_id),
        )
        return outcome.move_id, code


async def scenes(platform: Platform) -> AsyncIterator[Scene]:
    """Scene after scene, with the same staff."""
    session_id = await add_session(platform)
    [[hospital_id]] = await ask(
        platform, "SELECT hospital_id FROM clinic_sessions WHERE id = %s", session_id
    )
    clerk = await add_member(platform, Role.CLERK, hospital_id)
    agent = await add_member(platform, Role.AGENT)
    supervisor = await add_member(platform, Role.SUPERVISOR)
    for number in count(1):
        account_id = await add_account(platform, number * 10)
        patient = await add_patient(platform, account_id, number)
        staff = (clerk, agent, supervisor)
        yield Scene(platform, number, account_id, patient.id, session_id, *staff)
        await change(platform, "DELETE FROM throttle_counts")


async def scene(platform: Platform) -> Scene:
    return await anext(scenes(platform))


async def test_the_gate_makes_two_orders_meet(platform: Platform) -> None:
    here = await scene(platform)

    async def in_order(*rows: tuple[str, int]) -> None:
        async with platform.db.transaction() as tx:
            for row, id in rows:
                await tx.do(f"SELECT FROM {row} WHERE id = %s FOR NO KEY UPDATE", (id,))

    account, person = ("accounts", here.account_id), ("patients", here.patient_id)
    acts: list[Act] = [lambda: in_order(account, person), lambda: in_order(person, account)]
    outcomes = await meet(platform, *account, *acts)
    assert sum(isinstance(one, DeadlockDetected) for one in outcomes) == 1
    acts = [lambda: in_order(account, person)] * 2
    assert_no_deadlock(await meet(platform, *account, *acts))


async def test_a_move_to_a_landline_and_a_removal(platform: Platform) -> None:
    """At a window a landline is moved to at once: the accounts come before the person."""
    here = await scene(platform)
    sealed = await here.in_hand()
    outcomes = await meet(
        platform,
        *("accounts", here.account_id),
        lambda: remove_patient(platform, here.account_id, here.patient_id),
        lambda: counter.ask_to_move(platform, here.clerk, sealed, here.landline, "换号"),
    )
    assert_no_deadlock(outcomes)


async def test_a_decision_and_a_newer_request(platform: Platform) -> None:
    """A request that was made while another waited for the person."""
    rounds = 0
    async for here in scenes(platform):
        sealed = await here.in_hand()

        async def ask_and_prove(here: Scene = here) -> object:
            move_id, code = await here.asked(at_window=True)
            return await moving.prove_phone(platform, here.clerk, move_id, code)

        async def ask_again(here: Scene = here, sealed: str = sealed) -> object:
            new = here.phone(5)
            return await counter.ask_to_move(platform, here.clerk, sealed, new, "换号")

        outcomes = await meet(
            platform, "patients", here.patient_id, ask_and_prove, ask_again, ask_again
        )
        assert_no_deadlock(outcomes)
        if (rounds := rounds + 1) == _ROUNDS:
            break


async def test_all_pairs_on_one_person(platform: Platform) -> None:
    """Whatever two do with one person at once, both are answered, and the records agree."""
    pairs = combinations_with_replacement(ACTS, 2)
    tables = cycle(("patients", "accounts"))
    async for here in scenes(platform):
        pair = next(pairs, None)
        if pair is None:
            break
        acts = [await ACTS[name](here) for name in pair]
        table = next(tables)
        id = here.patient_id if table == "patients" else here.account_id
        outcomes = await meet(platform, table, id, *acts)
        assert not any(isinstance(one, BaseException) for one in outcomes), (pair, outcomes)
    assert (await audit(platform)).clean


async def _move_to_landline(here: Scene) -> Act:
    sealed = await here.in_hand()
    return lambda: counter.ask_to_move(here.platform, here.clerk, sealed, here.landline, "换号")


async def _settle_to_landline(here: Scene) -> Act:
    sealed = await here.in_hand()
    return lambda: counter.ask_to_move(
        here.platform, here.clerk, sealed, here.landline, "冒名", disputed=True
    )


async def _ask_by_document(here: Scene) -> Act:
    return lambda: moving.ask_by_document(
        here.platform, here.agent, "张三", "01", here.id_no, here.phone(3), "能说出过往"
    )


async def _prove_at_window(here: Scene) -> Act:
    move_id, code = await here.asked(at_window=True)
    return lambda: moving.prove_phone(here.platform, here.clerk, move_id, code)


async def _approve(here: Scene) -> Act:
    move_id, code = await here.asked(at_window=False)
    await moving.prove_phone(here.platform, here.agent, move_id, code)
    return lambda: moving.decide_move(here.platform, here.supervisor, move_id, "x", approve=True)


async def _displace(here: Scene) -> Act:
    """A checked registration of the same person by another account."""
    account_id = await add_account(here.platform, here.number * 10 + 4)
    verifying = replace(here.platform, verifier=Registry())
    return lambda: register_patient(verifying, account_id, "张三", "01", here.id_no)


async def _remove(here: Scene) -> Act:
    return lambda: remove_patient(here.platform, here.account_id, here.patient_id)


async def _book(here: Scene) -> Act:
    async def book() -> object:
        async with open_desk(here.platform) as desk:
            actor = Actor("account", here.account_id)
            key = f"{here.number}"
            return await desk.book(actor, key, here.patient_id, here.session_id, "api")

    return book


async def _log_out_everywhere(here: Scene) -> Act:
    return lambda: log_out_everywhere(here.platform, here.account_id)


async def _unconfirmed(here: Scene) -> int:
    begun = await log_in_bound(here.platform, here.account_id, Device("test"))
    await change(
        here.platform, "UPDATE log_ins SET confirmed_at = NULL WHERE id = %s", begun.login_id
    )
    return begun.login_id


async def _use_login(here: Scene) -> Act:
    begun = await log_in_bound(here.platform, here.account_id, Device("test"))
    await change(here.platform, "UPDATE log_ins SET last_seen_at = last_seen_at - interval '2 h'")
    return lambda: login_flows.current(here.platform, here.account_id, begun.login_id)


async def _confirm_login(here: Scene) -> Act:
    login_id = await _unconfirmed(here)
    return lambda: login_flows.confirm(here.platform, login_id, here.id_no, LOOPBACK)


async def _start_over(here: Scene) -> Act:
    login_id = await _unconfirmed(here)
    return lambda: login_flows.start_over(here.platform, login_id, "zh", Device("test"))


ACTS: dict[str, Callable[[Scene], Awaitable[Act]]] = {
    "move to a landline": _move_to_landline,
    "settle to a landline": _settle_to_landline,
    "ask by document": _ask_by_document,
    "prove at the window": _prove_at_window,
    "approve": _approve,
    "displace": _displace,
    "remove": _remove,
    "book": _book,
    "log out everywhere": _log_out_everywhere,
    "use a log-in": _use_login,
    "confirm a log-in": _confirm_login,
    "start over": _start_over,
}
