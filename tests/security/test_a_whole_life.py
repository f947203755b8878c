"""One person's whole life on the platform: nothing personal in logs, addresses, jobs or columns in
the clear; after erasing, nothing that the key opens but what docs/PRIVACY.md says is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote

import httpx
import pytest
from tests.city import Clock, add_session, ask, change, phone, resident_id
from tests.flows.people.test_erasing import columns_with, named_columns
from tests.flows.people.test_privacy import clear_text
from tests.supply import at
from tests.web.browsing import Reader
from tests.web.call_centre.test_calls import search, verify
from tests.web.site import Citizen, Site
from tests.web.staff_site import add_member, at_the_desk

from guahao.flows.attendance import ledger
from guahao.flows.messages.wechat import bind
from guahao.flows.people.moving import decide_move
from guahao.flows.people.privacy.retention import delete_old
from guahao.rules.kernel.outcomes import DONE
from guahao.rules.kernel.text import name_key
from guahao.rules.staff.staff import Role
from guahao.store.people.patients import person_index

NAME = "欧阳慈恩"
OPENID = "oCanaryOfOnePerson0123456789"
NEW_PHONE = 8
REASON = "欧阳慈恩的表姐来电说明"
TYPED = "表姐来电说明"  # what only the reasons hold
PERSON = {"name": NAME, "id_type": "01", "id_no": resident_id(1)}


@dataclass(frozen=True)
class Watched(Site):
    """A site that notes every address that is asked for or led to."""

    addresses: list[str] = field(default_factory=list)

    def client(self, address: str = "127.0.0.1") -> httpx.AsyncClient:
        async def note(answer: httpx.Response) -> None:
            asked = str(answer.request.url)
            if "/demo/" not in asked:  # the demo's own tools, which the tests read codes by
                self.addresses.extend((asked, answer.headers.get("location", "")))

        client = super().client(address)
        client.event_hooks["response"].append(note)
        return client


async def test_a_whole_life_leaves_no_personal_data_in_the_clear_and_none_once_erased(
    site: Site,
    clock: Clock,
    database_url: str,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    watched = Watched(site.app, site.platform)
    citizen = await registers(watched)
    codes = await lives(watched, citizen, clock)
    await watched.deliver()
    output = "".join(capsys.readouterr()) + caplog.text
    assert "route=" in output  # requests were logged
    addresses = " ".join(unquote(address) for address in watched.addresses)
    canaries = [NAME, resident_id(1), phone(1), phone(NEW_PHONE), OPENID, REASON, TYPED, *codes]
    assert [text for text in canaries if text in output] == []
    assert [text for text in canaries if text in addresses] == []
    assert clear_text(database_url, *canaries) == []  # the arguments of jobs, too
    assert columns_with(site.platform, NAME, phone(1), OPENID) != set()

    await is_erased(watched)
    # The code that the other phone got before it had an account stays for a day.
    await change(site.platform, "UPDATE messages SET state = 'expired' WHERE state = 'queued'")
    clock.forward(days=2)
    await delete_old(site.platform)
    own = (NAME, resident_id(1), phone(1), phone(NEW_PHONE), OPENID, TYPED)
    assert columns_with(site.platform, *own) == set()
    kept = {column for column, (fate, _) in named_columns().items() if fate == "kept"}
    assert columns_with(site.platform, *codes) <= kept
    assert clear_text(database_url, *canaries) == []
    vault = site.platform.vault
    gone = [
        vault.index("phone", f"+86{phone(1)}"),
        vault.index("name", name_key(NAME)),
        vault.index("openid", OPENID),
    ]
    assert clear_text(database_url, *(index.hex() for index in gone)) == []
    # By the document alone, while a no-show may count.
    stays = [vault.index("id_no", resident_id(1)), person_index(vault, resident_id(1))]
    found = clear_text(database_url, *(index.hex() for index in stays))
    assert {table for table, _ in found} == {"patients"}
    assert {"patients.id_no_index", "patients.person_index"} <= kept


async def registers(site: Site) -> Citizen:
    reader = Reader.of(site)
    await reader.log_in()
    await reader.go("/patients/new")
    await reader.send(reader.form("/patients/new"), **PERSON, guardian="")
    [[patient_id, account_id]] = await ask(site.platform, "SELECT id, account_id FROM patients")
    await bind(site.platform, OPENID, account_id)
    await reader.go("/bookings")
    return Citizen(account_id, patient_id, await site.log_in(account_id))


async def lives(site: Site, citizen: Citizen, clock: Clock) -> list[str]:
    """Book, cancel by hotline, pick up, miss a visit, be excused, be disputed; the codes."""
    bookings = []
    for day in ("2026-12-03", "2026-12-04", "2026-12-07"):
        session_id = await add_session(site.platform, at(f"{day} 00:00").date())
        answer = await site.book(citizen, session_id)
        assert answer.status_code == 201, answer.text
        bookings.append(answer.json())
    picked, cancelled, missed = bookings
    agent = await at_the_desk(site, Role.AGENT)
    await search(agent, NAME)
    await search(agent, phone(1))
    await verify(agent, document=resident_id(9), name=NAME)  # wrong at first
    await verify(agent, document=resident_id(1), name=NAME)
    assert NAME not in agent.page.url.path
    call = agent.path.partition("?")[0]
    await agent.send(agent.form(f"{call}/look"), reason=REASON)
    page = f"{call}/bookings/{cancelled['id']}/cancel"
    await agent.go(page)
    await agent.send(agent.form(page), reason=REASON)
    statuses = "SELECT status FROM appointments ORDER BY id"
    assert ("cancelled",) in await ask(site.platform, statuses)
    # Somebody says that another registered them; the supervisor does not believe it.
    await agent.go("/staff/calls/move")
    typed = PERSON | {"phone": phone(NEW_PHONE), "reason": REASON, "kind": "dispute"}
    await agent.send(agent.form("/staff/calls/move"), **typed)
    assert agent.path.startswith("/staff/moves/")
    await change(site.platform, "UPDATE moves SET state = 'requested', proven_at = created_at")
    supervisor = await add_member(site.platform, Role.SUPERVISOR)
    [[move_id]] = await ask(site.platform, "SELECT id FROM moves")
    assert await decide_move(site.platform, supervisor, move_id, REASON, approve=False) == DONE
    clock.now = at("2026-12-03 08:40")
    clerk = await at_the_desk(site, Role.CLERK, picked["hospital_id"])
    await clerk.go("/staff/window")
    await clerk.send(code=picked["code"], id_no=resident_id(1))
    assert "已取号" in clerk.text
    clock.now = at("2026-12-08 09:00")
    await change(
        site.platform, "UPDATE appointments SET status = 'no_show' WHERE id = %s", missed["id"]
    )
    await ledger.excuse(site.platform, supervisor, missed["id"], REASON)
    return [booking["code"] for booking in bookings]


async def is_erased(site: Site) -> None:
    """By two members of staff, with the document."""
    first = await at_the_desk(site, Role.SUPERVISOR)
    second = await at_the_desk(site, Role.ADMINISTRATOR)
    await first.go("/staff/privacy/new")
    form = first.form("/staff/privacy/new")
    await first.send(form, **PERSON, kind="erasure", seen="on", reason=REASON)
    path = first.path
    await second.go(path)
    await second.send(second.form(f"{path}/decide"), decision="approve", reason=REASON)
    assert "已批准" in second.text
