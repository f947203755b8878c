"""Rotating the secret key: nothing is forgotten, everything is found meanwhile and afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date

import psycopg
import pytest
from tests.city import (
    LOOPBACK,
    Clock,
    add_account,
    add_patient,
    add_session,
    ask_as_owner,
    open_platform,
    reasons,
    resident_id,
)
from tests.crowd import open_desk
from tests.web.staff_site import add_member

from guahao.flows.attendance import ledger
from guahao.flows.booking.appointments import look_up
from guahao.flows.kernel.platform import Platform
from guahao.flows.kernel.rotation import rotate
from guahao.flows.people.patients import register_patient
from guahao.flows.people.privacy.records import OfPerson, erase
from guahao.flows.staff.trail import verify_trail
from guahao.rules.kernel.facts import Actor
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.people.registering import PatientRefusal
from guahao.rules.staff.staff import SYSTEM, Role
from guahao.store.kernel.rotation import EXPIRING, NOT_ROTATED, SEALED
from guahao.store.kernel.vault import Vault
from guahao.store.kernel.views import AppointmentView, PatientView
from guahao.tools.audit.audit import audit

OLD = "a secret key of the tests, long enough"
NEW = "another secret key, drawn when the first was no longer secret"


@pytest.fixture
async def platform(database_url: str) -> AsyncIterator[Platform]:
    async with open_platform(database_url, Clock()) as opened:
        yield opened


def with_keys(platform: Platform, key: str, *old: str) -> Platform:
    return replace(platform, vault=Vault(key, old))


async def booked(platform: Platform, number: int = 1) -> AppointmentView:
    account_id = await add_account(platform, number)
    patient = await add_patient(platform, account_id, number)
    session_id = await add_session(platform)
    async with open_desk(platform) as desk:
        view = await desk.book(Actor("account", account_id), "k", patient.id, session_id, "web")
    assert isinstance(view, AppointmentView)
    return view


async def columns(platform: Platform, suffix: str) -> set[tuple[str, str]]:
    rows = await ask_as_owner(
        platform,
        """
        SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
          AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid = 'bytea'::regtype
          AND a.attname LIKE %s
        """,
        f"%{suffix}",
    )
    return {(row[0], row[1]) for row in rows}


async def test_every_sealed_column_and_every_hmac_is_thought_of(platform: Platform) -> None:
    sealed = {(one.table, one.column) for one in SEALED}
    assert await columns(platform, r"\_enc") == sealed | NOT_ROTATED
    derived = {(one.table, index.column) for one in SEALED for index in one.indexes}
    assert await columns(platform, r"\_index") - EXPIRING == derived


async def test_while_it_is_rotated_everything_is_found_and_nobody_is_twice(
    platform: Platform,
) -> None:
    view = await booked(platform)
    new = with_keys(platform, NEW, OLD)
    assert await add_account(new) == await add_account(platform)
    found = await look_up(new, view.code, resident_id(1), LOOPBACK)
    assert isinstance(found, AppointmentView)
    again = await register_patient(new, await add_account(new, 2), "张三", "01", resident_id(1))
    assert again == Refused(PatientRefusal.NOT_REGISTERED)
    assert isinstance(await booked(new, 3), AppointmentView)


async def test_afterwards_the_new_key_alone_opens_and_finds_everything(
    platform: Platform, database_url: str
) -> None:
    view = await booked(platform)
    supervisor = await add_member(platform, Role.SUPERVISOR)
    async with platform.db.transaction() as tx:
        await tx.do("UPDATE appointments SET status = 'no_show'")
    await ledger.excuse(platform, supervisor, view.id, "住院证明")
    async with platform.db.transaction() as tx:  # as rows were before keys had fingerprints
        await tx.do("UPDATE accounts SET phone_enc = '\\x01'::bytea || substr(phone_enc, 2)")
    rotated = await rotate(with_keys(platform, NEW, OLD))
    assert rotated.failed == {}
    assert rotated.values >= 6
    alone = with_keys(platform, NEW)
    found = await look_up(alone, view.code, resident_id(1), LOOPBACK)
    assert isinstance(found, AppointmentView)
    assert found.patient.id_no == resident_id(1)
    assert (await verify_trail(alone)).holds
    assert ("excuse_no_show", "住院证明") in await reasons(alone)
    by_name = {one.name: one.disagreements for one in (await audit(alone)).findings}
    opened = ("patients_open", "accounts_open", "codes_of_eight_digits")
    assert [by_name[name] for name in opened] == [0, 0, 0]
    with psycopg.connect(database_url) as conn:
        for sealed in SEALED:
            left = conn.execute(
                f"SELECT count(*) FROM {sealed.table} WHERE length({sealed.column}) > 0"
                f" AND get_byte({sealed.column}, 0) <> {Vault(NEW).key_id}".encode()
            ).fetchone()
            assert left == (0,), sealed
    again = await rotate(with_keys(platform, NEW, OLD))
    assert again.values == 0


async def test_a_row_that_no_key_opens_is_named_and_the_rest_is_rotated(
    platform: Platform,
) -> None:
    first, second = await booked(platform, 1), await booked(platform, 2)
    async with platform.db.transaction() as tx:
        await tx.do(
            "UPDATE patients SET name_enc = (SELECT name_enc FROM patients WHERE id = %s)"
            " WHERE id = %s",
            (first.patient.id, second.patient.id),
        )
    rotated = await rotate(with_keys(platform, NEW, OLD))
    assert rotated.failed == {"patients.name_enc": [second.patient.id]}
    found = await look_up(with_keys(platform, NEW), first.code, resident_id(1), LOOPBACK)
    assert isinstance(found, AppointmentView)


async def test_two_rows_for_one_phone_are_named_and_the_rest_is_rotated(
    platform: Platform,
) -> None:
    await booked(platform, 1)
    await booked(platform, 2)
    new = with_keys(platform, NEW)  # a process that was not told of the old key
    await add_account(new, 1)
    rotated = await rotate(with_keys(platform, NEW, OLD))
    assert list(rotated.failed) == ["accounts.phone_enc"]
    assert len(rotated.failed["accounts.phone_enc"]) == 1


async def merged_into(platform: Platform, patient_id: int) -> int | None:
    async with platform.db.transaction() as tx:
        row = await tx.row("SELECT merged_into FROM patients WHERE id = %s", (patient_id,))
    return None if row is None else row[0]


async def test_erased_persons_whose_hmacs_no_new_key_can_make_are_counted(
    platform: Platform,
) -> None:
    view = await booked(platform)
    async with platform.db.transaction() as tx:
        await tx.do("UPDATE appointments SET status = 'no_show'")
    await erase(platform, OfPerson(view.patient.id), SYSTEM, "本人申请")
    both = with_keys(platform, NEW, OLD)
    for _ in range(2):  # a second run does not take them for done
        rotated = await rotate(both)
        assert rotated.erased_persons == 1
        # The no-show of December 2026 counts until the year is over, the booking three months.
        assert rotated.erased_until == date(2027, 3, 4)
    # Recognized as long as the old key is set.
    again = await register_patient(both, await add_account(both, 2), "张三", "01", resident_id(1))
    assert isinstance(again, PatientView)
    assert await merged_into(platform, view.patient.id) == again.id
    assert (await rotate(both)).erased_persons == 0


async def test_erased_under_the_new_key_needs_no_old_one(platform: Platform) -> None:
    view = await booked(platform)
    async with platform.db.transaction() as tx:
        await tx.do("UPDATE appointments SET status = 'no_show'")
    both = with_keys(platform, NEW, OLD)
    await erase(both, OfPerson(view.patient.id), SYSTEM, "本人申请")
    assert (await rotate(both)).erased_persons == 0
    alone = with_keys(platform, NEW)
    again = await register_patient(alone, await add_account(alone, 2), "张三", "01", resident_id(1))
    assert isinstance(again, PatientView)
    assert await merged_into(platform, view.patient.id) == again.id
