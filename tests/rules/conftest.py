"""Hypothesis for the law: in CI the same examples every time, at a desk new ones."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "law",
    deadline=None,  # a slow machine is not a broken rule
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=100,
    derandomize="CI" in os.environ,
)
settings.load_profile("law")
