"""Hypothesis for the law: in CI the same examples every time, at a desk new ones.

`make mutants` runs the tests thousands of times: few examples, and no search for the smallest.
"""

import os

from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "law",
    deadline=None,  # a slow machine is not a broken rule
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=100,
    derandomize="CI" in os.environ,
)
settings.register_profile(
    "mutants",
    settings.get_profile("law"),
    max_examples=25,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
)
settings.load_profile("mutants" if "GUAHAO_MUTANTS" in os.environ else "law")
