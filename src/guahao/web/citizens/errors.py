"""Error pages, written for people rather than programs."""

from __future__ import annotations

from urllib.parse import urlencode

from guahao.web.citizens.page import Page
from guahao.web.citizens.services import Services
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ApiRequest
from guahao.web.words.replies import Problem
from guahao.words.text import Words


def error_page(
    services: Services, request: ApiRequest, problem: Problem, trace_id: str | None = None
) -> Answer:
    """Return a problem as a page, with a way to continue."""
    page = Page(services, request)
    page.here = "/"  # the failed URL is not a place to return to
    if problem.retry_after_seconds is not None:
        page.add_header("retry-after", str(problem.retry_after_seconds))
    return page.render(
        "error.html",
        problem.status,
        problem=problem,
        words=_for_people(page, problem),
        trace_id=trace_id,
    )


def wechat_failed_page(
    services: Services, request: ApiRequest, status: int, sentence: Words, next_path: str
) -> Answer:
    """Return the page of a log-in through WeChat that failed, with two ways to continue."""
    page = Page(services, request)
    query = urlencode({"next": next_path})
    page.here = by_phone = f"/login?{query}"  # the failed URL is not a place to return to
    return page.render(
        "wechat.html",
        status,
        sentence=sentence.of(page.language),
        again=f"/wechat/login?{query}",
        by_phone=by_phone,
    )


def _for_people(page: Page, problem: Problem) -> str | None:
    """Return another sentence where that of the problem is written for programs."""
    sentences = {
        "bad_request": page.say("没有看懂这次请求。请返回上一页再试。"),
        "not_found": page.say("没有这个页面：地址有误，或者内容已经不在了。请从首页重新查找。"),
        "method_not_allowed": page.say("这个地址不能直接打开。请从首页重新进入。"),
        "unsupported_media_type": page.say("没有看懂这次提交。请返回上一页再试。"),
        "body_too_large": page.say("提交的内容太长。请返回上一页，缩短后再提交。"),
        "internal_error": page.say(
            "系统出了错，我们会处理。请稍后再试；着急的话，请拨打{hotline}，由客服为您办理。",
            hotline=page.hotline,
        ),
        "unknown_session": page.say("没有这个号源，可能已经取消。请从首页重新查找。"),
        "unknown_hospital": page.say("没有这家医院。请从首页重新查找。"),
        "unknown_appointment": page.say("没有找到这个预约。请在“我的挂号”中查看。"),
    }
    return sentences.get(problem.code)
