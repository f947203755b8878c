"""The replies about logging in: one-time passwords, tokens, confirmation, ended log-ins."""

from __future__ import annotations

from guahao.rules.people.logins import AccountLoginRefusal
from guahao.web.words.reply import Reply
from guahao.words.text import Words

LOGIN_REPLIES: dict[str, Reply] = {
    "otp_throttled": Reply(
        429,
        Words("验证码请求过于频繁"),
        Words("验证码请求或尝试次数过多，请在{seconds}秒后再试。"),
    ),
    "otp_wrong": Reply(
        401,
        Words("验证码错误", "replies"),
        Words("验证码错误或已失效。请核对最近一条短信，或重新获取验证码。"),
    ),
    "proof_required": Reply(
        428,
        Words("需要先完成验证"),
        Words(
            "为防止滥发短信，请先完成验证：算出challenge的答案（ALTCHA格式），放在proof字段中重新发送。"
        ),
    ),
    AccountLoginRefusal.ENDED: Reply(
        401,
        Words("登录已结束"),
        Words("这次登录已退出或已结束。请重新登录。"),
    ),
    AccountLoginRefusal.CONFIRM_REQUIRED: Reply(
        403,
        Words("请先确认是您本人"),
        Words(
            "这是一台新设备，或账户很久没有使用。请先提供任一就诊人的证件号码"
            "（POST /api/v1/auth/confirm）；如果这些就诊人不是您的，请新建账户"
            "（POST /api/v1/auth/new-holder）。"
        ),
    ),
    "confirm_wrong": Reply(
        422,
        Words("证件号码不对", "replies"),
        Words("证件号码与这个账户的就诊人不符。请核对后重新填写登记时用的证件号码。"),
    ),
    "confirm_throttled": Reply(
        429,
        Words("尝试次数过多"),
        Words("证件号码填错次数过多，请在{seconds}秒后再试，或带证件到医院窗口办理。"),
    ),
    "new_holder_confirmed": Reply(
        409,
        Words("您已确认本人"),
        Words("您已确认这些就诊人是您的，不需要新建账户。"),
    ),
    "new_holder_too_soon": Reply(
        409,
        Words("暂不能新建账户"),
        Words("这个手机号不久前已经新建过账户。请带证件到医院窗口，或拨打{hotline}办理。"),
    ),
    "refresh_invalid": Reply(
        401,
        Words("登录已失效"),
        Words("刷新令牌无效、已过期或已被使用。请重新登录。"),
    ),
}
