"""The differences between a hospital's list and ours, and how to resolve them."""

from __future__ import annotations

from guahao.rules.integration.reconciling import Cure, Difference
from guahao.words.text import Words

DIFFERENCES = {
    Difference.MISSING_THERE: Words("医院没有"),
    Difference.UNKNOWN_HERE: Words("平台没有"),
    Difference.STATUS: Words("状态不同"),
    Difference.PATIENT: Words("就诊人不同"),
    Difference.TIME: Words("时间不同"),
    Difference.DOUBLED: Words("医院重复"),
}
CURES = {
    Cure.ADD_THERE: Words("医院系统补录这个预约（按就诊日期查询预约可得全部内容）。"),
    Cure.REMOVE_THERE: Words("医院系统删除这条记录；患者如在场，可在窗口挂号。"),
    Cure.RESTORE_THERE: Words("医院系统恢复预约：平台上仍有效，患者持有识别码。"),
    Cure.CANCEL_THERE: Words("医院系统取消这个预约：平台上已取消或停诊，号已退回。"),
    Cure.CORRECT_THERE: Words("医院系统以平台的记录为准更正。"),
    Cure.REPORT_ATTENDANCE: Words("医院上报就诊情况，或在窗口名单中写明原因后更正。"),
    Cure.STOP_HERE: Words("如果确已停诊，请在停诊页面或通过接口停诊，患者会收到通知。"),
    Cure.ASK: Words("双方记录矛盾：请核对窗口记录，必要时询问患者，再更正有误的一方。"),
}
