"""The auditor's page says what was changed in words, before and after together."""

from __future__ import annotations

from dataclasses import asdict

import msgspec
import pytest

from guahao.rules.kernel.limits import HospitalRules, Policy
from guahao.web.administration.trail_words import FIELDS, details, field_names


def said(detail: object) -> dict[str, str]:
    return dict(details(msgspec.json.encode(detail).decode(), "zh"))


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        ({}, {}),
        ({"holds": True, "broken_at": None}, {"完整": "✓", "断在第几条": "–"}),
        ({"from": "picked_up", "to": "unverified"}, {"从": "已取号", "到": "已过期"}),
        ({"task": 4, "kind": "booked"}, {"回电任务": "4", "种类": "预约短信未送达"}),
        ({"no_shows": [3, 4], "came": []}, {"爽约": "3, 4", "已就诊的预约": "–"}),
        ({"asked": {"name": True}}, {"核对 名称": "✓"}),
        ({"after": {"name": "booked"}}, {"名称": "booked"}),  # somebody's own text
        ({"before": "9999-12-31", "after": "2026-12-20"}, {"更改": "长期 → 2026年12月20日 周日"}),
        (
            {"until": "2026-12-01T00:00:00+00:00", "visit_date": "2026-13-45"},
            {"截止": "2026年12月1日 周二 08:00", "就诊日期": "2026-13-45"},
        ),
        (
            {"after": {"starts_at": "08:30:00"}, "sessions": 13},
            {"开始时间": "08:30", "门诊数": "13"},
        ),
        ({"after": [1, 3]}, {"改后": "1, 3"}),
        (
            {"before": {"fee_fen": 8000, "capacity": 5}, "after": {"fee_fen": 8050, "capacity": 5}},
            {"医事服务费（元）": "80.00 → 80.50", "号源数": "5"},
        ),
        ({"changed": {"7": {"capacity": [20, 5]}}}, {"更改 7 号源数": "20, 5"}),
        ({"appointments": {"7": "no_show"}}, {"预约 7": "爽约"}),
        ({"something": 1}, {"something": "1"}),
    ],
)
def test_a_detail_is_said_in_words(detail: object, words: dict[str, str]) -> None:
    assert said(detail) == words


def test_every_rule_of_a_hospital_and_of_the_platform_has_a_name() -> None:
    for rules in (HospitalRules(), Policy()):
        assert set(field_names(asdict(rules))) <= FIELDS.keys()
