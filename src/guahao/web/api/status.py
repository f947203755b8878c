"""The status of booking, messages and hospitals' systems, without a database query."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec
from litestar.types import ASGIApp

from guahao.flows.operations.status import status_now
from guahao.web.api.services import Route, Services
from guahao.web.framework.openapi import Endpoint
from guahao.web.http.answers import json_answer
from guahao.web.http.reading import ApiRequest
from guahao.web.words.language import reader_language
from guahao.words.text import Words

_TAG = Words("服务状态")
Known = Literal["ok", "bad", "unknown"]


class NoticeOut(msgspec.Struct):
    """Planned maintenance, or an incident."""

    title: str
    body: str


class StatusOut(msgspec.Struct):
    """The platform's status; `checked_at`: when messages and hospitals were last checked."""

    booking: Literal["ok", "bad"]
    messages: Known
    message_delay_minutes: int | None
    hospitals: Known
    hospitals_not_answering: list[str]
    maintenance: list[NoticeOut]
    checked_at: datetime | None


_STATUS = Endpoint(
    "GET",
    "/status",
    _TAG,
    Words("服务是否正常"),
    StatusOut(
        *("ok", "bad", 10, "ok", []),
        [NoticeOut("12月3日凌晨系统维护", "12月3日0:00至0:30暂停预约。")],
        datetime.fromisoformat("2026-11-30T09:00:00+08:00"),
    ),
    needs_token=False,
)


def status_routes(services: Services) -> list[Route]:
    """Return the route GET /status."""

    async def status(request: ApiRequest) -> ASGIApp:
        found = status_now(services.platform, services.desk)
        is_english = reader_language(request.scope) == "en"
        delay, age, behind = found.delay_minutes, found.age_seconds, found.hospitals
        return json_answer(
            StatusOut(
                "ok" if found.is_booking else "bad",
                "unknown" if delay is None else "bad" if delay else "ok",
                delay or None,
                "unknown" if behind is None else "bad" if behind else "ok",
                [
                    hospital.name_en if is_english and hospital.name_en else hospital.name
                    for hospital in behind or ()
                ],
                [
                    NoticeOut(notice.title_en, notice.body_en)
                    if is_english and notice.title_en
                    else NoticeOut(notice.title, notice.body)
                    for notice in found.maintenance
                ],
                None if age is None else services.platform.db.clock() - timedelta(seconds=age),
            )
        )

    return [Route(_STATUS, status)]
