"""What every outcome is to a hospital's information system: for its programmers and its log."""

from __future__ import annotations

from guahao.rules.attendance.attendance import AttendanceRefusal
from guahao.rules.attendance.window import WindowRefusal
from guahao.rules.hall.calling import QueueRefusal
from guahao.rules.integration.clients import AccessRefusal
from guahao.rules.kernel.outcomes import PickupRefusal
from guahao.rules.supply.changes import SessionRefusal
from guahao.rules.supply.feeding import ItemRefusal
from guahao.rules.supply.stops import StopRefusal, UnstopRefusal
from guahao.web.words.hours import OUTSIDE_PERIOD
from guahao.web.words.replies_reconciling import RECONCILING_REPLIES
from guahao.web.words.reply import Reply
from guahao.words.text import Words

_ACCESS: dict[str, Reply] = {
    "oauth_invalid_request": Reply(
        400,
        Words("令牌请求有误"),
        Words(
            "请以application/x-www-form-urlencoded发送grant_type=client_credentials，"
            "用一种方式给出client_id和client_secret，每个字段只写一次。"
        ),
    ),
    "oauth_invalid_client": Reply(
        401,
        Words("客户端验证失败"),
        Words(
            "client_id或client_secret不对、已过期或已停用，或者没有使用登记的证书。"
            "原因见本院的调用记录；如需更换，请联系平台管理员。"
        ),
    ),
    "oauth_invalid_scope": Reply(
        400,
        Words("没有这项权限"),
        Words("申请的scope超出了该客户端的权限。请减少scope，或请平台管理员增加权限。"),
    ),
    "oauth_unsupported_grant_type": Reply(
        400,
        Words("授权方式不支持"),
        Words("只支持grant_type=client_credentials。请改正后重新发送。"),
    ),
    "oauth_throttled": Reply(
        429,
        Words("错误次数过多"),
        Words("错误的client_id或client_secret次数过多，请在{seconds}秒后再试。"),
    ),
    AccessRefusal.SCOPE_MISSING: Reply(
        403,
        Words("没有这项权限", "replies"),
        Words("令牌没有这个接口所需的scope。请用所需的scope重新获取令牌，或请平台管理员增加权限。"),
    ),
    AccessRefusal.DISABLED: Reply(
        401,
        Words("客户端已停用"),
        Words("该客户端已被停用。请联系平台管理员。"),
    ),
    AccessRefusal.CERTIFICATE_WRONG: Reply(
        401,
        Words("客户端证书不符"),
        Words(
            "该客户端登记了证书，而这次没有使用它。请用登记的证书连接，"
            "或请平台管理员更换登记的证书。"
        ),
    ),
    "hospital_calls": Reply(
        429,
        Words("调用过于频繁"),
        Words("本院的接口调用过于频繁，请在{seconds}秒后再试。请把多项内容放进一次调用。"),
    ),
    "list_too_large": Reply(
        413,
        Words("内容过长", "replies"),
        Words("一次最多10000项、8 MB。请分几次发送。"),
    ),
}

_ITEMS: dict[str, Reply] = {
    ItemRefusal.TWICE: Reply(
        409,
        Words("编号重复"),
        Words("同一次调用中，这个编号已经出现过，只处理第一项。请去掉重复的一项。"),
    ),
    ItemRefusal.DEPARTMENT_UNKNOWN: Reply(
        404,
        Words("没有这个科室"),
        Words("没有这个科室，或它是一级科室。请先发布科室，再发布号源。"),
    ),
    ItemRefusal.PARENT_UNKNOWN: Reply(
        404,
        Words("没有这个上级科室"),
        Words("没有这个上级科室，或它本身有上级科室。请先发布一级科室。"),
    ),
    ItemRefusal.LEVEL: Reply(
        409,
        Words("科室级别不能改变"),
        Words("该科室已有下级科室或号源，不能改变级别。请用新的编号发布。"),
    ),
    ItemRefusal.CODE_TAKEN: Reply(
        409,
        Words("科室代码已被占用"),
        Words("本院另一个科室的代码与这个编号相同。请换一个编号。"),
    ),
    SessionRefusal.HOURS: Reply(
        422,
        Words("时间有误"),
        Words("结束时间必须晚于开始时间，且不能只有结束时间。请改正后重新发送。"),
    ),
    SessionRefusal.OUTSIDE_PERIOD: Reply(422, Words("开始时间不在时段内"), OUTSIDE_PERIOD),
    SessionRefusal.TITLE_NOT_OFFERED: Reply(
        409,
        Words("没有这个职称"),
        Words("全市职称目录中没有这个职称，或已停用。请改用目录中的职称，或请平台管理员增加。"),
    ),
    SessionRefusal.STOPPED: Reply(
        409,
        Words("已停诊"),
        Words("该门诊已停诊，不能更改。如需恢复，请在通知患者之前撤销停诊，或用新的编号发布。"),
    ),
    SessionRefusal.PAST: Reply(
        409,
        Words("日期已过"),
        Words("不能发布当天或已过日期的号源，已过的号源也不能更改。请从清单中去掉。"),
    ),
    SessionRefusal.TOO_FAR: Reply(
        409,
        Words("日期太远"),
        Words("就诊日期不能超过一年以后。请核对日期。"),
    ),
    SessionRefusal.TOLD: Reply(
        409,
        Words("已有人预约", "replies"),
        Words(
            "有有效预约时，只能改变号数，不能改变职称、专业、时段、时间和费用；"
            "有人预约过的（包括已取消的），科室和日期不能改变。"
            "如必须改变，请停诊后用新的编号发布。"
        ),
    ),
    SessionRefusal.BELOW_BOOKED: Reply(
        409,
        Words("少于已约人数"),
        Words("号数不能少于已约人数（见booked）。请改为不少于该数，或停诊。"),
    ),
}

_SESSIONS: dict[str, Reply] = {
    "own_session_unknown": Reply(
        404,
        Words("没有这个门诊", "replies"),
        Words("本院没有这个编号的门诊。请核对编号，或先发布号源。"),
    ),
    StopRefusal.PAST: Reply(
        409,
        Words("日期已过"),
        Words("已过去或取号已结束的门诊不能停诊。请核对编号。"),
    ),
    StopRefusal.TOO_FAR: Reply(
        409,
        Words("还不能预约"),
        Words("该门诊还不能预约，不需要停诊。请把号数改为0。"),
    ),
    StopRefusal.TOLD: Reply(
        409,
        Words("已通知患者"),
        Words("已经通知患者，不能撤销停诊。如需恢复，请用新的编号发布。"),
    ),
    StopRefusal.UNDONE: Reply(
        409,
        Words("正在撤销"),
        Words("这次停诊正在撤销。请稍后查看该门诊。"),
    ),
    UnstopRefusal.WIDER: Reply(
        409,
        Words("与其他门诊一起停诊"),
        Words("该门诊是在排班页面与其他门诊一起停诊的。请在该页面撤销。"),
    ),
    WindowRefusal.STOPPED: Reply(
        409,
        Words("已停诊"),
        Words("该门诊已停诊，没有要结束的取号。"),
    ),
    WindowRefusal.TOO_EARLY: Reply(
        409,
        Words("还不能结束取号"),
        Words("取号截止时间之前不能结束本场取号。请在截止之后再结束。"),
    ),
}

_WINDOW: dict[str, Reply] = {
    "own_booking_unknown": Reply(
        404,
        Words("没有这个预约"),
        Words("本院没有与识别码和证件号码都相符的预约。请核对证件原件和识别码。"),
    ),
    "guesses_throttled": Reply(
        429,
        Words("错误次数过多"),
        Words("识别码或证件号码错误次数过多。请核对患者的证件和短信，{seconds}秒后再试。"),
    ),
    PickupRefusal.WRONG_PERSON: Reply(
        404,
        Words("识别码与证件不符"),
        Words("没有与识别码和证件号码都相符的预约。请核对证件原件和识别码。"),
    ),
    PickupRefusal.WRONG_HOSPITAL: Reply(
        409,
        Words("不是本院的预约", "replies"),
        Words("这是另一家医院的预约。请患者查看预约短信，到短信中的医院取号。"),
    ),
    PickupRefusal.ALREADY_PICKED_UP: Reply(
        409,
        Words("已取号", "replies"),
        Words("该预约已取号，不能重复取号。"),
        Words("该预约已于{when}取号，不能重复取号。"),
    ),
    PickupRefusal.NOT_BOOKED: Reply(
        409,
        Words("已退号或已停诊"),
        Words("该预约已退号或已停诊，不能取号。请患者重新预约或到窗口挂号。"),
        Words("该预约已于{when}退号或停诊，不能取号。请患者重新预约或到窗口挂号。"),
    ),
    PickupRefusal.WRONG_DAY: Reply(
        409,
        Words("不是就诊当天"),
        Words("只能在就诊当天取号。请患者在就诊当天再来。"),
        Words("只能在就诊当天取号，就诊日期是{when}。请患者届时再来。"),
    ),
    PickupRefusal.TOO_LATE: Reply(
        409,
        Words("已过取号时间"),
        Words("已过取号截止时间，预约已作废。请患者到窗口挂号。"),
        Words("取号截止时间是{when}，预约已作废。请患者到窗口挂号。"),
    ),
    AttendanceRefusal.UNKNOWN: Reply(
        404,
        Words("没有这个预约"),
        Words("本院没有这个预约。请核对编号。"),
    ),
    QueueRefusal.UNKNOWN: Reply(
        404,
        Words("没有这个预约"),
        Words("本院没有这个预约。请核对编号。"),
    ),
    QueueRefusal.NOT_PICKED_UP: Reply(
        409,
        Words("还没有取号"),
        Words("该预约还没有取号。请先取号，再上报叫号。"),
    ),
    QueueRefusal.WRONG_DAY: Reply(
        409,
        Words("不是就诊当天"),
        Words("at不在这个预约的就诊日期。请核对预约编号和时间。"),
    ),
    QueueRefusal.AHEAD: Reply(
        409,
        Words("时间超前"),
        Words("at比平台的时间晚两分钟以上。请校准本院系统的时钟后重新发送。"),
    ),
    QueueRefusal.NUMBER_FIXED: Reply(
        409,
        Words("排队号已给出"),
        Words("该预约已有排队号，不能更改。请去掉number；要用本院的号码，请先设置own_numbers。"),
    ),
    QueueRefusal.NUMBER_TAKEN: Reply(
        409,
        Words("排队号重复"),
        Words("同一门诊里已有人用这个排队号。请换一个没有用过的号码。"),
    ),
    AttendanceRefusal.NOT_BOOKED: Reply(
        409,
        Words("已退号或已停诊"),
        Words("该预约已退号或已停诊，没有就诊可以上报。请从清单中去掉。"),
    ),
    AttendanceRefusal.TOO_EARLY: Reply(
        409,
        Words("还不能上报"),
        Words("就诊当天才能上报已就诊，取号截止之后才能上报未就诊。请届时再上报。"),
    ),
    AttendanceRefusal.TOO_OLD: Reply(
        409,
        Words("就诊日期太久"),
        Words("就诊日期已超过30天，不能再上报。如有需要，请联系平台管理员。"),
    ),
    AttendanceRefusal.PICKED_UP: Reply(
        409,
        Words("已取号", "replies: number was handed out"),
        Words("该预约已取号，不能上报未就诊。如取号有误，请在当天的窗口页面更正。"),
    ),
}

HOSPITAL_REPLIES: dict[str, Reply] = {
    **_ACCESS,
    **_ITEMS,
    **_SESSIONS,
    **_WINDOW,
    **RECONCILING_REPLIES,
}
