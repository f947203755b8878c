"""What the staff are shown where a page of theirs cannot be."""

from __future__ import annotations

from guahao.web.http.answers import Answer
from guahao.web.http.reading import ApiRequest
from guahao.web.staff.page import HOME_PATH, StaffPage, StaffServices
from guahao.web.staff.problem_words import words_for
from guahao.web.words.replies import Problem


def is_of_staff(request: ApiRequest) -> bool:
    """Return whether this address is of the staff's pages."""
    path: str = request.scope["path"]
    return path == HOME_PATH or path.startswith(f"{HOME_PATH}/")


def staff_error_page(
    services: StaffServices, request: ApiRequest, problem: Problem, trace_id: str | None = None
) -> Answer:
    """Return a problem as a page of the desk; nobody is looked up for it."""
    page = StaffPage(services, request)
    page.here = HOME_PATH  # what failed here is no place to come back to
    if problem.retry_after_seconds is not None:
        page.add_header("retry-after", str(problem.retry_after_seconds))
    return page.show(
        "staff/error.html",
        problem.status,
        problem=problem,
        words=words_for(page, problem),
        trace_id=trace_id,
    )
