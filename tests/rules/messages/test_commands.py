"""What people write to the Official Account, and what it understands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guahao.rules.messages.commands import Command, Understood, understood

WRITTEN = {
    Command.BOOK: [
        "挂号",
        " 掛號 ",
        "挂号！",
        "挂 号",
        "預約",
        "我要挂号。",
        "ＢＯＯＫ",
        "book an appointment",
    ],
    Command.BOOKINGS: [
        "我的挂号",
        "我的掛號",
        "查看我的预约",
        "我的号？",
        "my registrations",
        "My Bookings!",
    ],
    Command.AGENT: [
        "人工",
        "轉人工",
        "人工客服",
        "找人工!",
        "客服",
        "ａｇｅｎｔ",
        "human",
        "Hotline",
    ],
    Command.APPLICATIONS: ["候补", "候補", "抽签", "抽籤", "我的候补", "applications", "draws"],
    Command.CANCEL: ["取消", "取 消", "我要退号", "退號", "取消我的挂号", "CANCEL", "ｃａｎｃｅｌ"],
    Command.ACCEPT: ["接受", "接受。", "【接受】", " ACCEPT! ", "接 受"],
    Command.DECLINE: ["不接受", "拒绝", "拒絕！", "decline"],
    Command.HELP: ["帮助", "幫助", "?", "？？", "help me"],
}


@pytest.mark.parametrize(
    ("message", "command"),
    [(text, command) for command, texts in WRITTEN.items() for text in texts],
)
def test_a_word_is_understood_however_it_is_written(message: str, command: Command) -> None:
    assert understood(message).command is command


@pytest.mark.parametrize(
    "message", ["01234567", "0123 4567", "０１２３４５６７", "0123-4567", "01234567。"]
)
def test_a_code_is_understood_with_its_leading_zero(message: str) -> None:
    assert understood(message) == Understood(Command.CODE, "01234567")


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ("眼科", "眼科"),
        ("挂号 眼科", "眼科"),
        ("掛號：眼科", "眼科"),
        ("我要挂眼科的号", "眼科"),
        ("我想挂消化内科", "消化内科"),
        ("预约口腔科", "口腔科"),
        ("人工关节科", "人工关节科"),  # no wish for an agent
        ("1234567", "1234567"),
        ("123456789", "123456789"),
        ("abcdefgh", "abcdefgh"),
        ("一二三四五六七八", "一二三四五六七八"),
        ("挂的号", "挂的号"),  # without the name of a place
        ("？眼科", "?眼科"),
        ("接受治疗", "接受治疗"),
        ("", ""),
    ],
)
def test_everything_else_is_a_place(message: str, place: str) -> None:
    assert understood(message) == Understood(Command.PLACE, place)


@given(st.text(max_size=60))
def test_whatever_is_written_is_understood_as_something(message: str) -> None:
    assert understood(message).command in Command
