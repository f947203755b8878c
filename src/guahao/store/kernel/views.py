"""Records as shown to people, with decrypted personal data.

Show a view to its owner only, or to staff whose access is recorded in the audit trail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time

from guahao.rules.booking.cancelling import cancel_deadline, cancel_until
from guahao.rules.booking.order_no import order_no
from guahao.rules.fairness.declining import still_declinable_until
from guahao.rules.kernel.facts import AppointmentFacts
from guahao.rules.kernel.limits import HospitalRules
from guahao.rules.kernel.values import value


@dataclass(frozen=True, slots=True)
class HospitalView:
    """A hospital in the directory (S5)."""

    id: int
    name: str
    name_en: str
    grade: str
    district: str
    address: str
    phone: str
    notice: str
    pickup_place: str
    rules: HospitalRules
    address_en: str = ""
    pickup_place_en: str = ""
    notice_en: str = ""


@dataclass(frozen=True, slots=True)
class DepartmentView:
    """A department; `parent_id` is the id of its first-level department."""

    id: int
    name: str
    name_en: str
    parent_id: int | None
    parent_name: str | None


@value
class SessionView:
    """A clinic session with the names and rules that readers need. Money is in 分."""

    id: int
    hospital_id: int
    hospital_name: str
    department_id: int
    department_name: str
    title: str
    specialty: str
    visit_date: date
    period: str
    starts_at: time | None
    ends_at: time | None
    fee_fen: int
    capacity: int
    booked: int
    stopped: bool
    pickup_place: str
    rules: HospitalRules
    hospital_name_en: str = ""
    department_name_en: str = ""
    held: int = 0  # places that wait for a draw, the first of them at `draw_at`
    reserved: int = 0  # for the counter, referrals or patients of a stopped clinic
    draw_at: datetime | None = None
    pickup_place_en: str = ""

    @property
    def remaining(self) -> int:
        """Return the places that can be booked."""
        return self.capacity - self.booked - self.held - self.reserved


@value
class PatientView:
    """A patient with decrypted name and document number, which routers mask."""

    id: int
    name: str
    id_type: str
    id_no: str
    suspended_until: date | None
    is_checked: bool | None = None  # None if not read


@value
class AppointmentView:
    """An appointment with its identification code, for its owner only.

    `declinable_until`: of a place won in a draw, until when it could be declined as promised.
    `substituted_at`: since when another doctor sees the patient than the one who was booked.
    """

    id: int
    status: str
    code: str
    channel: str
    booked_at: datetime
    changed_at: datetime
    session: SessionView
    patient: PatientView
    declinable_until: datetime | None = None
    substituted_at: datetime | None = None

    @property
    def cancel_until(self) -> datetime:
        """Return the moment from which the booking can no longer be cancelled."""
        session = self.session
        return cancel_until(
            AppointmentFacts(
                self.status,
                session.hospital_id,
                session.visit_date,
                session.period,
                session.rules,
                session.starts_at,
                self.substituted_at is not None,
            )
        )

    @property
    def won_in_draw(self) -> bool:
        """Return whether a draw gave out the place."""
        return self.declinable_until is not None

    @property
    def decline_until(self) -> datetime | None:
        """Return until when the patient may decline the place; None: not won, or over."""
        if self.declinable_until is None:
            return None
        deadline = cancel_deadline(self.session.visit_date, self.session.rules)
        return still_declinable_until(self.status, self.declinable_until, deadline)

    @property
    def order_no(self) -> str:
        """Return the order number, by which people refer to the booking."""
        return order_no(self.id)
