"""What a message to the Official Account asks for, however it is written."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from guahao.rules.kernel.text import compact, simplified, typed

_CODE_DIGITS = 8


class Command(StrEnum):
    """What the account understands; everything else is the name of a place."""

    CODE = "code"
    ACCEPT = "accept"
    DECLINE = "decline"
    BOOKINGS = "bookings"
    CANCEL = "cancel"
    APPLICATIONS = "applications"
    AGENT = "agent"
    BOOK = "book"
    HELP = "help"
    PLACE = "place"


@dataclass(frozen=True, slots=True)
class Understood:
    """A command, and what is searched for a place or the digits of a code."""

    command: Command
    text: str = ""


# The whole message, as it stands in the offer.
_WHOLE = {
    "接受": Command.ACCEPT,
    "ACCEPT": Command.ACCEPT,
    "不接受": Command.DECLINE,
    "拒绝": Command.DECLINE,
    "DECLINE": Command.DECLINE,
    "挂号": Command.BOOK,
    "预约": Command.BOOK,
    "预约挂号": Command.BOOK,
    "我要挂号": Command.BOOK,
    "我要预约": Command.BOOK,
    "我想挂号": Command.BOOK,
    "怎么挂号": Command.BOOK,
    "怎么预约": Command.BOOK,
    "BOOK": Command.BOOK,
    "BOOKING": Command.BOOK,
    "APPOINTMENT": Command.BOOK,
    "BOOKANAPPOINTMENT": Command.BOOK,
    "人工": Command.AGENT,
    "转人工": Command.AGENT,
    "客服": Command.AGENT,
    "电话": Command.AGENT,
    "热线": Command.AGENT,
    "AGENT": Command.AGENT,
    "HUMAN": Command.AGENT,
    "HOTLINE": Command.AGENT,
}
# Anywhere in the message, the first that is found. No hospital or department is called so.
_WITHIN = (
    (("取消", "退号", "改约", "改期", "CANCEL", "RESCHEDULE"), Command.CANCEL),
    (("我的挂号", "我的预约", "我的号", "MYREGISTRATION", "MYBOOKING"), Command.BOOKINGS),
    (("MYAPPOINTMENT",), Command.BOOKINGS),
    (("候补", "抽签", "APPLICATION", "DRAWS"), Command.APPLICATIONS),
    (("人工客服", "人工服务", "转人工", "找人工", "人工接听"), Command.AGENT),
    (("帮助", "HELP"), Command.HELP),
)
# Before the name of a place: 挂号 眼科, 我要挂眼科的号.
_BEFORE = ("我要预约", "我想预约", "我要挂号", "我想挂号", "我要挂", "我想挂", "预约", "挂号", "挂")
_BEHIND = ("的号", "挂号")
_QUESTION = ("?", "？")


def understood(message: str) -> Understood:
    """Return what a message asks for.

    Spaces, punctuation, full-width and traditional characters make no difference to a command.
    """
    written = simplified(compact(message))
    bare = "".join(character for character in written if character.isalnum())
    if bare.isascii() and bare.isdigit() and len(bare) == _CODE_DIGITS:
        return Understood(Command.CODE, bare)
    if bare in _WHOLE:
        return Understood(_WHOLE[bare])
    if not bare and any(mark in written for mark in _QUESTION):
        return Understood(Command.HELP)
    for words, command in _WITHIN:
        if any(word in bare for word in words):
            return Understood(command)
    return Understood(Command.PLACE, _place(typed(message)))


def _place(text: str) -> str:
    """Return the name in a request such as 挂号 眼科; the text itself where there is none."""
    plain = simplified(text)
    for word in _BEFORE:
        rest = plain.removeprefix(word).strip(" ,，。:：!！、")
        if rest != plain and rest:
            for end in _BEHIND:
                rest = rest.removesuffix(end).strip()
            return rest or text
    return text
