"""What every outcome is to a hospital's information system: for its programmers and its log."""

from __future__ import annotations

from guahao.flows.supply.own_sessions import UnstopRefusal
from guahao.flows.supply.stops import StopRefusal
from guahao.rules.attendance.attendance import AttendanceRefusal
from guahao.rules.attendance.window import WindowRefusal
from guahao.rules.kernel.outcomes import PickupRefusal
from guahao.rules.supply.feeding import ItemRefusal
from guahao.web.words.language import Words
from guahao.web.words.replies_reconciling import RECONCILING_REPLIES
from guahao.web.words.reply import Reply

_ACCESS: dict[str, Reply] = {
    "oauth_invalid_request": Reply(
        400,
        Words("令牌请求有误", "Invalid token request"),
        Words(
            "请以application/x-www-form-urlencoded发送grant_type=client_credentials，"
            "用一种方式给出client_id和client_secret，每个字段只写一次。",
            "Please send grant_type=client_credentials as application/x-www-form-urlencoded,"
            " client id and secret by one method only, and no field twice.",
        ),
    ),
    "oauth_invalid_client": Reply(
        401,
        Words("客户端验证失败", "Client not authenticated"),
        Words(
            "client_id或client_secret不对、已过期或已停用，或者没有使用登记的证书。"
            "原因见本院的调用记录；如需更换，请联系平台管理员。",
            "Client id or secret are wrong, expired or disabled, or the registered certificate"
            " was not used. The hospital's log of calls says which; for a new secret please ask"
            " the platform's administrator.",
        ),
    ),
    "oauth_invalid_scope": Reply(
        400,
        Words("没有这项权限", "Scope not allowed"),
        Words(
            "申请的scope超出了该客户端的权限。请减少scope，或请平台管理员增加权限。",
            "A scope was asked for that this client does not have. Please ask for fewer, or ask"
            " the platform's administrator for it.",
        ),
    ),
    "oauth_unsupported_grant_type": Reply(
        400,
        Words("授权方式不支持", "Grant type not supported"),
        Words(
            "只支持grant_type=client_credentials。请改正后重新发送。",
            "Only grant_type=client_credentials is taken. Please correct it and send it again.",
        ),
    ),
    "oauth_throttled": Reply(
        429,
        Words("错误次数过多", "Too many wrong tries"),
        Words(
            "错误的client_id或client_secret次数过多，请在{seconds}秒后再试。",
            "There were too many wrong client ids or secrets from your address. Please try again"
            " in {seconds} seconds.",
        ),
    ),
    "scope_missing": Reply(
        403,
        Words("没有这项权限", "Scope missing"),
        Words(
            "令牌没有这个接口所需的scope。请用所需的scope重新获取令牌，或请平台管理员增加权限。",
            "The token does not hold the scope that this call needs. Please get a token with it,"
            " or ask the platform's administrator for the scope.",
        ),
    ),
    "client_disabled": Reply(
        401,
        Words("客户端已停用", "Client disabled"),
        Words(
            "该客户端已被停用。请联系平台管理员。",
            "This client has been disabled. Please contact the platform's administrator.",
        ),
    ),
    "certificate_wrong": Reply(
        401,
        Words("客户端证书不符", "Wrong client certificate"),
        Words(
            "该客户端登记了证书，而这次没有使用它。请用登记的证书连接，"
            "或请平台管理员更换登记的证书。",
            "A certificate is registered for this client, and was not used. Please connect with"
            " it, or ask the platform's administrator to register the new one.",
        ),
    ),
    "hospital_calls": Reply(
        429,
        Words("调用过于频繁", "Too many calls"),
        Words(
            "本院的接口调用过于频繁，请在{seconds}秒后再试。请把多项内容放进一次调用。",
            "Your hospital made too many calls. Please try again in {seconds} seconds, and put"
            " many items into one call.",
        ),
    ),
    "list_too_large": Reply(
        413,
        Words("内容过长", "List too large"),
        Words(
            "一次最多10000项、8 MB。请分几次发送。",
            "At most 10,000 items and 8 MB go into one call. Please send several.",
        ),
    ),
}

_ITEMS: dict[str, Reply] = {
    ItemRefusal.TWICE: Reply(
        409,
        Words("编号重复", "Twice in one call"),
        Words(
            "同一次调用中，这个编号已经出现过，只处理第一项。请去掉重复的一项。",
            "This id came before in the same call; only the first was looked at. Please leave the"
            " other out.",
        ),
    ),
    ItemRefusal.HOURS: Reply(
        422,
        Words("时间有误", "Hours not possible"),
        Words(
            "结束时间必须晚于开始时间，且不能只有结束时间。请改正后重新发送。",
            "The end must be later than the start, and there is none without a start. Please"
            " correct them and send the item again.",
        ),
    ),
    ItemRefusal.DEPARTMENT_UNKNOWN: Reply(
        404,
        Words("没有这个科室", "No such department"),
        Words(
            "没有这个科室，或它是一级科室。请先发布科室，再发布号源。",
            "There is no such department, or it is of the first level. Please publish the"
            " department first, then its sessions.",
        ),
    ),
    ItemRefusal.PARENT_UNKNOWN: Reply(
        404,
        Words("没有这个上级科室", "No such parent"),
        Words(
            "没有这个上级科室，或它本身有上级科室。请先发布一级科室。",
            "There is no such parent, or it has a parent itself. Please publish the first-level"
            " department first.",
        ),
    ),
    ItemRefusal.LEVEL: Reply(
        409,
        Words("科室级别不能改变", "Level cannot change"),
        Words(
            "该科室已有下级科室或号源，不能改变级别。请用新的编号发布。",
            "This department has departments below it, or sessions, so its level stays. Please"
            " publish another one with an id of its own.",
        ),
    ),
    ItemRefusal.CODE_TAKEN: Reply(
        409,
        Words("科室代码已被占用", "Code taken"),
        Words(
            "本院另一个科室的代码与这个编号相同。请换一个编号。",
            "Another department of your hospital has this id as its code. Please use another id.",
        ),
    ),
    ItemRefusal.TITLE_UNKNOWN: Reply(
        409,
        Words("没有这个职称", "No such title"),
        Words(
            "全市职称目录中没有这个职称，或已停用。请改用目录中的职称，或请平台管理员增加。",
            "The city's list of titles does not offer this one. Please use one that it offers, or"
            " ask the platform's administrator to add it.",
        ),
    ),
    ItemRefusal.STOPPED: Reply(
        409,
        Words("已停诊", "Clinic stopped"),
        Words(
            "该门诊已停诊，不能更改。如需恢复，请在通知患者之前撤销停诊，或用新的编号发布。",
            "This session is stopped and stays as it is. Please take the stop back while nobody"
            " was told, or publish a session with an id of its own.",
        ),
    ),
    ItemRefusal.PAST: Reply(
        409,
        Words("日期已过", "Date past"),
        Words(
            "不能发布当天或已过日期的号源，已过的号源也不能更改。请从清单中去掉。",
            "No session is made for today or before, and none that is past is changed. Please"
            " leave it out of the list.",
        ),
    ),
    ItemRefusal.TOO_FAR: Reply(
        409,
        Words("日期太远", "Date too far"),
        Words(
            "就诊日期不能超过一年以后。请核对日期。",
            "The visit date is more than a year ahead. Please check it.",
        ),
    ),
    ItemRefusal.TOLD: Reply(
        409,
        Words("已有人预约", "Patients were told otherwise"),
        Words(
            "已有人预约过，只能改变号数，不能改变科室、职称、专业、日期、时间和费用。"
            "如必须改变，请停诊后用新的编号发布。",
            "Somebody has booked this session: only its places can change, not its department,"
            " title, specialty, date, time or fee. If it must be, please stop it and publish"
            " another with an id of its own.",
        ),
    ),
    ItemRefusal.BELOW_BOOKED: Reply(
        409,
        Words("少于已约人数", "Fewer places than booked"),
        Words(
            "号数不能少于已约人数（见booked）。请改为不少于该数，或停诊。",
            "There cannot be fewer places than are booked (see booked). Please send at least that"
            " many, or stop the session.",
        ),
    ),
}

_SESSIONS: dict[str, Reply] = {
    "own_session_unknown": Reply(
        404,
        Words("没有这个门诊", "No such session"),
        Words(
            "本院没有这个编号的门诊。请核对编号，或先发布号源。",
            "Your hospital has no session of this id. Please check it, or publish the session"
            " first.",
        ),
    ),
    StopRefusal.PAST: Reply(
        409,
        Words("日期已过", "Date past"),
        Words(
            "已过去或取号已结束的门诊不能停诊。请核对编号。",
            "A session that is past, or whose pick-up is over, cannot be stopped. Please check"
            " the id.",
        ),
    ),
    StopRefusal.TOO_FAR: Reply(
        409,
        Words("还不能预约", "Not bookable yet"),
        Words(
            "该门诊还不能预约，不需要停诊。请把号数改为0。",
            "Nobody can book this session yet, so there is nothing to stop. Please set its places"
            " to 0.",
        ),
    ),
    StopRefusal.TOLD: Reply(
        409,
        Words("已通知患者", "Patients were told"),
        Words(
            "已经通知患者，不能撤销停诊。如需恢复，请用新的编号发布。",
            "The patients have been told, so the stop stands. Please publish a session with an id"
            " of its own.",
        ),
    ),
    StopRefusal.UNDONE: Reply(
        409,
        Words("正在撤销", "Being taken back"),
        Words(
            "这次停诊正在撤销。请稍后查看该门诊。",
            "This stop is being taken back already. Please look at the session a little later.",
        ),
    ),
    UnstopRefusal.WIDER: Reply(
        409,
        Words("与其他门诊一起停诊", "Stopped together with others"),
        Words(
            "该门诊是在排班页面与其他门诊一起停诊的。请在该页面撤销。",
            "This session was stopped together with others on the scheduler's page. Please take"
            " it back there.",
        ),
    ),
    WindowRefusal.STOPPED: Reply(
        409,
        Words("已停诊", "Clinic stopped"),
        Words(
            "该门诊已停诊，没有出诊记录可以关闭。",
            "This session is stopped; there is no attendance to close.",
        ),
    ),
    WindowRefusal.TOO_EARLY: Reply(
        409,
        Words("还不能关闭", "Too early to close"),
        Words(
            "取号截止时间之前不能关闭出诊记录。请在截止之后再关闭。",
            "A session is not closed before its pick-up deadline. Please close it after that.",
        ),
    ),
}

_WINDOW: dict[str, Reply] = {
    "own_booking_unknown": Reply(
        404,
        Words("没有这个预约", "No such booking"),
        Words(
            "本院没有与识别码和证件号码都相符的预约。请核对证件原件和识别码。",
            "Your hospital has no booking to which code and document both belong. Please check"
            " the original document and the code.",
        ),
    ),
    "guesses_throttled": Reply(
        429,
        Words("错误次数过多", "Too many wrong tries"),
        Words(
            "识别码或证件号码错误次数过多，请在{seconds}秒后再试，并核对患者的证件和短信。",
            "Code or document were wrong too often. Please try again in {seconds} seconds, and"
            " compare the patient's document and SMS.",
        ),
    ),
    PickupRefusal.WRONG_PERSON: Reply(
        404,
        Words("识别码与证件不符", "Code and document do not match"),
        Words(
            "没有与识别码和证件号码都相符的预约。请核对证件原件和识别码。",
            "There is no booking to which code and document both belong. Please check the"
            " original document and the code.",
        ),
    ),
    PickupRefusal.WRONG_HOSPITAL: Reply(
        409,
        Words("不是本院的预约", "Another hospital's booking"),
        Words(
            "这是另一家医院的预约。请患者查看预约短信，到短信中的医院取号。",
            "This booking is another hospital's. Please ask the patient to go to the hospital"
            " that the SMS names.",
        ),
    ),
    PickupRefusal.ALREADY_PICKED_UP: Reply(
        409,
        Words("已取号", "Already picked up"),
        Words(
            "该预约已取号，不能重复取号。",
            "The number of this booking has been handed out already.",
        ),
        Words(
            "该预约已于{when}取号，不能重复取号。",
            "The number of this booking was handed out already: {when}.",
        ),
    ),
    PickupRefusal.NOT_BOOKED: Reply(
        409,
        Words("已退号或已停诊", "Cancelled or stopped"),
        Words(
            "该预约已退号或已停诊，不能取号。请患者重新预约或到窗口挂号。",
            "This booking was cancelled or stopped. Please let the patient book again or register"
            " at the window.",
        ),
        Words(
            "该预约已于{when}退号或停诊，不能取号。请患者重新预约或到窗口挂号。",
            "This booking was cancelled or stopped: {when}. Please let the patient book again or"
            " register at the window.",
        ),
    ),
    PickupRefusal.WRONG_DAY: Reply(
        409,
        Words("不是就诊当天", "Not the visit day"),
        Words(
            "只能在就诊当天取号。请患者在就诊当天再来。",
            "Numbers are handed out on the visit day only. Please ask the patient to come then.",
        ),
        Words(
            "只能在就诊当天取号，就诊日期是{when}。请患者届时再来。",
            "Numbers are handed out on the visit day only, which is {when}. Please ask the"
            " patient to come then.",
        ),
    ),
    PickupRefusal.TOO_LATE: Reply(
        409,
        Words("已过取号时间", "Too late to pick up"),
        Words(
            "已过取号截止时间，预约已作废。请患者到窗口挂号。",
            "The pick-up deadline has passed and the booking is void. Please let the patient"
            " register at the window.",
        ),
        Words(
            "取号截止时间是{when}，预约已作废。请患者到窗口挂号。",
            "The pick-up deadline was {when}, and the booking is void. Please let the patient"
            " register at the window.",
        ),
    ),
    AttendanceRefusal.UNKNOWN: Reply(
        404,
        Words("没有这个预约", "No such booking"),
        Words(
            "本院没有这个预约。请核对编号。",
            "Your hospital has no such booking. Please check the id.",
        ),
    ),
    AttendanceRefusal.NOT_BOOKED: Reply(
        409,
        Words("已退号或已停诊", "Cancelled or stopped"),
        Words(
            "该预约已退号或已停诊，没有就诊可以上报。请从清单中去掉。",
            "This booking was cancelled or stopped, so there is no attendance. Please leave it"
            " out.",
        ),
    ),
    AttendanceRefusal.TOO_EARLY: Reply(
        409,
        Words("还不能上报", "Too early to report"),
        Words(
            "就诊当天才能上报已就诊，取号截止之后才能上报未就诊。请届时再上报。",
            "That somebody came is reported on the visit day, that they did not after the pick-up"
            " deadline. Please report it then.",
        ),
    ),
    AttendanceRefusal.TOO_OLD: Reply(
        409,
        Words("就诊日期太久", "Too long ago"),
        Words(
            "就诊日期已超过30天，不能再上报。如有需要，请联系平台管理员。",
            "The visit was more than 30 days ago. If it must be corrected, please contact the"
            " platform's administrator.",
        ),
    ),
    AttendanceRefusal.PICKED_UP: Reply(
        409,
        Words("已取号", "Number was handed out"),
        Words(
            "该预约已取号，不能上报未就诊。如取号有误，请在当天的窗口页面更正。",
            "A number was handed out for this booking, so it is no no-show. If that was a"
            " mistake, please correct it on the window's page the same day.",
        ),
    ),
}

HOSPITAL_REPLIES: dict[str, Reply] = {
    **_ACCESS,
    **_ITEMS,
    **_SESSIONS,
    **_WINDOW,
    **RECONCILING_REPLIES,
}
