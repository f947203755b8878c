"""Where a refused booking leads on: a row for each reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from guahao.rules.kernel.outcomes import Refusal

Instead = Literal["", "hospitals", "departments", "patients"]
Help = Literal["no_shows", "patients", "day", "hotline"]


@dataclass(frozen=True, slots=True)
class Ways:
    """What helps after a refusal.

    `of_patient`: another patient may not be refused, and an agent can help. `sessions`: the
    department's next sessions are offered, since the reason may not hold there. `dates`: so is its
    week. `instead`: the same department of other hospitals, other departments of this one, or
    other patients. `hotline`: its number is given. `helps`: the links beside the refused patient:
    their no-shows, the account's patients, the first day that the rules allow.
    """

    of_patient: bool = False
    sessions: bool = True
    dates: bool = True
    instead: Instead = ""
    hotline: bool = True
    helps: tuple[Help, ...] = ()


_OF_SUPPLY = Ways(instead="hospitals")
_OF_A_LIMIT = Ways(of_patient=True, helps=("day",))

WAYS: Mapping[Refusal, Ways] = {
    # The page says that there is no such session.
    Refusal.UNKNOWN_SESSION: Ways(sessions=False),
    Refusal.NOT_YOUR_PATIENT: Ways(sessions=False, instead="patients", hotline=False),
    Refusal.SESSION_STOPPED: _OF_SUPPLY,
    Refusal.SAME_DAY: _OF_SUPPLY,
    Refusal.NEXT_DAY_CLOSED: _OF_SUPPLY,
    Refusal.BEYOND_HORIZON: _OF_SUPPLY,
    Refusal.NOT_RELEASED: _OF_SUPPLY,
    Refusal.BY_DRAW: _OF_SUPPLY,
    Refusal.ACCOUNT_RESTRICTED: Ways(
        of_patient=True, sessions=False, dates=False, helps=("hotline",)
    ),
    Refusal.DOCUMENT_ENDED: Ways(of_patient=True, dates=False, helps=("patients",)),
    Refusal.PERSON_UNCHECKED: Ways(of_patient=True, dates=False, helps=("hotline",)),
    Refusal.PATIENT_SUSPENDED: Ways(
        of_patient=True, sessions=False, dates=False, helps=("no_shows", "hotline")
    ),
    Refusal.DUPLICATE_DEPARTMENT: Ways(of_patient=True, instead="departments", helps=("day",)),
    Refusal.DAY_LIMIT: _OF_A_LIMIT,
    Refusal.SEVEN_DAY_LIMIT: _OF_A_LIMIT,
    Refusal.THREE_MONTH_LIMIT: _OF_A_LIMIT,
    Refusal.SOLD_OUT: Ways(instead="hospitals", hotline=False),
}
