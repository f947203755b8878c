"""What helps where an application was refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from guahao.rules.fairness.applying import ApplicationRefusal
from guahao.web.citizens.page import Page


@dataclass(frozen=True, slots=True)
class HelpLink:
    """A link to what helps."""

    path: str
    words: str


def offers(page: Page, reason: ApplicationRefusal, department_id: int) -> list[HelpLink]:
    """Return where the reader can go on, beside changing the form."""
    own = HelpLink("/applications", page.say("我的候补"))
    patients = HelpLink("/patients", page.say("我的就诊人"))
    call = HelpLink(f"tel:{page.hotline}", page.say("拨打热线 {number}", number=page.hotline))
    department = HelpLink(f"/departments/{department_id}", page.say("看本科室其他日期"))
    match reason:
        case ApplicationRefusal.UNKNOWN_DEPARTMENT:
            return [HelpLink("/", page.say("从首页重新查找"))]
        case ApplicationRefusal.NOT_YOUR_PATIENT | ApplicationRefusal.DOCUMENT_ENDED:
            return [patients]
        case ApplicationRefusal.WISHES_IMPOSSIBLE | ApplicationRefusal.UNKNOWN_SESSION:
            return [department]
        case ApplicationRefusal.ACCOUNT_RESTRICTED:
            return [call]
        case ApplicationRefusal.PATIENT_SUSPENDED:
            return [HelpLink("/bookings", page.say("看我的挂号")), call]
        case ApplicationRefusal.APPLICATIONS_PAUSED:
            return [department, call]
        case ApplicationRefusal.ALREADY_APPLIED | ApplicationRefusal.TOO_MANY_APPLICATIONS:
            return [own]
        case ApplicationRefusal.TOO_MANY_TODAY:
            return [own, call]
        case (
            ApplicationRefusal.SAME_PATIENT_TWICE
            | ApplicationRefusal.DIFFERENT_ACCOUNTS
            | ApplicationRefusal.PERSON_UNCHECKED
        ):
            return []  # the sentence says all
        case never:
            assert_never(never)
