"""Ids in what people send."""

from __future__ import annotations

import pytest

from guahao.web.http.reading import ID_MAX, as_id


@pytest.mark.parametrize("id", [1, 20, ID_MAX])
def test_an_id_is_read(id: int) -> None:
    assert as_id(str(id)) == id


@pytest.mark.parametrize(
    "text",
    ["", "0", "-1", "+1", "1.0", " 1", "1 ", "１", "²", "1_0", "x", str(ID_MAX + 1), "9" * 5000],
)
def test_what_can_be_no_id_is_none_however_long(text: str) -> None:
    assert as_id(text) is None
