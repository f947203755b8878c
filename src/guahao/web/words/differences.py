"""What differs between a hospital's list and ours, and what would cure it, in both languages."""

from __future__ import annotations

from guahao.rules.integration.reconciling import Cure, Difference
from guahao.web.words.language import Words

DIFFERENCES = {
    Difference.MISSING_THERE: Words("医院没有", "Missing at the hospital"),
    Difference.UNKNOWN_HERE: Words("平台没有", "Unknown here"),
    Difference.STATUS: Words("状态不同", "Another status"),
    Difference.PATIENT: Words("就诊人不同", "Another patient"),
    Difference.TIME: Words("时间不同", "Another time"),
    Difference.DOUBLED: Words("医院重复", "Doubled at the hospital"),
}
CURES = {
    Cure.ADD_THERE: Words(
        "医院系统补录这个预约（按就诊日期查询预约可得全部内容）。",
        "The hospital adds the booking (the bookings of that visit date tell all of it).",
    ),
    Cure.REMOVE_THERE: Words(
        "医院系统删除这条记录；患者如在场，可在窗口挂号。",
        "The hospital removes the record; a patient who is there registers at the window.",
    ),
    Cure.RESTORE_THERE: Words(
        "医院系统恢复预约：平台上仍有效，患者持有识别码。",
        "The hospital restores the booking: it holds here, and the patient has the code.",
    ),
    Cure.CANCEL_THERE: Words(
        "医院系统取消这个预约：平台上已取消或停诊，号已退回。",
        "The hospital cancels the booking: here it is cancelled or stopped, its place is free.",
    ),
    Cure.CORRECT_THERE: Words(
        "医院系统以平台的记录为准更正。", "The hospital corrects its record after ours."
    ),
    Cure.REPORT_ATTENDANCE: Words(
        "医院上报就诊情况，或在窗口名单中写明原因后更正。",
        "The hospital reports the attendance, or corrects it in the window's list with a reason.",
    ),
    Cure.STOP_HERE: Words(
        "如果确已停诊，请在停诊页面或通过接口停诊，患者会收到通知。",
        "If the clinic is stopped, stop it on the page or by the call: the patients are told.",
    ),
    Cure.ASK: Words(
        "双方记录矛盾：请核对窗口记录，必要时询问患者，再更正有误的一方。",
        "The records contradict each other: check the window's, ask the patient if need be, and"
        " correct whichever is wrong.",
    ),
}
