"""Where each role may go from any page, and where it begins."""

from __future__ import annotations

from dataclasses import dataclass

from guahao.rules.staff.staff import CALL_CENTRE_ROLES, Role
from guahao.web.words.language import Words


@dataclass(frozen=True, slots=True)
class Entry:
    """A place in the navigation; `tab` is what its pages call themselves."""

    tab: str
    path: str
    words: Words
    roles: frozenset[Role]


_ADMINISTRATOR = frozenset({Role.ADMINISTRATOR})
ENTRIES = (
    Entry("calls", "/staff/calls", Words("来电", "Calls"), CALL_CENTRE_ROLES),
    Entry("tasks", "/staff/tasks", Words("待回电", "To call"), CALL_CENTRE_ROLES),
    Entry("moves", "/staff/moves", Words("待审批", "To approve"), frozenset({Role.SUPERVISOR})),
    Entry("supply", "/staff/supply", Words("号源", "Supply"), CALL_CENTRE_ROLES),
    Entry("window", "/staff/window", Words("取号", "Pick-up"), frozenset({Role.CLERK})),
    Entry(
        "today",
        "/staff/window/today",
        Words("今日名单", "Today's list"),
        frozenset({Role.CLERK}),
    ),
    Entry(
        "persons",
        "/staff/window/persons",
        Words("就诊人登记", "Register"),
        frozenset({Role.CLERK}),
    ),
    Entry(
        "unverified",
        "/staff/window/unverified",
        Words("待确认", "To confirm"),
        frozenset({Role.CLERK}),
    ),
    Entry("schedule", "/staff/schedule", Words("排班", "Schedule"), frozenset({Role.SCHEDULER})),
    Entry(
        "import",
        "/staff/schedule/import",
        Words("导入导出", "Import & export"),
        frozenset({Role.SCHEDULER}),
    ),
    Entry("stop", "/staff/schedule/stop", Words("停诊", "Stop"), frozenset({Role.SCHEDULER})),
    Entry(
        "rules",
        "/staff/schedule/rules",
        Words("预约规则", "Booking rules"),
        frozenset({Role.SCHEDULER}),
    ),
    Entry(
        "departments",
        "/staff/schedule/departments",
        Words("科室", "Departments"),
        frozenset({Role.SCHEDULER}),
    ),
    Entry("push", "/staff/schedule/push", Words("推送", "Push"), frozenset({Role.SCHEDULER})),
    Entry(
        "api_calls",
        "/staff/schedule/api-calls",
        Words("接口记录", "API calls"),
        frozenset({Role.SCHEDULER}),
    ),
    Entry(
        "no_shows",
        "/staff/no-shows",
        Words("爽约名单", "No-shows"),
        frozenset({Role.SUPERVISOR, Role.ADMINISTRATOR, Role.AUDITOR}),
    ),
    Entry(
        "account_reviews",
        "/staff/account-reviews",
        Words("异常账户", "Accounts to review"),
        frozenset({Role.SUPERVISOR, Role.ADMINISTRATOR, Role.AUDITOR}),
    ),
    Entry(
        "privacy",
        "/staff/privacy",
        Words("个人信息", "Personal data"),
        frozenset({Role.SUPERVISOR, Role.ADMINISTRATOR}),
    ),
    Entry(
        "reports",
        "/staff/reports",
        Words("统计", "Reports"),
        frozenset({Role.SCHEDULER, Role.SUPERVISOR, Role.ADMINISTRATOR, Role.AUDITOR}),
    ),
    Entry(
        "reconciliations",
        "/staff/schedule/reconciliations",
        Words("对账", "Reconciling"),
        frozenset({Role.SCHEDULER}),
    ),
    Entry("hospitals", "/staff/hospitals", Words("医院", "Hospitals"), _ADMINISTRATOR),
    Entry("pushes", "/staff/pushes", Words("医院推送", "Hospital push"), _ADMINISTRATOR),
    Entry("policy", "/staff/policy", Words("政策", "Policy"), _ADMINISTRATOR),
    Entry(
        "reconciliations",
        "/staff/reconciliations",
        Words("对账", "Reconciling"),
        frozenset({Role.ADMINISTRATOR, Role.AUDITOR}),
    ),
    Entry("staff", "/staff/members", Words("人员", "Staff"), _ADMINISTRATOR),
    Entry(
        "trail",
        "/staff/trail",
        Words("操作记录", "Audit trail"),
        frozenset({Role.ADMINISTRATOR, Role.AUDITOR}),
    ),
)


def entries_for(role: Role) -> list[Entry]:
    """What a role sees, in order; the first is where it begins."""
    return [entry for entry in ENTRIES if role in entry.roles]
