"""Print the Grafana dashboard: python make_dashboard.py > dashboard.json"""

from __future__ import annotations

import json
import sys
from typing import Any

_WIDTH, _HEIGHT = 6, 7  # of a panel; a row of the grid is 24 wide
_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
_OURS = 'outcome=~"failed|busy|booking_unavailable|outcome_unknown"'

# Row: panel: (unit, query: legend, ...)
Panels = dict[str, tuple[str, dict[str, str]]]
ROWS: dict[str, Panels] = {
    "Citizens": {
        "Requests a second": (
            "reqps",
            {"sum by (status) (rate(guahao_http_requests_total[1m]))": "{{status}}"},
        ),
        "Public answers a second by where they come from": (
            "reqps",
            {"sum by (found) (rate(guahao_public_answers_total[1m]))": "{{found}}"},
        ),
        "Failures of ours (objective 0.05 %)": (
            "percentunit",
            {
                "guahao:requests_failed:ratio_rate5m": "5 minutes",
                "guahao:requests_failed:ratio_rate1h": "1 hour",
                "guahao:requests_failed:ratio_rate3d": "3 days",
            },
        ),
        "Time to answer": (
            "s",
            {
                f"histogram_quantile({quantile},"
                " sum by (le) (rate(guahao_http_request_seconds_bucket[1m])))": f"{quantile}"
                for quantile in (0.5, 0.95, 0.99)
            },
        ),
        "Refused sign-ins, codes and forms a second": (
            "reqps",
            {"sum by (event) (rate(guahao_security_events_total[5m]))": "{{event}}"},
        ),
    },
    "Desk": {
        "Bookings a second by outcome": (
            "reqps",
            {"sum by (outcome) (rate(guahao_desk_answers_total[1m]))": "{{outcome}}"},
        ),
        "Bookings that we failed (release objective 0.1 %)": (
            "percentunit",
            {
                "guahao:bookings_failed:ratio_rate1m": "1 minute",
                "guahao:bookings_failed:ratio_rate5m": "5 minutes",
            },
        ),
        "Waiting, and the oldest": (
            "short",
            {
                "sum(guahao_desk_waiting_requests)": "requests",
                "max(guahao_desk_oldest_seconds)": "oldest, seconds",
            },
        ),
        "Batches": (
            "short",
            {
                "sum(rate(guahao_desk_batch_requests_sum[1m]))"
                " / sum(rate(guahao_desk_batch_requests_count[1m]))": "requests a batch",
                "histogram_quantile(0.95,"
                " sum by (le) (rate(guahao_desk_batch_seconds_bucket[1m])))": "seconds, 95 %",
            },
        ),
    },
    "Database": {
        "A primary answers": (
            "short",
            {
                "min by (instance) (guahao_database_up)": "{{instance}}",
                "min(guahao_replication_primary)": "is a primary",
                "min(guahao_schema_current)": "schema is the program's",
            },
        ),
        "Synchronous standbys": (
            "short",
            {
                "min(guahao_replication_synchronous_standbys)": "synchronous",
                "min(guahao_replication_attached_standbys)": "attached",
                "max(guahao_replication_expected_standbys)": "expected",
            },
        ),
        "Standby behind, bytes": (
            "bytes",
            {
                "max(guahao_replication_behind_bytes)": "behind",
                "max by (slot) (guahao_database_slot_held_bytes)": "held by {{slot}}",
            },
        ),
        "Standby behind, seconds": ("s", {"max(guahao_replication_lag_seconds)": "replay"}),
        "Connections": (
            "short",
            {
                "max(guahao_database_connections)": "in use",
                "max(guahao_database_connections_limit)": "allowed",
            },
        ),
        "Pools": (
            "short",
            {
                "sum by (instance) (guahao_pool_connections)": "{{instance}} open",
                "sum by (instance) (guahao_pool_idle_connections)": "{{instance}} idle",
                "sum by (instance) (guahao_pool_waiting_requests)": "{{instance}} waiting",
            },
        ),
        "Size": (
            "bytes",
            {
                "max(guahao_database_size_bytes)": "database",
                "max(guahao_database_wal_bytes)": "write-ahead log",
                "max(guahao_backup_size_bytes)": "last backup",
            },
        ),
        "Age of backups": (
            "s",
            {
                "min(guahao_backup_age_seconds)": "backup",
                "min(guahao_backup_verified_age_seconds)": "verified by restoring",
            },
        ),
    },
    "Messages": {
        "Messages that wait": (
            "short",
            {"max by (kind) (guahao_messages_waiting)": "{{kind}}"},
        ),
        "The oldest of them": (
            "s",
            {"max by (kind) (guahao_messages_oldest_seconds)": "{{kind}}"},
        ),
        "Workers": (
            "short",
            {
                "max(guahao_workers_alive)": "alive",
                "max(guahao_workers_dead)": "dead",
                "min(guahao_worker_heartbeat_age_seconds)": "heartbeat, seconds",
                "max(guahao_jobs_failed)": "failed jobs",
            },
        ),
        "National holidays known": (
            "d",
            {"min(guahao_calendar_known_days)": "days ahead"},
        ),
        "Witnesses of draws have values": (
            "d",
            {"min by (witness) (guahao_witness_days_left)": "{{witness}}"},
        ),
        "Periodic tasks": (
            "s",
            {
                "max by (task) (guahao_task_success_age_seconds)": "{{task}}, since success",
                "max by (task) (guahao_task_seconds)": "{{task}}, took",
                "max by (task) (guahao_task_late)": "{{task}} is late",
            },
        ),
    },
    "Hospitals": {
        "Events a second": (
            "reqps",
            {
                "sum(rate(guahao_webhook_delivered_total[5m]))": "delivered",
                "sum(rate(guahao_webhook_failed_total[5m]))": "failed attempts",
            },
        ),
        "Waiting events": (
            "short",
            {"max by (hospital) (guahao_webhook_waiting) > 0": "{{hospital}}"},
        ),
        "The oldest of them": (
            "s",
            {
                "max by (hospital) (guahao_webhook_oldest_seconds) > 60": "{{hospital}}",
                "max by (hospital) (guahao_webhook_lag_seconds) > 60": "{{hospital}}, not tried",
            },
        ),
        "Not answering, given up": (
            "short",
            {
                "max by (hospital) (guahao_webhook_open) > 0": "{{hospital}} does not answer",
                "max by (hospital) (guahao_webhook_dead) > 0": "{{hospital}} given up",
            },
        ),
    },
    "Machines": {
        "Clock off the database's": (
            "s",
            {"max by (instance) (guahao_clock_skew_seconds)": "{{instance}}"},
        ),
        "Free disk": (
            "percentunit",
            {
                "min by (instance) (guahao_disk_free_bytes / guahao_disk_size_bytes)": (
                    "{{instance}}"
                )
            },
        ),
        "Age of what is measured": (
            "s",
            {"max by (instance) (guahao_facts_age_seconds)": "{{instance}}"},
        ),
        "Machines that answer": ("short", {'up{job="guahao"}': "{{instance}}"}),
    },
}


def dashboard() -> dict[str, Any]:
    """Return the dashboard as Grafana imports it."""
    panels: list[dict[str, Any]] = []
    top = 0
    for title, row in ROWS.items():
        place = {"x": 0, "y": top, "w": 24, "h": 1}
        panels.append(
            {
                "id": len(panels) + 1,
                "type": "row",
                "title": title,
                "gridPos": place,
                "collapsed": False,
                "panels": [],
            }
        )
        top += 1
        for number, (name, (unit, queries)) in enumerate(row.items()):
            across, down = number % (24 // _WIDTH), number // (24 // _WIDTH)
            panels.append(
                {
                    "id": len(panels) + 1,
                    "type": "timeseries",
                    "title": name,
                    "datasource": _DATASOURCE,
                    "gridPos": {
                        "x": across * _WIDTH,
                        "y": top + down * _HEIGHT,
                        "w": _WIDTH,
                        "h": _HEIGHT,
                    },
                    "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
                    "targets": [
                        {
                            "refId": chr(ord("A") + at),
                            "datasource": _DATASOURCE,
                            "expr": expr,
                            "legendFormat": legend,
                        }
                        for at, (expr, legend) in enumerate(queries.items())
                    ],
                }
            )
        top += _HEIGHT * (1 + (len(row) - 1) // (24 // _WIDTH))
    return {
        "uid": "guahao",
        "title": "guahao",
        "tags": ["guahao"],
        "timezone": "Asia/Shanghai",
        "schemaVersion": 38,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {
            "list": [{"name": "datasource", "type": "datasource", "query": "prometheus"}]
        },
        "panels": panels,
    }


def text() -> str:
    """Return the file's text."""
    return json.dumps(dashboard(), indent=1) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
