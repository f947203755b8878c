"""What the staff are shown where a page of theirs cannot be."""

from __future__ import annotations

from guahao.web.answers import Answer
from guahao.web.reading import ApiRequest
from guahao.web.replies import Problem
from guahao.web.staff.page import HOME_PATH, StaffDoor, StaffPage


def is_of_staff(request: ApiRequest) -> bool:
    """Whether this address is of the staff's pages."""
    path: str = request.scope["path"]
    return path == HOME_PATH or path.startswith(f"{HOME_PATH}/")


def staff_error_page(
    door: StaffDoor, request: ApiRequest, problem: Problem, trace_id: str | None = None
) -> Answer:
    """A problem as a page of the desk; nobody is looked up for it."""
    page = StaffPage(door, request)
    page.here = HOME_PATH  # what failed here is no place to come back to
    if problem.retry_after_seconds is not None:
        page.add_header("retry-after", str(problem.retry_after_seconds))
    return page.show(
        "staff/error.html",
        problem.status,
        problem=problem,
        words=_for_people(page, problem),
        trace_id=trace_id,
    )


def _for_people(page: StaffPage, problem: Problem) -> str | None:
    """Our own sentence where that of the API speaks of its own matters."""
    return {
        "not_found": page.say("没有这个页面：地址有误，或者内容已经不在了。请从工作台重新进入。"),
        "method_not_allowed": page.say("这个地址不能直接打开。请从工作台重新进入。"),
        "bad_request": page.say("没有看懂这次请求。请返回上一页再试。"),
        "body_too_large": page.say("提交的内容太长。请返回上一页，缩短后再提交。"),
        "internal_error": page.say(
            "系统出了错。请返回上一页看看是否已经办成，再重试；如仍不行，请把下面的编号告诉平台管理员。"
        ),
    }.get(problem.code)
