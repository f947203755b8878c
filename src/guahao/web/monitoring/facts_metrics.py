"""What Prometheus reads of the whole platform: from memory, alike in every process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from guahao.clock import uptime
from guahao.flows.kernel.platform import Platform
from guahao.rules.operations.checks import late_tasks
from guahao.rules.operations.facts import (
    Facts,
    HospitalQueue,
    Observed,
    Replication,
    ServerUse,
    TaskRun,
    Workers,
)
from guahao.store.kernel.migrate import SchemaState, schema_at

Value = float | int | None
STALE_SECONDS = 60.0


class FactsCollector(Collector):
    """Samples of the facts that were measured last."""

    def __init__(self, observed: Observed, expected_standbys: int) -> None:
        self._observed = observed
        self._expected_standbys = expected_standbys

    def collect(self) -> Iterator[Metric]:
        """Every metric, without samples where its fact is unknown."""
        known = self._observed.facts
        age = None if known is None else uptime() - self._observed.taken_at
        # What is old is not said: the machines that know better would be contradicted.
        is_fresh = age is not None and age <= STALE_SECONDS
        facts = known if known is not None and is_fresh else Facts()
        yield _gauge("facts_age_seconds", "Age of what is measured by SQL", age)
        yield _gauge(
            "schema_current",
            "1 where the database's schema is the version's of this process",
            None if facts.revision is None else _is_current(facts.revision),
        )
        yield from _of_replication(facts.replication, self._expected_standbys)
        yield from _of_server(facts.server)
        yield from _of_workers(facts.workers)
        yield from _of_tasks(facts.tasks)
        yield _gauge("jobs_failed", "Background jobs that ended as failed", facts.failed_jobs)
        messages = facts.undelivered or ()
        yield _labelled(
            *("messages_waiting", "Messages to be sent, without those held for the morning"),
            *("kind", [(one.kind, one.count) for one in messages]),
        )
        yield _labelled(
            *("messages_oldest_seconds", "Age of the oldest message to be sent"),
            *("kind", [(one.kind, one.oldest_seconds) for one in messages]),
        )
        yield from _of_hospitals(facts.hospitals or ())
        for name, what, runs in (
            ("backup", "backup", facts.backup),
            ("backup_verified", "verified restore of a backup", facts.verification),
        ):
            age = None if runs is None else runs.succeeded_age
            yield _gauge(f"{name}_age_seconds", f"Age of the last {what}", age)
        size = None if facts.backup is None else facts.backup.size_bytes
        yield _gauge("backup_size_bytes", "Size of the last backup", size)


@cache
def _is_current(revision: str) -> bool:
    return schema_at(revision).state is SchemaState.UP_TO_DATE


def _of_replication(replication: Replication | None, expected: int) -> Iterator[Metric]:
    is_primary = synchronous = attached = behind = lag = None
    if replication is not None:
        is_primary = int(replication.is_primary)
    if replication is not None and replication.is_primary and replication.is_visible:
        standbys = replication.standbys
        synchronous, attached = replication.synchronous, len(standbys)
        behind = max((standby.behind_bytes or 0 for standby in standbys), default=0)
        lag = max((standby.lag_seconds or 0 for standby in standbys), default=0)
    name = "replication"
    yield _gauge(f"{name}_primary", "1 where the server is a primary", is_primary)
    yield _gauge(
        f"{name}_expected_standbys", "How many synchronous standbys there should be", expected
    )
    yield _gauge(f"{name}_synchronous_standbys", "Standbys that commits wait for", synchronous)
    yield _gauge(f"{name}_attached_standbys", "Standbys that are attached to the primary", attached)
    yield _gauge(f"{name}_behind_bytes", "How far the slowest standby is behind", behind)
    yield _gauge(f"{name}_lag_seconds", "How late the slowest standby replays", lag)


def _of_server(server: ServerUse | None) -> Iterator[Metric]:
    name = "database"
    yield _gauge(
        f"{name}_connections",
        "Connections to the server",
        None if server is None else server.connections,
    )
    yield _gauge(
        f"{name}_connections_limit",
        "Connections that the server allows",
        None if server is None else server.max_connections,
    )
    yield _gauge(
        f"{name}_size_bytes",
        "Size of the database",
        None if server is None else server.database_bytes,
    )
    yield _gauge(
        f"{name}_wal_bytes",
        "Size of the server's write-ahead log",
        None if server is None else server.wal_bytes,
    )
    slots = () if server is None else server.slots
    yield _labelled(
        *(f"{name}_slot_held_bytes", "Write-ahead log that a replication slot holds"),
        *("slot", [(slot.name, slot.held_bytes or 0) for slot in slots]),
    )


def _of_workers(workers: Workers | None) -> Iterator[Metric]:
    yield _gauge(
        "workers_alive", "Workers with a heartbeat", None if workers is None else workers.alive
    )
    yield _gauge(
        "workers_dead",
        "Workers without a heartbeat, not yet cleared",
        None if workers is None else workers.dead,
    )
    yield _gauge(
        "worker_heartbeat_age_seconds",
        "Age of the newest heartbeat",
        None if workers is None else workers.heartbeat_age,
    )


def _of_tasks(tasks: tuple[TaskRun, ...] | None) -> Iterator[Metric]:
    runs = tasks or ()
    late = set(late_tasks(runs))
    yield _labelled(
        *("task_success_age_seconds", "Since a periodic task last ran to its end"),
        *("task", [(run.name, run.succeeded_age) for run in runs]),
    )
    yield _labelled(
        *("task_seconds", "How long a periodic task's last successful run took"),
        *("task", [(run.name, run.seconds) for run in runs]),
    )
    yield _labelled(
        *("task_late", "1 where a periodic task is late by its schedule"),
        *("task", [(name, 1) for name in sorted(late)]),
    )


def _of_hospitals(hospitals: Iterable[HospitalQueue]) -> Iterator[Metric]:
    found = list(hospitals)
    for name, says, values in (
        ("delivered", "Events that a hospital's system took", [one.delivered for one in found]),
        ("failed", "Attempts to deliver an event that failed", [one.failed for one in found]),
    ):
        counter = CounterMetricFamily(f"guahao_webhook_{name}", says, labels=["hospital"])
        for one, value in zip(found, values, strict=True):
            counter.add_metric([one.code], value)
        yield counter
    for name, says, samples in (
        ("waiting", "Events for a hospital to be tried again", [one.waiting for one in found]),
        ("dead", "Events for a hospital that were given up", [one.dead for one in found]),
        (
            *("open", "1 while the hospital does not answer and is left alone"),
            [int(not one.is_answering) for one in found],
        ),
        (
            *("lag_seconds", "Age of the oldest event for a hospital that was not tried yet"),
            [one.unsent_seconds for one in found],
        ),
        (
            *(
                "oldest_seconds",
                "Age of the oldest event that waits for a hospital; 0 where its webhook is off",
            ),
            [one.oldest_seconds if one.is_enabled else 0.0 for one in found],
        ),
    ):
        pairs = [(one.code, value) for one, value in zip(found, samples, strict=True)]
        yield _labelled(f"webhook_{name}", says, "hospital", pairs)


def _gauge(name: str, says: str, value: Value) -> GaugeMetricFamily:
    metric = GaugeMetricFamily(f"guahao_{name}", says)
    if value is not None:
        metric.add_metric([], value)
    return metric


def _labelled(
    name: str, says: str, label: str, samples: Iterable[tuple[str, Value]]
) -> GaugeMetricFamily:
    metric = GaugeMetricFamily(f"guahao_{name}", says, labels=[label])
    for of, value in samples:
        if value is not None:
            metric.add_metric([of], value)
    return metric


def facts_exposition(platform: Platform) -> bytes:
    """What is known of the platform, in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(FactsCollector(platform.observed, platform.settings.standbys))
    return generate_latest(registry)
