"""Persons, accounts and personal data: why nobody is registered or moved, nothing handed out."""

from __future__ import annotations

from guahao.rules.people.account_reviews import RESTRICTED_DAYS_MAX, ReviewRefusal
from guahao.rules.people.counter import CounterRefusal
from guahao.rules.people.moving import MoveRefusal
from guahao.rules.people.own_data import ErasureRefusal
from guahao.rules.people.privacy_requests import DOWNLOADS, OFFERED_FOR, RequestRefusal
from guahao.rules.people.registering import PatientRefusal
from guahao.web.words.refusals.sentence import Sentence, Sentences
from guahao.words.text import Words

_REASON_NEEDED = Words("请写明原因。")
_REASON_LENGTH = Words("请写明原因，2到200个字。")

PEOPLE: Sentences = {
    PatientRefusal: {
        PatientRefusal.NAME_INVALID: Sentence(
            422, Words("请填写证件上的姓名，1至50个字，不含数字和其他符号。")
        ),
        PatientRefusal.ID_INVALID: Sentence(422, Words("证件号码不对，请逐位核对后再填。")),
        PatientRefusal.COUNTER_ONLY: Sentence(
            409,
            Words(
                "这类证件须凭原件在医院窗口登记。新生儿的出生医学证明，"
                "身份已核实的父母也可登录后自己添加。"
            ),
        ),
        PatientRefusal.BIRTH_DATE_INVALID: Sentence(
            422,
            Words("请填写出生医学证明上的出生日期；已满一周岁的，请凭户口簿或居民身份证登记。"),
        ),
        PatientRefusal.GUARDIAN_NEEDED: Sentence(
            409,
            Words(
                "新生儿要由账户里身份已核实的成年人登记。请先核实一位成年就诊人的身份，"
                "或凭出生医学证明原件在医院窗口登记。"
            ),
        ),
        PatientRefusal.PHONE_LIMIT: Sentence(
            409, Words("这个号码已登记两位就诊人，请换一个号码。")
        ),
        PatientRefusal.CONSENT_REQUIRED: Sentence(
            422, Words("请先出示或念出个人信息说明，患者同意后再勾选。")
        ),
        PatientRefusal.GUARDIAN_REQUIRED: Sentence(422, Words("患者未满14周岁，要由监护人同意。")),
        PatientRefusal.OTHER_NAME: Sentence(
            409,
            Words("这个证件已在这个号码登记，姓名不同。请核对；更正姓名须在医院窗口核对证件原件。"),
        ),
        PatientRefusal.ID_TAKEN: Sentence(
            409, Words("这个证件已在另一个号码登记。请按证件查找，核实后再转到新的号码。")
        ),
        PatientRefusal.IDENTITY_MISMATCH: Sentence(
            409,
            Words("姓名和证件号码核验不一致。请逐字核对；仍不一致的，须凭证件原件在医院窗口登记。"),
        ),
        PatientRefusal.NOT_REGISTERED: Sentence(
            409, Words("没有登记成功。请核对姓名和证件号码，或凭证件原件在医院窗口登记。")
        ),
    },
    CounterRefusal: {
        CounterRefusal.ORIGINAL_NOT_SEEN: Sentence(
            422, Words("请先核对证件原件，再勾选“已看过原件”。")
        ),
        CounterRefusal.REASON_NEEDED: Sentence(422, _REASON_NEEDED),
        CounterRefusal.LOOK_UP_AGAIN: Sentence(409, Words("已超过半小时，请重新按证件查找。")),
        CounterRefusal.TOO_MANY: Sentence(429, Words("查找或核对的次数过多，请稍后再办。")),
        CounterRefusal.PHONE_DIFFERS: Sentence(
            409,
            Words(
                "患者说的号码不是登记的号码。是本人登记的，请转到现用号码；"
                "不是本人登记的，请按登记争议处理。"
            ),
        ),
        CounterRefusal.PHONE_IN_USE: Sentence(
            409, Words("这个手机号已有就诊人。请患者用这个手机登录，在“我的就诊人”里添加。")
        ),
        CounterRefusal.SMS_GO_THERE: Sentence(
            409,
            Words("登记的是手机号：识别码在短信和“我的挂号”里，也可请患者拨打{hotline}重发。"),
        ),
    },
    MoveRefusal: {
        MoveRefusal.PHONE_INVALID: Sentence(
            422, Words("请填写11位手机号，或带区号的座机，如010-65551234。")
        ),
        MoveRefusal.REASON_NEEDED: Sentence(422, _REASON_NEEDED),
        MoveRefusal.UNKNOWN_PERSON: Sentence(
            422, Words("没有查到这位就诊人，或姓名与登记不一致。请核对证件。")
        ),
        MoveRefusal.UNKNOWN: Sentence(404, Words("没有找到这个申请。请重新办理。")),
        MoveRefusal.OVER: Sentence(409, Words("这个申请已经处理或过期了。请重新办理。")),
        MoveRefusal.OWN_REQUEST: Sentence(409, Words("不能审批自己提出的申请，请另一位班长审批。")),
        MoveRefusal.NOT_INDEPENDENT: Sentence(
            409,
            Words("您的账号由申请人开通或重置，或开通、重置不到一天，不能审批。请另一位班长审批。"),
        ),
        MoveRefusal.SAME_PHONE: Sentence(409, Words("就诊人已经登记在这个号码上，不用转。")),
        MoveRefusal.CODES_TOO_OFTEN: Sentence(
            429, Words("验证码发得太多。请一小时后再办，或换一个号码。")
        ),
        MoveRefusal.CODE_WRONG: Sentence(
            422, Words("验证码不对或已过期。请核对新手机上的短信，或重发验证码。")
        ),
        MoveRefusal.CHANGED_MEANWHILE: Sentence(
            409, Words("这位就诊人的登记刚刚变了，没有转。请重新查找后再办。")
        ),
        MoveRefusal.PHONE_FULL: Sentence(
            409,
            Words("新号码已登记两位就诊人，不能再加。请换一个号码，或先在“我的就诊人”里移除一位。"),
        ),
    },
    ReviewRefusal: {
        ReviewRefusal.DATE_INVALID: Sentence(
            422,
            Words("请选择恢复日期：最早明天，最晚{days}天后。"),
            {"days": RESTRICTED_DAYS_MAX},
        ),
        ReviewRefusal.REASON_NEEDED: Sentence(422, _REASON_LENGTH),
        ReviewRefusal.UNKNOWN: Sentence(404, Words("没有这条记录。请刷新后再试。")),
        ReviewRefusal.NOT_RESTRICTED: Sentence(409, Words("这个账户没有受限制，或已经恢复。")),
        ReviewRefusal.NOT_OPEN: Sentence(409, Words("这个账户已经处理过了。请刷新后查看。")),
    },
    RequestRefusal: {
        RequestRefusal.REASON_NEEDED: Sentence(422, _REASON_LENGTH),
        RequestRefusal.TOO_MANY: Sentence(429, Words("查找次数过多，请一小时后再试。")),
        RequestRefusal.UNKNOWN_PERSON: Sentence(
            422,
            Words("没有查到，或姓名与登记不一致。请核对证件；姓名登记有误的，先到医院窗口更正。"),
        ),
        RequestRefusal.ALREADY_WAITING: Sentence(
            409, Words("这位就诊人已有同样的申请在等待审批。")
        ),
        RequestRefusal.UNKNOWN_REQUEST: Sentence(404, Words("没有这个申请。")),
        RequestRefusal.OVER: Sentence(409, Words("这个申请已经处理或过期了。请返回列表查看。")),
        RequestRefusal.OWN_REQUEST: Sentence(
            409, Words("不能审批自己提出的申请，请另一位班长或管理员审批。")
        ),
        RequestRefusal.NOT_INDEPENDENT: Sentence(
            409,
            Words(
                "您的账号由申请人开通或重置，或开通、重置不到一天，不能审批。"
                "请另一位班长或管理员审批。"
            ),
        ),
        RequestRefusal.NOT_OWN_REQUEST: Sentence(409, Words("只有提出申请的人可以撤回。")),
        RequestRefusal.NOT_OFFERED: Sentence(
            409,
            Words(
                "不能下载：只限申请人和审批人，批准后{hours}小时内，最多{count}次。"
                "如仍需要，请重新申请。"
            ),
            {"hours": int(OFFERED_FOR.total_seconds()) // 3600, "count": DOWNLOADS},
        ),
    },
    # The request stands, the person behind it does not: no 404.
    ErasureRefusal: {
        ErasureRefusal.UNKNOWN: Sentence(
            409, Words("这位就诊人已删除或已另行登记。请驳回，需要时重新申请。")
        ),
        ErasureRefusal.CHANGED_MEANWHILE: Sentence(
            409, Words("登记刚刚有变化，没有删除。请核对后再试。")
        ),
        ErasureRefusal.LIVE_BOOKING: Sentence(
            409,
            Words("现在不能删除：还有没办结的预约。退号后，或就诊结束、医院登记后再批准。"),
        ),
        ErasureRefusal.SUSPENDED: Sentence(
            409, Words("现在不能删除：正在暂停预约或限制预约，到期后再批准。")
        ),
    },
}
