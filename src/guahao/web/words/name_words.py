"""What is wrong with a person's name, and what to write instead, in both languages."""

from __future__ import annotations

from collections.abc import Mapping

from guahao.rules.kernel.text import NAME_MAX, NameFault, NameFaultKind
from guahao.web.words.language import Language, Words

NAMES: Mapping[NameFaultKind, Words] = {
    NameFaultKind.EMPTY: Words(
        "请填写证件上的全名。", "Please enter the full name as it is on the document."
    ),
    NameFaultKind.TOO_LONG: Words(
        "姓名最多{most}个字。请按证件填写。",
        "A name has at most {most} characters. Please enter it as it is on the document.",
    ),
    NameFaultKind.PRIVATE_USE: Words(
        "“{character}”（{code_point}）是个别系统的自造字，医院无法识别。请用手写输入法重新输入这个字；"
        "输入法里没有的，请用它的大写拼音代替，如LI。",
        "“{character}” ({code_point}) is a character that only some systems know; hospitals cannot"
        " read it. Please enter it again by handwriting input; if it is not found there, use its"
        " pinyin in capitals, such as LI.",
    ),
    NameFaultKind.GARBLED: Words(
        "姓名里有乱码。请重新输入姓名。",
        "Part of the name arrived garbled. Please enter the name again.",
    ),
    NameFaultKind.DIGIT: Words(
        "姓名里不能有数字“{character}”。请按证件填写姓名。",
        "A name cannot contain the number “{character}”. Please enter it as it is on the document.",
    ),
    NameFaultKind.SIGN: Words(
        "姓名里不能有“{character}”（{code_point}）。请按证件填写；少数民族姓名中间的点用“·”，"
        "如古丽米热·艾比布力。",
        "A name cannot contain “{character}” ({code_point}). Please enter it as it is on the"
        " document; parts of a name may be joined by a space, “-” or “·”.",
    ),
    NameFaultKind.EDGE: Words(
        "姓名不能以“{character}”开头或结尾。请按证件填写全名。",
        "A name cannot begin or end with “{character}”. Please enter the full name as it is on"
        " the document.",
    ),
}


def say_name_fault(fault: NameFault, language: Language) -> str:
    """The sentence for a name that was refused."""
    return (
        NAMES[fault.kind]
        .of(language)
        .format(character=fault.character, code_point=fault.code_point, most=NAME_MAX)
    )
