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
from guahao.web.words.words import task_kinds

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
    return page.show("staff/tasks.html", tasks=tasks, kinds=task_kinds(page.say))


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
        kind=task_kinds(page.say).get(claimed.task.kind, claimed.task.kind),
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
