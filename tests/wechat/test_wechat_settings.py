"""The Official Account's settings: whole or not at all, and each says what it must be."""

from __future__ import annotations

import pytest

from guahao.settings import Settings, SettingsError, WeChatTemplate, read_settings

ACCOUNT = {
    "GUAHAO_WECHAT_APPID": "wxba5fad812f8e6fb9",
    "GUAHAO_WECHAT_SECRET": "the account's secret",
    "GUAHAO_WECHAT_TOKEN": "AAAAA",
    "GUAHAO_WECHAT_AES_KEY": "A" * 43,
}
PRODUCTION = {
    "GUAHAO_MODE": "production",
    "GUAHAO_DATABASE_URL": "postgresql://guahao_login@db/city?sslmode=verify-full",
    "GUAHAO_IDENTITY_VERIFIER": "none",
    "GUAHAO_SECRET_KEY": "7c1f0e9b52d84a63b6e07f3a95c2d81e",
    "GUAHAO_SMS_GATEWAY": "carrier",
    "GUAHAO_PUBLIC_URL": "https://guahao.example.cn",
}


def complaint(environ: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        read_settings(environ)
    return str(caught.value)


def test_there_is_no_account_unless_it_is_set() -> None:
    assert read_settings({}).wechat_appid is None


def test_an_account_is_taken_as_it_is_set() -> None:
    settings = read_settings({**ACCOUNT, "GUAHAO_WECHAT_API_BASE": "http://127.0.0.1:8010/"})
    assert settings.wechat_appid == "wxba5fad812f8e6fb9"
    assert settings.wechat_secret == "the account's secret"
    assert settings.wechat_token == "AAAAA"
    assert settings.wechat_aes_key == "A" * 43
    assert settings.wechat_api_base == "http://127.0.0.1:8010"


@pytest.mark.parametrize("part", ["APPID", "SECRET", "TOKEN"])
def test_part_of_an_account_is_none(part: str) -> None:
    name = f"GUAHAO_WECHAT_{part}"
    assert name in complaint({**ACCOUNT, name: ""})


def test_a_key_without_an_account_is_none_either() -> None:
    assert "GUAHAO_WECHAT_APPID" in complaint({"GUAHAO_WECHAT_AES_KEY": "A" * 43})


@pytest.mark.parametrize("key", ["A" * 42, "A" * 44, "A" * 42 + "=", "A" * 42 + "\n"])
def test_a_key_has_43_characters(key: str) -> None:
    assert "43" in complaint({**ACCOUNT, "GUAHAO_WECHAT_AES_KEY": key})


@pytest.mark.parametrize(
    "url",
    ["guahao.cn", "ftp://guahao.cn", "https://", "https://a.cn/wechat", "https://a.cn?x"],
)
@pytest.mark.parametrize("name", ["GUAHAO_PUBLIC_URL", "GUAHAO_WECHAT_API_BASE"])
def test_an_address_is_scheme_and_host_alone(name: str, url: str) -> None:
    assert name in complaint({name: url})


def test_pages_begin_where_the_process_listens_unless_it_is_set() -> None:
    assert Settings(port=8123).public_base == "http://127.0.0.1:8123"
    given = {"GUAHAO_PUBLIC_URL": "https://guahao.example.cn/"}
    assert read_settings(given).public_base == "https://guahao.example.cn"


def test_wechat_in_production_is_in_safe_mode() -> None:
    assert read_settings({**PRODUCTION, **ACCOUNT}).wechat_token == "AAAAA"
    plain = {**ACCOUNT, "GUAHAO_WECHAT_AES_KEY": ""}
    assert "GUAHAO_WECHAT_AES_KEY" in complaint({**PRODUCTION, **plain})
    assert read_settings(plain).wechat_aes_key is None


def test_templates_are_named_by_the_kind_of_message() -> None:
    given = (
        '{"booked": "ID-1", "stopped": {"id": "ID_2",'
        ' "fields": {"thing1": "visit", "character_string2": "code"}}}'
    )
    assert read_settings({"GUAHAO_WECHAT_TEMPLATES": given}).wechat_templates == {
        "booked": WeChatTemplate("ID-1", {}),
        "stopped": WeChatTemplate("ID_2", {"thing1": "visit", "character_string2": "code"}),
    }


@pytest.mark.parametrize(
    "wrong", ["booked=ID", "[]", '{"booked": 1}', '{"booked": {"id": "ID"}}', '{"booked": {}}']
)
def test_templates_in_another_shape_are_refused(wrong: str) -> None:
    assert "GUAHAO_WECHAT_TEMPLATES" in complaint({"GUAHAO_WECHAT_TEMPLATES": wrong})
