"""Applications, release modes and counter places: why none is taken, decided or given."""

from __future__ import annotations

from guahao.rules.fairness.applying import ApplicationRefusal, WithdrawRefusal
from guahao.rules.fairness.counter import CounterPlaceRefusal
from guahao.rules.fairness.modes import REFERRAL_PERCENT_MAX, ModeRefusal
from guahao.rules.kernel.reasons import REASON_MAX
from guahao.web.words.refusals.sentence import Sentence, Sentences
from guahao.words.text import Words

FAIRNESS: Sentences = {
    ApplicationRefusal: {
        ApplicationRefusal.UNKNOWN_DEPARTMENT: Sentence(
            404, Words("这个科室不在平台预约，请换一个科室。")
        ),
        ApplicationRefusal.NOT_YOUR_PATIENT: Sentence(422, Words("请选择这个账户的就诊人。")),
        ApplicationRefusal.SAME_PATIENT_TWICE: Sentence(422, Words("请选择两位不同的就诊人。")),
        ApplicationRefusal.DIFFERENT_ACCOUNTS: Sentence(422, Words("两位就诊人须在同一个账户。")),
        ApplicationRefusal.WISHES_IMPOSSIBLE: Sentence(
            422,
            Words("这些日期不能登记：没有合适的抽签，或超出范围。最早明天，最晚{visit_until}。"),
        ),
        ApplicationRefusal.UNKNOWN_SESSION: Sentence(
            422, Words("指定的门诊不存在或已停诊，请重新选择。")
        ),
        ApplicationRefusal.ACCOUNT_RESTRICTED: Sentence(
            409, Words("这个账户暂时不能登记，{retry_from}恢复。")
        ),
        ApplicationRefusal.DOCUMENT_ENDED: Sentence(
            409, Words("出生医学证明到那时已过期。请凭户口簿或居民身份证登记孩子，再办理候补。")
        ),
        ApplicationRefusal.PERSON_UNCHECKED: Sentence(
            409, Words("就诊人还没有核实身份，不能参加抽签。请带证件原件到医院窗口核实。")
        ),
        ApplicationRefusal.PATIENT_SUSPENDED: Sentence(
            409, Words("就诊人因爽约暂停预约，{retry_from}恢复；登记的日期都在此之前。")
        ),
        ApplicationRefusal.APPLICATIONS_PAUSED: Sentence(
            409, Words("就诊人多次放弃抽中的号，{retry_from}以后才能再登记。")
        ),
        ApplicationRefusal.ALREADY_APPLIED: Sentence(
            409, Words("就诊人在这个科室已有登记。要更改日期或职称，请先撤回原来的登记。")
        ),
        ApplicationRefusal.TOO_MANY_APPLICATIONS: Sentence(
            409, Words("就诊人的登记已达上限。请先撤回一个，再登记这个科室。")
        ),
        ApplicationRefusal.TOO_MANY_TODAY: Sentence(
            429, Words("这个账户今天登记的次数太多，请明天再办。")
        ),
    },
    WithdrawRefusal: {
        WithdrawRefusal.UNKNOWN: Sentence(404, Words("没有这个登记。")),
        WithdrawRefusal.NOT_LIVE: Sentence(409, Words("这个登记已经结束，不用撤回。")),
    },
    ModeRefusal: {
        ModeRefusal.UNKNOWN_DEPARTMENT: Sentence(422, Words("这家医院没有这个科室，请重新选择。")),
        ModeRefusal.UNKNOWN_TITLE: Sentence(422, Words("没有这个职称，请重新选择。")),
        ModeRefusal.NO_REASON: Sentence(
            422, Words("请写明原因，1到{most}个字。原因会写入操作记录。"), {"most": REASON_MAX}
        ),
        ModeRefusal.REFERRAL_PERCENT: Sentence(
            422, Words("转诊占比须在0到{most}之间。"), {"most": REFERRAL_PERCENT_MAX}
        ),
        ModeRefusal.ANNOUNCED: Sentence(
            422,
            Words(
                "这个就诊日已经放号，或已经开始登记抽签，不能再改。请选下面写明的最早日期或以后。"
            ),
        ),
        ModeRefusal.TOO_FAR: Sentence(422, Words("日期太远，请选两年以内的日期。")),
        ModeRefusal.CHANGED_MEANWHILE: Sentence(
            409,
            Words(
                "在您填写时，别人更改了这家医院的放号方式，所以没有保存。请核对下面的决定，再预览一次。"
            ),
        ),
        ModeRefusal.NO_CHANGE: Sentence(422, Words("与当时已有的放号方式相同，没有更改。")),
        ModeRefusal.NOT_PENDING: Sentence(409, Words("没有这个决定，或已撤回。")),
    },
    CounterPlaceRefusal: {
        CounterPlaceRefusal.UNKNOWN: Sentence(404, Words("本院没有这个门诊。请刷新后再试。")),
        CounterPlaceRefusal.NOT_TODAY: Sentence(409, Words("窗口号只在就诊当天给。")),
        CounterPlaceRefusal.STOPPED: Sentence(409, Words("这个门诊已停诊，号不能再给。")),
        CounterPlaceRefusal.NONE_LEFT: Sentence(
            409, Words("这个门诊的窗口号已经给完，可能刚由其他窗口给出。这次没有给出。")
        ),
        CounterPlaceRefusal.UNDONE: Sentence(
            409, Words("这个号已经撤销过了。请以现在的数字为准。")
        ),
    },
}
