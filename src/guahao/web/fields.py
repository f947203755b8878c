"""What each field of a request must be, for whoever got one wrong and for the description."""

from __future__ import annotations

from guahao.web.language import Words

_AN_ID = Words("1到9223372036854775807的整数", "a whole number from 1 to 9223372036854775807")
_SHORT = Words(
    "1到80个字的文字，不含控制字符", "a text of 1 to 80 characters without control characters"
)
_DATE = Words("存在的日期，格式为YYYY-MM-DD", "a date that exists, as YYYY-MM-DD")

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
    "code": Words("8位数字的识别码", "the identification code, 8 digits"),
    "name": Words("证件上的姓名，2到50个字", "the name on the document, 2 to 50 characters"),
    "id_type": Words(
        "证件类型：01、02、03、04、06、07或99", "the document's type: 01, 02, 03, 04, 06, 07 or 99"
    ),
    "id_no": Words("证件号码，1到40个字符", "the document's number, 1 to 40 characters"),
    "q": _SHORT,
    "district": _SHORT,
    "grade": _SHORT,
    "title": _SHORT,
    "specialty": _SHORT,
    "to": Words("手机号", "a phone number"),
}
_ANYTHING = Words("见接口文档", "see the API's description")


def expected(field: str | None) -> Words:
    """What a value of this field must be."""
    return FIELDS.get(field or "", _ANYTHING)
