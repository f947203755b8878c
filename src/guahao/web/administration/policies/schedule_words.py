"""The names of schedulers' and hospital systems' actions, for the audit trail."""

from __future__ import annotations

from guahao.web.staff import StaffPage


def schedule_words(page: StaffPage) -> dict[str, str]:
    """Return the name of each recorded action on schedules, stops and webhooks."""
    return {
        "add_session": page.say("增加门诊单元"),
        "change_session": page.say("更改门诊单元"),
        "add_timetable": page.say("增加周排班"),
        "change_timetable": page.say("更改周排班"),
        "end_timetable": page.say("结束周排班"),
        "import_sessions": page.say("导入号源文件"),
        "correct_calendar": page.say("更正日历"),
        "withdraw_calendar": page.say("撤回日历更正"),
        "follow_calendar": page.say("按日历撤下门诊"),
        "change_sessions": page.say("批量更改门诊"),
        "copy_week": page.say("复制一周"),
        "undo_act": page.say("撤销批量操作"),
        "stop_sessions": page.say("停止门诊"),
        "undo_stop": page.say("撤销停诊"),
        "offer_replacement": page.say("为停诊患者留号"),
        "set_webhook": page.say("设置推送地址"),
        "rotate_webhook_secret": page.say("更换推送密钥"),
        "resend_events": page.say("重新推送"),
    }
