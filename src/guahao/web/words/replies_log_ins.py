"""The sentences about logging in: one-time passwords, tokens, confirming, log-ins that ended."""

from __future__ import annotations

from guahao.rules.people.log_ins import LogInRefusal
from guahao.web.words.language import Words
from guahao.web.words.reply import Reply

LOG_IN_REPLIES: dict[str, Reply] = {
    "otp_throttled": Reply(
        429,
        Words("验证码请求过于频繁", "Too many one-time passwords"),
        Words(
            "验证码请求或尝试次数过多，请在{seconds}秒后再试。",
            "There were too many requests or tries of one-time passwords. Please try again in"
            " {seconds} seconds.",
        ),
    ),
    "otp_wrong": Reply(
        401,
        Words("验证码错误", "Wrong one-time password"),
        Words(
            "验证码错误或已失效。请核对最近一条短信，或重新获取验证码。",
            "The one-time password is wrong or no longer valid. Please check the latest SMS,"
            " or ask for a new one.",
        ),
    ),
    "proof_required": Reply(
        428,
        Words("需要先完成验证", "Proof of work required"),
        Words(
            "为防止滥发短信，请先完成验证：算出challenge的答案（ALTCHA格式），放在proof字段中重新发送。",
            "To keep SMS from being abused, solve `challenge` (ALTCHA) and send the request again"
            " with the solution in `proof`.",
        ),
    ),
    LogInRefusal.ENDED: Reply(
        401,
        Words("登录已结束", "Logged out"),
        Words(
            "这次登录已退出或被结束。请重新登录。",
            "This login was ended. Please log in again.",
        ),
    ),
    LogInRefusal.CONFIRM_REQUIRED: Reply(
        403,
        Words("请先确认是您本人", "Please confirm it's you"),
        Words(
            "这是一台新设备，或账户很久没有使用。请先提供任一就诊人的证件号码"
            "（POST /api/v1/auth/confirm）；如果这些就诊人不是您的，请新建账户"
            "（POST /api/v1/auth/new-holder）。",
            "This is a new device, or the account has not been used for a long time. First give"
            " the document number of one of its patients (POST /api/v1/auth/confirm). If the"
            " patients aren't yours, start a new account (POST /api/v1/auth/new-holder).",
        ),
    ),
    "confirm_wrong": Reply(
        422,
        Words("证件号码不对", "Wrong document number"),
        Words(
            "证件号码与这个账户的就诊人不符。请核对后重新填写登记时用的证件号码。",
            "This is not the document number of a patient of this account. Please check it and"
            " enter the number of the document that was registered.",
        ),
    ),
    "confirm_throttled": Reply(
        429,
        Words("尝试次数过多", "Too many tries"),
        Words(
            "证件号码填错次数过多，请在{seconds}秒后再试，或带证件到医院窗口办理。",
            "There were too many wrong document numbers. Please try again in {seconds} seconds,"
            " or bring the document to a hospital's window.",
        ),
    ),
    "new_holder_confirmed": Reply(
        409,
        Words("您已确认本人", "Already confirmed"),
        Words(
            "您已确认这些就诊人是您的，不需要新建账户。",
            "You have confirmed that the patients are yours, so there is no new account to start.",
        ),
    ),
    "new_holder_too_soon": Reply(
        409,
        Words("暂不能新建账户", "No new account yet"),
        Words(
            "这个手机号不久前已经新建过账户。请带证件到医院窗口，或拨打{hotline}办理。",
            "A new account was started for this phone not long ago. Please bring your document to"
            " a hospital's window, or call {hotline}.",
        ),
    ),
    "refresh_invalid": Reply(
        401,
        Words("登录已失效", "Login no longer valid"),
        Words(
            "刷新令牌无效、已过期或已被使用。请重新登录。",
            "The refresh token is not valid, has expired or was used before. Please log in again.",
        ),
    ),
}
