"""Erasing and export reach every registration, row and column of a person (docs/PRIVACY.md)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import psycopg
import pytest
from tests.city import (
    Clock,
    add_account,
    add_appointment,
    add_patient,
    add_session,
    ask,
    change,
    open_platform,
    phone,
    resident_id,
)
from tests.web.staff_site import add_member

from guahao.flows.attendance import ledger
from guahao.flows.kernel.platform import Platform
from guahao.flows.people import account_reviews
from guahao.flows.people.moving import ask_by_document
from guahao.flows.people.patients import register_in, register_patient
from guahao.flows.people.privacy import records as privacy
from guahao.flows.people.privacy.records import Erased, OfAccount, OfPerson, erase, export
from guahao.flows.people.privacy.retention import delete_old
from guahao.flows.people.removing import remove_patient
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.people.identity import Document
from guahao.rules.people.own_data import ErasureRefusal
from guahao.rules.staff.staff import SYSTEM, Role
from guahao.store.kernel.rotation import SEALED
from guahao.store.kernel.views import PatientView

PAGE = Path(__file__).parents[3] / "docs/PRIVACY.md"
_ROW = re.compile(r"^\| `([a-z_]+)\.([a-z0-9_]+)` \| .+ \| (erased|kept|expires) \| (.*?) ?\|$")
# Words of the platform, names of hospitals and what staff publish: nothing of a citizen.
_PLAIN = """
account_reviews.decision accounts.language accounts.notice_version alembic_version.version_num
announcements.body announcements.body_en announcements.title announcements.title_en
applications.actor_kind applications.channel applications.iso_weekdays applications.periods
applications.ranked_sessions applications.specialty applications.state applications.title
appointments.channel appointments.status audit_trail.action audit_trail.detail
audit_trail.subject_kind audit_trail.who_kind audit_trail.who_name backup_runs.detail
backup_runs.kind backup_runs.outcome booking_requests.actor_kind booking_requests.outcome
calendar_days.by_name calendar_days.reason call_questions.asked call_tasks.kind call_tasks.outcome
call_tasks.topic calls.found_by calls.not_booked_for calls.result clinic_sessions.external_id
clinic_sessions.period clinic_sessions.specialty clinic_sessions.title consents.door
consents.given_by consents.notice_version departments.code departments.external_id departments.name
departments.name_en departments.search_keys displaced_registrations.checked_by draw_entries.choices
draw_entries.patients draw_entries.reasons draws.beacon draws.kind draws.source_firsts
draws.source_indexes draws.source_used draws.source_values draws.state fairness_log.line
held_places.cause held_places.title hospital_calls.call hospital_calls.client_id
hospital_calls.request_id hospital_calls.why hospital_clients.certificate_thumbprint
hospital_clients.client_id hospital_clients.name hospital_clients.scopes hospital_deliveries.error
hospital_deliveries.kind hospital_events.kind hospital_fees.title hospital_imports.filename
hospital_webhooks.error hospital_webhooks.kinds hospital_webhooks.url hospitals.address
hospitals.address_en hospitals.code hospitals.district hospitals.district_en hospitals.grade
hospitals.latitude hospitals.longitude hospitals.name hospitals.name_en hospitals.notice
hospitals.notice_en hospitals.phone hospitals.pickup_place hospitals.pickup_place_en
hospitals.search_keys log_ins.door log_ins.end_reason messages.channel messages.kind
messages.language messages.state moves.id_type moves.kind moves.state observations.facts outbox.key
outbox.kind patients.checked_by patients.id_type person_merges.why policies.reason
policy_trials.in_force policy_trials.proposed policy_trials.result privacy_requests.kind
privacy_requests.state queue_entries.room queue_entries.state queue_notices.kind queue_notices.room
reconciliation_differences.cure reconciliation_differences.here reconciliation_differences.kind
reconciliation_differences.order_no reconciliation_differences.settled_by
reconciliation_differences.there reconciliations.sent_by release_modes.decided_by release_modes.mode
release_modes.reason release_modes.title replacement_offers.state reschedules.rescheduled_by
search_term_imports.filename search_terms.also search_terms.children search_terms.kind
search_terms.name search_terms.name_en search_terms.name_key search_terms.spelled
search_terms.targets specialties.name specialties.name_en staff.login staff.name staff.password_hash
staff.role stops.client_id stops.period stops.title stops.weekdays supply_act_sessions.after
supply_act_sessions.before supply_act_sessions.undone supply_acts.by_name supply_acts.kind
supply_acts.reason supply_import_rows.deed supply_import_rows.period supply_import_rows.sheet
supply_import_rows.specialty supply_import_rows.title supply_imports.filename supply_imports.found
supply_imports.state supply_imports.step supply_imports.who_kind supply_imports.who_name
task_runs.error task_runs.name task_runs.seconds throttle_counts.scope timetables.period
timetables.specialty timetables.title titles.name titles.name_en wechat_access_tokens.appid
"""
PLAIN = set(_PLAIN.split())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as opened:
        yield opened


def named_columns() -> dict[str, tuple[str, str]]:
    """What docs/PRIVACY.md says of each column: what becomes of it, and how or why."""
    rows = [_ROW.match(line) for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert all(rows), "a row of the table that no reader of it understands"
    return {f"{row[1]}.{row[2]}": (row[3], row[4]) for row in rows if row}


async def test_every_column_that_may_hold_personal_data_is_named(platform: Platform) -> None:
    found = await ask(
        platform,
        """
        SELECT format('%%s.%%s', c.relname, a.attname), t.typname
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        JOIN pg_type t ON t.oid = a.atttypid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
          AND NOT c.relispartition  -- a partition holds what its table does
          AND a.attnum > 0 AND NOT a.attisdropped AND c.relname NOT LIKE 'procrastinate%%'
          AND t.typname NOT IN ('int8', 'int4', 'int2', 'bool', 'date', 'timestamptz', 'time')
        """,
    )
    named = named_columns()
    sealed = {column for column, kind in found if kind == "bytea"}
    assert sealed - set(named) == set(), "say in docs/PRIVACY.md what erasing does to these"
    text = {column for column, kind in found if kind != "bytea"}
    assert text - set(named) - PLAIN == set(), "personal text is encrypted; other words go to PLAIN"
    assert set(named) | PLAIN == sealed | text, "named, but not in the database"
    assert [name for name, (fate, why) in named.items() if fate != "erased" and not why] == []


def opened(platform: Platform) -> dict[str, list[str]]:
    """Everything that the platform's key opens, by column; read as the database's owner."""
    texts: dict[str, list[str]] = {}
    with psycopg.connect(platform.db.url) as conn:
        conn.execute("SET ROLE NONE")
        for sealed in SEALED:
            rows = conn.execute(
                f"SELECT {sealed.key}, {sealed.column} FROM {sealed.table}"
                f" WHERE length({sealed.column}) > 0".encode()
            ).fetchall()
            texts[f"{sealed.table}.{sealed.column}"] = [
                platform.vault.open(sealed.table, sealed.name, id, bytes(box)) for id, box in rows
            ]
    return texts


def columns_with(platform: Platform, *texts: str) -> set[str]:
    """The columns in which any of the texts is found, once opened."""
    return {
        column
        for column, values in opened(platform).items()
        if any(text in value for text in texts for value in values)
    }


async def test_a_person_whom_an_account_has_removed_is_reached_by_document(
    platform: Platform,
) -> None:
    account_id = await add_account(platform)
    person = await add_patient(platform, account_id, name="欧阳示例")
    await remove_patient(platform, account_id, person.id)
    # The account's own erasure is of the account; the person is nobody's there.
    assert await erase(platform, OfAccount(account_id), SYSTEM, "本人申请") == Erased(account_id, 0)
    whose = await privacy.person_of_document(platform, "01", resident_id(1))
    assert whose == OfPerson(person.id)
    copy = await export(platform, whose, SYSTEM)
    assert copy is not None
    assert copy["account"] is None
    assert resident_id(1) in msgspec.json.encode(copy).decode()
    assert await erase(platform, whose, SYSTEM, "本人申请") == Erased(None, 1)
    assert columns_with(platform, "欧阳示例", resident_id(1)) == set()
    assert await privacy.person_of_document(platform, "01", resident_id(1)) == whose
    assert await export(platform, whose, SYSTEM) is None


async def test_an_account_takes_along_what_was_merged_into_its_persons(platform: Platform) -> None:
    first, second = await add_account(platform), await add_account(platform, 2)
    person = await add_patient(platform, first, name="欧阳示例")
    await remove_patient(platform, first, person.id)
    again = await register_patient(platform, second, "欧阳示例", "01", resident_id(1))
    assert isinstance(again, PatientView)
    assert again.id != person.id
    copy = await export(platform, OfAccount(second), SYSTEM)
    assert copy is not None
    # Unchecked: the earlier registration may be of somebody else, and is erased but not shown.
    assert [row["id"] for row in copy["patients"]] == [again.id]
    await change(
        platform,
        "UPDATE patients SET checked_at = now(), checked_by = 'staff' WHERE id = %s",
        again.id,
    )
    copy = await export(platform, OfAccount(second), SYSTEM)
    assert copy is not None
    assert [row["id"] for row in copy["patients"]] == [person.id, again.id]
    assert await erase(platform, OfAccount(second), SYSTEM, "本人申请") == Erased(second, 2)
    assert columns_with(platform, "欧阳示例", resident_id(1)) == set()


async def test_a_displaced_registration_goes_with_the_person_and_is_not_handed_out(
    platform: Platform,
) -> None:
    stranger, own_account = await add_account(platform), await add_account(platform, 2)
    taken = await add_patient(platform, stranger, name="陌生人")
    session_id = await add_session(platform)
    await add_appointment(platform, taken.id, session_id)
    await change(platform, "UPDATE appointments SET status = 'picked_up'")
    person = await displaced_by(platform, own_account)
    copy = await export(platform, OfPerson(person.id), SYSTEM)
    assert copy is not None
    text = msgspec.json.encode(copy).decode()
    assert [row["id_no"] for row in copy["registered_by_others"]] == [resident_id(1)]
    assert copy["appointments"] == []
    assert "陌生人" not in text
    assert await erase(platform, OfPerson(person.id), SYSTEM, "本人申请") == Erased(own_account, 2)
    assert columns_with(platform, "欧阳示例", "陌生人", resident_id(1)) == set()
    # The stranger's account is the stranger's.
    assert columns_with(platform, phone(1)) == {"accounts.phone_enc"}


async def test_an_account_takes_along_what_was_displaced_from_it_and_nobody_else(
    platform: Platform,
) -> None:
    stranger, own_account = await add_account(platform), await add_account(platform, 2)
    await add_patient(platform, stranger, name="陌生人")
    await displaced_by(platform, own_account)
    copy = await export(platform, OfAccount(stranger), SYSTEM)
    assert copy is not None
    assert [row["name"] for row in copy["patients"]] == ["陌生人"]
    assert await erase(platform, OfAccount(stranger), SYSTEM, "本人申请") == Erased(stranger, 1)
    assert columns_with(platform, "陌生人") == set()
    assert columns_with(platform, "欧阳示例") == {"patients.name_enc"}


async def displaced_by(platform: Platform, account_id: int) -> PatientView:
    """The person of resident ID 1 registers with the document in hand."""
    async with platform.db.transaction() as tx:
        document = Document("01", resident_id(1))
        added = await register_in(tx, platform, account_id, "欧阳示例", document, in_hand=True)
    assert isinstance(added, PatientView)
    return added


async def test_a_person_who_shares_an_account_leaves_it_to_the_other(platform: Platform) -> None:
    account_id = await add_account(platform)
    person = await add_patient(platform, account_id, name="欧阳示例")
    other = await add_patient(platform, account_id, 2, name="上官示例")
    copy = await export(platform, OfPerson(person.id), SYSTEM)
    assert copy is not None
    assert copy["account"] == {"phone": f"+86{phone(1)}"}
    assert [row["id"] for row in copy["patients"]] == [person.id]
    assert await erase(platform, OfPerson(person.id), SYSTEM, "本人申请") == Erased(None, 1)
    assert columns_with(platform, "欧阳示例") == set()
    assert columns_with(platform, "上官示例", phone(1)) == {
        "patients.name_enc",
        "accounts.phone_enc",
    }
    # The last one takes the phone along.
    assert await erase(platform, OfPerson(other.id), SYSTEM, "本人申请") == Erased(account_id, 1)
    assert columns_with(platform, phone(1)) == set()


async def test_what_staff_typed_goes_and_an_open_move_ends(
    platform: Platform, clock: Clock
) -> None:
    account_id = await add_account(platform)
    person = await add_patient(platform, account_id, name="欧阳示例")
    booking = await add_appointment(platform, person.id, await add_session(platform))
    await change(platform, "UPDATE appointments SET status = 'no_show'")
    supervisor = await add_member(platform, Role.SUPERVISOR)
    agent = await add_member(platform, Role.AGENT)
    await ledger.excuse(platform, supervisor, booking, "欧阳示例住院")
    await ask_by_document(
        platform,
        agent,
        name="欧阳示例",
        id_type="01",
        id_no=resident_id(1),
        phone=phone(9),
        reason="欧阳示例换号",
    )
    await change(
        platform,
        "INSERT INTO account_reviews (account_id, found_at, counted_since, bookings,"
        " cancellations) VALUES (%s, now(), now(), 20, 0)",
        account_id,
    )
    [[review_id]] = await ask(platform, "SELECT id FROM account_reviews")
    await account_reviews.let_be(platform, supervisor, review_id, "欧阳示例的家属")
    copy = await export(platform, OfAccount(account_id), SYSTEM)
    text = msgspec.json.encode(copy).decode()
    for typed in ("欧阳示例住院", "欧阳示例换号", "欧阳示例的家属", phone(9)):
        assert typed in text
    erased = await erase(platform, OfAccount(account_id), SYSTEM, "本人申请")
    assert erased == Erased(account_id, 1)
    assert columns_with(platform, "欧阳示例", phone(1), resident_id(1)) == set()
    # The code that went to a phone without account: until it is sent, and a day.
    assert columns_with(platform, phone(9)) == {"messages.to_enc"}
    await change(
        platform, "UPDATE messages SET state = 'expired', body_enc = NULL WHERE account_id IS NULL"
    )
    clock.forward(days=2)
    await delete_old(platform)
    assert columns_with(platform, phone(9)) == set()
    assert await ask(platform, "SELECT state FROM moves") == [("rejected",)]
    # Pages that list an erased account still open.
    reviews = await account_reviews.list_reviews(platform)
    assert [review.phone(platform.vault) for review in reviews.decided] == [""]


async def test_somebody_who_was_erased_is_unknown(platform: Platform) -> None:
    person = await add_patient(platform, await add_account(platform))
    assert isinstance(await erase(platform, OfPerson(person.id), SYSTEM, "本人申请"), Erased)
    again = await erase(platform, OfPerson(person.id), SYSTEM, "本人申请")
    assert again == Refused(ErasureRefusal.UNKNOWN)
