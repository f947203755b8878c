"""Problems in the words of the desk."""

from __future__ import annotations

from guahao.web.framework.page_base import BasePage
from guahao.web.words.replies import Problem


def words_for(page: BasePage, problem: Problem) -> str | None:
    """Return our own sentence where that of the API speaks of its own matters."""
    return {
        "not_found": page.say("没有这个页面：地址有误，或者内容已经不在了。请从工作台重新进入。"),
        "method_not_allowed": page.say("这个地址不能直接打开。请从工作台重新进入。"),
        "bad_request": page.say("没有看懂这次请求。请返回上一页再试。"),
        "body_too_large": page.say("提交的内容太长。请返回上一页，缩短后再提交。"),
        "internal_error": page.say(
            "系统出了错。请返回上一页看看是否已经办成，再重试；如仍不行，请把下面的编号告诉平台管理员。"
        ),
    }.get(problem.code)
