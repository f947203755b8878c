"""What each field of a request must be, for whoever got one wrong and for the description."""

from __future__ import annotations

from guahao.web.words.language import Words

_AN_ID = Words("1到9223372036854775807的整数", "a whole number from 1 to 9223372036854775807")
_SHORT = Words(
    "1到80个字的文字，不含控制字符", "a text of 1 to 80 characters without control characters"
)
_DATE = Words("存在的日期，格式为YYYY-MM-DD", "a date that exists, as YYYY-MM-DD")
_CLOCK = Words("HH:MM格式的时间，或null", "a time as HH:MM, or null")
_EXTERNAL = Words(
    "医院自己的编号：1到64个字母、数字或. _ : ~ -",
    "the hospital's own id: 1 to 64 letters, digits or . _ : ~ -",
)

FIELDS = {
    "clinic_session_id": _AN_ID,
    "patient_id": _AN_ID,
    "hospital_id": _AN_ID,
    "department_id": _AN_ID,
    "cursor": Words("上一页答复中的next", "the `next` of the page before"),
    "limit": Words("1到200的整数", "a whole number from 1 to 200"),
    "date_from": _DATE,
    "date_to": _DATE,
    "view": Words("current或history", "current or history"),
    "phone": Words("中国大陆11位手机号", "a mainland China mobile number of 11 digits"),
    "otp": Words("短信中的6位数字验证码", "the 6 digits of the SMS"),
    "request_id": Words(
        "发送验证码时答复中的request_id", "the `request_id` that the one-time password came with"
    ),
    "proof": Words(
        "challenge的答案（ALTCHA），Base64编码的JSON",
        "the solution of `challenge` (ALTCHA): JSON in Base64",
    ),
    "device_id": Words(
        "这台设备自己的长期密钥：上次登录答复中的device_id",
        "the device's own lasting secret: the `device_id` of its last login",
    ),
    "refresh_token": Words(
        "最近一次答复中的refresh_token", "the `refresh_token` of the latest answer"
    ),
    "code": Words("8位数字的识别码", "the identification code, 8 digits"),
    "name": Words(
        "姓名：与证件一致，2到50个字；科室名称：1到80个字",
        "a person's: as on the document, 2 to 50 characters; a department's: 1 to 80",
    ),
    "id_type": Words(
        "证件类型：01、02、03、04、06、07或99", "the document's type: 01, 02, 03, 04, 06, 07 or 99"
    ),
    "birth_date": Words("出生日期，如2026-11-02", "the date of birth, such as 2026-11-02"),
    "consent": Words(
        "就诊人已同意的个人信息保护说明的版本，见/privacy",
        "the version of the privacy notice (/privacy) that the patient has consented to",
    ),
    "guardian_consent": Words(
        "未满14周岁的，由监护人同意",
        "whether a guardian consented, for a patient under 14",
    ),
    "id_no": Words("证件号码，1到40个字符", "the document's number, 1 to 40 characters"),
    "q": _SHORT,
    "district": _SHORT,
    "grade": _SHORT,
    "title": _SHORT,
    "specialty": _SHORT,
    "appointment_id": _AN_ID,
    "seen": Words("true或false：是否就诊", "true or false: whether they came to be seen"),
    "reason": Words("停诊原因，1到200个字", "the reason, 1 to 200 characters"),
    "after": Words("上一次答复中的next", "the `next` of the answer before"),
    "grant_type": Words("client_credentials", "client_credentials"),
    "scope": Words(
        "用空格分开的权限；不写则为全部", "scopes, parted by blanks; all, where it is left out"
    ),
    "client_id": Words("平台发放的client_id", "the client id you were given"),
    "client_secret": Words("平台发放的client_secret", "the client secret you were given"),
    "items": Words("1到10000项的数组", "a list of 1 to 10,000 items"),
    "external_id": _EXTERNAL,
    "department_external_id": _EXTERNAL,
    "parent_external_id": _EXTERNAL,
    "name_en": Words("英文名称，最多80个字符", "the English name, at most 80 characters"),
    "on_platform": Words("true或false：是否开放预约", "true or false: whether it can be booked"),
    "visit_date": _DATE,
    "period": Words("morning、afternoon或evening", "morning, afternoon or evening"),
    "starts_at": _CLOCK,
    "ends_at": _CLOCK,
    "fee_fen": Words(
        "以分为单位的整数，0到1000000", "a whole number of fen (1/100 yuan), 0 to 1,000,000"
    ),
    "capacity": Words("0到1000的整数", "a whole number from 0 to 1,000"),
    "to": Words("手机号", "a phone number"),
    "made_at": Words(
        "带时区的ISO 8601时间，24小时以内", "an ISO 8601 time with offset, within 24 hours"
    ),
    "order_no": Words("预约的订单号，1到19位数字", "the booking's order number, 1 to 19 digits"),
    "status": Words(
        "booked、picked_up、cancelled、stopped或no_show",
        "booked, picked_up, cancelled, stopped or no_show",
    ),
    "session_external_id": _EXTERNAL,
    "bookings": Words("0到10000项的数组", "a list of 0 to 10,000 items"),
}
_ANYTHING = Words("见接口文档", "see the API's description")


def expected(field: str | None) -> Words:
    """What a value of this field must be."""
    return FIELDS.get(field or "", _ANYTHING)
