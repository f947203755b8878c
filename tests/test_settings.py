"""Settings are read once; one that cannot be right names itself and says what to do."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import get_type_hints

import pytest

from guahao.rules.fairness.beacon import QUICKNET, Beacon, Drand
from guahao.rules.fairness.witnessing import CHAIN_MAX
from guahao.rules.kernel.limits import CITY_TIME
from guahao.settings import Settings, SettingsError, read_settings

SECRET = "7c1f0e9b52d84a63b6e07f3a95c2d81e"
DATABASE = "postgresql://owner@db.example.cn/city"
PRODUCTION = {
    "GUAHAO_MODE": "production",
    "GUAHAO_DATABASE_URL": "postgresql://guahao_login@db/city?sslmode=verify-full",
    "GUAHAO_SECRET_KEY": SECRET,
    "GUAHAO_SMS_GATEWAY": "carrier",
    "GUAHAO_PUBLIC_URL": "https://guahao.example.cn",
    "GUAHAO_IDENTITY_VERIFIER": "none",
}
NUMBERS = [
    ("port", 1, 65535),
    ("web_workers", 1, 64),
    ("public_cache_mb", 1, 4096),
    ("standbys", 0, 8),
    ("disk_free_percent", 1, 99),
    ("backup_generations", 1, 1000),
    ("clock_tolerance_seconds", 1, 60),
    ("desk_lanes", 1, 32),
    ("desk_batch", 1, 1000),
    ("desk_queue", 1, 1_000_000),
    ("otp_per_phone_hour", 1, 1000),
    ("otp_per_address_hour", 1, 1_000_000),
    ("otp_total_minute", 1, 1_000_000),
    ("otp_unproven_per_address_hour", 1, 1_000_000),
    ("otp_unproven_total_minute", 1, 1_000_000),
    ("confirm_after_days", 1, 3650),
    ("lookups_per_code_day", 1, 1000),
    ("lookups_per_caller_hour", 1, 1_000_000),
    ("lookups_total_minute", 1, 1_000_000),
    ("requests_per_address_minute", 1, 10_000_000),
    ("requests_per_network_minute", 1, 100_000_000),
    ("searches_per_address_minute", 1, 1_000_000),
    ("searches_per_network_minute", 1, 10_000_000),
    ("bookings_per_account_minute", 1, 1_000_000),
    ("bookings_per_account_hour", 1, 1_000_000),
    ("bookings_per_address_minute", 1, 1_000_000),
    ("bookings_per_network_minute", 1, 10_000_000),
    ("places_per_address_10_minutes", 1, 1_000_000),
    ("places_per_network_10_minutes", 1, 10_000_000),
    ("registrations_per_account_day", 1, 1_000_000),
    ("registrations_per_address_hour", 1, 1_000_000),
    ("registrations_per_network_hour", 1, 10_000_000),
    ("header_seconds", 1, 300),
    ("body_idle_seconds", 1, 300),
    ("body_total_seconds", 1, 3600),
    ("bodies_per_address", 1, 100_000),
    ("hospital_calls_per_minute", 1, 1_000_000),
    ("identity_checks_per_day", 1, 10_000_000),
    ("staff_idle_minutes", 1, 1440),
    ("staff_absolute_hours", 1, 168),
    ("staff_password_hours", 1, 720),
]


def read(**given: str) -> Settings:
    return read_settings({f"GUAHAO_{name.upper()}": value for name, value in given.items()})


def complaint(environ: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        read_settings(environ)
    return str(caught.value)


WITNESS = {
    "name": "公证处",
    "first": "ab" * 32,
    "url": "https://witness.example.cn/draws/",
    "begins": "2026-12-01T00:00:00Z",
    "minutes": 5,
}


def test_witnesses_of_draws_are_read() -> None:
    text = json.dumps([WITNESS])
    [witness] = read_settings({"GUAHAO_FAIRNESS_WITNESSES": text}).fairness_witnesses
    assert (witness.name, witness.first, witness.minutes) == ("公证处", b"\xab" * 32, 5)
    assert witness.url == "https://witness.example.cn/draws"
    assert witness.begins == datetime(2026, 12, 1, 8, tzinfo=CITY_TIME)
    assert witness.values is None
    text = json.dumps([WITNESS | {"values": 20_000}])
    [witness] = read_settings({"GUAHAO_FAIRNESS_WITNESSES": text}).fairness_witnesses
    assert witness.values == 20_000


INFO = {
    "public_key": "ab" * 96,
    "period": 30,
    "genesis_time": 1_700_000_000,
    "hash": "said by the relay, and not believed",
    "groupHash": "cd" * 32,
    "schemeID": "bls-unchained-g1-rfc9380",
    "metadata": {"beaconID": "city"},
}
OTHER = Beacon(30, 1_700_000_000, b"\xab" * 96, b"\xcd" * 32, "city")
RELAYS = ["https://api.drand.sh", "http://127.0.0.1:8080"]


def test_a_chain_of_drand_is_known_by_its_hash() -> None:
    text = {"chain": QUICKNET.chain.hex(), "relays": ["https://drand.example.cn/", *RELAYS]}
    drand = read_settings({"GUAHAO_FAIRNESS_DRAND": json.dumps(text)}).fairness_drand
    assert drand == Drand(QUICKNET, ("https://drand.example.cn", *RELAYS))
    other = {"chain": OTHER.chain.hex(), "relays": RELAYS, "info": INFO}
    drand = read_settings({"GUAHAO_FAIRNESS_DRAND": json.dumps(other)}).fairness_drand
    assert drand == Drand(OTHER, tuple(RELAYS))


@pytest.mark.parametrize(
    "wrong",
    [
        {"info": None},
        {"chain": "ab" * 32},
        {"chain": OTHER.chain.hex().upper()},
        {"relays": []},
        {"relays": ["http://api.drand.sh"]},
        {"relays": ["api.drand.sh"]},
        {"info": INFO | {"period": 3}},
        {"info": INFO | {"period": 0}},
        {"info": INFO | {"schemeID": "pedersen-bls-chained"}},
        {"info": INFO | {"metadata": {"beaconID": "city two"}}},
        {"info": INFO | {"public_key": "ab"}},
        {"key": "x"},
    ],
)
def test_a_chain_of_drand_that_cannot_be_checked_stops_the_start(wrong: dict[str, object]) -> None:
    text = {"chain": OTHER.chain.hex(), "relays": RELAYS, "info": INFO} | wrong
    with pytest.raises(SettingsError, match="GUAHAO_FAIRNESS_DRAND"):
        read_settings({"GUAHAO_FAIRNESS_DRAND": json.dumps(text)})


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        json.dumps([WITNESS, WITNESS]),
        *(
            json.dumps([WITNESS | wrong])
            for wrong in (
                {"first": "ab"},
                {"first": "AB" * 32},
                {"url": "witness.example.cn"},
                {"begins": "2026-12-01T00:00:00"},
                {"minutes": 0},
                {"values": 0},
                {"values": CHAIN_MAX + 1},
                {"name": ""},
                {"secret": "x"},
            )
        ),
    ],
)
def test_a_witness_that_cannot_be_asked_stops_the_start(text: str) -> None:
    with pytest.raises(SettingsError, match="GUAHAO_FAIRNESS_WITNESSES"):
        read_settings({"GUAHAO_FAIRNESS_WITNESSES": text})


def test_nothing_needs_to_be_set() -> None:
    settings = read_settings({"PATH": "/bin", "PORT": "1"})
    assert settings == Settings()
    assert settings.demo
    assert settings.cancel_channels == {"agent"}


def test_an_empty_value_counts_as_not_set() -> None:
    empty = {f"GUAHAO_{name.upper()}": "" for name in Settings.__dataclass_fields__}
    assert read_settings(empty) == Settings()


def test_texts_and_folders_are_taken_as_they_are() -> None:
    settings = read(
        database_url="postgresql://owner@db/city",
        data_dir="/srv/city",
        host="0.0.0.0",  # noqa: S104
        secret_key="short is enough for a demo",
        sms_gateway="outbox",
        hotline="12345",
    )
    assert settings.database_url == "postgresql://owner@db/city"
    assert settings.data_dir == Path("/srv/city")
    assert settings.host == "0.0.0.0"  # noqa: S104
    assert settings.secret_key == "short is enough for a demo"
    assert settings.sms_gateway == "outbox"
    assert settings.hotline == "12345"


def test_every_number_is_covered_by_the_tests_below() -> None:
    hints = get_type_hints(Settings)
    numbers = {name for name, kind in hints.items() if kind is int}
    assert numbers == {name for name, _, _ in NUMBERS}


@pytest.mark.parametrize(("name", "low", "high"), NUMBERS)
def test_a_number_is_accepted_within_its_bounds(name: str, low: int, high: int) -> None:
    assert getattr(read(**{name: str(low)}), name) == low
    assert getattr(read(**{name: str(high)}), name) == high
    assert low <= getattr(Settings(), name) <= high


@pytest.mark.parametrize(("name", "low", "high"), NUMBERS)
def test_a_number_out_of_its_bounds_is_told_them(name: str, low: int, high: int) -> None:
    setting = f"GUAHAO_{name.upper()}"
    expected = f"{setting} must be a whole number from {low} to {high}"
    for wrong in (low - 1, high + 1):
        assert complaint({setting: str(wrong)}) == expected


@pytest.mark.parametrize("wrong", ["many", "8000.0", "8e3", "-1", "+1", " 80", "0x50", "８０", "²"])
def test_what_is_no_whole_number_is_refused(wrong: str) -> None:
    assert complaint({"GUAHAO_PORT": wrong}).startswith("GUAHAO_PORT must be a whole number")


@pytest.mark.parametrize(
    ("setting", "wrong", "says"),
    [
        ("GUAHAO_MODE", "test", "demo or production"),
        ("GUAHAO_MODE", "Production", "demo or production"),
        ("GUAHAO_LOG_LEVEL", "verbose", "debug, info, warning or error"),
        ("GUAHAO_CANCEL_CHANNELS", "agent,doctor", "agent, or agent,patient"),
        ("GUAHAO_CANCEL_CHANNELS", "patient", "agent, or agent,patient"),
        ("GUAHAO_CANCEL_CHANNELS", " , ", "agent, or agent,patient"),
        ("GUAHAO_CLOCK_START", "tomorrow", "2026-12-01T14:59:00"),
        ("GUAHAO_CLOCK_START", "2026-02-30T10:00", "2026-12-01T14:59:00"),
        ("GUAHAO_CLOCK_BEGUN", "noon", "a number of Unix seconds"),
        ("GUAHAO_CLOCK_BEGUN", "nan", "a number of Unix seconds"),
        ("GUAHAO_CLOCK_BEGUN", "inf", "a number of Unix seconds"),
        ("GUAHAO_TRUSTED_PROXIES", "proxy.local", "10.1.0.0/16"),
        ("GUAHAO_ALIYUN_TEMPLATES", "booked=SMS_1", '{"booked": "SMS_1"}'),
        ("GUAHAO_ALIYUN_TEMPLATES", '{"booked": 1}', '{"booked": "SMS_1"}'),
        ("GUAHAO_ALIYUN_TEMPLATES", '["SMS_1"]', '{"booked": "SMS_1"}'),
        ("GUAHAO_ALIYUN_ENDPOINT", "dysmsapi.aliyuncs.com", "like https://"),
        ("GUAHAO_ALIYUN_RECEIPT_TOKEN", "x" * 31, "openssl rand -hex 32"),
        ("GUAHAO_ALIYUN_RECEIPT_TOKEN", "x" * 31 + "/", "openssl rand -hex 32"),
        ("GUAHAO_TRUSTED_PROXIES", "10.0.0.1,10.0.0.256", "10.1.0.0/16"),
        ("GUAHAO_POSTAL_CODE", "10000", "six digits"),
        ("GUAHAO_IDENTITY_VERIFIER", "police", "aliyun, demo or none"),
        ("GUAHAO_IDENTITY_ALIYUN_ENDPOINT", "cloudauth.aliyuncs.com", "like https://"),
    ],
)
def test_a_wrong_setting_names_itself_and_says_what_to_do(
    setting: str, wrong: str, says: str
) -> None:
    text = complaint({setting: wrong})
    assert setting in text
    assert says in text


@pytest.mark.parametrize(
    ("given", "channels"),
    [
        ("agent", {"agent"}),
        ("agent,patient", {"agent", "patient"}),
        (" patient , agent ,", {"agent", "patient"}),
    ],
)
def test_the_operator_may_switch_self_service_on(given: str, channels: set[str]) -> None:
    assert read(cancel_channels=given).cancel_channels == channels


@pytest.mark.parametrize(
    ("given", "proxies"),
    [
        ("127.0.0.1", ("127.0.0.1",)),
        ("10.0.0.1, 10.1.0.0/16, ::1", ("10.0.0.1", "10.1.0.0/16", "::1")),
        (",", ()),
    ],
)
def test_proxies_are_addresses_or_networks(given: str, proxies: tuple[str, ...]) -> None:
    assert read(trusted_proxies=given).trusted_proxies == proxies


@pytest.mark.parametrize(
    ("given", "hour"),
    [
        ("2026-12-01T14:59:00", 14),
        ("2026-12-01T14:59:00+08:00", 14),
        ("2026-12-01T06:59:00Z", 14),
        ("2026-12-01 14:59", 14),
    ],
)
def test_a_clock_starts_on_the_city_s_time(given: str, hour: int) -> None:
    start = read(clock_start=given, clock_begun="1764572340.5")
    assert start.clock_start == datetime(2026, 12, 1, hour, 59, tzinfo=CITY_TIME)
    assert start.clock_start.utcoffset() == timedelta(hours=8)
    assert start.clock_begun == 1764572340.5


@pytest.mark.parametrize(
    "database",
    [
        {"GUAHAO_DATABASE_URL": f"{DATABASE}?sslmode=verify-full"},
        {"GUAHAO_DATABASE_URL": f"{DATABASE}?sslmode=require"},
        {"GUAHAO_DATABASE_URL": DATABASE, "GUAHAO_DATABASE_NETWORK": "private"},
    ],
)
def test_production_reaches_its_database_over_tls_or_a_private_network(
    database: dict[str, str],
) -> None:
    assert not read_settings({**PRODUCTION, **database}).demo


def test_metrics_have_a_socket_of_their_own_where_it_is_set() -> None:
    assert read_settings({}).metrics_port is None
    assert read(metrics_port="9100", metrics_host="10.0.0.1").metrics_port == 9100


def test_production_starts_with_a_key_a_gateway_and_real_time() -> None:
    settings = read_settings(PRODUCTION)
    assert not settings.demo
    assert settings.secret_key == SECRET


@pytest.mark.parametrize(
    ("change", "names", "says"),
    [
        ({"GUAHAO_SECRET_KEY": ""}, "GUAHAO_SECRET_KEY", "openssl rand -hex 32"),
        ({"GUAHAO_SECRET_KEY": SECRET[:-1]}, "GUAHAO_SECRET_KEY", "at least 32 characters"),
        ({"GUAHAO_SMS_GATEWAY": ""}, "GUAHAO_SMS_GATEWAY", "outbox"),
        ({"GUAHAO_SMS_GATEWAY": "outbox"}, "GUAHAO_SMS_GATEWAY", "outbox"),
        ({"GUAHAO_CLOCK_START": "2026-12-01"}, "GUAHAO_CLOCK_START", "real time"),
        ({"GUAHAO_SECRET_KEY": "7c1f0e9b52d84a63" * 2}, "GUAHAO_SECRET_KEY", "can be guessed"),
        ({"GUAHAO_SECRET_KEY": "a" * 64}, "GUAHAO_SECRET_KEY", "can be guessed"),
        ({"GUAHAO_SECRET_KEY": "abcdefghijklmnopqrstuvwxyz0123456"}, "SECRET_KEY", "guessed"),
        ({"GUAHAO_SECRET_KEY": "ChangeMe-7c1f0e9b52d84a63b6e07f3a"}, "SECRET_KEY", "guessed"),
        ({"GUAHAO_PUBLIC_URL": ""}, "GUAHAO_PUBLIC_URL", "https://"),
        ({"GUAHAO_PUBLIC_URL": "http://guahao.example.cn"}, "GUAHAO_PUBLIC_URL", "https://"),
        ({"GUAHAO_DATABASE_URL": DATABASE}, "GUAHAO_DATABASE_URL", "sslmode=verify-full"),
        ({"GUAHAO_DATABASE_URL": f"{DATABASE}?sslmode=prefer"}, "DATABASE_NETWORK", "private"),
        ({"GUAHAO_DATABASE_URL": "nonsense"}, "GUAHAO_DATABASE_URL", "postgresql://"),
        ({"GUAHAO_DATABASE_NETWORK": "lan"}, "GUAHAO_DATABASE_NETWORK", "open or private"),
        ({"GUAHAO_IDENTITY_VERIFIER": ""}, "GUAHAO_IDENTITY_VERIFIER", "none to leave everybody"),
        ({"GUAHAO_IDENTITY_VERIFIER": "demo"}, "GUAHAO_IDENTITY_VERIFIER", "aliyun or none"),
    ],
)
def test_production_refuses_what_is_for_the_demo(
    change: dict[str, str], names: str, says: str
) -> None:
    text = complaint({**PRODUCTION, **change})
    assert names in text
    assert says in text


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:/u:sEcr1@h",
        "u:sEcr1@h",
        "mysql://u:sEcr1@h/d",
        "postgresql://u:sE%zzcr1@h/d",
        "postgresql://u:sEcr1 x@h/d",
        "postgresql://u:p@sEcr1@h/d",
        "postgresql://u:1/sEcr1@h/d",
        "postgresql://u:sEcr1/x@h/d",
        "postgresql://u:p@x/sEcr1@h/d",
        "postgresql://u:sEcr1@h:port/d",
        "postgresql://h/d?password=p&sEcr1",
        "host=h user=u password=p sEcr1",
        "host=h,password=sEcr1",
        "host=h passwrd=sEcr1",
    ],
)
@pytest.mark.parametrize("name", ["URL", "OWNER_URL", "READ_URL", "BACKUP_URL"])
def test_a_database_url_that_would_put_its_password_into_errors_is_refused(
    name: str, url: str
) -> None:
    setting = "GUAHAO_BACKUP_URL" if name == "BACKUP_URL" else f"GUAHAO_DATABASE_{name}"
    text = complaint({setting: url})
    assert text.startswith(f"{setting} must be like postgresql://")
    assert "%40 for @" in text
    assert "cr1" not in text


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p%40%2Fss@h/d",
        "postgres://u:p:#?!ss@h-1.example.cn:5432/d?sslmode=require",
        "postgresql://u@h1:1,h2,[::1]:3/d?target_session_attrs=read-write",
        "postgresql://u@/d?host=%2Ftmp%2Fa%20folder&port=5432",
        "postgresql:///d?password=p@ss",
        "host=h1,10.0.0.2 dbname=d user=u password='p@ ss/'",
        "service=guahao",
    ],
)
def test_a_database_url_is_what_libpq_reads(url: str) -> None:
    assert read_settings({"GUAHAO_DATABASE_URL": url}).database_url == url


VERIFIER = {
    "GUAHAO_IDENTITY_VERIFIER": "aliyun",
    "GUAHAO_IDENTITY_ALIYUN_ACCESS_KEY_ID": "id",
    "GUAHAO_IDENTITY_ALIYUN_ACCESS_KEY_SECRET": "its secret",
}


def test_the_real_name_verifier_needs_its_own_access_key() -> None:
    assert read_settings({**PRODUCTION, **VERIFIER}).verifier == "aliyun"
    for name in sorted(set(VERIFIER) - {"GUAHAO_IDENTITY_VERIFIER"}):
        assert complaint({**VERIFIER, name: ""}) == f"GUAHAO_IDENTITY_VERIFIER=aliyun needs {name}"


def test_names_and_numbers_leave_production_encrypted_only() -> None:
    plain = {"GUAHAO_IDENTITY_ALIYUN_ENDPOINT": "http://127.0.0.1:8091"}
    assert read_settings({**VERIFIER, **plain}).identity_aliyun_endpoint.startswith("http:")
    assert "must be of https://" in complaint({**PRODUCTION, **VERIFIER, **plain})


ALIYUN = {
    "GUAHAO_SMS_GATEWAY": "aliyun",
    "GUAHAO_ALIYUN_ACCESS_KEY_ID": "id",
    "GUAHAO_ALIYUN_ACCESS_KEY_SECRET": "its secret",
    "GUAHAO_ALIYUN_SIGN_NAME": "安澜挂号",
    "GUAHAO_ALIYUN_TEMPLATES": '{"otp": "SMS_1"}',
}


def test_the_sms_provider_is_told_apart_by_its_settings() -> None:
    settings = read_settings({**ALIYUN, "GUAHAO_ALIYUN_ENDPOINT": "http://127.0.0.1:8090/"})
    assert settings.aliyun_templates == {"otp": "SMS_1"}
    assert settings.aliyun_endpoint == "http://127.0.0.1:8090"


@pytest.mark.parametrize("name", sorted(set(ALIYUN) - {"GUAHAO_SMS_GATEWAY"}))
def test_the_sms_provider_needs_all_of_its_settings(name: str) -> None:
    assert f"needs {name}" in complaint({**ALIYUN, name: ""})


def test_no_complaint_tells_a_secret() -> None:
    assert "its secret" not in complaint({**ALIYUN, "GUAHAO_ALIYUN_SIGN_NAME": ""})
    assert SECRET[:-1] not in complaint({**PRODUCTION, "GUAHAO_SECRET_KEY": SECRET[:-1]})


def test_the_certificates_header_is_a_headers_name() -> None:
    assert read(client_certificate_header="X-Cert").client_certificate_header == "x-cert"
    for wrong in ("X Cert", "x:cert", "证书", "x" * 65):
        with pytest.raises(SettingsError, match="CLIENT_CERTIFICATE_HEADER"):
            read(client_certificate_header=wrong)
