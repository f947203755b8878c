"""Members of the staff: why one is not logged in, added or changed."""

from __future__ import annotations

from guahao.rules.staff.logins import LoginRefusal
from guahao.rules.staff.members import StaffRefusal
from guahao.web.words.refusals.sentence import Sentence, Sentences
from guahao.words.text import Words

_BUSY = Sentence(503, Words("现在登录的人太多，请过几秒再试。"))

STAFF: Sentences = {
    LoginRefusal: {
        LoginRefusal.BEGIN_AGAIN: Sentence(403, Words("请重新输入登录名和密码。")),
        LoginRefusal.LOCKED: Sentence(
            429, Words("尝试次数过多，请在{retry_from}之后再试，或请管理员重置密码。")
        ),
        LoginRefusal.BUSY: _BUSY,
        LoginRefusal.WRONG: Sentence(403, Words("登录名、密码或验证码不对，请核对后再试。")),
        LoginRefusal.EXPIRED: Sentence(403, Words("临时密码已过期，请联系平台管理员重置。")),
    },
    StaffRefusal: {
        StaffRefusal.LOGIN_INVALID: Sentence(
            422, Words("登录名为2到40位小写字母、数字、点、横线或下划线，以字母或数字开头。")
        ),
        StaffRefusal.NAME_INVALID: Sentence(422, Words("请填写姓名，1到80个字。")),
        StaffRefusal.BUSY: _BUSY,
        StaffRefusal.UNKNOWN: Sentence(404, Words("没有这个人员，可能刚有变动。请刷新名单。")),
        StaffRefusal.HOSPITAL_NEEDED: Sentence(
            422, Words("窗口和排班人员必须属于一家医院，其他人员不属于医院。请重新选择。")
        ),
        StaffRefusal.LOGIN_TAKEN: Sentence(409, Words("这个登录名已经有人用了，请换一个。")),
        StaffRefusal.LAST_ADMINISTRATOR: Sentence(
            409, Words("这是最后一个可用的管理员，不能停用或改任。请先增加另一个管理员。")
        ),
        StaffRefusal.NOT_LOGGED_IN: Sentence(403, Words("登录已过期，请重新登录。")),
        StaffRefusal.PASSWORD_WRONG: Sentence(
            422, Words("原密码或验证码不对。每个验证码只能用一次，请等下一个再试。")
        ),
        StaffRefusal.PASSWORD_WEAK: Sentence(
            422,
            Words(
                "新密码太容易被猜中，请换一个。至少12个字符；不要用原密码、登录名、姓名、医院名、"
                "生日、电话、键盘顺序或常见的词。可以用几个不相干的词连起来。"
            ),
        ),
    },
}
