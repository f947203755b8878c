"""The sentences about invalid names of persons, with what to write instead."""

from __future__ import annotations

from collections.abc import Mapping

from guahao.rules.kernel.text import NAME_MAX, NameFault, NameFaultKind
from guahao.words.catalogue import Language
from guahao.words.text import Words

NAMES: Mapping[NameFaultKind, Words] = {
    NameFaultKind.EMPTY: Words("请填写证件上的全名。"),
    NameFaultKind.TOO_LONG: Words("姓名最多{most}个字。请按证件填写。"),
    NameFaultKind.PRIVATE_USE: Words(
        "“{character}”（{code_point}）是个别系统的自造字，医院无法识别。请用手写输入法重新输入这个字；"
        "输入法里没有的，请用它的大写拼音代替，如LI。"
    ),
    NameFaultKind.GARBLED: Words("姓名里有乱码。请重新输入姓名。"),
    NameFaultKind.DIGIT: Words("姓名里不能有数字“{character}”。请按证件填写姓名。"),
    NameFaultKind.SIGN: Words(
        "姓名里不能有“{character}”（{code_point}）。请按证件填写；少数民族姓名中间的点用“·”，"
        "如古丽米热·艾比布力。"
    ),
    NameFaultKind.EDGE: Words("姓名不能以“{character}”开头或结尾。请按证件填写全名。"),
}


def name_fault_text(fault: NameFault, language: Language) -> str:
    """Return the sentence for a refused name."""
    return (
        NAMES[fault.reason]
        .of(language)
        .format(character=fault.character, code_point=fault.code_point, most=NAME_MAX)
    )
