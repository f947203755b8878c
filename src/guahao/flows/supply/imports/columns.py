"""The columns of a file of sessions or timetables, and the words accepted in them."""

from __future__ import annotations

from guahao.sheets.headings import Heading, folded

HOSPITAL = "hospital"
SESSION_ID = "session_id"
DEPARTMENT_CODE = "department_code"
DEPARTMENT = "department"
TITLE = "title"
SPECIALTY = "specialty"
VISIT_DATE = "visit_date"
WEEKDAY = "weekday"
VALID_FROM = "valid_from"
VALID_UNTIL = "valid_until"
PERIOD = "period"
STARTS_AT = "starts_at"
ENDS_AT = "ends_at"
FEE = "fee"
CAPACITY = "capacity"

# Further columns of an export, which an import ignores.
TOLD_ONLY = ("booked", "state")

_FIRST = (
    Heading(HOSPITAL, ("医院编码", "Hospital code", "医院代码")),
    Heading(DEPARTMENT_CODE, ("科室编码", "Department code", "科室代码")),
    Heading(DEPARTMENT, ("科室", "Department", "科室名称", "Department name")),
    Heading(TITLE, ("职称", "Title", "号别", "门诊类型"), required=True),
    Heading(SPECIALTY, ("专业", "Specialty", "专业特长")),
)
_LAST = (
    Heading(PERIOD, ("时段", "Period", "午别"), required=True),
    Heading(STARTS_AT, ("开始时间", "Start time", "开始", "Start")),
    Heading(ENDS_AT, ("结束时间", "End time", "结束", "End")),
    Heading(FEE, ("医事服务费", "Fee", "费用", "Service fee"), required=True),
    Heading(CAPACITY, ("号源数", "Capacity", "号数", "Places"), required=True),
)
SESSION_HEADINGS = (
    *_FIRST,
    Heading(VISIT_DATE, ("就诊日期", "Visit date", "出诊日期", "日期", "Date"), required=True),
    *_LAST,
    Heading(SESSION_ID, ("门诊编号", "Session number")),
    Heading(TOLD_ONLY[0], ("已约", "Booked")),
    Heading(TOLD_ONLY[1], ("状态", "State")),
)
WEEKLY_HEADINGS = (
    *_FIRST,
    Heading(WEEKDAY, ("星期", "Weekday"), required=True),
    Heading(VALID_FROM, ("开始日期", "From date", "First date"), required=True),
    Heading(VALID_UNTIL, ("结束日期", "Until date", "Last date")),
    *_LAST,
)

_PERIOD_WORDS = {
    "morning": ("上午", "早上", "morning", "am"),
    "afternoon": ("下午", "afternoon", "pm"),
    "evening": ("晚上", "夜间", "夜诊", "evening"),
}
_WEEKDAY_WORDS = (
    ("一", "mon", "monday"),
    ("二", "tue", "tuesday"),
    ("三", "wed", "wednesday"),
    ("四", "thu", "thursday"),
    ("五", "fri", "friday"),
    ("六", "sat", "saturday"),
    ("日", "sun", "sunday"),
)
PERIODS_OFFERED = "上午 / 下午 / 晚上, morning / afternoon / evening"
WEEKDAYS_OFFERED = "周一 … 周日, Mon … Sun, 1 … 7"
PERIOD_CHOICES = {folded(word): name for name, words in _PERIOD_WORDS.items() for word in words}


def _weekday_choices() -> dict[str, str]:
    choices = {folded("周天"): "7", folded("星期天"): "7"}
    for number, (chinese, *english) in enumerate(_WEEKDAY_WORDS, start=1):
        for word in (f"周{chinese}", f"星期{chinese}", f"礼拜{chinese}", chinese, *english):
            choices[folded(word)] = str(number)
        choices[str(number)] = str(number)
    return choices


WEEKDAY_CHOICES = _weekday_choices()
