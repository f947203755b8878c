"""Metrics of the whole platform for Prometheus, from memory and the same in every process."""

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
    """Collects samples of the facts that were measured last."""

    def __init__(self, observed: Observed, expected_standbys: int) -> None:
        self._observed = observed
        self._expected_standbys = expected_standbys

    def collect(self) -> Iterator[Metric]:
        """Yield every metric, without samples where its fact is unknown."""
        known = self._observed.facts
        age = None if known is None else uptime() - self._observed.taken_at
        # Stale facts are left out: they would contradict the processes with fresh ones.
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
            *("kind", [(queue.kind, queue.count) for queue in messages]),
        )
        yield _labelled(
            *("messages_oldest_seconds", "Age of the oldest message to be sent"),
            *("kind", [(queue.kind, queue.oldest_seconds) for queue in messages]),
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
    queues = list(hospitals)
    for name, documentation, values in (
        (
            "delivered",
            "Events that a hospital's system took",
            [queue.delivered for queue in queues],
        ),
        ("failed", "Attempts to deliver an event that failed", [queue.failed for queue in queues]),
    ):
        counter = CounterMetricFamily(f"guahao_webhook_{name}", documentation, labels=["hospital"])
        for queue, value in zip(queues, values, strict=True):
            counter.add_metric([queue.code], value)
        yield counter
    for name, documentation, samples in (
        ("waiting", "Events for a hospital to be tried again", [queue.waiting for queue in queues]),
        ("dead", "Events for a hospital that were given up", [queue.dead for queue in queues]),
        (
            *("open", "1 while the hospital does not answer and is left alone"),
            [int(not queue.is_answering) for queue in queues],
        ),
        (
            *("lag_seconds", "Age of the oldest event for a hospital that was not tried yet"),
            [queue.unsent_seconds for queue in queues],
        ),
        (
            *(
                "oldest_seconds",
                "Age of the oldest event that waits for a hospital; 0 where its webhook is off",
            ),
            [queue.oldest_seconds if queue.is_enabled else 0.0 for queue in queues],
        ),
    ):
        pairs = [(queue.code, value) for queue, value in zip(queues, samples, strict=True)]
        yield _labelled(f"webhook_{name}", documentation, "hospital", pairs)


def _gauge(name: str, documentation: str, value: Value) -> GaugeMetricFamily:
    metric = GaugeMetricFamily(f"guahao_{name}", documentation)
    if value is not None:
        metric.add_metric([], value)
    return metric


def _labelled(
    name: str, documentation: str, label: str, samples: Iterable[tuple[str, Value]]
) -> GaugeMetricFamily:
    metric = GaugeMetricFamily(f"guahao_{name}", documentation, labels=[label])
    for of, value in samples:
        if value is not None:
            metric.add_metric([of], value)
    return metric


def facts_exposition(platform: Platform) -> bytes:
    """Return the known facts of the platform, in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(FactsCollector(platform.observed, platform.settings.standbys))
    return generate_latest(registry)
