"""A person at a hospital's window with the document in hand: register, correct, check, move.

The clerk works under the hospital's row-level security, which shows the persons with a booking
there. Who stands at the window may have none, so persons are looked up as the platform, and the
clerk sees of them no more than what the document itself says: whether the person is registered,
whether under that name, and how the phone begins.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import date, datetime

import msgspec

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.moving import (
    Moved,
    MovePending,
    ShownDocument,
    ask_in,
    carry_out,
)
from guahao.flows.people.patients import record_consent, register_in
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.reasons import stated_reason
from guahao.rules.kernel.text import NameFault, person_name, same_name
from guahao.rules.people.consent import Consent, check_consent
from guahao.rules.people.counter import (
    CounterRefusal,
    decide_check,
    decide_look_up,
    decide_phone,
    decide_slips,
    is_in_hand,
)
from guahao.rules.people.documents import birth_certificate_end
from guahao.rules.people.identity import Document, valid_document
from guahao.rules.people.moving import MoveRefusal, decide_person
from guahao.rules.people.phones import valid_any_phone
from guahao.rules.people.registering import PatientRefusal, decide_document
from guahao.rules.staff.staff import Staff
from guahao.store.booking import appointments
from guahao.store.kernel import throttle
from guahao.store.kernel.db import Tx
from guahao.store.kernel.vault import VaultError
from guahao.store.kernel.views import AppointmentView, PatientView
from guahao.store.people import accounts, persons
from guahao.store.people import patients as patient_store
from guahao.store.people.persons import Person

_HOUR, _DAY = 3600, 86400


class InHand(msgspec.Struct, frozen=True):
    """The document that a clerk has in hand, as typed from the original."""

    id_type: str
    number: str
    name: str
    seen_at: datetime

    @property
    def document(self) -> Document:
        """Return the document itself."""
        return Document(self.id_type, self.number)


@dataclass(frozen=True, slots=True)
class AtCounter:
    """Who stands at the window. `person` is in the clear: the web shows its outline only."""

    in_hand: InHand
    sealed: str
    person: Person | None

    @property
    def is_on_account(self) -> bool:
        """Return whether an account has the person; a removed registration is made anew."""
        return self.person is not None and self.person.account_id is not None

    @property
    def same_name(self) -> bool:
        """Return whether the registered name is the document's."""
        return self.person is not None and same_name(self.in_hand.name, self.person.patient.name)


async def look_up(
    platform: Platform, by: Staff, name: str, id_type: str, id_no: str, *, original_seen: bool
) -> AtCounter | Refused[CounterRefusal | PatientRefusal] | NameFault:
    """Look the person of a document up; that somebody did is in the trail."""
    if not original_seen:
        return Refused(CounterRefusal.ORIGINAL_NOT_SEEN)
    named = person_name(name)
    if isinstance(named, NameFault):
        return named
    document = valid_document(id_type, id_no, platform.db.clock().date())
    if document is None:
        return Refused(PatientRefusal.ID_INVALID)
    async with acting(platform, by.who, hospital_id=by.own_hospital_id) as act:
        subject = platform.vault.index("throttle", f"staff {by.id}")
        refusal = decide_look_up(await throttle.hit(act.tx, "counter_look_up", subject, _HOUR))
        in_hand = InHand(document.id_type, document.number, named, act.now)
        person = None
        if refusal is None:
            async with act.tx.as_platform():
                person = await persons.of_document(act.tx, platform.vault, document)
        found = AtCounter(in_hand, _seal(platform, by, in_hand), person)
        await act.record(
            "look_up_person",
            None if person is None else ("patient", person.patient.id),
            detail={"registered": person is not None, "refused": refusal is not None},
        )
    return found if refusal is None else Refused(refusal)


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
    return in_hand if is_in_hand(in_hand.seen_at, now) else None


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
) -> PatientView | Refused[CounterRefusal | PatientRefusal | MoveRefusal]:
    """Register a person to a mobile phone or a landline; the clerk has seen the document.

    `born`: asked of a newborn with a birth certificate, which serves until the first birthday.
    A mobile phone is proven by the SMS that go there. One that has patients already takes
    another by its own log-in only, or by moving with a code.
    """
    typed = valid_any_phone(phone)
    if typed is None:
        return Refused(MoveRefusal.PHONE_INVALID)
    async with acting(platform, by.who, hospital_id=by.own_hospital_id) as act:
        in_hand = _unseal(platform, by, sealed, act.now)
        if in_hand is None:
            return Refused(CounterRefusal.LOOK_UP_AGAIN)
        document, today = in_hand.document, act.now.date()
        refusal = check_consent(consent, document, today) or decide_document(
            document, born, today, is_seen=True, is_relative=False
        )
        if refusal is not None:
            return Refused(refusal)
        ends_on = None
        if born is not None and document.is_birth_certificate:
            ends_on = birth_certificate_end(born, today)
        vault = platform.vault
        async with act.tx.as_platform():
            account_id = await accounts.of_phone(act.tx, vault, typed)
            await accounts.lock_account(act.tx, account_id)
            others = await patient_store.of_account(act.tx, vault, account_id)
            in_use = decide_phone(is_landline=typed.is_landline, has_patients=bool(others))
            if in_use is not None:
                return Refused(in_use)
            added = await register_in(
                act.tx,
                platform,
                account_id,
                in_hand.name,
                in_hand.document,
                in_hand=True,
                ends_on=ends_on,
            )
            if isinstance(added, Refused):
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
) -> Moved | MovePending | Refused[CounterRefusal | MoveRefusal]:
    """Begin to move the person to another phone, to which a code goes; a landline gets none.

    `disputed`: the registration is somebody else's. The person takes the identity over, by the
    name on the document, even if it was registered under another.
    """
    async with acting(platform, by.who, hospital_id=by.own_hospital_id) as act:
        in_hand = _unseal(platform, by, sealed, act.now)
        if in_hand is None:
            return Refused(CounterRefusal.LOOK_UP_AGAIN)
        async with act.tx.as_platform():
            person = await _lock(act.tx, platform, in_hand)
            refusal = decide_person(
                person.patient.name if person else None,
                in_hand.name,
                on_account=person is not None and person.account_id is not None,
                disputed=disputed,
            )
            if refusal is not None:
                return Refused(refusal)
            assert person is not None
            shown = ShownDocument(in_hand.name, in_hand.document) if disputed else None
            asked = await ask_in(act, by, person, phone, reason, shown)
    if isinstance(asked, MovePending) and not asked.for_code:
        return await carry_out(platform, by, asked.move_id)
    return asked


async def slips(
    platform: Platform, by: Staff, sealed: str
) -> list[AppointmentView] | Refused[CounterRefusal | MoveRefusal]:
    """Return what the person has booked at the clerk's hospital, with the codes, to print.

    For a person on a landline, whom no SMS reaches. Who has a mobile phone finds the codes there,
    or has them sent again by the hotline.
    """
    async with acting(platform, by.who, hospital_id=by.own_hospital_id) as act:
        in_hand = _unseal(platform, by, sealed, act.now)
        if in_hand is None:
            return Refused(CounterRefusal.LOOK_UP_AGAIN)
        async with act.tx.as_platform():
            person = await persons.of_document(act.tx, platform.vault, in_hand.document)
        if person is None or not same_name(in_hand.name, person.patient.name):
            return Refused(MoveRefusal.UNKNOWN_PERSON)
        refusal = decide_slips(on_landline=person.is_on_landline)
        if refusal is not None:
            return Refused(refusal)
        ids = await appointments.live_of_person(act.tx, person.patient.id)
        views = await appointments.appointments_by_id(act.tx, platform.vault, ids)
        for id in ids:
            await act.record("print_code", ("appointment", id))
    return sorted(views.values(), key=lambda view: (view.session.visit_date, view.id))


async def check(
    platform: Platform, by: Staff, sealed: str, phone: str, reason: str
) -> PatientView | Refused[CounterRefusal | MoveRefusal]:
    """Correct the registered name to the document's, and mark the person as checked by staff.

    The person names the registered phone.
    """
    stated = stated_reason(reason)
    if stated is None:
        return Refused(CounterRefusal.REASON_NEEDED)
    async with acting(platform, by.who, hospital_id=by.own_hospital_id) as act:
        in_hand = _unseal(platform, by, sealed, act.now)
        if in_hand is None:
            return Refused(CounterRefusal.LOOK_UP_AGAIN)
        vault = platform.vault
        async with act.tx.as_platform():
            person = await _lock(act.tx, platform, in_hand)
            if person is None:
                return Refused(MoveRefusal.UNKNOWN_PERSON)
            patient_id = person.patient.id
            subject = vault.index("throttle", f"counter phone {patient_id}")
            tries = await throttle.hit(act.tx, "counter_phone", subject, _DAY)
            typed = valid_any_phone(phone)
            right = typed is not None and typed.number == person.phone
            refusal = decide_check(tries, right=right)
            renamed = person.patient.name != in_hand.name
            if refusal is None:
                await throttle.forgive(act.tx, "counter_phone", subject, _DAY)
                if renamed:
                    await persons.set_name(act.tx, vault, patient_id, in_hand.name)
                await persons.set_checked(act.tx, patient_id)
        if refusal is not None:
            refused = "limit" if refusal is CounterRefusal.TOO_MANY else "phone"
            await act.record(
                "check_person_failed", ("patient", patient_id), detail={"refused": refused}
            )
            return Refused(refusal)
        await act.record(
            "correct_name" if renamed else "check_person",
            ("patient", patient_id),
            reason=stated,
        )
    return person.patient


async def _lock(tx: Tx, platform: Platform, in_hand: InHand) -> Person | None:
    person = await persons.of_document(tx, platform.vault, in_hand.document)
    if person is None:
        return None
    return await persons.lock(tx, platform.vault, person.patient.id)
