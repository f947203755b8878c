"""A person's own data: a copy of it, erasing it, and nothing personal in the clear anywhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import psycopg
import pytest
from tests.city import (
    Clock,
    add_account,
    add_patient,
    add_session,
    ask,
    change,
    open_platform,
    phone,
    reasons,
    resident_id,
)
from tests.crowd import open_desk
from tests.web.staff_site import add_member

from guahao.flows.attendance import ledger
from guahao.flows.attendance.standing import standings
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.patients import register_patient
from guahao.flows.people.privacy.own_data import own_export
from guahao.flows.people.privacy.records import Erased, OfAccount, erase, export, forget_erased
from guahao.rules.kernel.facts import Actor
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.people.own_data import ErasureRefusal, ProofRefusal
from guahao.rules.staff.staff import SYSTEM, Role
from guahao.store.kernel.views import AppointmentView, PatientView
from guahao.tools.audit.audit import audit

NAME = "欧阳示例"
REASON = "欧阳示例的家属来电"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as opened:
        yield opened


async def booked(platform: Platform) -> tuple[int, AppointmentView]:
    account_id = await add_account(platform)
    patient = await add_patient(platform, account_id, name=NAME)
    session_id = await add_session(platform)
    async with open_desk(platform) as desk:
        view = await desk.book(Actor("account", account_id), "k", patient.id, session_id, "web")
    assert isinstance(view, AppointmentView)
    return account_id, view


def clear_text(url: str, *texts: str) -> list[tuple[str, str]]:
    """Where any of the texts stands in the clear, in any row of any table."""
    found = []
    with psycopg.connect(url) as conn:
        tables = conn.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')"
            " AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        for (table,) in tables:
            dump = conn.execute(f'SELECT t::text FROM "{table}" t'.encode()).fetchall()
            for (row,) in dump:
                found += [(table, text) for text in texts if text in row]
                # Bytes are shown in hex: text kept as bytes would be text in the clear, too.
                found += [(table, text) for text in texts if text.encode().hex() in row]
    return found


async def test_nothing_personal_stands_in_the_clear(platform: Platform, database_url: str) -> None:
    account_id, view = await booked(platform)
    supervisor = await add_member(platform, Role.SUPERVISOR)
    await change(platform, "UPDATE appointments SET status = 'no_show'")
    await ledger.excuse(platform, supervisor, view.id, REASON)
    assert account_id
    texts = (view.code, NAME, REASON, resident_id(1), phone(1))
    assert clear_text(database_url, *texts) == []
    assert REASON in {reason for _, reason in await reasons(platform)}


async def test_a_copy_holds_all_and_is_recorded(platform: Platform) -> None:
    account_id, view = await booked(platform)
    data = await export(platform, OfAccount(account_id), SYSTEM)
    assert data is not None
    text = msgspec.json.encode(data).decode()
    for own in (NAME, resident_id(1), phone(1), view.code, "心血管内科"):
        assert own in text
    assert [action for action, _ in await reasons(platform)] == ["export_personal_data"]
    assert await export(platform, OfAccount(account_id + 99), SYSTEM) is None
    gone = await own_export(platform, account_id + 99, "")
    assert gone == Refused(ProofRefusal.UNKNOWN)


async def test_a_live_booking_and_a_suspension_stand_in_the_way(
    platform: Platform, clock: Clock
) -> None:
    account_id, _ = await booked(platform)
    refused = await erase(platform, OfAccount(account_id), SYSTEM, "本人申请")
    assert refused == Refused(ErasureRefusal.LIVE_BOOKING)
    await change(platform, "UPDATE appointments SET status = 'cancelled'")
    await change(
        platform, "UPDATE patients SET suspended_until = %s", clock.now.date() + timedelta(days=1)
    )
    assert await erase(platform, OfAccount(account_id), SYSTEM, "本人申请") == Refused(
        ErasureRefusal.SUSPENDED
    )
    clock.forward(days=1)
    await change(
        platform, "UPDATE accounts SET restricted_until = %s", clock.now.date() + timedelta(days=1)
    )
    assert await erase(platform, OfAccount(account_id), SYSTEM, "本人申请") == Refused(
        ErasureRefusal.SUSPENDED
    )
    clock.forward(days=1)
    assert await erase(platform, OfAccount(account_id), SYSTEM, "本人申请") == Erased(account_id, 1)
    assert await erase(platform, OfAccount(account_id), SYSTEM, "本人申请") == Refused(
        ErasureRefusal.UNKNOWN
    )


async def test_who_was_erased_is_nobody_and_the_record_stays(platform: Platform) -> None:
    account_id, view = await booked(platform)
    await change(platform, "UPDATE appointments SET status = 'picked_up'")
    await erase(platform, OfAccount(account_id), SYSTEM, "本人申请")
    vault = platform.vault
    [[name, number, index]] = await ask(
        platform, "SELECT name_enc, id_no_enc, name_index FROM patients"
    )
    opened = [
        vault.open("patients", column, view.patient.id, sealed)
        for column, sealed in (("name", name), ("id_no", number))
    ]
    assert NAME not in opened
    assert resident_id(1) not in opened
    assert index is None
    assert await ask(platform, "SELECT phone_enc, phone_index FROM accounts") == [(None, None)]
    assert await ask(platform, "SELECT status, patient_id FROM appointments") == [
        ("picked_up", view.patient.id)
    ]
    assert await export(platform, OfAccount(account_id), SYSTEM) is None
    found = {one.name: one.disagreements for one in (await audit(platform)).findings}
    assert (found["patients_open"], found["accounts_open"]) == (0, 0)
    # The phone is free for its next holder, who sees nothing.
    assert await add_account(platform) != account_id


async def test_registering_again_does_not_begin_anew(platform: Platform) -> None:
    account_id, view = await booked(platform)
    await change(platform, "UPDATE appointments SET status = 'no_show'")
    await erase(platform, OfAccount(account_id), SYSTEM, "本人申请")
    again = await register_patient(
        platform, await add_account(platform, 2), NAME, "01", resident_id(1)
    )
    assert isinstance(again, PatientView)
    assert await ask(
        platform, "SELECT id, merged_into FROM patients WHERE merged_into IS NOT NULL"
    ) == [(view.patient.id, again.id)]
    [standing] = await standings(platform, await add_account(platform, 2))
    assert standing.no_shows == [view.session.visit_date]


async def test_registering_again_does_not_inherit_the_check(platform: Platform) -> None:
    account_id, _ = await booked(platform)
    await change(platform, "UPDATE appointments SET status = 'picked_up'")
    checked = "UPDATE patients SET checked_at = now(), checked_by = 'staff'"
    await change(platform, checked)
    await erase(platform, OfAccount(account_id), SYSTEM, "本人申请")
    # The suite's verifier says nothing: another name must not count as checked.
    again = await register_patient(
        platform, await add_account(platform, 2), "陌生人", "01", resident_id(1)
    )
    assert isinstance(again, PatientView)
    found = await ask(
        platform, "SELECT checked_at, checked_by FROM patients WHERE id = %s", again.id
    )
    assert found == [(None, None)]


async def test_the_last_trace_goes_when_nothing_counts_any_more(
    platform: Platform, clock: Clock
) -> None:
    account_id, view = await booked(platform)
    await change(platform, "UPDATE appointments SET status = 'no_show'")
    await erase(platform, OfAccount(account_id), SYSTEM, "本人申请")
    for days, forgotten in ((1, 0), (400, 1)):
        clock.forward(days=days)
        async with platform.db.transaction() as tx:
            assert await forget_erased(tx) == forgotten
    again = await add_patient(platform, await add_account(platform, 2), name=NAME)
    assert again.id != view.patient.id
