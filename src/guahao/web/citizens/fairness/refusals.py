"""What helps where an application was refused."""

from __future__ import annotations

from dataclasses import dataclass

from guahao.rules.fairness.applying import ApplicationRefusal
from guahao.web.citizens.page import Page


@dataclass(frozen=True, slots=True)
class Offer:
    """A link to what helps."""

    path: str
    words: str


def offers(page: Page, reason: ApplicationRefusal, department_id: int) -> list[Offer]:
    """Return where the reader can go on, beside changing the form."""
    own = Offer("/applications", page.say("我的候补"))
    patients = Offer("/patients", page.say("我的就诊人"))
    call = Offer(f"tel:{page.hotline}", page.say("拨打热线 {number}", number=page.hotline))
    department = Offer(f"/departments/{department_id}", page.say("看本科室其他日期"))
    return {
        ApplicationRefusal.UNKNOWN_DEPARTMENT: [Offer("/", page.say("从首页重新查找"))],
        ApplicationRefusal.NOT_YOUR_PATIENT: [patients],
        ApplicationRefusal.WISHES_IMPOSSIBLE: [department],
        ApplicationRefusal.UNKNOWN_SESSION: [department],
        ApplicationRefusal.ACCOUNT_RESTRICTED: [call],
        ApplicationRefusal.DOCUMENT_ENDED: [patients],
        ApplicationRefusal.PATIENT_SUSPENDED: [Offer("/bookings", page.say("看我的挂号")), call],
        ApplicationRefusal.APPLICATIONS_PAUSED: [department, call],
        ApplicationRefusal.ALREADY_APPLIED: [own],
        ApplicationRefusal.TOO_MANY_APPLICATIONS: [own],
        ApplicationRefusal.TOO_MANY_TODAY: [own, call],
    }.get(reason, [])
