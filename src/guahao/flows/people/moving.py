"""Move a person to another phone: by proof of the new phone, and of the person (RULES.md).

The person is proven at a hospital's window by the document in hand, or by the hotline, where an
agent asks and a supervisor decides. The person's bookings, no-shows and suspension go along,
because they are the person's; the old account sees nothing of them from then on, its log-ins end,
and both phones are notified. A dispute is the same, but the earlier registration was a stranger's:
the person is registered anew, by name and document as shown, and the earlier registration gives
way. Nothing of it counts, unless the document was shown in person for it before: then the no-shows
and the suspension are the person's own (rules.people.registering).

Locks: accounts by id, the person, then as everywhere; a request is read and written under its
person's lock. So asking and proving lock the person alone, and carrying out is a transaction of
its own, which begins with the accounts (docs/decisions/0023).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from hmac import compare_digest

from guahao.flows.fairness.applications import end_of_patients
from guahao.flows.kernel.acting import Acting, acting
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.logins import end_logins
from guahao.flows.people.patients import register_in
from guahao.rules.call_centre.calls import CallRefusal, decide_service
from guahao.rules.kernel.outcomes import DONE, Done, Refused
from guahao.rules.kernel.reasons import stated_reason
from guahao.rules.kernel.text import NameFault, compact, person_name, prose
from guahao.rules.people.identity import Document, valid_document
from guahao.rules.people.moving import (
    AskFacts,
    MoveRefusal,
    decide_approval,
    decide_by_document,
    decide_carrying_out,
    decide_code,
    decide_placing,
    decide_proving,
    read_request,
)
from guahao.rules.people.phones import Phone, valid_any_phone
from guahao.rules.people.registering import PatientRefusal
from guahao.rules.staff.staff import Staff
from guahao.store.call_centre import calls as call_store
from guahao.store.kernel import throttle
from guahao.store.kernel.db import Tx
from guahao.store.messages import messages
from guahao.store.people import accounts, persons, registrations, spoken_codes
from guahao.store.people import moves as store
from guahao.store.people import patients as patient_store
from guahao.store.people.moves import Move, NewMove
from guahao.store.people.persons import Person

CODE_DIGITS = 6
CODE_VALID = timedelta(minutes=10)
CODE_TRIES = 5
LISTED = 100
_HOUR, _DAY = 3600, 86400


@dataclass(frozen=True, slots=True)
class Moved:
    """The person is on the new phone now."""

    move_id: int


@dataclass(frozen=True, slots=True)
class MovePending:
    """The request goes on: `for_code`, or else for a supervisor."""

    move_id: int
    for_code: bool


@dataclass(frozen=True, slots=True)
class ShownDocument:
    """Name and document as the person has shown them, who disputes the registration."""

    name: str
    document: Document


# Asking -----------------------------------------------------------------------------------


async def ask_by_hotline(
    platform: Platform, by: Staff, call_id: int, patient_id: int, phone: str, reason: str
) -> MovePending | Refused[MoveRefusal | CallRefusal]:
    """Ask to move a verified caller's patient; the new phone gets a code first."""
    new_phone = read_request(phone, reason)
    if isinstance(new_phone, MoveRefusal):
        return Refused(new_phone)
    async with acting(platform, by.who) as act:
        call = await call_store.lock_own(act.tx, by.id, call_id)
        refusal = decide_service(call, act.now)
        if refusal is not None:
            return Refused(refusal)
        assert call is not None
        person = await persons.lock(act.tx, platform.vault, patient_id)
        if person is None or person.account_id != call.account_id:
            return Refused(MoveRefusal.UNKNOWN_PERSON)
        return await _ask(act, by, person, new_phone, reason, {"call": call.id})


async def ask_by_document(
    platform: Platform,
    by: Staff,
    name: str,
    id_type: str,
    id_no: str,
    phone: str,
    reason: str,
    *,
    disputed: bool = False,
) -> MovePending | Refused[MoveRefusal] | NameFault:
    """Ask for a caller whom no question can verify: the old phone is lost or somebody else's.

    The agent has heard name and document and writes down what else proves the caller; the
    supervisor decides on that. An unknown document, another name and a limit that is reached
    have the same answer, so that nobody finds out who is registered. Record every try.

    `disputed`: somebody else registered the caller, who takes the identity over by the name on
    the document, even if it was registered under another.
    """
    new_phone = read_request(phone, reason)
    if isinstance(new_phone, MoveRefusal):
        return Refused(new_phone)
    shown_name = person_name(name)
    if disputed and isinstance(shown_name, NameFault):
        return shown_name
    document = valid_document(id_type, id_no, platform.db.clock().date())
    async with acting(platform, by.who) as act:
        vault = platform.vault
        agent = vault.index("throttle", f"staff {by.id}")
        tried = await throttle.hit(act.tx, "move_by_document", agent, _HOUR)
        person, about, of_person = None, None, 0
        if document is not None:
            person = await persons.of_document(act.tx, vault, document)
        if person is not None:
            subject = vault.index("throttle", f"patient {person.patient.id}")
            of_person = await throttle.hit(act.tx, "move_of_person", subject, _DAY)
            about = ("patient", person.patient.id)
            # None where the registration gave way to another meanwhile.
            person = await persons.lock(act.tx, vault, person.patient.id)
        facts = AskFacts(
            registered_name=person.patient.name if person else None,
            on_account=person is not None and person.account_id is not None,
            of_staff=tried,
            of_person=of_person,
        )
        refusal = decide_by_document(facts, name, disputed=disputed)
        if refusal is not None:
            await act.record(
                "ask_to_settle" if disputed else "ask_to_move",
                about,
                detail={"refused": refusal.value},
            )
            return Refused(refusal)
        assert person is not None
        assert document is not None
        shown = None
        if disputed and isinstance(shown_name, str):
            shown = ShownDocument(shown_name, document)
        detail: dict[str, object] = {"found_by": "document"}
        return await _ask(act, by, person, new_phone, reason, detail, shown)


async def ask_in(
    act: Acting,
    by: Staff,
    person: Person,
    phone: str,
    reason: str,
    shown: ShownDocument | None = None,
) -> MovePending | Refused[MoveRefusal]:
    """Ask for a locked person whom the caller has identified, as the platform's role.

    `shown`: the person disputes the registration.
    """
    new_phone = read_request(phone, reason)
    if isinstance(new_phone, MoveRefusal):
        return Refused(new_phone)
    return await _ask(act, by, person, new_phone, reason, {}, shown)


async def _ask(
    act: Acting,
    by: Staff,
    person: Person,
    phone: Phone,
    reason: str,
    detail: dict[str, object],
    shown: ShownDocument | None = None,
) -> MovePending | Refused[MoveRefusal]:
    """Record the request and send the code. A landline gets none: nobody logs in by it."""
    tx, platform = act.tx, act.platform
    if phone.number == person.phone:
        return Refused(MoveRefusal.SAME_PHONE)
    if not phone.is_landline:
        refusal = decide_code(*await _count_code(tx, platform, by, phone.number))
        if refusal is not None:
            return Refused(refusal)
    new = NewMove(
        "move" if shown is None else "dispute",
        person.patient.id,
        person.account_id,
        phone,
        None if shown is None else shown.name,
        None if shown is None else shown.document,
        prose(reason),
        by.id,
        by.hospital_id,
    )
    move_id = await store.add(tx, platform.vault, new)
    if phone.is_landline:
        await store.set_requested(tx, move_id)
    else:
        await _send_code(tx, platform, move_id, phone.number, person.account_id)
    await act.record(
        "ask_to_move" if shown is None else "ask_to_settle",
        ("patient", person.patient.id),
        reason=prose(reason),
        detail={"move": move_id, "landline": phone.is_landline, **detail},
    )
    return MovePending(move_id, for_code=not phone.is_landline)


async def _count_code(tx: Tx, platform: Platform, by: Staff, number: str) -> tuple[int, int]:
    """Count a code; return the codes of this hour, of the member of staff and to the phone."""
    index = platform.vault.index
    of_staff = await throttle.hit(tx, "move_staff", index("throttle", f"staff {by.id}"), _HOUR)
    to_phone = await throttle.hit(tx, "move_phone", index("throttle", number), _HOUR)
    return of_staff, to_phone


async def _send_code(
    tx: Tx, platform: Platform, move_id: int, number: str, from_account_id: int | None
) -> None:
    """Send the new phone a code, in its account's language, else the person's account's."""
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
    until = tx.now + CODE_VALID
    index = _code_index(platform, move_id, code)
    await spoken_codes.set_code(tx, "moves", move_id, index, CODE_TRIES, until)
    language = await accounts.language_of_phone(tx, platform.vault, number, from_account_id)
    await messages.notify_phone(tx, platform.vault, "move_code", number, language, code, until)


def _code_index(platform: Platform, move_id: int, code: str) -> bytes:
    return platform.vault.index("move_code", f"{move_id} {code}")


# Proving the phone ------------------------------------------------------------------------


async def move_of(platform: Platform, by: Staff, move_id: int) -> Move | None:
    """Return a request for the member of staff who made it; None for any other."""
    async with platform.db.transaction() as tx:
        return await store.own(tx, platform.vault, move_id, by)


async def send_another_code(
    platform: Platform, by: Staff, move_id: int
) -> MovePending | Refused[MoveRefusal]:
    """Send the new phone another code, for the member of staff whose request it is."""
    async with platform.db.transaction() as tx:
        if await store.own(tx, platform.vault, move_id, by) is None:
            return Refused(MoveRefusal.UNKNOWN)
        move = await store.lock(tx, platform.vault, move_id)
        refusal = decide_proving(move, tx.now)
        if refusal is not None:
            return Refused(refusal)
        assert move is not None
        of_staff, to_phone = await _count_code(tx, platform, by, move.phone)
        refusal = decide_code(of_staff, to_phone, move.codes_sent)
        if refusal is not None:
            return Refused(refusal)
        await _send_code(tx, platform, move_id, move.phone, move.from_account_id)
    return MovePending(move_id, for_code=True)


async def prove_phone(
    platform: Platform, by: Staff, move_id: int, code: str
) -> Moved | MovePending | Refused[MoveRefusal]:
    """Take the code that the person reads from the new phone to the member who asked.

    At a window the document has proven the person, so the move is carried out at once. By the
    hotline a supervisor decides.
    """
    async with acting(platform, by.who) as act:
        if await store.own(act.tx, platform.vault, move_id, by) is None:
            return Refused(MoveRefusal.UNKNOWN)
        move = await store.lock(act.tx, platform.vault, move_id)
        refusal = decide_proving(move, act.now)
        if refusal is not None:
            return Refused(refusal)
        assert move is not None
        saved = await spoken_codes.take_try(act.tx, "moves", move_id)
        given = _code_index(platform, move_id, compact(code))
        if saved is None or not compare_digest(saved, given):
            subject = ("patient", move.patient.id)
            await act.record("move_code_wrong", subject, detail={"move": move_id})
            return Refused(MoveRefusal.CODE_WRONG)
        await store.set_requested(act.tx, move_id)
    if move.hospital_id is None:
        return MovePending(move_id, for_code=False)
    return await carry_out(platform, by, move_id)


# Deciding ---------------------------------------------------------------------------------


async def waiting_moves(platform: Platform) -> list[Move]:
    """Return what supervisors have to decide, the oldest first."""
    async with platform.db.transaction() as tx:
        return await store.waiting(tx, platform.vault, LISTED)


async def decide_move(
    platform: Platform, by: Staff, move_id: int, reason: str, *, approve: bool
) -> Moved | Done | Refused[MoveRefusal]:
    """Approve or reject a request by the hotline, as its second member of staff."""
    stated = stated_reason(reason)
    if stated is None:
        return Refused(MoveRefusal.REASON_NEEDED)
    if approve:
        return await carry_out(platform, by, move_id, reason=stated)
    async with acting(platform, by.who) as act:
        move = await store.lock(act.tx, platform.vault, move_id)
        refusal = decide_approval(move, by, act.now)
        if refusal is not None:
            return Refused(refusal)
        assert move is not None
        await store.decide(act.tx, move_id, "rejected", by.id)
        await act.record(
            "reject_move",
            ("patient", move.patient.id),
            reason=stated,
            detail={"move": move_id},
        )
    return DONE


async def carry_out(
    platform: Platform, by: Staff, move_id: int, *, reason: str = ""
) -> Moved | Refused[MoveRefusal]:
    """Put the person of a proven request on the new phone, in the order of locks above."""
    vault = platform.vault
    async with acting(platform, by.who) as act:
        tx = act.tx
        asked = await store.by_id(tx, vault, move_id)
        refusal = decide_approval(asked, by, act.now)
        if refusal is not None:
            return Refused(refusal)
        assert asked is not None
        phone = valid_any_phone(asked.phone.replace(";ext=", "转"))
        assert phone is not None, "it was valid when it was asked for"
        old_id, new_id = asked.from_account_id, await accounts.of_phone(tx, vault, phone)
        await accounts.lock_accounts(tx, [id for id in (old_id, new_id) if id is not None])
        move = await store.lock(tx, vault, move_id)
        refusal = decide_carrying_out(move, act.now, same_account=new_id == old_id)
        if refusal is not None:
            return Refused(refusal)
        assert move is not None
        settle = _move if move.kind == "move" else _settle
        return await settle(act, by, move, new_id, reason or move.reason)


async def _move(
    act: Acting, by: Staff, move: Move, new_id: int, reason: str
) -> Moved | Refused[MoveRefusal]:
    """Put the person on the new account; both are locked, and so is the old account."""
    tx, vault = act.tx, act.vault
    patient_id, old_id = move.patient.id, move.from_account_id
    person = await persons.lock(tx, vault, patient_id)
    unchanged = person is not None and person.account_id == old_id
    slot = await patient_store.free_slot(tx, new_id)
    refusal = decide_placing(unchanged=unchanged, has_slot=slot is not None)
    if refusal is not None:
        return Refused(refusal)
    assert slot is not None
    await persons.put_on_account(tx, patient_id, new_id, slot)
    await end_of_patients(tx, [patient_id])
    if by.hospital_id is not None:
        await persons.set_checked(tx, patient_id)
    if old_id is not None:
        await end_logins(tx, old_id, "moved")
        await messages.notify_account(tx, "moved_away", old_id, patient_id)
    await messages.notify_account(tx, "moved_here", new_id, patient_id)
    await store.decide(tx, move.id, "done", by.id)
    await act.record(
        "move_person",
        ("patient", patient_id),
        reason=reason,
        detail={"move": move.id, "from_account": old_id, "to_account": new_id},
    )
    return Moved(move.id)


async def _settle(
    act: Acting, by: Staff, move: Move, new_id: int, reason: str
) -> Moved | Refused[MoveRefusal]:
    """Register the person anew, as shown; the registration that is disputed gives way.

    Both phones are notified: the old that its registration is void, the new that the
    person is on it.
    """
    tx, vault, old_id = act.tx, act.vault, move.from_account_id
    assert move.name is not None, "a dispute has what was shown"
    assert move.document is not None, "a dispute has what was shown"
    current = await registrations.lock_current(tx, vault, move.document)
    if current is None or current.id != move.patient.id or current.account_id != old_id:
        return Refused(MoveRefusal.CHANGED_MEANWHILE)
    added = await register_in(
        tx, act.platform, new_id, move.name, move.document, in_hand=True, settles=True
    )
    if isinstance(added, Refused):
        is_full = added.reason is PatientRefusal.PHONE_LIMIT
        return Refused(MoveRefusal.PHONE_FULL if is_full else MoveRefusal.CHANGED_MEANWHILE)
    await messages.notify_account(tx, "moved_here", new_id, added.id)
    await store.decide(tx, move.id, "done", by.id)
    until = current.suspended_until
    await act.record(
        "settle_dispute",
        ("patient", move.patient.id),
        reason=reason,
        detail={
            "move": move.id,
            "from_account": old_id,
            "to_account": new_id,
            "displaced_by": added.id,
            "was_checked_by": current.checked_by,
            "no_shows_pass": current.was_shown,
            "suspended_until": None if until is None else until.isoformat(),
        },
    )
    return Moved(move.id)
