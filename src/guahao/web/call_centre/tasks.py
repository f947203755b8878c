"""Call tasks: claim the next, call, record the outcome."""

from __future__ import annotations

from litestar.types import ASGIApp

from guahao.flows.call_centre import call_tasks as flows
from guahao.flows.call_centre.call_tasks import ClaimedTask
from guahao.rules.call_centre.call_tasks import CallOutcome
from guahao.rules.people.identity import masked_name
from guahao.rules.people.phones import spoken_phone
from guahao.rules.staff.staff import CALL_CENTRE_ROLES
from guahao.web.http.reading import ProblemError, read_id
from guahao.web.staff import StaffPage, StaffRoute

_TASKS = "/staff/tasks"


def task_routes() -> list[StaffRoute]:
    """Return the list, the claim of a task, and its outcome."""
    return [
        StaffRoute("GET", _TASKS, _listed, CALL_CENTRE_ROLES),
        StaffRoute("POST", _TASKS, _take, CALL_CENTRE_ROLES),
        StaffRoute("POST", f"{_TASKS}/{{task_id}}", _finish, CALL_CENTRE_ROLES),
        StaffRoute("POST", f"{_TASKS}/{{task_id}}/answered", _answered, CALL_CENTRE_ROLES),
        StaffRoute("POST", f"{_TASKS}/{{task_id}}/call", _call, CALL_CENTRE_ROLES),
    ]


async def _listed(page: StaffPage) -> ASGIApp:
    tasks = await flows.open_tasks(page.services.platform)
    return page.show("staff/tasks.html", tasks=tasks, kinds=task_kinds(page))


async def _take(page: StaffPage) -> ASGIApp:
    """Show the number to call; it appears on this page only, in no address."""
    claimed = await flows.claim_task(page.services.platform, page.staff)
    if claimed is None:
        page.flash(page.say("现在没有要回的电话。"))
        return page.redirect(_TASKS)
    return _task(page, claimed, confirmed=False)


async def _answered(page: StaffPage) -> ASGIApp:
    """Show what to speak about, now that the patient or their family answers."""
    id = read_id(page.request, "task_id", "not_found")
    claimed = await flows.confirm_answerer(page.services.platform, page.staff, id)
    if claimed is None:
        page.flash(page.say("这个任务已不在您手上，没有改动。"))
        return page.redirect(_TASKS)
    return _task(page, claimed, confirmed=True)


def _task(page: StaffPage, claimed: ClaimedTask, *, confirmed: bool) -> ASGIApp:
    return page.show(
        "staff/task.html",
        taken=claimed,
        confirmed=confirmed,
        kind=task_kinds(page).get(claimed.task.kind, claimed.task.kind),
        spoken_phone=spoken_phone(claimed.phone),
        patient_name=masked_name(claimed.patient.name),
    )


async def _call(page: StaffPage) -> ASGIApp:
    """Start a call with the person who answers a landline, to read out the code or act for them."""
    id = read_id(page.request, "task_id", "not_found")
    call_id = await flows.call_for_task(page.services.platform, page.staff, id)
    if call_id is None:
        page.flash(page.say("这个任务已不在您手上，没有改动。"))
        return page.redirect(_TASKS)
    return page.redirect(f"/staff/calls/{call_id}")


async def _finish(page: StaffPage) -> ASGIApp:
    id = read_id(page.request, "task_id", "not_found")
    try:
        outcome = CallOutcome(page.form.get("outcome", ""))
    except ValueError:
        raise ProblemError("bad_request") from None
    finished = await flows.finish_task(page.services.platform, page.staff, id, outcome)
    page.flash(
        page.say("这个任务已不在您手上，没有改动。") if finished is None else page.say("已记录。")
    )
    return page.redirect(_TASKS)


def task_kinds(page: StaffPage) -> dict[str, str]:
    """Return the name of each kind of task."""
    return {
        "stopped": page.say("停诊通知未送达"),
        "substituted": page.say("换医生通知未送达"),
        "replacement_offered": page.say("停诊留号通知未送达"),
        "replacement_lapsed": page.say("留号到期通知"),
        "cancelled": page.say("退号通知未送达"),
        "call_back": page.say("请求回电"),
        "booked": page.say("预约短信未送达"),
        "rescheduled": page.say("改约短信未送达"),
        "reminder": page.say("就诊提醒"),
        "no_show": page.say("爽约通知"),
        "excused": page.say("申诉成立通知"),
        "excuse_withdrawn": page.say("撤回申诉通知"),
        "suspended": page.say("暂停预约通知"),
        "relieved": page.say("放宽暂停通知"),
        "draw_won": page.say("抽中通知未送达"),
        "application_ended": page.say("候补结束通知"),
        "moved_away": page.say("就诊人转出通知"),
        "moved_here": page.say("就诊人转入通知"),
        "displaced": page.say("登记被取代通知"),
        "merged": page.say("登记合并通知"),
    }
