"""Alerts, dashboard and documentation name the metrics that a running server has, and no others."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.acceptance.ports import free_port
from tests.city import Clock, open_platform
from tests.databases import with_database
from tests.faults.harness.network import network_to
from tests.web.http.test_real_server import serving

from guahao.flows.kernel.platform import Platform
from guahao.flows.operations.observing import observe
from guahao.web.monitoring.health import all_metrics

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "deploy" / "monitoring"
DOCUMENT = ROOT / "docs" / "operators" / "monitoring.md"
RUNBOOKS = {
    *("install", "upgrade", "failover", "restore", "lost-key", "full-disk", "attack"),
    *("release-day", "hospital-down", "witness"),
}
UNITS = ("_seconds", "_bytes", "_total")
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="promtool is not installed (Debian, Ubuntu: apt-get install prometheus)",
)


def promtool(*arguments: str) -> None:
    result = subprocess.run(
        ["promtool", *arguments], cwd=MONITORING, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


@needs_promtool
def test_the_rules_and_the_configuration_hold() -> None:
    promtool("check", "config", "prometheus.yml")


@pytest.mark.long
@needs_promtool
@pytest.mark.parametrize("file", ["rules_test.yml", "release_test.yml"])
def test_each_alert_fires_and_does_not_fire(file: str) -> None:
    promtool("test", "rules", file)


def rules() -> str:
    return (MONITORING / "rules.yml").read_text()


def alerts() -> dict[str, str]:
    """Each alert with the text of its rule."""
    parts = re.split(r"^      - (?=alert|record)", rules(), flags=re.MULTILINE)
    return {
        match[1]: part for part in parts if (match := re.match(r"alert: (\w+)\n", part)) is not None
    }


def test_every_alert_has_a_severity_a_sentence_and_a_runbook_and_is_tested() -> None:
    tested = (MONITORING / "rules_test.yml").read_text()
    tested += (MONITORING / "release_test.yml").read_text()
    told = dict(re.findall(r"^\| `(Guahao\w+)` \| (\w+) \|", DOCUMENT.read_text(), re.MULTILINE))
    assert told.keys() == alerts().keys()
    for name, rule in alerts().items():
        [severity] = re.findall(r"severity: (\w+)", rule)
        assert severity in ("page", "ticket")
        assert told[name] == severity
        [runbook] = re.findall(r"runbook: docs/operators/([\w-]+)\.md", rule)
        assert runbook in RUNBOOKS
        assert re.search(r'summary: ".+\."', rule)
        assert f'"{name}"' in tested


def make_dashboard() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dashboard", MONITORING / "make_dashboard.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_dashboard_is_what_its_program_makes() -> None:
    text = (MONITORING / "dashboard.json").read_text()
    assert text == make_dashboard().text(), "run make_dashboard.py > dashboard.json"
    panels: list[dict[str, Any]] = json.loads(text)["panels"]
    rows = [panel["title"] for panel in panels if panel["type"] == "row"]
    assert rows == ["Citizens", "Desk", "Database", "Messages", "Hospitals", "Machines"]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(places)


def used(text: str) -> set[str]:
    """Names of metrics in expressions; of a histogram the family's."""
    names = set(re.findall(r"\bguahao_\w+", text))
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}


@pytest.fixture(scope="module")
def scraped(server_url: str, template_database: str, tmp_path_factory: Any) -> Iterator[str]:
    """The metrics of a running server."""
    with psycopg.connect(server_url, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE scraped TEMPLATE {template_database}".encode())
    port = free_port()
    witness = {
        "name": "公证处",
        "first": "ab" * 32,
        "url": "https://witness.example.cn",
        "begins": "2026-12-01T00:00:00+08:00",
        "minutes": 5,
        "values": 1_000_000,
    }
    settings = {
        "GUAHAO_METRICS_PORT": str(port),
        "GUAHAO_FAIRNESS_WITNESSES": json.dumps([witness]),
    }
    folder = tmp_path_factory.mktemp("scraped")
    with serving(with_database(server_url, "scraped"), folder, settings=settings):
        while True:  # until something was measured
            text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text
            if re.search(r"^guahao_facts_age_seconds \d", text, re.MULTILINE):
                break
    yield text
    with psycopg.connect(server_url, autocommit=True) as conn:
        conn.execute("DROP DATABASE scraped WITH (FORCE)")


def families(text: str) -> dict[str, str]:
    found = re.findall(r"^# TYPE (guahao_\w+) (\w+)$", text, re.MULTILINE)
    return {name: kind for name, kind in found if not name.endswith("_created")}


def test_rules_and_dashboard_use_metrics_that_there_are(scraped: str) -> None:
    known = set(families(scraped))
    dashboard = (MONITORING / "dashboard.json").read_text()
    assert used(rules()) - known == set()
    assert used(dashboard) - known == set()
    assert known - used(rules() + dashboard) == set()  # none that nobody looks at


def test_every_metric_is_documented_with_its_type_and_no_other(scraped: str) -> None:
    rows = re.findall(
        r"^\| `(guahao_\w+)` \| (\w+) \| ([\w ]+) \| (.+) \|$", DOCUMENT.read_text(), re.MULTILINE
    )
    assert {name: kind for name, kind, _, _ in rows} == families(scraped)
    for name, kind, unit, meaning in rows:
        assert name.endswith("_total") is (kind == "counter"), name
        assert (unit == "seconds") is ("_seconds" in name), name
        assert (unit == "bytes") is name.endswith("_bytes"), name
        assert len(meaning) > 10, name


def test_a_fresh_server_says_what_it_knows(scraped: str) -> None:
    samples = {
        sample.name: sample.value
        for family in text_string_to_metric_families(scraped)
        for sample in family.samples
        if not sample.labels
    }
    assert samples["guahao_database_up"] == 1
    assert samples["guahao_schema_current"] == 1
    assert samples["guahao_replication_primary"] == 1
    assert samples["guahao_workers_alive"] == 0
    assert samples["guahao_clock_skew_seconds"] < 2
    assert samples["guahao_disk_size_bytes"] > samples["guahao_disk_free_bytes"] > 0
    assert samples["guahao_database_size_bytes"] > 0
    assert samples["guahao_database_wal_bytes"] > 0
    assert samples["guahao_pool_connections"] >= 1


def knows_a_task(platform: Platform) -> bool:
    return platform.observed.facts is not None and bool(platform.observed.facts.tasks)


async def test_one_process_measures_and_the_others_read_it(database_url: str) -> None:
    async with (
        open_platform(database_url, Clock()) as one,
        open_platform(database_url, Clock()) as other,
    ):
        await observe(other)  # measures first, as nobody has
        await observe(one)
        assert one.observed.facts == other.observed.facts
        async with one.db.transaction() as tx:
            await tx.do("INSERT INTO task_runs (name, error) VALUES ('purge', '')")
        await observe(one)
        assert not knows_a_task(one)  # not within 15 s
        await observe(one, every_seconds=0)
        assert knows_a_task(one)
        assert "guahao_task_success_age_seconds" in all_metrics(one)[0].decode()


async def test_a_scrape_waits_for_no_database(database_url: str) -> None:
    async with (
        network_to(database_url) as network,
        open_platform(network.url, Clock()) as platform,
    ):
        await observe(platform)
        await network.refuse()
        with pytest.raises(psycopg.OperationalError):
            await observe(platform)
        text = all_metrics(platform)[0].decode()
        assert "guahao_schema_current 1.0" in text  # as it was known, with its age
        platform.observed.taken_at -= 61
        text = all_metrics(platform)[0].decode()
        assert "guahao_schema_current 1.0" not in text
        assert re.search(r"^guahao_facts_age_seconds \d", text, re.MULTILINE)
        await network.listen()


def test_the_gauges_of_dead_processes_are_forgotten(tmp_path: Path) -> None:
    program = (
        "from prometheus_client import Gauge\n"
        "from guahao.web.framework.metrics import exposition\n"
        "Gauge('guahao_x', 'x', multiprocess_mode='livemin').set({value})\n"
        "print(exposition()[0].decode())"
    )
    shown = [
        subprocess.run(
            [sys.executable, "-c", program.format(value=value)],
            env={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for value in (0, 1)
    ]
    assert "guahao_x 0.0" in shown[0]
    assert "guahao_x 1.0" in shown[1]
