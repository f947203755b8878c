"""Words of moving a person to another phone, which the window and the call centre share."""

from __future__ import annotations

from guahao.flows.people.moving import MoveRefusal
from guahao.rules.people.phones import spoken_phone
from guahao.store.people.moves import Move
from guahao.web.staff.page import StaffPage


def say_move_refusal(page: StaffPage, refusal: MoveRefusal) -> str:
    """Why a person is not moved, and what helps."""
    return {
        MoveRefusal.PHONE_INVALID: page.say("请填写11位手机号，或带区号的座机，如010-65551234。"),
        MoveRefusal.REASON_NEEDED: page.say("请写明原因。"),
        MoveRefusal.UNKNOWN_PERSON: page.say(
            "没有查到这位就诊人，或姓名与登记不一致。请核对证件。"
        ),
        MoveRefusal.SAME_PHONE: page.say("就诊人已经登记在这个号码上，不用转。"),
        MoveRefusal.PHONE_FULL: page.say(
            "新号码已登记两位就诊人，不能再加。请换一个号码，或先在“我的就诊人”里移除一位。"
        ),
        MoveRefusal.CODE_WRONG: page.say(
            "验证码不对或已过期。请核对新手机上的短信，或重发验证码。"
        ),
        MoveRefusal.CODES_TOO_OFTEN: page.say("验证码发得太多。请一小时后再办，或换一个号码。"),
        MoveRefusal.CHANGED_MEANWHILE: page.say(
            "这位就诊人的登记刚刚变了，没有转。请重新查找后再办。"
        ),
        MoveRefusal.OVER: page.say("这个申请已经处理或过期了。请重新办理。"),
        MoveRefusal.OWN_REQUEST: page.say("不能审批自己提出的申请，请另一位班长审批。"),
    }[refusal]


class MoveView:
    """What a page shows of a request: masked, but for the new phone while it is being proven."""

    def __init__(self, page: StaffPage, move: Move) -> None:
        self.move = move
        shown = move.patient.id_no if move.document is None else move.document.number
        self.name = page.masked_name(move.name or move.patient.name)
        self.registered_name = page.masked_name(move.patient.name)
        self.document = page.masked_document(shown)
        self.old_phone = page.masked_phone(move.old_phone) if move.old_phone else "–"
        self.new_phone = page.masked_phone(move.phone)
        self.spoken = spoken_phone(move.phone)
        self.is_dispute = move.kind == "dispute"
