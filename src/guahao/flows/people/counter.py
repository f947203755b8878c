"""A person at a hospital's window with the document in hand: register, correct, check, move.

The clerk works under the hospital's row-level security, which shows the persons with a booking
there. Who stands at the window may have none, so persons are looked up as the platform, and the
clerk sees of them no more than what the document itself says: whether the person is registered,
whether under that name, and how the phone begins.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

import msgspec

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.moving import (
    Moved,
    MoveRefusal,
    Shown,
    Waits,
    ask_in,
    carry_out,
)
from guahao.flows.people.patients import (
    PatientRefusal,
    consent_refusal,
    record_consent,
    register_in,
)
from guahao.rules.kernel.text import NameFault, person_name, prose, same_name
from guahao.rules.people.consent import Consent
from guahao.rules.people.documents import birth_certificate_end
from guahao.rules.people.identity import Document, valid_document
from guahao.rules.people.phones import valid_any_phone
from guahao.rules.staff.staff import Staff
from guahao.store.booking import appointments
from guahao.store.kernel import throttle
from guahao.store.kernel.db import Tx
from guahao.store.kernel.vault import VaultError
from guahao.store.kernel.views import AppointmentView, PatientView
from guahao.store.people import accounts, persons
from guahao.store.people import patients as patient_store
from guahao.store.people.persons import Person

LOOK_UPS_AN_HOUR = 60
IN_HAND_FOR = timedelta(minutes=30)
_WRONG_PHONES_A_DAY = 5  # for a person, over all clerks
_HOUR, _DAY = 3600, 86400


class CounterRefusal(StrEnum):
    """Why nothing is done at the window, besides what registering and moving refuse."""

    ORIGINAL_NOT_SEEN = "counter_original_not_seen"
    TOO_MANY = "counter_too_many"
    LOOK_UP_AGAIN = "counter_look_up_again"
    PHONE_DIFFERS = "counter_phone_differs"
    PHONE_IN_USE = "counter_phone_in_use"
    REASON_NEEDED = "counter_reason_needed"
    SMS_GO_THERE = "counter_sms_go_there"


class InHand(msgspec.Struct, frozen=True):
    """The document that a clerk has in hand, as typed from the original."""

    id_type: str
    number: str
    name: str
    seen_at: datetime

    @property
    def document(self) -> Document:
        """The document itself."""
        return Document(self.id_type, self.number)


@dataclass(frozen=True, slots=True)
class AtCounter:
    """Who stands at the window. `person` is in the clear: the web shows its outline only."""

    in_hand: InHand
    sealed: str
    person: Person | None

    @property
    def is_on_account(self) -> bool:
        """Whether an account has the person; one that was removed is registered again."""
        return self.person is not None and self.person.account_id is not None

    @property
    def same_name(self) -> bool:
        """Whether the registered name is the document's."""
        return self.person is not None and same_name(self.in_hand.name, self.person.patient.name)


async def look_up(
    platform: Platform, by: Staff, name: str, id_type: str, id_no: str, *, original_seen: bool
) -> AtCounter | CounterRefusal | PatientRefusal | NameFault:
    """Look the person of a document up; that somebody did is in the trail."""
    if not original_seen:
        return CounterRefusal.ORIGINAL_NOT_SEEN
    named = person_name(name)
    if isinstance(named, NameFault):
        return named
    document = valid_document(id_type, id_no, platform.db.clock().date())
    if document is None:
        return PatientRefusal.ID_INVALID
    async with acting(platform, by.who, hospital_id=by.own_hospital_id) as act:
        subject = platform.vault.index("throttle", f"staff {by.id}")
        too_many = await throttle.hit(act.tx, "counter_look_up", subject, _HOUR) > LOOK_UPS_AN_HOUR
        in_hand = InHand(document.id_type, document.number, named, act.now)
        person = None
        if not too_many:
            async with act.tx.as_platform():
                person = await persons.of_document(act.tx, platform.vault, document)
        found = AtCounter(in_hand, _seal(platform, by, in_hand), person)
        await act.record(
            "look_up_person",
            None if person is None else ("patient", person.patient.id),
            detail={"registered": person is not None, "refused": too_many},
        )
    return CounterRefusal.TOO_MANY if too_many else found


def _seal(platform: Platform, by: Staff, in_hand: InHand) -> str:
    text = msgspec.json.encode(in_hand).decode()
    return urlsafe_b64encode(platform.vault.seal("counter", "person", by.id, text)).decode()


def _unseal(platform: Platform, by: Staff, sealed: str, now: datetime) -> InHand | None:
    """Return what this clerk has looked up within the last half hour."""
    try:
        opened = platform.vault.open("counter", "person", by.id, urlsafe_b64decode(sealed))
    except (VaultError, ValueError):
        return None
    in_hand = msgspec.json.decode(opened, type=InHand)
    return in_hand if now - in_hand.seen_at < IN_HAND_FOR else None


async def again(platform: Platform, by: Staff, sealed: str) -> AtCounter | None:
    """Return who was looked up before, as they are registered now."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        in_hand = _unseal(platform, by, sealed, tx.now)
        if in_hand is None:
            return None
        async with tx.as_platform():
            person = await persons.of_document(tx, platform.vault, in_hand.document)
    return AtCounter(in_hand, sealed, person)


async def register(
    platform: Platform,
    by: Staff,
    sealed: str,
    phone: str,
    born: date | None = None,
    *,
    consent: Consent | None = None,
) -> PatientView | CounterRefusal | PatientRefusal | MoveRefusal:
    """Register a person to a mobile phone or a landline; the clerk has seen the document.

    `born`: asked of a newborn with a birth certificate, which serves until the first birthday.
    A mobile phone is proven by the SMS that go there. One that has patients already takes
    another by its own log-in only, or by moving with a code.
    """
    typed = valid_any_phone(phone)
    if typed is None:
        return MoveRefusal.PHONE_INVALID
    async with acting(platform, by.who, hospital_id=by.own_hospital_id) as act:
        in_hand = _unseal(platform, by, sealed, act.now)
        if in_hand is None:
            return CounterRefusal.LOOK_UP_AGAIN
        refusal, ends_on = consent_refusal(platform, consent, in_hand.document), None
        if refusal is not None:
            return refusal
        if in_hand.document.is_birth_certificate:
            ends_on = None if born is None else birth_certificate_end(born, act.now.date())
            if ends_on is None:
                return PatientRefusal.BIRTH_DATE_INVALID
        vault = platform.vault
        async with act.tx.as_platform():
            account_id = await accounts.of_phone(act.tx, vault, typed)
            await accounts.lock_account(act.tx, account_id)
            if not typed.is_landline and await patient_store.of_account(act.tx, vault, account_id):
                return CounterRefusal.PHONE_IN_USE
            added = await register_in(
                act.tx,
                platform,
                account_id,
                in_hand.name,
                in_hand.document,
                in_hand=True,
                ends_on=ends_on,
            )
            if isinstance(added, PatientRefusal):
                return added
            await record_consent(act.tx, account_id, added.id, consent, in_hand.document, by)
        await act.record(
            "register_person",
            ("patient", added.id),
            detail={"account": account_id, "landline": typed.is_landline},
        )
    return added


async def ask_to_move(
    platform: Platform, by: Staff, sealed: str, phone: str, reason: str, *, disputed: bool = False
) -> Moved | Waits | CounterRefusal | MoveRefusal:
    """Begin to move the person to another phone, to which a code goes; a landline gets none.

    `disputed`: the registration is somebody else's. The person takes the identity over, by the
    name on the document, whatever name it was registered under.
    """
    async with acting(platform, by.who, hospital_id=by.own_hospital_id) as act:
        in_hand = _unseal(platform, by, sealed, act.now)
        if in_hand is None:
            return CounterRefusal.LOOK_UP_AGAIN
        async with act.tx.as_platform():
            person, shown = await _lock(act.tx, platform, in_hand), None
            if person is None:
                return MoveRefusal.UNKNOWN_PERSON
            if disputed:
                shown = Shown(in_hand.name, in_hand.document)
            may_ask = (
                person.account_id is not None
                if disputed
                else same_name(in_hand.name, person.patient.name)
            )
            if not may_ask:
                return MoveRefusal.UNKNOWN_PERSON
            asked = await ask_in(act, by, person, phone, reason, shown)
    if isinstance(asked, Waits) and not asked.for_code:
        return await carry_out(platform, by, asked.move_id)
    return asked


async def slips(
    platform: Platform, by: Staff, sealed: str
) -> list[AppointmentView] | CounterRefusal | MoveRefusal:
    """Return what the person has booked at the clerk's hospital, with the codes, to print.

    For a person on a landline, whom no SMS reaches. Who has a mobile phone finds the codes there,
    or has them sent again by the hotline.
    """
    async with acting(platform, by.who, hospital_id=by.own_hospital_id) as act:
        in_hand = _unseal(platform, by, sealed, act.now)
        if in_hand is None:
            return CounterRefusal.LOOK_UP_AGAIN
        async with act.tx.as_platform():
            person = await persons.of_document(act.tx, platform.vault, in_hand.document)
        if person is None or not same_name(in_hand.name, person.patient.name):
            return MoveRefusal.UNKNOWN_PERSON
        if not person.is_on_landline:
            return CounterRefusal.SMS_GO_THERE
        ids = await appointments.live_of_person(act.tx, person.patient.id)
        views = await appointments.appointments_by_id(act.tx, platform.vault, ids)
        for id in ids:
            await act.record("print_code", ("appointment", id))
    return sorted(views.values(), key=lambda view: (view.session.visit_date, view.id))


async def check(
    platform: Platform, by: Staff, sealed: str, phone: str, reason: str
) -> PatientView | CounterRefusal | MoveRefusal:
    """Correct the registered name to the document's, and mark the person as checked by staff.

    The person names the registered phone: whoever cannot does not confirm a stranger's
    registration, and moves it to their own phone instead.
    """
    if not prose(reason):
        return CounterRefusal.REASON_NEEDED
    async with acting(platform, by.who, hospital_id=by.own_hospital_id) as act:
        in_hand = _unseal(platform, by, sealed, act.now)
        if in_hand is None:
            return CounterRefusal.LOOK_UP_AGAIN
        vault = platform.vault
        async with act.tx.as_platform():
            person = await _lock(act.tx, platform, in_hand)
            if person is None:
                return MoveRefusal.UNKNOWN_PERSON
            patient_id = person.patient.id
            subject = vault.index("throttle", f"counter phone {patient_id}")
            tried = await throttle.hit(act.tx, "counter_phone", subject, _DAY)
            typed = valid_any_phone(phone)
            right = typed is not None and typed.number == person.phone
            renamed = person.patient.name != in_hand.name
            if tried <= _WRONG_PHONES_A_DAY and right:
                await throttle.forgive(act.tx, "counter_phone", subject, _DAY)
                if renamed:
                    await persons.set_name(act.tx, vault, patient_id, in_hand.name)
                await persons.set_checked(act.tx, patient_id)
        if tried > _WRONG_PHONES_A_DAY or not right:
            refused = "phone" if tried <= _WRONG_PHONES_A_DAY else "limit"
            await act.record(
                "check_person_failed",
                ("patient", patient_id),
                detail={"refused": refused},
            )
            limit = tried > _WRONG_PHONES_A_DAY
            return CounterRefusal.TOO_MANY if limit else CounterRefusal.PHONE_DIFFERS
        await act.record(
            "correct_name" if renamed else "check_person",
            ("patient", patient_id),
            reason=prose(reason),
        )
    return person.patient


async def _lock(tx: Tx, platform: Platform, in_hand: InHand) -> Person | None:
    person = await persons.of_document(tx, platform.vault, in_hand.document)
    if person is None:
        return None
    return await persons.lock(tx, platform.vault, person.patient.id)
