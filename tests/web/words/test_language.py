"""Which language a reader is answered in."""

from __future__ import annotations

import pytest
from tests.web.site import API, Site


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        (None, "zh"),
        ("", "zh"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,en;q=0.9", "en"),
        ("EN", "en"),
        ("zh;q=0.5, en;q=0.9", "en"),
        ("zh;q=0.5,en; q=0.9", "en"),
        ("en;q=0", "zh"),
        ("fr, de;q=0.9", "zh"),
        ("fr, en;q=0.1", "en"),
        ("*", "zh"),
        ("en;q=high", "zh"),
        ("en," * 10_000, "en"),
        ("\x7f;;;,,=;q", "zh"),
    ],
)
async def test_the_reader_chooses_by_accept_language(
    closed_site: Site, accepted: str | None, language: str
) -> None:
    headers = {} if accepted is None else {"Accept-Language": accepted}
    answer = await closed_site.get(f"{API}/hospitals/0", headers=headers)
    assert answer.headers["content-language"] == language
