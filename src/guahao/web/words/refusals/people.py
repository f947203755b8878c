"""Accounts and personal data: why nothing is decided, handed out or erased."""

from __future__ import annotations

from guahao.rules.people.account_reviews import RESTRICTED_DAYS_MAX, ReviewRefusal
from guahao.rules.people.own_data import ErasureRefusal
from guahao.rules.people.privacy_requests import DOWNLOADS, OFFERED_FOR, RequestRefusal
from guahao.web.words.refusals.sentence import Sentence, Sentences
from guahao.words.text import Words

_REASON_NEEDED = Words("请写明原因，2到200个字。")

PEOPLE: Sentences = {
    ReviewRefusal: {
        ReviewRefusal.DATE_INVALID: Sentence(
            422,
            Words("请选择恢复日期：最早明天，最晚{days}天后。"),
            {"days": RESTRICTED_DAYS_MAX},
        ),
        ReviewRefusal.REASON_NEEDED: Sentence(422, _REASON_NEEDED),
        ReviewRefusal.UNKNOWN: Sentence(404, Words("没有这条记录。请刷新后再试。")),
        ReviewRefusal.NOT_RESTRICTED: Sentence(409, Words("这个账户没有受限制，或已经恢复。")),
        ReviewRefusal.NOT_OPEN: Sentence(409, Words("这个账户已经处理过了。请刷新后查看。")),
    },
    RequestRefusal: {
        RequestRefusal.REASON_NEEDED: Sentence(422, _REASON_NEEDED),
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
