"""The columns of a file of hospitals; each is called as the field that it holds."""

from __future__ import annotations

from guahao.rules.hospitals.hospitals import GRADES
from guahao.sheets.headings import Heading, folded

CODE = "code"
HEADINGS = (
    Heading(CODE, ("医院编码", "Hospital code", "医院代码"), required=True),
    Heading("name", ("医院名称", "Name", "名称"), required=True),
    Heading("name_en", ("英文名称", "English name")),
    Heading("grade", ("等级", "Grade"), required=True),
    Heading("district", ("区", "District"), required=True),
    Heading("district_en", ("区的英文名称", "District in English")),
    Heading("address", ("地址", "Address")),
    Heading("phone", ("电话", "Phone")),
    Heading("pickup_place", ("取号地点", "Pick up at")),
    Heading("notice", ("医院提示", "Notice")),
    Heading("cycle_days", ("预约周期", "Booking cycle")),
    Heading("release_time", ("放号时间", "Release")),
    Heading("next_day_stop_time", ("次日号停约时间", "Next day's places until")),
    Heading("cancel_days_before", ("退号截止天数", "Cancel until, days before")),
    Heading("cancel_time", ("退号截止时间", "Cancel until, time")),
    Heading("pickup_until_morning", ("上午取号截止", "Morning pick-up until")),
    Heading("pickup_until_afternoon", ("下午取号截止", "Afternoon pick-up until")),
    Heading("pickup_until_evening", ("晚上取号截止", "Evening pick-up until")),
    Heading("address_en", ("英文地址", "Address in English")),
    Heading("pickup_place_en", ("英文取号地点", "Pick up at, in English")),
    Heading("notice_en", ("英文医院提示", "Notice in English")),
)
TIMES = tuple(
    heading.name for heading in HEADINGS if heading.name.endswith("_time")
    or heading.name.startswith("pickup_until")
)  # fmt: skip
NUMBERS = ("cycle_days", "cancel_days_before")
RULES = (*NUMBERS, *TIMES)
GRADE_CHOICES = {folded(grade): grade for grade in GRADES}
GRADES_OFFERED = " / ".join(GRADES)
