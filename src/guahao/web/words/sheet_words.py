"""The sentences about faults of a file and its cells, with what to write instead."""

from __future__ import annotations

from collections.abc import Mapping

from guahao.flows.hospitals.files.reading import HospitalFileFault
from guahao.flows.hospitals.files.term_reading import TermFileFault
from guahao.flows.supply.imports.reading import PlanFault
from guahao.sheets.faults import Fault, FileFault
from guahao.sheets.headings import TableFault
from guahao.sheets.values import CellFault
from guahao.words.catalogue import Language
from guahao.words.dates import format_money
from guahao.words.text import Words

FILES: Mapping[str, Words] = {
    FileFault.EMPTY: Words("文件是空的。请填写后再上传。"),
    FileFault.TOO_BIG: Words("文件太大，或展开后太大。请拆成几个文件，每个不超过20 MB、6万行。"),
    FileFault.TOO_MANY_ROWS: Words("行数超过6万行。请拆成几个文件。"),
    FileFault.TOO_MANY_COLUMNS: Words("列数超过100列。请删去多余的列。"),
    FileFault.TOO_MANY_SHEETS: Words("工作表超过20个。请拆成几个文件。"),
    FileFault.ENCRYPTED: Words("文件有密码。请在Excel里取消密码后另存。"),
    FileFault.BROKEN: Words("文件已损坏，无法读取。请用Excel打开后另存为 .xlsx。"),
    FileFault.WRONG_KIND: Words(
        "这不是表格文件。请用 .xlsx、.xls、.ods 或 .csv；网页形式的“xls”请在Excel里另存为 .xlsx。"
    ),
    FileFault.ENCODING: Words("文字编码无法识别。请存为UTF-8或GB18030的CSV，或存为 .xlsx。"),
}

CELLS: Mapping[str, Words] = {
    # Tables
    TableFault.MISSING_COLUMN: Words("缺少“{title}”一列。请加上这一列。"),
    TableFault.UNKNOWN_COLUMN: Words("不认识这一列。请改成模板里的列名，或删去这一列。"),
    TableFault.DOUBLE_COLUMN: Words("与{other}列是同一列。请只留一列。"),
    TableFault.NO_HEADING: Words("这一列没有列名，却有内容。请写上列名或清空这一列。"),
    TableFault.MERGED: Words("单元格合并到了{until}。请取消合并，每行都写全。"),
    # Cells
    CellFault.BLANK: Words("没有填写。请填写。"),
    CellFault.FORMULA_ERROR: Words("公式出错。请改好公式，或直接写值。"),
    CellFault.CONTROL: Words("含有换行或看不见的字符。请重新输入这一格。"),
    CellFault.TOO_LONG: Words("太长，最多{most}个字。请缩短。"),
    CellFault.ZEROS_LOST: Words(
        "Excel把这一格存成了数字，丢掉了前面的0（可能是“{meant}”）。请把这一列的格式改为“文本”，"
        "再补上0。"
    ),
    CellFault.NOT_TEXT: Words("Excel把它当成了日期或逻辑值。请把单元格格式设为“文本”后重新输入。"),
    CellFault.NOT_A_NUMBER: Words("不是数字。请只写数字，不写单位和符号。"),
    CellFault.FRACTION: Words("须为整数。请写整数。"),
    CellFault.NEGATIVE: Words("不能是负数。请写0或更大的数。"),
    CellFault.TOO_LARGE: Words("太大，最多{most}。请改小。"),
    CellFault.DECIMALS: Words("最多两位小数。请写到分，例如80.50。"),
    CellFault.DATE_FORMAT: Words("不是日期。请写成2026-12-01的形式。"),
    CellFault.NO_SUCH_DAY: Words("没有这一天。请核对月份和日期。"),
    CellFault.DATE_AS_NUMBER: Words("日期变成了数字。请把单元格格式设为“日期”。"),
    CellFault.DATE_WITH_TIME: Words("日期里带了钟点。请只写日期，钟点写在开始时间和结束时间里。"),
    CellFault.DATE_AS_WEEKDAY: Words(
        "这是星期，不是日期。每周排班请用模板的“每周排班”表；否则请写日期。"
    ),
    CellFault.TIME_FORMAT: Words("不是时间。请写成08:30的形式，到分钟为止。"),
    CellFault.NO_SUCH_TIME: Words("没有这个时间。请写00:00到23:59之间的时间。"),
    CellFault.TIME_AS_RANGE: Words("这里写了一段时间。请分别写在开始时间和结束时间两列。"),
    CellFault.UNKNOWN_CHOICE: Words("不认识这个词。可以写：{offered}。"),
    # The plan
    PlanFault.NO_TABLE: Words("找不到列名。前10行里须有一行列名，与模板相同。"),
    PlanFault.NO_ROWS: Words("列名下面没有内容。请填写。"),
    PlanFault.NO_HOSPITAL: Words("没有写医院编码。请填写。"),
    PlanFault.UNKNOWN_HOSPITAL: Words("没有这个编码的医院。请核对医院编码。"),
    PlanFault.OTHER_HOSPITAL: Words(
        "这不是本院的编码，只能导入本院的排班。请改为本院编码，或删去这一列。"
    ),
    PlanFault.NO_DEPARTMENT: Words("没有写科室。请写科室名称或科室编码。"),
    PlanFault.UNKNOWN_DEPARTMENT: Words(
        "本院没有这个科室。请核对名称或编码（编码前面的0不能丢）。"
    ),
    PlanFault.DEPARTMENT_AMBIGUOUS: Words("有几个科室叫这个名字。请写科室编码：{codes}。"),
    PlanFault.DEPARTMENT_MISMATCH: Words(
        "科室名称与编码不符：编码{code}是“{name}”。请改其中一个。"
    ),
    PlanFault.DEPARTMENT_IS_HEAD: Words("这是一级科室，不能挂号。请写它下面的科室。"),
    PlanFault.DEPARTMENT_OFF_PLATFORM: Words(
        "这个科室不在平台放号。请先让它上平台，或删去这一行。"
    ),
    PlanFault.DATE_PAST: Words("日期已过。请写明天或以后的日期，或删去这一行。"),
    PlanFault.DATE_TODAY: Words("当天的门诊不能再加或改。请写明天或以后的日期，或删去这一行。"),
    PlanFault.DATE_TOO_FAR: Words("太远：最晚到{until}。请核对年份。"),
    PlanFault.BEYOND_CALENDAR: Words("超出了日历（最晚2199-12-31）。请核对年份。"),
    PlanFault.UNTIL_BEFORE_FROM: Words("结束日期早于开始日期。请改正。"),
    PlanFault.NOT_IN_SPAN: Words("这段日期里没有这个星期几。请改日期或星期。"),
    # Of files that were checked while an end was still asked for.
    "start_without_end": Words("有开始时间，没有结束时间。请都写，或都不写。"),
    PlanFault.END_WITHOUT_START: Words("有结束时间，没有开始时间。请写上开始时间，或两个都不写。"),
    PlanFault.END_BEFORE_START: Words("结束时间须晚于开始时间。请改正。"),
    PlanFault.OUTSIDE_PERIOD: Words("开始时间不在这个时段内（{first}到{last}）。请改时间或时段。"),
    PlanFault.DUPLICATE: Words("与表“{other_sheet}”第{other}行是同一个门诊。请只留一行。"),
    PlanFault.OVERLAP: Words("与表“{other_sheet}”第{other}行的同一门诊时间重叠。请改时间。"),
    PlanFault.UNKNOWN_SESSION: Words(
        "没有这个编号的门诊，或它的科室、日期、时段、职称、专业、开始时间与这一行不同。请清空编号，"
        "或改回导出时的内容。"
    ),
    PlanFault.AMBIGUOUS: Words(
        "排班里有{number}个这样的门诊，不知道改哪一个。请先导出，在“门诊编号”里写明。"
    ),
    PlanFault.ENDED: Words(
        "这个排班已结束，或结束日期已过（原为{until}）。请另写一行，从明天或以后开始。"
    ),
    PlanFault.SESSION_STOPPED: Words(
        "这个门诊已停诊，导入不会重新开放。请删去这一行，或先在停诊页面撤销。"
    ),
    PlanFault.BELOW_BOOKED: Words(
        "已有{number}人预约，号源数不能少于{number}。要取消门诊请用停诊。"
    ),
    PlanFault.TITLE_NOT_OFFERED: Words(
        "全市的职称中没有这一种，或已停用。请改用已有的职称；新的职称由平台管理员添加。"
    ),
    PlanFault.FEE_IS_TOLD: Words("已有人按{money}预约，费用不能更改。请写回原来的费用。"),
    PlanFault.HOURS_ARE_TOLD: Words(
        "已有人按原来的时间预约（结束：{until}），不能更改。请写回原来的时间。"
    ),
    PlanFault.OVERLAPS_PLAN: Words("与排班里的同一门诊（{since}–{until}）时间重叠。请改时间。"),
    PlanFault.OVERLAPS_TIMETABLE: Words(
        "与已有的同一排班（{since}起，{until}止）日期重叠。请先结束那一个，或改日期。"
    ),
    # Hospitals
    HospitalFileFault.NO_TABLE: Words("找不到列名。前10行里须有一行列名，与导出的文件相同。"),
    HospitalFileFault.NO_ROWS: Words("列名下面没有内容。请填写。"),
    HospitalFileFault.CODE: Words("编码须为字母、数字或 . _ -，以字母或数字开头。请改正。"),
    HospitalFileFault.TWICE: Words("与第{other}行是同一家医院。请只留一行。"),
    HospitalFileFault.NAME_TAKEN: Words("另一家医院也叫这个名称。院区请在名称中写明。"),
    HospitalFileFault.PHONE: Words("电话只能有数字、空格、横线、括号、顿号和“转”。请改正。"),
    HospitalFileFault.LEAST_ONE: Words("至少为1。请改正。"),
    # Files of search terms
    TermFileFault.NO_TABLE: Words("找不到列名。前10行里须有一行列名，与导出的文件相同。"),
    TermFileFault.NO_ROWS: Words("列名下面没有内容。请填写。"),
    TermFileFault.TWICE: Words("与第{other}行是同一条：类别和名称都一样。请合为一行。"),
    TermFileFault.NAME: Words("名称须有文字。请填写。"),
    TermFileFault.WORDS: Words("每个说法须有文字，最多{most}个字，用顿号分开。请改正。"),
    TermFileFault.TARGETS: Words(
        "科室须为1到8个，用顿号分开，各写编码和名称，例如“03.04 心血管内科”。请改正。"
    ),
    TermFileFault.CHILDREN: Words("儿童科室最多8个；医院的叫法没有儿童科室。请改正。"),
}
_SIMILAR = Words("相近的有：{similar}。")
_NONE = Words("无")
_NO_END: Mapping[str, Words] = {
    PlanFault.OVERLAPS_TIMETABLE: Words("长期", "sheets"),
    PlanFault.OVERLAPS_PLAN: Words("未定"),
}


def file_text(word: str, language: Language) -> str:
    """Return why a file cannot be read as tables, and how to fix it."""
    return FILES[word].of(language)


def cell_text(fault: Fault, language: Language) -> str:
    """Return what is wrong with a cell, and what to write instead."""
    detail = dict(fault.detail)
    if fault.word == PlanFault.FEE_IS_TOLD:
        detail["money"] = format_money(int(str(detail["number"])))
    if "until" in detail and detail["until"] is None:
        detail["until"] = _NO_END.get(fault.word, _NONE).of(language)
    if language == "en" and "title_en" in detail:
        detail["title"] = detail["title_en"]
    said = CELLS[fault.word].of(language).format(**detail)
    return said + (_SIMILAR.of(language).format(**detail) if detail.get("similar") else "")
