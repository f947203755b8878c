"""What people are told: enough to act on, in their language, and only what is true."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta

import pytest

from guahao.notices.templates import Context, notice
from guahao.rules.kernel.limits import CITY_TIME, HospitalRules, Policy
from guahao.rules.kernel.policies import DatedPolicies
from guahao.store.kernel.views import AppointmentView, PatientView, SessionView
from guahao.store.messages.application_notices import ApplicationNotice
from guahao.store.messages.messages import ClaimedMessage

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=CITY_TIME)
SESSION = SessionView(
    id=1,
    hospital_id=1,
    hospital_name="市第一医院",
    department_id=1,
    department_name="心血管内科",
    title="主任医师",
    specialty="高血压",
    visit_date=date(2026, 12, 3),
    period="morning",
    starts_at=time(8, 30),
    ends_at=time(9, 0),
    fee_fen=8000,
    capacity=20,
    booked=1,
    stopped=False,
    pickup_place="门诊楼一层",
    rules=HospitalRules(pickup_until_morning=time(11, 0), cancel_days_before=2),
)
PATIENT = PatientView(1, "张三", "01", "11010119900307001X", None)
BOOKED = AppointmentView(1, "booked", "01234567", "api", NOW, NOW, SESSION, PATIENT)


def message(
    kind: str,
    *,
    language: str = "zh",
    appointment: AppointmentView | None = BOOKED,
    patient: PatientView | None = PATIENT,
    body: str | None = None,
    expires_at: datetime | None = None,
) -> ClaimedMessage:
    if appointment is not None:
        stands = kind in ("reminder", "draw_won", "substituted", "rescheduled")
        appointment = replace(appointment, status="booked" if stands else kind)
    to = "+8613800000001"
    return ClaimedMessage(1, kind, to, language, 1, NOW, expires_at, body, appointment, patient)


def words(
    outgoing: ClaimedMessage,
    now: datetime = NOW,
    policy: Policy | None = None,
    hotline: str = "114",
) -> str | None:
    said = notice(outgoing, Context(DatedPolicies(policy or Policy()), hotline, now))
    return said.text if said else None


def test_the_success_notice_says_all_that_the_visit_needs() -> None:
    assert words(message("booked")) == (
        "【预约挂号】张三预约成功，识别码 0123 4567。"
        "市第一医院 心血管内科（高血压）主任医师，12月3日 周四 上午 08:30-09:00。"
        "就诊日11:00前持登记的有效证件原件、本短信和识别码到门诊楼一层取号，过时作废。"
        "退号请在12月1日 周二 15:00前拨打114。"
    )


def test_the_success_notice_in_english() -> None:
    assert words(message("booked", language="en")) == (
        "[Guahao] Booked for 张三, code 0123 4567: 市第一医院, 心血管内科, 高血压, 主任医师,"
        " Thu 3 Dec, morning 08:30-09:00."
        " Pick up your number at 门诊楼一层 before 11:00 that day, or the booking is void."
        " Bring the original ID you registered with, this SMS and the code."
        " To cancel, call 114 before 15:00 on Tue 1 Dec."
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"starts_at": None, "ends_at": None}, "周四 上午。"),
        ({"ends_at": None}, "周四 上午 08:30。"),
        ({"specialty": ""}, "心血管内科 主任医师"),
        ({"pickup_place": ""}, "到医院挂号窗口取号"),
        ({"period": "evening", "starts_at": None}, "周四 晚上。就诊日20:00前"),
    ],
)
def test_what_a_hospital_leaves_open_is_left_out(changed: dict[str, object], said: str) -> None:
    session = replace(SESSION, **changed)  # type: ignore[arg-type]
    assert said in (words(message("booked", appointment=replace(BOOKED, session=session))) or "")


@pytest.mark.parametrize(
    ("language", "self_service", "too_late"),
    [
        ("zh", "到“我的挂号”办理或拨打12320", "已过退号时间"),
        ("en", "go to My visits or call 12320", "too late to cancel"),
    ],
)
def test_how_to_cancel_follows_the_operators_policy_and_the_deadline(
    language: str, self_service: str, too_late: str
) -> None:
    policy = Policy(cancel_channels=frozenset({"agent", "patient"}))
    booked = message("booked", language=language)
    deadline = datetime(2026, 12, 1, 15, 0, tzinfo=CITY_TIME)
    before = words(booked, deadline - timedelta(microseconds=1), policy, "12320")
    assert self_service in (before or "")
    assert too_late in (words(booked, deadline, policy, "12320") or "")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("cancelled", "张三已退号：市第一医院 心血管内科（高血压）主任医师，12月3日 周四 上午"),
        ("stopped", "12月3日 周四 上午 08:30-09:00停诊，张三的预约已取消。不记爽约"),
        ("no_show", "记爽约一次。可重新预约或到医院窗口挂号。一个自然年内爽约满3次暂停预约3个月"),
    ],
)
def test_a_change_is_told_with_what_follows_from_it(kind: str, said: str) -> None:
    text = words(message(kind)) or ""
    assert said in text
    assert "114" in text
    assert "0123 4567" not in text


def test_who_is_relieved_is_told_from_when_they_can_book() -> None:
    later = replace(PATIENT, suspended_until=date(2027, 3, 3))
    said = words(message("relieved", appointment=None, patient=later)) or ""
    assert "2027年3月3日 周三起可以预约" in said
    at_once = words(message("relieved", appointment=None)) or ""
    assert f"{NOW.year}年{NOW.month}月{NOW.day}日" in at_once


def test_a_suspension_is_told_with_its_reason_and_its_end() -> None:
    suspended = replace(PATIENT, suspended_until=date(2027, 3, 3))
    told = message("suspended", appointment=None, patient=suspended)
    policy = Policy(first_suspension_no_shows=2)
    assert words(told, policy=policy) == (
        "【预约挂号】张三因一个自然年内多次爽约（满2次暂停3个月，满6次暂停6个月），"
        "2027年3月3日 周三起方可再预约。已有的预约不受影响。有正当理由请拨114申诉。"
    )
    english = words(replace(told, language="en")) or ""
    assert "can book again from Wed 3 Mar 2027" in english


def test_a_one_time_password_says_until_when() -> None:
    otp = message(
        "otp", appointment=None, patient=None, body="012345", expires_at=NOW + timedelta(minutes=5)
    )
    assert (words(otp) or "").startswith("【预约挂号】验证码 012345，09:05前有效。")
    assert "is 012345, valid until 09:05" in (words(replace(otp, language="en")) or "")
    assert words(otp, NOW + timedelta(minutes=5)) is None


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("kind", ["booked", "cancelled", "stopped", "no_show"])
def test_what_is_no_longer_true_is_not_said(kind: str, language: str) -> None:
    told = message(kind, language=language)
    assert words(told)
    changed = replace(BOOKED, status="picked_up")
    assert words(replace(told, appointment=changed)) is None


def test_a_success_notice_after_the_pick_up_deadline_is_not_sent() -> None:
    deadline = datetime(2026, 12, 3, 11, 0, tzinfo=CITY_TIME)
    assert words(message("booked"), deadline - timedelta(seconds=1))
    assert words(message("booked"), deadline) is None


@pytest.mark.parametrize("until", [None, NOW.date()])
def test_a_suspension_that_is_over_is_not_told(until: date | None) -> None:
    patient = replace(PATIENT, suspended_until=until)
    assert words(message("suspended", appointment=None, patient=patient)) is None


def test_a_gateway_gets_the_values_of_the_text_and_no_others() -> None:
    said = notice(message("cancelled"), Context(DatedPolicies(Policy()), "114", NOW))
    assert said is not None
    parts = {"hospital", "department", "clinic"}
    assert set(said.params) == {"patient", "visit", "date", "time", "hotline"} | parts
    values = " ".join(said.params.values()).split()
    assert [value for value in values if value not in said.text] == []


def test_a_name_cannot_bring_a_template_of_its_own() -> None:
    booked = replace(BOOKED, patient=replace(PATIENT, name="{code}"))
    assert "{code}预约成功" in (words(message("booked", appointment=booked)) or "")


WON = replace(message("draw_won"), declinable_until=datetime(2026, 12, 1, 8, 0, tzinfo=CITY_TIME))


def test_a_win_says_what_the_visit_needs_and_until_when_to_decline() -> None:
    assert words(WON) == (
        "【预约挂号】张三抽签抽中，已预约成功，识别码 0123 4567。"
        "市第一医院 心血管内科（高血压）主任医师，12月3日 周四 上午 08:30-09:00。"
        "就诊日11:00前持登记的有效证件原件、本短信和识别码到门诊楼一层取号，过时作废。"
        "不去的，请在12月1日 周二 08:00前到“我的挂号”放弃，或拨打114，号会留给其他人。"
    )
    english = words(replace(WON, language="en")) or ""
    assert "won a place in the draw and is booked, code 0123 4567" in english
    assert "Decline before 08:00 on Tue 1 Dec under My visits or call 114" in english


def test_a_win_that_is_told_too_late_to_be_declined_says_how_to_cancel() -> None:
    said = words(WON, datetime(2026, 12, 1, 8, 0, tzinfo=CITY_TIME)) or ""
    assert "放弃" not in said
    assert "退号请在12月1日 周二 15:00前拨打114。" in said


def test_a_win_that_was_declined_before_its_message_is_not_told() -> None:
    declined = replace(BOOKED, status="cancelled")
    assert words(replace(WON, appointment=declined)) is None


def application(kind: str, state: str, *names: str, language: str = "zh") -> ClaimedMessage:
    days = (date(2026, 12, 1), date(2026, 12, 14))
    about = ApplicationNotice(state, "市第一医院", "心血管内科", *days, names)
    return replace(message(kind, appointment=None, language=language), application=about)


def test_a_registered_application_says_what_happens_and_how_to_withdraw() -> None:
    assert words(application("application_registered", "live", "张三", "李四")) == (
        "【预约挂号】已为张三、李四登记候补：市第一医院 心血管内科，12月1日 周二至12月14日 周一。"
        "有号时自动参加抽签，抽中即预约成功，识别码会发短信给您。要撤回或不是本人要求的，"
        "请到“我的候补”办理或拨打114。"
    )
    english = application("application_registered", "live", "张三", "李四", language="en")
    assert "registered for 张三, 李四: 市第一医院, 心血管内科" in (words(english) or "")
    assert words(application("application_registered", "withdrawn", "张三")) is None


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("expired", "已结束：到期没有抽中。"),
        ("suspended", "已结束：暂停预约期间不能抽签。"),
        ("removed", "已结束：就诊人已不在原来的账户。"),
    ],
)
def test_an_application_that_ended_says_why_and_what_to_do(state: str, reason: str) -> None:
    said = words(application("application_ended", state, "张三")) or ""
    assert reason in said
    assert "需要时可再登记候补，或预约其他日期、其他医院" in said
    assert words(application("application_ended", state, "张三", language="en")) not in (None, said)


@pytest.mark.parametrize("state", ["live", "won", "withdrawn"])
def test_nothing_is_said_of_an_application_that_did_not_end_without_a_place(state: str) -> None:
    assert words(application("application_ended", state, "张三")) is None
    assert words(application("application_ended", "expired")) is None  # nobody is left


SUBSTITUTED = replace(BOOKED, substituted_at=NOW)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("zh", ("由同职称的其他医生接诊", "不来也不记爽约", "12月3日 周四 08:30前", "114")),
        (
            "en",
            (
                "Another doctor of the same title",
                "won't count as a no-show",
                "08:30 on Thu 3 Dec",
                "114",
            ),
        ),
    ],
)
def test_a_substitute_is_announced_with_how_to_cancel_until_the_visit(
    language: str, said: tuple[str, ...]
) -> None:
    text = words(message("substituted", language=language, appointment=SUBSTITUTED)) or ""
    assert [part for part in said if part not in text] == []


def test_a_substitute_that_was_undone_is_not_announced() -> None:
    assert words(message("substituted")) is None


def test_a_reminder_threatens_nobody_whom_a_substitute_sees() -> None:
    usual, substituted = (
        words(message("reminder", appointment=booking)) or "" for booking in (BOOKED, SUBSTITUTED)
    )
    assert ("爽约" in usual, "爽约" in substituted) == (True, False)


OLD = replace(SESSION, department_name="儿科", visit_date=date(2026, 12, 7), starts_at=None)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("zh", ("改约成功：儿科 12月7日 周一 上午的号已退，原识别码作废", "新识别码 0123 4567")),
        ("en", ("The place of Mon 7 Dec, morning (儿科) is cancelled", "New code 0123 4567")),
    ],
)
def test_a_rescheduled_booking_is_told_with_the_place_given_up(
    language: str, said: tuple[str, ...]
) -> None:
    text = words(replace(message("rescheduled", language=language), replaced=OLD)) or ""
    assert [part for part in said if part not in text] == []
    assert "12月3日 周四" in text or "Thu 3 Dec" in text
