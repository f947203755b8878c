"""What a registration does that meets the person's current one (RULES.md "Real-name check")."""

from __future__ import annotations

from enum import Enum, auto


class Registering(Enum):
    """What to do with a registration."""

    ADD = auto()  # nobody has registered the person
    KEEP = auto()  # the account has the person already
    CHECK = auto()  # the account has the person, who is checked from now on
    CONTINUE = auto()  # a new registration that counts on where one without account stopped
    DISPLACE = auto()  # a checked registration takes another's place, of which nothing counts
    TAKE_OVER = auto()  # it takes another's place, whose no-shows and bookings count on
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

    `own`: that one is of the account that registers; `without_account`: of no account, as after
    a removal; `is_checked`: it is checked; `checks`: the new registration would be;
    `settles`: staff have settled a dispute in favour of the new registration. `was_shown`: the
    document was shown in person for the current one, by a pick-up or to staff. Then its holder has
    used that registration, and nobody sheds no-shows or a suspension by disputing it.
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
