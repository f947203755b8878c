"""Metrics for Prometheus: requests by route and their duration.

Several web processes share their counters if PROMETHEUS_MULTIPROC_DIR names a folder before the
first import.
"""

from __future__ import annotations

import os
from pathlib import Path

import psutil
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    multiprocess,
)

_requests = Counter(
    "guahao_http_requests", "Requests by route and status", ["method", "route", "status"]
)
_seconds = Histogram(
    "guahao_http_request_seconds",
    "Time from request to response",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
_FOUND = ("stored", "shared", "rendered")
_public = Counter(
    "guahao_public_answers", "Public requests by where their answer came from", ["found"]
)
_public_counters = {found: _public.labels(found) for found in _FOUND}
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Cached: there are few label sets (routes are templates), and the library's look-up costs more.
_cache: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}


def count_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count a request. `route` is the template, never the path."""
    labelled = _cache.get((method, route, status))
    if labelled is None:
        known = method if method in _METHODS else "other"
        labelled = _requests.labels(known, route, status), _seconds.labels(known, route)
        if known == method:
            _cache[method, route, status] = labelled
    counter, histogram = labelled
    counter.inc()
    histogram.observe(seconds)


def count_public_answer(found: str) -> None:
    """Count a public request by where its answer came from."""
    _public_counters[found].inc()


def public_answers() -> dict[str, int]:
    """Return this machine's public requests by where the answers came from, of all processes."""
    registry = _registry()
    values = {
        found: registry.get_sample_value("guahao_public_answers_total", {"found": found})
        for found in _FOUND
    }
    return {found: int(value or 0) for found, value in values.items()}


def exposition() -> tuple[bytes, str]:
    """Return all metrics of all processes, and their content type."""
    return generate_latest(_registry()), CONTENT_TYPE_LATEST


def _registry() -> CollectorRegistry:
    """Return what collects the samples of all processes."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    _forget_dead(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]))
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def _forget_dead(folder: Path) -> None:
    """Delete the gauges of processes that no longer exist."""
    for file in folder.glob("gauge_live*.db"):
        pid = file.stem.rpartition("_")[2]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            file.unlink(missing_ok=True)
