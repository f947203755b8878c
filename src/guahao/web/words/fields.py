"""The expected value of each request field, for error messages and the API description."""

from __future__ import annotations

from guahao.words.text import Words

_AN_ID = Words("1到9223372036854775807的整数")
_SHORT = Words("1到80个字的文字，不含控制字符")
_DATE = Words("存在的日期，格式为YYYY-MM-DD")
_CLOCK = Words("HH:MM格式的时间，或null")
_EXTERNAL = Words("医院自己的编号：1到64个字母、数字或. _ : ~ -")

FIELDS = {
    "clinic_session_id": _AN_ID,
    "patient_id": _AN_ID,
    "hospital_id": _AN_ID,
    "department_id": _AN_ID,
    "state": Words("open、closed、drawing或done"),
    "cursor": Words("上一页答复中的next"),
    "limit": Words("1到200的整数"),
    "only_open": Words("true或false：只要有号的"),
    "page": Words("1到500的整数"),
    "date_from": _DATE,
    "date_to": _DATE,
    "view": Words("current或history"),
    "phone": Words("中国大陆11位手机号"),
    "otp": Words("短信中的6位数字验证码"),
    "request_id": Words("发送验证码时答复中的request_id"),
    "proof": Words("challenge的答案（ALTCHA），Base64编码的JSON"),
    "device_id": Words("这台设备自己的长期密钥：上次登录答复中的device_id"),
    "refresh_token": Words("最近一次答复中的refresh_token"),
    "code": Words("8位数字的识别码"),
    "name": Words("姓名：与证件一致，2到50个字；科室名称：1到80个字"),
    "id_type": Words("证件类型：01、02、03、04、06、07或99"),
    "birth_date": Words("出生日期，如2026-11-02"),
    "consent": Words("就诊人已同意的个人信息保护说明的版本，见/privacy"),
    "guardian_consent": Words("未满14周岁的，由监护人同意"),
    "id_no": Words("证件号码，1到40个字符"),
    "q": _SHORT,
    "district": _SHORT,
    "grade": _SHORT,
    "title": _SHORT,
    "specialty": _SHORT,
    "appointment_id": _AN_ID,
    "application_id": _AN_ID,
    "places": Words("两项：每位就诊人一项，同一科室、同一天"),
    "patient_ids": Words("一位或两位就诊人的编号，须在同一个账户"),
    "first_date": _DATE,
    "last_date": _DATE,
    "periods": Words("morning、afternoon、evening中的一个或几个"),
    "iso_weekdays": Words("1到7的整数（1为星期一）中的一个或几个"),
    "ranked_sessions": Words("只要这些门诊，最想要的在前：最多20个编号；空则最早的优先"),
    "may_split": Words("true或false：两位就诊人能否只约上一位"),
    "notice_hours": Words("抽中时距退号截止至少多少小时：0到168的整数，0为不限"),
    "seen": Words("true或false：是否就诊"),
    "own_numbers": Words("true或false：是否由本院系统给出排队号"),
    "at": Words("带时区的时间，例如2026-12-03T08:40:00+08:00"),
    "number": Words("1到9999的整数"),
    "room": Words("最多20个字"),
    "reason": Words("停诊原因，1到200个字"),
    "after": Words("上一次答复中的next"),
    "grant_type": Words("client_credentials"),
    "scope": Words("用空格分开的权限；不写则为全部"),
    "client_id": Words("平台发放的client_id"),
    "client_secret": Words("平台发放的client_secret"),
    "items": Words("1到10000项的数组"),
    "external_id": _EXTERNAL,
    "department_external_id": _EXTERNAL,
    "parent_external_id": _EXTERNAL,
    "name_en": Words("英文名称，最多80个字符"),
    "on_platform": Words("true或false：是否开放预约"),
    "visit_date": _DATE,
    "period": Words("morning、afternoon或evening"),
    "starts_at": _CLOCK,
    "ends_at": _CLOCK,
    "fee_fen": Words("以分为单位的整数，0到1000000"),
    "capacity": Words("0到1000的整数"),
    "to": Words("手机号", "api"),
    "made_at": Words("带时区的ISO 8601时间，24小时以内"),
    "order_no": Words("预约的订单号，1到19位数字"),
    "status": Words("booked、picked_up、cancelled、stopped或no_show"),
    "session_external_id": _EXTERNAL,
    "bookings": Words("0到10000项的数组"),
    "sessions": Words("1到50项的数组"),
    "substitute": Words("true或false：是否由同职称的其他医生在同一时间接诊"),
    "added": Words("0到1000的整数"),
    "from_free": Words("0到1000的整数"),
    "accept_until": Words("带时区的日期和时间（ISO 8601）"),
}
_ANYTHING = Words("见接口文档")


def expected(field: str | None) -> Words:
    """Return the description of this field's values."""
    return FIELDS.get(field or "", _ANYTHING)
