"""What Prometheus reads of hospitals' webhooks: from the database, alike in every process."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from guahao.flows.platform import Platform
from guahao.flows.webhooks import standings
from guahao.store.webhooks import Standing


class _Standings(Collector):
    def __init__(self, found: Sequence[Standing], now: datetime) -> None:
        self._found = found
        self._now = now

    def collect(self) -> list[Metric]:
        """One sample of each for every hospital, by its code."""
        delivered = CounterMetricFamily(
            "guahao_webhook_delivered", "Events that were taken", labels=["hospital"]
        )
        failed = CounterMetricFamily(
            "guahao_webhook_failed", "Attempts that were not", labels=["hospital"]
        )
        waiting, dead, stays_open, lag = (
            GaugeMetricFamily(f"guahao_webhook_{name}", says, labels=["hospital"])
            for name, says in (
                ("waiting", "Events to be tried again"),
                ("dead", "Events that were given up"),
                ("open", "1 while the hospital does not answer and is left alone"),
                ("lag_seconds", "Age of the oldest event that was not tried yet"),
            )
        )
        for one in self._found:
            delivered.add_metric([one.code], one.delivered)
            failed.add_metric([one.code], one.failed)
            waiting.add_metric([one.code], one.waiting)
            dead.add_metric([one.code], one.dead)
            stays_open.add_metric([one.code], one.probe_at is not None)
            lag.add_metric([one.code], self._age(one.oldest_unsent))
        return [delivered, failed, waiting, dead, stays_open, lag]

    def _age(self, since: datetime | None) -> float:
        return 0 if since is None else max(0, (self._now - since).total_seconds())


async def push_exposition(platform: Platform) -> bytes:
    """How every hospital's webhook does, in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Standings(await standings(platform), platform.db.clock()))
    return generate_latest(registry)
