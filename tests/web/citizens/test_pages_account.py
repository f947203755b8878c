"""The pages of an account, read and sent as a browser does: login, me, patients, help."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from tests.city import Clock, add_account, add_appointment, add_patient, add_session, change, phone
from tests.city import resident_id as document
from tests.web.browsing import HTML, Reader
from tests.web.proving import solved
from tests.web.site import Site, add_citizen, closed, has_chinese

from guahao.rules.kernel.limits import PATIENTS_PER_PHONE
from guahao.settings import Settings
from guahao.web.citizens.help import ANCHORS
from guahao.web.http.assets import asset_address
from guahao.web.http.forms import local_path
from guahao.web.http.proof import MAX_NUMBER
from guahao.web.http.tokens import PAGES_SECONDS

ADDRESS = "198.51.100.7"
LANGUAGES = pytest.mark.parametrize("language", ["zh", "en"])


async def logged_in(site: Site, number: int = 1, **how: Any) -> Reader:
    reader = Reader.of(site, **how)
    await reader.log_in(number, back="/me")
    assert reader.path == "/me"
    return reader


async def challenge(reader: Reader) -> dict[str, Any]:
    answer = await reader.client.get("/login/challenge")
    given: dict[str, Any] = answer.json()
    return given


# Logging in -------------------------------------------------------------------------------------


@LANGUAGES
async def test_a_newcomer_logs_in_and_sees_the_account(site: Site, language: str) -> None:
    reader = await logged_in(site, language=language)
    assert "138****0001" in reader.text
    assert phone(1) not in reader.text
    assert has_chinese(reader.text.replace("换成中文", "").replace("中文", "")) == (
        language == "zh"
    )


async def test_a_login_leads_to_where_the_visitor_wanted_to_go(site: Site) -> None:
    reader = Reader.of(site)
    await reader.go("/patients")
    assert reader.path == "/login?next=%2Fpatients"
    await reader.send(phone=phone(1))
    await reader.send(otp=await reader.one_time_password())
    assert reader.path == "/patients"


@pytest.mark.parametrize(
    "elsewhere",
    [
        *("https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example"),
        *("javascript:alert(1)", "evil.example", "/%0d%0aSet-Cookie:x=1\r\n", "/\t/evil.example"),
        *("https:evil.example", " //evil.example", "/" + "x" * 5000, "/医院"),
    ],
)
async def test_a_login_leads_nowhere_else(site: Site, elsewhere: str) -> None:
    reader = Reader.of(site)
    reader.page = await reader.client.get("/login", params={"next": elsewhere})
    await reader.send(phone=phone(1))
    form = reader.form()
    otp = await reader.one_time_password()
    answer = await reader.client.post(
        form.action, data=form.fields | {"otp": otp}, follow_redirects=False
    )
    assert answer.status_code == 303
    assert answer.headers["location"] in ("/", "/%0d%0aSet-Cookie:x=1")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/me", "/me"),
        ("/book/7?patient=2&x=%E5%8C%BB", "/book/7?patient=2&x=%E5%8C%BB"),
        ("//a", "/"),
        ("/\\a", "/"),
        ("/a\\b", "/"),
        ("http://a/", "/"),
        ("/a\nb", "/"),
        ("/a b", "/"),
        ("", "/"),
        (None, "/"),
    ],
)
def test_a_way_back_is_a_path_of_this_site(text: str | None, path: str) -> None:
    assert local_path(text) == path


async def test_a_wrong_phone_is_told_at_its_field_and_stays_there(site: Site) -> None:
    reader = Reader.of(site)
    await reader.go("/login")
    answer = await reader.send(phone="12345")
    assert answer.status_code == 422
    assert 'value="12345"' in reader.text
    assert 'aria-invalid="true"' in reader.text
    assert "请填写能接收短信的中国大陆11位手机号" in reader.text


async def test_a_wrong_one_time_password_may_be_tried_again(site: Site) -> None:
    reader = Reader.of(site)
    await reader.go("/login?next=/me")
    await reader.send(phone=phone(1))
    right = await reader.one_time_password()
    answer = await reader.send(otp="000000" if right != "000000" else "111111")
    assert answer.status_code == 401
    assert "验证码错误或已失效" in reader.text
    await reader.send(otp=right)
    assert reader.path == "/me"


async def test_no_address_and_no_page_names_the_phone(site: Site) -> None:
    reader = Reader.of(site)
    await reader.go("/login")
    await reader.send(phone=phone(1))
    assert phone(1) not in str(reader.page.url)
    assert phone(1) not in reader.text
    assert "138****0001" in reader.text


async def test_the_page_for_the_password_without_a_phone_leads_back(site: Site) -> None:
    reader = Reader.of(site)
    await reader.go("/login/code?next=/me")
    assert reader.path == "/login?next=%2Fme"


async def test_logging_out_forgets_the_login(site: Site) -> None:
    reader = await logged_in(site)
    await reader.send(reader.form("/logout"))
    await reader.go("/me")
    assert reader.path == "/login?next=%2Fme"


async def test_cookies_are_for_this_site_alone(site: Site) -> None:
    reader = Reader.of(site)
    await reader.go("/login")
    await reader.send(phone=phone(1))
    form, otp = reader.form(), await reader.one_time_password()
    answer = await reader.client.post(
        form.action, data=form.fields | {"otp": otp}, follow_redirects=False
    )
    given = [value.split("; ") for value in answer.headers.get_list("set-cookie")]
    assert any(parts[0].startswith("session=") for parts in given)
    for parts in given:
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(parts)


async def test_a_session_cookie_opens_no_call_of_the_api(site: Site) -> None:
    reader = await logged_in(site)
    answer = await reader.client.get("/api/v1/me")
    assert answer.status_code == 401


async def test_a_login_of_an_account_that_is_gone_ends(site: Site) -> None:
    reader = Reader.of(site)
    reader.client.cookies.set("session", site.token(987_654), domain="guahao.test", path="/")
    await reader.go("/me")
    assert reader.path == "/login?next=%2Fme"
    assert "session" not in reader.client.cookies


# The proof of work ------------------------------------------------------------------------------


async def test_a_proof_of_work_serves_once_and_the_form_sent_twice_sends_one_sms(
    site: Site,
) -> None:
    reader = Reader.of(site)
    await reader.go("/login")
    form, proof = reader.form(), solved(await challenge(reader))
    for _ in range(2):
        await reader.send(form, phone=phone(1), proof=proof)
        assert reader.path.startswith("/login/code")
    assert await reader.messages() == 1


async def test_without_a_proof_an_address_may_ask_less_often(site: Site) -> None:
    limit = site.platform.settings.otp_unproven_per_address_hour
    reader = Reader.of(site, address=ADDRESS)
    for number in range(1, limit + 1):
        await reader.go("/login")
        await reader.send(phone=phone(number))
        assert reader.path.startswith("/login/code")
    await reader.go("/login")
    refused = await reader.send(phone=phone(limit + 1))
    assert refused.status_code == 428
    assert "请再按一次“获取验证码”" in reader.text
    assert f'value="{phone(limit + 1)}"' in reader.text
    proven = await reader.send(phone=phone(limit + 1), proof=solved(await challenge(reader)))
    assert proven.status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"number": 1.5},
        {"number": -1},
        {"signature": "0" * 64},
        {"signature": "é"},
        {"algorithm": "SHA-1"},
        {"salt": "00?expires=9999999999&"},
        {"salt": 7},
        {"challenge": "0" * 64},
    ],
    ids=str,
)
async def test_what_is_no_solution_counts_as_no_proof(site: Site, changed: dict[str, Any]) -> None:
    reader = Reader.of(site, address=ADDRESS)
    await use_up_unproven(reader)
    refused = await reader.send(phone=phone(90), proof=solved(await challenge(reader), **changed))
    assert refused.status_code == 428


async def use_up_unproven(reader: Reader) -> None:
    """Ask without a proof as often as an address may."""
    for number in range(1, reader.site.platform.settings.otp_unproven_per_address_hour + 1):
        await reader.go("/login")
        await reader.send(phone=phone(number))
    await reader.go("/login")


@pytest.mark.parametrize("proof", ["x", "!!", "e30=", "bnVsbA==", "W10=", "A" * 5000])
async def test_nonsense_for_a_proof_counts_as_none(site: Site, proof: str) -> None:
    reader = Reader.of(site, address=ADDRESS)
    await use_up_unproven(reader)
    assert (await reader.send(phone=phone(90), proof=proof)).status_code == 428


async def test_a_proof_expires_after_minutes(site: Site, clock: Clock) -> None:
    reader = Reader.of(site, address=ADDRESS)
    await use_up_unproven(reader)
    proof = solved(await challenge(reader))
    clock.forward(minutes=5)
    assert (await reader.send(phone=phone(90), proof=proof)).status_code == 428


async def test_a_challenge_is_new_each_time_and_bears_its_signature(site: Site) -> None:
    reader = Reader.of(site)
    one, other = await challenge(reader), await challenge(reader)
    assert one["maxNumber"] == MAX_NUMBER
    assert one["challenge"] != other["challenge"]
    assert one["signature"] != other["signature"]


# Forms are ours ---------------------------------------------------------------------------------


def posts() -> list[tuple[str, dict[str, str]]]:
    person = {"name": "王小明", "id_type": "01", "id_no": document(1)}
    return [
        ("/login", {"phone": phone(1)}),
        ("/login/code", {"otp": "123456"}),
        ("/logout", {}),
        ("/patients/new", person),
    ]


@pytest.mark.parametrize(("path", "typed"), posts(), ids=[path for path, _ in posts()])
async def test_a_form_that_is_not_ours_does_nothing(
    site: Site, path: str, typed: dict[str, str]
) -> None:
    reader = await logged_in(site)
    good = reader.form("/logout").fields["csrf"]
    stranger = Reader.of(site)
    await stranger.go("/login")
    anothers = stranger.form().fields["csrf"]
    before = dict(reader.client.cookies)
    forged = ["", "0" * 80, good[:-1] + ("0" if good[-1] != "0" else "1"), anothers, "é"]
    for token in forged:
        answer = await reader.client.post(path, data=typed | {"csrf": token})
        assert answer.status_code == 403, token
        assert "请返回上一页" in answer.text
    assert (await reader.client.post(path, data=typed | {"x": "y"})).status_code == 403
    assert dict(reader.client.cookies) == before
    assert await reader.messages() == 1
    await reader.go("/patients")
    assert "还没有就诊人" in reader.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://guahao.test"}, 303),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://guahao.test.evil.example"}, 403),
        ({"Origin": "null"}, 303),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://guahao.test"}, 403),
    ],
)
async def test_a_form_sent_from_elsewhere_is_refused_whatever_it_holds(
    site: Site, headers: dict[str, str], status: int
) -> None:
    reader = Reader.of(site)
    await reader.go("/help")
    form = reader.form("/view")
    answer = await reader.client.post(
        form.action, data=form.fields | {"view": "elder"}, headers=headers, follow_redirects=False
    )
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("path", "typed"),
    [
        ("/language", {"language": "en"}),
        ("/view", {"view": "elder"}),
        ("/theme", {"theme": "dark"}),
    ],
)
async def test_the_switches_need_no_cookie_and_obey_no_other_site(
    site: Site, path: str, typed: dict[str, str]
) -> None:
    reader = Reader.of(site)
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    refused = await reader.client.post(path, data=typed, headers=elsewhere)
    assert refused.status_code == 403
    assert not set(reader.client.cookies) & {"language", "view", "theme"}
    chosen = await reader.client.post(path, data=typed | {"next": "/departments/1?day=x"},
                                      follow_redirects=False)  # fmt: skip
    assert (chosen.status_code, chosen.headers["location"]) == (303, "/departments/1?day=x")
    assert path[1:] in reader.client.cookies
    outside = await reader.client.post(path, data=typed | {"next": "//evil.example/"},
                                       follow_redirects=False)  # fmt: skip
    assert outside.headers["location"] == "/"


async def test_nothing_is_changed_by_a_get(site: Site) -> None:
    reader = await logged_in(site)
    for path in ("/logout", "/view?view=elder", "/language?language=en", "/theme?theme=dark"):
        answer = await reader.go(path)
        assert answer.status_code == 405
    await reader.go("/me")
    assert reader.path == "/me"
    assert 'class="elder"' not in reader.text
    assert 'lang="zh-CN"' in reader.text


# Language and view ------------------------------------------------------------------------------


@pytest.mark.parametrize("view", ["standard", "elder"])
async def test_on_an_english_page_what_has_only_a_chinese_name_is_marked(
    site: Site, view: str
) -> None:
    await add_citizen(site)
    session_id = await add_session(site.platform)
    reader = Reader.of(site, language="en")
    reader.client.cookies.set("view", view)
    await reader.log_in()
    for path in (
        "/search?q=xxgnk",
        "/hospitals/1",
        "/departments/1",
        "/departments/1?day=2026-12-01",
        "/hospitals/1/boards",
        "/draws",
        f"/book/{session_id}",
        "/bookings",
    ):
        await reader.go(path)
        main = reader.text.partition("<main")[2].partition("</main>")[0]
        rest = re.sub(r'<(\w+)[^>]*lang="zh-CN"[^>]*>.*?</\1>', "", main)
        found = re.findall(r"[\u4e00-\u9fff]+", re.sub(r"<[^>]*>", "", rest))
        assert set(found) <= {"张三"}, path  # a person's name stays as it is


async def test_the_language_is_kept_and_the_visitor_stays_where_they_were(site: Site) -> None:
    reader = Reader.of(site)
    await reader.go("/help?x=1")
    await reader.send(reader.form("/language"), language="en")
    assert reader.path == "/help?x=1"
    assert '<html lang="en">' in reader.text
    await reader.go("/login")
    assert "Mobile number" in reader.text


async def test_the_elder_view_is_kept_until_it_is_left(site: Site) -> None:
    reader = Reader.of(site)
    await reader.go("/login")
    await reader.send(reader.form("/view"), view="elder")
    assert 'class="elder"' in (await reader.go("/help")).text
    await reader.send(reader.form("/view"), view="standard")
    assert 'class="elder"' not in (await reader.go("/help")).text


async def test_the_theme_is_kept_on_all_pages_until_the_phone_decides_again(site: Site) -> None:
    reader = await logged_in(site)
    assert "data-theme" not in (await reader.go("/me")).text
    for theme in ("dark", "light"):
        await reader.send(reader.form("/theme"), theme=theme)
        assert reader.path == "/me"
        for path in ("/me", "/", "/staff/login"):
            assert f'data-theme="{theme}">' in (await reader.go(path)).text
        await reader.go("/me")
    await reader.send(reader.form("/theme"), theme="auto")
    for path in ("/", "/staff/login", "/me"):
        assert "data-theme" not in (await reader.go(path)).text


async def test_a_made_up_choice_is_no_choice(site: Site) -> None:
    reader = Reader.of(site)
    await reader.go("/help")
    await reader.send(reader.form("/language"), language='fr"; Path=/x')
    await reader.send(reader.form("/view"), view="huge")
    assert '<html lang="zh-CN">' in reader.text
    assert not reader.client.cookies


# Patients ---------------------------------------------------------------------------------------


async def add(reader: Reader, number: int, **changed: str) -> httpx.Response:
    await reader.go("/patients/new")
    typed = {"name": "王小明", "id_type": "01", "id_no": document(number)} | changed
    return await reader.send(reader.form("/patients/new"), **typed)


@LANGUAGES
async def test_a_patient_is_added_and_shown_masked(site: Site, language: str) -> None:
    reader = await logged_in(site, language=language)
    await add(reader, 1)
    assert reader.path == "/patients"
    assert "王小明" in reader.text
    assert f"1101****{document(1)[-4:]}" in reader.text
    assert document(1) not in reader.text


@pytest.mark.parametrize(
    ("typed", "status", "sentence"),
    [
        ({"name": "R2D2"}, 422, "姓名里不能有数字“2”"),
        ({"id_no": "110101199003070000"}, 422, "证件类型或证件号码有误"),
        ({"id_type": "55"}, 422, "证件类型或证件号码有误"),
        ({"name": "", "id_no": ""}, 422, "请填写证件上的全名"),
        ({"name": '"><script>alert(1)</script>'}, 422, "姓名里不能有"),
    ],
)
async def test_a_refusal_stands_at_its_field_and_nothing_typed_is_lost(
    site: Site, typed: dict[str, str], status: int, sentence: str
) -> None:
    reader = await logged_in(site)
    answer = await add(reader, 1, **typed)
    assert answer.status_code == status
    assert sentence in reader.text
    kept = reader.form("/patients/new").fields
    wanted = {"name": "王小明", "id_type": "01", "id_no": document(1)} | typed
    if wanted["id_type"] != "55":
        assert {name: kept[name] for name in wanted} == wanted
    assert "<script>alert" not in reader.text


async def test_a_phone_has_two_patients_and_a_person_one_phone(site: Site) -> None:
    reader, other = await logged_in(site, 1), await logged_in(site, 2)
    await add(reader, 1)
    taken = await add(other, 1)
    assert taken.status_code == 409
    assert "没有登记成功" in other.text
    await add(reader, 2)
    full = await reader.go("/patients/new")
    assert full.status_code == 409
    assert f"最多登记{'两' if PATIENTS_PER_PHONE == 2 else '?'}位就诊人" in reader.text
    await reader.go("/patients")
    assert 'href="/patients/new"' not in reader.text


async def test_a_form_sent_twice_adds_one_patient_and_says_no_error(site: Site) -> None:
    reader = await logged_in(site)
    await reader.go("/patients/new")
    form = reader.form("/patients/new")
    for _ in range(3):
        answer = await reader.send(form, name="王小明", id_type="01", id_no=document(1))
        assert (answer.status_code, reader.path) == (200, "/patients")
    assert reader.text.count("<h2>王小明</h2>") == 1


async def test_whoever_added_a_patient_while_booking_goes_on_booking(site: Site) -> None:
    reader = await logged_in(site)
    await reader.go("/patients/new?next=/help")
    await reader.send(reader.form("/patients/new"), name="王小明", id_no=document(1))
    assert reader.path == "/help"


async def test_another_account_sees_nothing_of_these_patients(site: Site) -> None:
    reader, other = await logged_in(site, 1), await logged_in(site, 2)
    await add(reader, 1, name="欧阳某人")
    for path in ("/me", "/patients", "/patients/new"):
        assert "欧阳某人" not in (await other.go(path)).text
        assert "欧阳某人" not in (await Reader.of(site).go(path)).text


async def test_no_shows_and_a_suspension_are_shown_with_their_days(site: Site) -> None:
    reader = await logged_in(site)
    patient = await add_patient(site.platform, await add_account(site.platform, 1))
    await add_no_shows(site, patient.id, 3)
    await reader.go("/patients")
    assert "暂停预约" in reader.text
    # Who is unchecked may be a stranger, to whom the days say when the person was at a hospital.
    assert "今年爽约3次。" in reader.text
    assert "到2027年2月3日 周三恢复" in reader.text
    assert "11月" not in reader.text
    await change(site.platform, "UPDATE patients SET checked_at = now(), checked_by = 'pickup'")
    await reader.go("/patients")
    assert "11月3日 周二起，到2027年2月3日 周三恢复" in reader.text
    assert "今年爽约3次：11月1日 周日、11月2日 周一、11月3日 周二" in reader.text
    assert 'href="/help#no-show"' in reader.text
    await reader.send(reader.form("/language"), language="en")
    assert "from Tue 3 Nov until Wed 3 Feb 2027." in reader.text


async def add_no_shows(site: Site, patient_id: int, number: int) -> None:
    for day in range(1, number + 1):
        session_id = await add_session(site.platform)
        await change(
            site.platform,
            "UPDATE clinic_sessions SET visit_date = make_date(2026, 11, %s) WHERE id = %s",
            *(day, session_id),
        )
        appointment_id = await add_appointment(site.platform, patient_id, session_id, f"{day:08d}")
        await change(
            site.platform,
            "UPDATE appointments SET status = 'no_show' WHERE id = %s",
            appointment_id,
        )
    await change(
        site.platform,
        "UPDATE patients SET suspended_until = '2027-02-03' WHERE id = %s",
        patient_id,
    )


# A login that expires in the middle -------------------------------------------------------------


async def test_what_was_typed_when_the_login_expired_is_there_afterwards(
    site: Site, clock: Clock
) -> None:
    reader = await logged_in(site)
    await reader.go("/patients/new?next=/help")
    form = reader.form("/patients/new")
    clock.forward(seconds=PAGES_SECONDS)
    await reader.send(form, name="王小明", id_type="03", id_no="E12345678")
    assert reader.path.startswith("/login?next=")
    assert "登录已过期" in reader.text
    assert "王小明" not in str(reader.client.cookies)
    await reader.send(phone=phone(1))
    await reader.send(otp=await reader.one_time_password())
    assert reader.path == "/patients/new?next=/help"
    kept = reader.form("/patients/new").fields
    assert (kept["name"], kept["id_type"], kept["id_no"]) == ("王小明", "03", "E12345678")
    await reader.send(reader.form("/patients/new"))
    assert reader.path == "/help"
    await reader.go("/patients/new")
    assert reader.form("/patients/new").fields["name"] == ""


async def test_nobody_else_finds_what_was_typed(site: Site, clock: Clock) -> None:
    reader = await logged_in(site, 1)
    await reader.go("/patients/new")
    form = reader.form("/patients/new")
    clock.forward(seconds=PAGES_SECONDS)
    await reader.send(form, name="王小明", id_type="03", id_no="E12345678")
    await reader.send(phone=phone(2))
    await reader.send(otp=await reader.one_time_password(2))
    assert reader.path == "/patients/new"
    assert "王小明" not in reader.text


@pytest.mark.parametrize("value", ["", "x", "AAAA", "é", "A" * 200])
async def test_a_tampered_cookie_is_no_cookie(site: Site, value: str) -> None:
    reader = await logged_in(site)
    cookie = "; ".join(f"{name}={kept}" for name, kept in reader.client.cookies.items())
    sent = f"kept={value}; phone={value}; {cookie}".encode()
    for path in ("/patients/new", "/login/code"):
        answer = await site.client().get(
            path, headers=[(b"cookie", sent), (b"accept", b"text/html")]
        )
        assert answer.status_code in (200, 303)


# Help -------------------------------------------------------------------------------------------


@LANGUAGES
async def test_the_help_explains_every_rule_that_refuses(site: Site, language: str) -> None:
    reader = Reader.of(site, language=language)
    await reader.go("/help")
    for anchor in ANCHORS.values():
        assert f'id="{anchor}"' in reader.text
        assert f'href="#{anchor}"' in reader.text
    assert has_chinese(reader.text.replace("中文", "")) == (language == "zh")


@LANGUAGES
async def test_the_help_s_pictures_have_words_and_follow_the_theme(
    site: Site, language: str
) -> None:
    reader = Reader.of(site, language=language)
    await reader.go("/help")
    pictures = re.findall(
        r'<div class="help__picture" role="img" aria-label="([^"]+)"><svg(.+?)</svg>',
        reader.text,
        re.DOTALL,
    )
    assert len(pictures) == reader.text.count("help__picture") == 7
    styles = (await site.get(asset_address("help.css"))).text
    for _, drawing in pictures:
        # A colour of its own would not change with the theme or the city's brand.
        assert re.findall(r'(?:fill|stroke)="', drawing) == []
        painted = set(re.findall(r'class="([^"]+)"', drawing))
        assert painted
        assert all(f".help__picture .{name} {{" in styles for name in painted)


# Errors -----------------------------------------------------------------------------------------


@LANGUAGES
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("GET", "/logout", 405), ("PUT", "/me", 405)],
)
async def test_a_browser_is_shown_an_error_as_a_page(
    site: Site, language: str, method: str, path: str, status: int
) -> None:
    headers = HTML | {"Accept-Language": language}
    answer = await site.call(method, path, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert 'href="/"' in answer.text
    assert has_chinese(answer.text.replace("中文", "")) == (language == "zh")


async def test_a_form_that_is_too_long_or_no_form_is_refused_as_a_page(site: Site) -> None:
    reader = Reader.of(site)
    await reader.go("/login")
    form = reader.form()
    too_long = await reader.send(form, phone="1" * 20_000)
    assert too_long.status_code == 413
    assert "提交的内容太长" in too_long.text
    no_form = await reader.client.post("/login", json={"phone": phone(1)})
    assert no_form.status_code == 415
    broken = await reader.client.post(
        "/login",
        content=b"phone=%ff&csrf=\xff",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert broken.status_code == 400
    assert broken.headers["content-type"].startswith("text/html")


async def test_a_browser_that_asks_too_often_is_told_as_a_page(clock: Clock) -> None:
    site = closed(clock, Settings(requests_per_address_minute=5))
    answers = [await site.get("/help", headers=HTML, address=ADDRESS) for _ in range(11)]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["content-type"] == "text/html; charset=utf-8"
    assert refused.headers["retry-after"] in refused.text
    assert "default-src 'none'" in refused.headers["content-security-policy"]


async def test_a_program_is_still_told_errors_as_problems(site: Site) -> None:
    for headers, path in (({}, "/nothing"), (HTML, "/api/v1/nothing")):
        answer = await site.get(path, headers=headers)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_failure_is_shown_with_the_reference_of_the_log(site: Site) -> None:
    reader = await logged_in(site)
    await change(site.platform, "UPDATE accounts SET phone_enc = ''")
    answer = await reader.go("/me")
    assert answer.status_code == 500
    assert re.search(r"编号：[0-9a-f]{16}", answer.text)


# What every page carries ------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/login", "/help", "/me", "/patients", "/patients/new"])
async def test_no_page_holds_a_script_or_a_style_of_its_own(site: Site, path: str) -> None:
    reader = await logged_in(site)
    await reader.go("/login" if path == "/login" else path)
    for forbidden in (" style=", "<style", " onclick", " onsubmit", "javascript:", "<script>"):
        assert forbidden not in reader.text
    assert "unsafe" not in reader.page.headers["content-security-policy"]
    # A form can be shown again; who is logged in is led from /login to the home page of everybody.
    stored = {"/patients/new": "private, no-cache", "/": "public, max-age=1"}
    assert reader.page.headers["cache-control"].startswith(stored.get(reader.path, "no-store"))


async def test_a_page_is_small_and_what_it_loads_is_kept(site: Site) -> None:
    reader = Reader.of(site)
    raw = await reader.client.send(
        reader.client.build_request("GET", "/login", headers={"Accept-Encoding": "gzip"}),
        stream=True,
    )
    size = len(b"".join([part async for part in raw.aiter_raw()]))
    await reader.go("/login")
    for address in assets_of(reader.text):
        answer = await reader.client.send(reader.client.build_request("GET", address), stream=True)
        assert "immutable" in answer.headers["cache-control"]
        size += len(b"".join([part async for part in answer.aiter_raw()]))
    assert size < 100_000


def assets_of(html: str) -> list[str]:
    parts = html.replace("'", '"').split('"')
    return [part for part in parts if part.startswith("/static/")]
