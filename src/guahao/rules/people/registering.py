"""What a registration does that meets the person's current one (RULES.md "Real-name check")."""

from __future__ import annotations

from datetime import date
from enum import Enum, StrEnum, auto

from guahao.rules.people.documents import OTHER, birth_certificate_end
from guahao.rules.people.identity import Document


class PatientRefusal(StrEnum):
    """Why a patient is not registered, in order of precedence.

    What is wrong with a malformed name, its NameFault says; NAME_INVALID is the API's code for it.
    """

    NAME_INVALID = "name_invalid"
    ID_INVALID = "id_invalid"
    COUNTER_ONLY = "counter_only"
    BIRTH_DATE_INVALID = "birth_date_invalid"
    GUARDIAN_NEEDED = "guardian_needed"
    PHONE_LIMIT = "phone_limit"
    CONSENT_REQUIRED = "consent_required"
    GUARDIAN_REQUIRED = "guardian_consent_required"
    OTHER_NAME = "patient_other_name"  # the account has the person already, by another name
    # For staff only, who may know it; patients hear NOT_REGISTERED.
    ID_TAKEN = "id_taken"
    IDENTITY_MISMATCH = "identity_mismatch"
    # The same answer for both, so that nobody finds out here who is registered.
    NOT_REGISTERED = "not_registered"


def decide_document(
    document: Document | None, born: date | None, today: date, *, is_seen: bool, is_relative: bool
) -> PatientRefusal | None:
    """Return why nobody is registered by a document; None: it is not valid.

    `is_seen`: staff have the original in hand. `is_relative`: the account's owner registers, who
    may do so for a newborn with a birth certificate (`born`), until the first birthday. Other
    documents of that type are for a counter.
    """
    if document is None:
        return PatientRefusal.ID_INVALID
    by_owner = is_relative and document.is_birth_certificate
    if document.id_type == OTHER and not is_seen and not by_owner:
        return PatientRefusal.COUNTER_ONLY
    needs_date = document.is_birth_certificate
    is_dated = born is not None and birth_certificate_end(born, today) is not None
    return PatientRefusal.BIRTH_DATE_INVALID if needs_date and not is_dated else None


def as_patients_hear(refusal: PatientRefusal) -> PatientRefusal:
    """Return the refusal without what only staff may know: who else is registered."""
    told_to_staff = (PatientRefusal.ID_TAKEN, PatientRefusal.IDENTITY_MISMATCH)
    return PatientRefusal.NOT_REGISTERED if refusal in told_to_staff else refusal


class Registering(Enum):
    """What to do with a registration."""

    ADD = auto()  # nobody has registered the person
    KEEP = auto()  # the account has the person already
    CHECK = auto()  # the account has the person, who is checked from now on
    CONTINUE = auto()  # a new registration that takes over from another without account
    DISPLACE = auto()  # a checked registration takes another's place, of which nothing counts
    TAKE_OVER = auto()  # it takes another's place, with its no-shows and bookings
    REFUSE = auto()


def decide_registration(
    *,
    own: bool,
    without_account: bool,
    is_checked: bool,
    checks: bool,
    settles: bool = False,
    was_shown: bool = False,
) -> Registering:
    """Decide what a registration does that meets the person's current one.

    `own`: the current registration is of the account that registers; `without_account`: of no
    account, as after a removal; `is_checked`: it is checked; `checks`: the new registration would
    be; `settles`: staff have settled a dispute in favour of the new registration. `was_shown`:
    the document was shown in person under the current registration, at a pick-up or to staff.
    Then its holder has used it, and nobody escapes no-shows or a suspension by disputing it.
    """
    if own:
        return Registering.CHECK if checks and not is_checked else Registering.KEEP
    if without_account:
        # A stranger may have registered the person, missed visits and removed them again.
        is_unproven = not (is_checked or was_shown)
        return Registering.DISPLACE if checks and is_unproven else Registering.CONTINUE
    if settles and was_shown:
        return Registering.TAKE_OVER
    if settles or (checks and not is_checked):
        return Registering.DISPLACE
    return Registering.REFUSE


def decide_place(decided: Registering, *, same_name: bool, has_slot: bool) -> PatientRefusal | None:
    """Return why a registration is not made, None where it is.

    `same_name`: as the account has the person already. `has_slot`: the account has room.
    """
    if decided is Registering.CHECK:
        return None
    if decided is Registering.KEEP:
        return None if same_name else PatientRefusal.OTHER_NAME
    if not has_slot:
        return PatientRefusal.PHONE_LIMIT
    return PatientRefusal.ID_TAKEN if decided is Registering.REFUSE else None
