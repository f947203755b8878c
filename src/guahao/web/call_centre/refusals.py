"""Why something is not done in a call, and where the agent goes on."""

from __future__ import annotations

from guahao.rules.call_centre.calls import CallRefusal
from guahao.web.http.answers import Answer
from guahao.web.staff import StaffPage

_CALLS = "/staff/calls"


def leave(page: StaffPage, call_id: int, refusal: CallRefusal) -> Answer:
    """Redirect to the call if it is still open, otherwise to the search."""
    page.flash(refusal_text(page, refusal))
    is_over = refusal is CallRefusal.CALL_OVER
    return page.redirect(_CALLS if is_over else f"{_CALLS}/{call_id}")


def refusal_text(page: StaffPage, refusal: CallRefusal) -> str:
    """Return why it was not done, and what the agent can do."""
    return {
        CallRefusal.CALL_OVER: page.say("通话已结束，请重新查找来电人。"),
        CallRefusal.NOT_VERIFIED: page.say("请先核实来电人。"),
        CallRefusal.TOO_MANY_WRONG: page.say(
            "答错次数过多，今天不能再用提问核实。请来电人用登记的手机来电，念出短信核实码；"
            "或明天再来电。"
        ),
        CallRefusal.NO_SMS: page.say("登记的是座机，收不到短信。请用提问核实。"),
        CallRefusal.CODES_TOO_OFTEN: page.say("核实码发得太多，请稍后再发，或用提问核实。"),
        CallRefusal.REASON_NEEDED: page.say("请写明原因。"),
        CallRefusal.UNKNOWN_PATIENT: page.say("请选择来电人的一位就诊人。"),
        CallRefusal.UNKNOWN_APPOINTMENT: page.say("来电人没有这个预约。"),
        CallRefusal.NOT_LIVE: page.say("这个预约已不在待取号状态，不能重发识别码。"),
        CallRefusal.RESENT_TOO_OFTEN: page.say(
            "这个预约一小时内已重发3次。请核对登记的手机号，稍后再发。"
        ),
        CallRefusal.NOTHING_ASKED: page.say("请填写来电人说的内容。"),
    }[refusal]
