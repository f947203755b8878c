"""Where each role may go from any page, and where it begins."""

from __future__ import annotations

from dataclasses import dataclass

from guahao.rules.staff.staff import CALL_CENTRE_ROLES, Role
from guahao.words.text import Words


@dataclass(frozen=True, slots=True)
class NavigationEntry:
    """A place in the navigation; `tab` is what its pages call themselves."""

    tab: str
    path: str
    words: Words
    roles: frozenset[Role]


_ADMINISTRATOR = frozenset({Role.ADMINISTRATOR})
ENTRIES = (
    NavigationEntry(
        "overview",
        "/staff/overview",
        Words("概况"),
        frozenset({Role.ADMINISTRATOR, Role.AUDITOR}),
    ),
    NavigationEntry(
        "call_overview",
        "/staff/calls/overview",
        Words("客服总览"),
        frozenset({Role.SUPERVISOR}),
    ),
    NavigationEntry("calls", "/staff/calls", Words("来电"), CALL_CENTRE_ROLES),
    NavigationEntry("tasks", "/staff/tasks", Words("待回电"), CALL_CENTRE_ROLES),
    NavigationEntry("moves", "/staff/moves", Words("待审批"), frozenset({Role.SUPERVISOR})),
    NavigationEntry("supply", "/staff/supply", Words("号源"), CALL_CENTRE_ROLES),
    NavigationEntry("window", "/staff/window", Words("取号"), frozenset({Role.CLERK})),
    NavigationEntry(
        "today",
        "/staff/window/today",
        Words("今日名单"),
        frozenset({Role.CLERK}),
    ),
    NavigationEntry(
        "queues", "/staff/window/queues", Words("叫号", "navigation"), frozenset({Role.CLERK})
    ),
    NavigationEntry("counter", "/staff/window/counter", Words("窗口号"), frozenset({Role.CLERK})),
    NavigationEntry(
        "persons",
        "/staff/window/persons",
        Words("就诊人登记", "navigation"),
        frozenset({Role.CLERK}),
    ),
    NavigationEntry(
        "unverified",
        "/staff/window/unverified",
        Words("待确认", "navigation"),
        frozenset({Role.CLERK}),
    ),
    NavigationEntry("stopped", "/staff/window/stops", Words("停诊患者"), frozenset({Role.CLERK})),
    NavigationEntry(
        "hospital_overview",
        "/staff/schedule/overview",
        Words("今日概况"),
        frozenset({Role.CLERK, Role.SCHEDULER}),
    ),
    NavigationEntry("schedule", "/staff/schedule", Words("排班"), frozenset({Role.SCHEDULER})),
    NavigationEntry(
        "calendar", "/staff/schedule/calendar", Words("节假日"), frozenset({Role.SCHEDULER})
    ),
    NavigationEntry(
        "import",
        "/staff/schedule/import",
        Words("导入导出"),
        frozenset({Role.SCHEDULER}),
    ),
    NavigationEntry(
        "stop", "/staff/schedule/stop", Words("停诊", "navigation"), frozenset({Role.SCHEDULER})
    ),
    NavigationEntry(
        "rules",
        "/staff/schedule/rules",
        Words("预约规则"),
        frozenset({Role.SCHEDULER}),
    ),
    NavigationEntry(
        "release",
        "/staff/schedule/release",
        Words("放号方式"),
        frozenset({Role.SCHEDULER}),
    ),
    NavigationEntry(
        "departments",
        "/staff/schedule/departments",
        Words("科室"),
        frozenset({Role.SCHEDULER}),
    ),
    NavigationEntry("push", "/staff/schedule/push", Words("推送"), frozenset({Role.SCHEDULER})),
    NavigationEntry(
        "api_calls",
        "/staff/schedule/api-calls",
        Words("接口记录"),
        frozenset({Role.SCHEDULER}),
    ),
    NavigationEntry(
        "no_shows",
        "/staff/no-shows",
        Words("爽约名单", "navigation"),
        frozenset({Role.SUPERVISOR, Role.ADMINISTRATOR, Role.AUDITOR}),
    ),
    NavigationEntry(
        "account_reviews",
        "/staff/account-reviews",
        Words("异常账户"),
        frozenset({Role.SUPERVISOR, Role.ADMINISTRATOR, Role.AUDITOR}),
    ),
    NavigationEntry(
        "privacy",
        "/staff/privacy",
        Words("个人信息", "navigation"),
        frozenset({Role.SUPERVISOR, Role.ADMINISTRATOR}),
    ),
    NavigationEntry(
        "release_hour",
        "/staff/release",
        Words("放号实况"),
        frozenset({Role.SUPERVISOR, Role.ADMINISTRATOR, Role.AUDITOR}),
    ),
    NavigationEntry(
        "reports",
        "/staff/reports",
        Words("统计"),
        frozenset({Role.SCHEDULER, Role.SUPERVISOR, Role.ADMINISTRATOR, Role.AUDITOR}),
    ),
    NavigationEntry(
        "reconciliations",
        "/staff/schedule/reconciliations",
        Words("对账"),
        frozenset({Role.SCHEDULER}),
    ),
    NavigationEntry("hospitals", "/staff/hospitals", Words("医院"), _ADMINISTRATOR),
    NavigationEntry("pushes", "/staff/pushes", Words("医院推送"), _ADMINISTRATOR),
    NavigationEntry("calendar", "/staff/calendar", Words("节假日"), _ADMINISTRATOR),
    NavigationEntry("policy", "/staff/policy", Words("政策"), _ADMINISTRATOR),
    NavigationEntry(
        "reconciliations",
        "/staff/reconciliations",
        Words("对账"),
        frozenset({Role.ADMINISTRATOR, Role.AUDITOR}),
    ),
    NavigationEntry("staff", "/staff/members", Words("人员"), _ADMINISTRATOR),
    NavigationEntry(
        "trail",
        "/staff/trail",
        Words("操作记录"),
        frozenset({Role.ADMINISTRATOR, Role.AUDITOR}),
    ),
)


# Where each role begins after the log-in: the page with its next task.
_LANDINGS = {
    Role.AGENT: "/staff/calls",
    Role.SUPERVISOR: "/staff/calls/overview",
    Role.CLERK: "/staff/window",
    Role.SCHEDULER: "/staff/schedule",
    Role.ADMINISTRATOR: "/staff/overview",
    Role.AUDITOR: "/staff/overview",
}


def entries_for(role: Role) -> list[NavigationEntry]:
    """Return what a role sees, in order."""
    return [entry for entry in ENTRIES if role in entry.roles]


def landing(role: Role) -> str:
    """Return the page where a role begins."""
    return _LANDINGS[role]
