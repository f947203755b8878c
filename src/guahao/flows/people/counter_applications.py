"""Apply for places for a person at a hospital's window, whose document the clerk has in hand.

The clerk serves their own hospital alone: its departments, and the applications for them.
"""

from __future__ import annotations

from guahao.flows.fairness import applications as flows
from guahao.flows.fairness.applications import ApplicationRequest
from guahao.flows.kernel.platform import Platform
from guahao.flows.people import counter
from guahao.rules.fairness.applying import ApplicationRefusal, Wishes, WithdrawRefusal
from guahao.rules.hospitals.departments import Department
from guahao.rules.kernel.facts import Actor
from guahao.rules.kernel.outcomes import KeyMismatch, Refused
from guahao.rules.people.counter import CounterRefusal
from guahao.rules.people.moving import MoveRefusal
from guahao.rules.staff.staff import Staff
from guahao.store.fairness.applications import ApplicationView
from guahao.store.hospitals import departments as department_store
from guahao.store.people.persons import Person
from guahao.store.supply import listings

CHANNEL = "window"
_Refusal = Refused[CounterRefusal] | Refused[MoveRefusal]


async def apply_at_window(
    platform: Platform, by: Staff, sealed: str, key: str, department_id: int, wishes: Wishes
) -> ApplicationView | Refused[ApplicationRefusal] | _Refusal | KeyMismatch:
    """Apply for the person who was looked up."""
    person = await _person(platform, by, sealed)
    if isinstance(person, Refused):
        return person
    async with platform.db.transaction() as tx:
        departments = await listings.departments_by_id(tx, [department_id])
    if by.own_hospital_id not in {department.hospital_id for department in departments}:
        return Refused(ApplicationRefusal.UNKNOWN_DEPARTMENT)
    return await flows.apply(
        platform,
        ApplicationRequest(
            Actor("staff", by.id),
            key,
            (person.patient.id,),
            department_id,
            wishes,
            CHANNEL,
            by.who,
        ),
    )


async def departments_at_window(platform: Platform, by: Staff) -> list[Department]:
    """Return the departments of the clerk's hospital that can be booked."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        found = await department_store.listed(tx, by.own_hospital_id)
    return [d for d in found if d.on_platform and d.parent_id is not None]


async def name_at_window(platform: Platform, by: Staff, sealed: str) -> str | _Refusal:
    """Return the name of the person who was looked up."""
    person = await _person(platform, by, sealed)
    return person if isinstance(person, Refused) else person.patient.name


async def applications_at_window(
    platform: Platform, by: Staff, sealed: str
) -> list[ApplicationView] | _Refusal:
    """Return the person's applications at the clerk's hospital, the newest first."""
    person = await _person(platform, by, sealed)
    if isinstance(person, Refused):
        return person
    assert person.account_id is not None
    return [
        application
        for application in await flows.own_applications(platform, person.account_id)
        if _is_shown(application, by, person)
    ]


async def withdraw_at_window(
    platform: Platform, by: Staff, sealed: str, application_id: int, reason: str
) -> ApplicationView | Refused[WithdrawRefusal] | _Refusal:
    """Withdraw an application of the person at the clerk's hospital."""
    person = await _person(platform, by, sealed)
    if isinstance(person, Refused):
        return person
    assert person.account_id is not None
    found = await flows.own_application(platform, person.account_id, application_id)
    if found is None or not _is_shown(found, by, person):
        return Refused(WithdrawRefusal.UNKNOWN)
    return await flows.withdraw(platform, person.account_id, application_id, by.who, reason=reason)


def _is_shown(application: ApplicationView, by: Staff, person: Person) -> bool:
    """Return whether an application is the person's, at the clerk's hospital."""
    is_own = person.patient.id in {patient.id for patient in application.patients}
    return is_own and application.hospital_id == by.own_hospital_id


async def _person(platform: Platform, by: Staff, sealed: str) -> Person | _Refusal:
    """Return the registered person whose document the clerk has in hand."""
    found = await counter.again(platform, by, sealed)
    if found is None:
        return Refused(CounterRefusal.LOOK_UP_AGAIN)
    if found.person is None or not found.is_on_account or not found.same_name:
        return Refused(MoveRefusal.UNKNOWN_PERSON)
    return found.person
