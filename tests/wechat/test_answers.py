"""What the Official Account answers: with links that work, and to each only what is theirs."""

from __future__ import annotations

import re

import pytest
from tests.city import (
    MONDAY_MORNING,
    Clock,
    add_account,
    add_appointment,
    add_patient,
    add_session,
    ask,
    change,
)
from tests.flows.fairness.fair_city import add_applicant, add_clinic
from tests.flows.supply.replaced import stop_clinic
from tests.wechat.official import OPENID, PUBLIC, Official, open_official

from guahao.flows.messages.wechat import HELP_KEY, bind
from guahao.rules.kernel.limits import Policy
from guahao.tools.stand_ins.wechat import Bubble, StandIn

STRANGER = "o-stranger"


async def add_places(official: Official) -> dict[str, int]:
    """Two hospitals with an eye clinic each, and one heart clinic; ids by name."""
    rows = await ask(
        official.platform,
        """
        INSERT INTO hospitals (code, name, name_en, grade, district)
        VALUES ('A', '市第一医院', 'First City Hospital', '三级甲等', '东城'),
               ('B', '市第二医院', 'Second City Hospital', '二级甲等', '西城')
        RETURNING name, id
        """,
    )
    ids = {name: int(id) for name, id in rows}
    first, second = ids["市第一医院"], ids["市第二医院"]
    for hospital, code, name in [
        (first, "11", "眼科"),
        (second, "11", "眼科"),
        (first, "03.04", "心血管内科"),
    ]:
        [parent] = await ask(
            official.platform,
            "INSERT INTO departments (hospital_id, code, name)"
            " VALUES (%s, %s, '大科') RETURNING id",
            *(hospital, f"{code}.0"),
        )
        [added] = await ask(
            official.platform,
            """
            INSERT INTO departments (hospital_id, parent_id, code, name, name_en)
            VALUES (%s, %s, %s, %s, 'Department') RETURNING id
            """,
            *(hospital, parent[0], code, name),
        )
        ids[name if hospital == first else f"二院{name}"] = int(added[0])
    return ids


async def add_booking(official: Official, number: int = 1, name: str = "张三") -> tuple[int, int]:
    """Somebody's booking, with the code 0000000N; the account and the booking."""
    account_id = await add_account(official.platform, number)
    patient = await add_patient(official.platform, account_id, number, name)
    session = await add_session(official.platform)
    booking = await add_appointment(official.platform, patient.id, session, f"{number:08d}")
    return account_id, booking


def links(text: str) -> list[str]:
    return re.findall(r'<a href="([^"]+)">', text)


async def card(official: Official, words: str) -> tuple[str, str, str]:
    """Title, description and address of the one card that the words are answered with."""
    shown = await official.send(official.text(words))
    assert isinstance(shown, Bubble)
    [only] = shown.cards
    return only


# Following ------------------------------------------------------------------------------------


async def test_whoever_follows_is_welcomed_with_a_link_to_register(official: Official) -> None:
    shown = await official.send(official.event("subscribe", "qrscene_hall"))
    assert shown is not None
    assert "欢迎" in shown.text
    assert links(shown.text) == [f"{PUBLIC}/wechat/login?next=%2Fpatients"]


@pytest.mark.parametrize("event", ["unsubscribe", "VIEW", "TEMPLATESENDJOBFINISH", "LOCATION"])
async def test_other_events_are_taken_in_silence(official: Official, event: str) -> None:
    assert await official.send(official.event(event)) is None


async def test_the_menu_s_help_and_a_scan_say_what_can_be_asked(official: Official) -> None:
    for event in (official.event("CLICK", HELP_KEY), official.event("SCAN", "hall")):
        shown = await official.send(event)
        assert shown is not None
        assert f"{PUBLIC}/help" in links(shown.text)
    assert await official.send(official.event("CLICK", "something else")) is None


# Words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["帮助", " help ", "HELP", "？", "请帮助我"])
async def test_help_says_what_can_be_asked(official: Official, words: str) -> None:
    text = await official.say(words)
    assert links(text) == [f"{PUBLIC}/bookings", f"{PUBLIC}/help"]
    assert "114" in text


@pytest.mark.parametrize("words", ["取消", "怎么退号", "cancel", "取消预约", "改约", "怎么改期"])
async def test_cancelling_is_explained_with_the_hotline(official: Official, words: str) -> None:
    text = await official.say(words)
    assert "114" in text
    assert f"{PUBLIC}/bookings" in links(text)


async def test_cancelling_oneself_is_told_only_where_it_is_allowed(
    official: Official, database_url: str, clock: Clock, stand_in: StandIn
) -> None:
    told = await official.say("取消")
    assert "办理" not in told
    assert f"{PUBLIC}/call-back" in links(told)
    policy = Policy(cancel_channels=frozenset({"agent", "patient"}))
    async with open_official(database_url, clock, stand_in, policy) as lenient:
        assert "办理" in await lenient.say("取消")


@pytest.mark.parametrize("words", ["没有这样的医院", "x" * 2000, "%", "''; --", "123", "123456789"])
async def test_anything_else_says_what_can_be_asked(official: Official, words: str) -> None:
    await add_places(official)
    text = await official.say(words)
    assert f"{PUBLIC}/help" in links(text)
    assert words not in text


@pytest.mark.parametrize("kind", ["image", "voice", "location", "link"])
async def test_what_is_no_text_is_told_what_can_be_asked(official: Official, kind: str) -> None:
    shown = await official.send(official.text(""), MsgType=kind)
    assert shown is not None
    assert f"{PUBLIC}/help" in links(shown.text)


async def test_whoever_writes_english_is_answered_in_english(official: Official) -> None:
    assert "Hotline" in await official.say("help")
    account_id = await add_account(official.platform, 1, "en")
    await bind(official.platform, OPENID, account_id)
    assert "Hotline" in await official.say("帮助")


@pytest.mark.parametrize("words", ["挂号", "掛號。", " 预约 ", "book"])
async def test_booking_by_a_word_says_what_to_send_and_opens_the_page(
    official: Official, words: str
) -> None:
    text = await official.say(words)
    assert links(text) == [f"{PUBLIC}/"]
    assert "114" in text


async def test_who_has_a_visit_is_told_when_they_ask_to_book(official: Official) -> None:
    account_id, booking = await add_booking(official)
    await add_booking(official, 2, "李四")
    await bind(official.platform, OPENID, account_id)
    text = await official.say("预约")
    assert "您的下一次就诊：12月3日 周四 上午" in text
    assert "市第一医院 心血管内科 高血压" in text
    assert links(text) == [f"{PUBLIC}/bookings/{booking}", f"{PUBLIC}/"]
    for hidden in ("张三", "0000 0001"):
        assert hidden not in text
    await change(official.platform, "UPDATE appointments SET status = 'cancelled'")
    assert links(await official.say("预约")) == [f"{PUBLIC}/"]


@pytest.mark.parametrize("words", ["人工", "轉人工", "客服！", "agent"])
async def test_a_person_is_asked_for_by_a_word(official: Official, words: str) -> None:
    text = await official.say(words)
    assert "114" in text
    assert links(text) == [f"{PUBLIC}/call-back"]
    assert len(text.encode()) < 2048


async def test_own_bookings_are_told_without_names_and_codes_and_nobody_else_s(
    official: Official,
) -> None:
    account_id, booking = await add_booking(official)
    await add_booking(official, 2, "李四")
    assert "验证手机号" in await official.say("我的挂号")
    await bind(official.platform, OPENID, account_id)
    text = await official.say("我的挂號")
    assert links(text) == [f"{PUBLIC}/bookings/{booking}", f"{PUBLIC}/bookings"]
    assert "已预约，待取号" in text
    for hidden in ("张三", "李四", "0000 0001", "00000001"):
        assert hidden not in text
    await change(official.platform, "UPDATE appointments SET status = 'cancelled'")
    assert "没有预约" in await official.say("我的挂号")


@pytest.mark.parametrize("words", ["挂号 眼科", "我要挂眼科的号", "掛號：眼科"])
async def test_a_place_is_found_behind_the_word_for_booking(official: Official, words: str) -> None:
    ids = await add_places(official)
    text = await official.say(words)
    assert f"{PUBLIC}/departments/{ids['眼科']}" in links(text)


async def test_every_word_that_help_gives_as_an_example_is_understood(official: Official) -> None:
    """Each is answered by something else than the list itself."""
    await add_places(official)
    for language in ("帮助", "help"):
        listed = await official.say(language)
        examples = re.findall(r"“([^”]+)”", listed)
        assert len(examples) >= 6
        for example in examples:
            if example not in ("帮助", "help", "Ophthalmology"):
                answer = await official.say(example)
                assert "您可以回复" not in answer
                assert "You can send" not in answer


# Places ---------------------------------------------------------------------------------------


async def test_a_hospital_s_name_is_answered_with_its_card(official: Official) -> None:
    ids = await add_places(official)
    title, about, url = await card(official, "市第一医院")
    assert title == "市第一医院"
    assert "三级甲等" in about
    assert url == f"{PUBLIC}/hospitals/{ids['市第一医院']}"


async def test_a_department_that_is_there_once_is_answered_with_its_card(
    official: Official,
) -> None:
    ids = await add_places(official)
    title, _, url = await card(official, "心内科")
    assert title == "市第一医院 心血管内科"
    assert url == f"{PUBLIC}/departments/{ids['心血管内科']}"


async def test_a_department_of_many_hospitals_is_answered_with_a_link_to_each(
    official: Official,
) -> None:
    ids = await add_places(official)
    text = await official.say("眼科")
    expected = [ids["眼科"], ids["二院眼科"]]
    assert links(text) == [f"{PUBLIC}/departments/{id}" for id in expected]


async def test_many_places_are_answered_within_what_wechat_takes(official: Official) -> None:
    long = "城" * 70
    await change(
        official.platform,
        """
        INSERT INTO hospitals (code, name, grade, district)
        SELECT n::text, %s || n, '三级甲等', '东城' FROM generate_series(1, 30) n
        """,
        long,
    )
    text = await official.say("城")
    assert len(text.encode()) <= 2048
    *places, more = links(text)
    assert 3 <= len(places) <= 5
    assert more == f"{PUBLIC}/search?q=%E5%9F%8E"


# Bookings -------------------------------------------------------------------------------------


async def test_a_code_is_answered_with_the_booking_of_the_sender(official: Official) -> None:
    account_id, booking = await add_booking(official)
    await bind(official.platform, OPENID, account_id)
    for words in ("00000001", "0000 0001", "０００００００１"):
        text = await official.say(words)
        for fact in ("0000 0001", "张三", "市第一医院", "12月3日 周四 上午", "11:30", "门诊楼一层"):
            assert fact in text
        assert links(text) == [f"{PUBLIC}/bookings/{booking}"]


async def test_a_booking_is_told_in_the_account_s_language(official: Official) -> None:
    account_id, _ = await add_booking(official)
    await change(official.platform, "UPDATE accounts SET language = 'en'")
    await bind(official.platform, OPENID, account_id)
    text = await official.say("00000001")
    assert "Thu 3 Dec" in text
    assert "Details" in text


async def test_an_english_answer_has_the_english_names_that_there_are(official: Official) -> None:
    account_id, _ = await add_booking(official)
    await change(official.platform, "UPDATE accounts SET language = 'en'")
    await change(official.platform, "UPDATE hospitals SET name_en = 'First Hospital'")
    await change(official.platform, "UPDATE departments SET name_en = 'Cardiology'")
    await change(
        official.platform,
        "UPDATE specialties SET name_en = 'Hypertension' WHERE name = '高血压'",
    )
    official.platform.titles.forget()
    await official.platform.refresh()
    await bind(official.platform, OPENID, account_id)
    for words in ("00000001", "我的挂号", "预约"):
        assert "First Hospital Cardiology Hypertension" in await official.say(words), words


async def test_nobody_sees_the_booking_of_another(official: Official) -> None:
    await add_booking(official)
    other, _ = await add_booking(official, 2, "李四")
    await bind(official.platform, STRANGER, other)
    text = await official.say("00000001", STRANGER)
    assert "张三" not in text
    assert text == await official.say("99999999", STRANGER)


async def test_whoever_is_bound_to_no_account_is_told_to_prove_a_phone(official: Official) -> None:
    await add_booking(official)
    text = await official.say("00000001", STRANGER)
    assert links(text) == [f"{PUBLIC}/wechat/login?next=%2Fbookings"]
    assert text == await official.say("99999999", STRANGER)


async def test_wrong_guesses_are_counted_and_right_ones_are_not(official: Official) -> None:
    account_id, _ = await add_booking(official)
    await bind(official.platform, OPENID, account_id)
    most = official.platform.settings.lookups_per_caller_hour
    for number in range(most):
        assert "没有" in await official.say(f"9000{number:04d}")
        if number < most - 1:
            assert "张三" in await official.say("00000001")
    assert "过多" in await official.say("00000001")
    assert "过多" in await official.say("90009999")


async def test_guesses_of_one_code_are_counted_whoever_makes_them(official: Official) -> None:
    most = official.platform.settings.lookups_per_code_day
    for number in range(most + 1):
        account_id = await add_account(official.platform, number + 10)
        await bind(official.platform, f"o-guesser-{number}", account_id)
        text = await official.say("90000000", f"o-guesser-{number}")
        assert ("过多" in text) == (number == most)


@pytest.mark.parametrize(
    ("status", "word"), [("cancelled", "已退号"), ("stopped", "停诊"), ("no_show", "爽约")]
)
async def test_a_booking_that_is_over_says_so_and_asks_for_nothing(
    official: Official, status: str, word: str
) -> None:
    account_id, booking = await add_booking(official)
    await change(
        official.platform, "UPDATE appointments SET status = %s WHERE id = %s", status, booking
    )
    await bind(official.platform, OPENID, account_id)
    text = await official.say("00000001")
    assert word in text
    assert "取号" not in text


async def test_plain_mode_answers_as_well(plain: Official) -> None:
    await add_places(plain)
    title, _, _ = await card(plain, "市第一医院")
    assert title == "市第一医院"
    assert links(await plain.say("帮助")) == [f"{PUBLIC}/bookings", f"{PUBLIC}/help"]


# A place kept for a stopped booking ------------------------------------------------------------


async def offered(official: Official, number: int = 1) -> int:
    """Somebody whose clinic was stopped and who is offered a place; the account."""
    account_id, booking = await add_booking(official, number)
    [[session_id]] = await ask(
        official.platform,
        "UPDATE clinic_sessions SET booked = booked + 1"
        " WHERE id = (SELECT clinic_session_id FROM appointments WHERE id = %s) RETURNING id",
        booking,
    )
    await (await stop_clinic(official.platform, session_id)).offer()
    return account_id


async def offer_states(official: Official) -> list[str]:
    return [
        row[0]
        for row in await ask(official.platform, "SELECT state FROM replacement_offers ORDER BY id")
    ]


async def test_one_word_accepts_the_offered_place(official: Official) -> None:
    await bind(official.platform, OPENID, await offered(official))
    text = await official.say("接受")
    assert "已预约" in text
    assert "12月10日" in text
    assert await offer_states(official) == ["accepted"]
    assert await ask(
        official.platform, "SELECT channel FROM appointments WHERE status = 'booked'"
    ) == [("wechat",)]
    assert "没有为您保留" in await official.say("接受")


@pytest.mark.parametrize("word", ["拒绝", "不接受", "decline"])
async def test_one_word_declines_the_offered_place(official: Official, word: str) -> None:
    await bind(official.platform, OPENID, await offered(official))
    assert "已谢绝" in await official.say(word)
    assert await offer_states(official) == ["declined"]


async def test_who_is_not_bound_or_has_no_offer_accepts_nothing(official: Official) -> None:
    await offered(official)
    assert "验证手机号" in await official.say("接受", STRANGER)
    account_id, _ = await add_booking(official, 2, "李四")
    await bind(official.platform, OPENID, account_id)
    assert "没有为您保留" in await official.say("接受")
    assert await offer_states(official) == ["open"]


async def test_a_rule_that_refuses_the_place_is_said(official: Official) -> None:
    await bind(official.platform, OPENID, await offered(official))
    await change(official.platform, "UPDATE patients SET suspended_until = '2027-01-01'")
    assert "现在不能接受" in await official.say("接受")
    assert await offer_states(official) == ["open"]


# Applications ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("words", "language"), [("候补", "zh"), ("抽签", "zh"), ("draws", "en")])
async def test_applications_are_told_with_their_next_draw(
    official: Official, words: str, language: str
) -> None:
    platform = official.platform
    draw_at = MONDAY_MORNING.replace(hour=12)
    clinic = await add_clinic(platform, 1, draw_at)
    own = await add_applicant(platform, 1, clinic)
    await add_applicant(platform, 2, clinic)
    assert "验证手机号" in await official.say("候补")
    await bind(platform, OPENID, own.account_id)
    await change(
        platform, "UPDATE accounts SET language = %s WHERE id = %s", language, own.account_id
    )
    text = await official.say(words)
    assert links(text) == [f"{PUBLIC}/applications/{own.application_id}"]
    assert (
        "下一次抽签：11月30日 周一 12:00" if language == "zh" else "Next draw: Mon 30 Nov"
    ) in text


async def test_without_an_application_it_is_said_how_to_apply(official: Official) -> None:
    await bind(official.platform, OPENID, await add_account(official.platform, 1))
    text = await official.say("候补")
    assert "登记候补" in text
    assert links(text) == [f"{PUBLIC}/applications"]
