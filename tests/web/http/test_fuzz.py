"""Every call that the description offers, tried with what a fuzzer (Schemathesis) makes of it.

For a longer hunt: `GUAHAO_FUZZ_EXAMPLES=500 pytest tests/web/http/test_fuzz.py`,
each time other cases.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.city import Clock, add_session, ask, open_platform
from tests.conftest import SOURCES
from tests.crowd import open_desk
from tests.web.hospital_site import add_system, session_item
from tests.web.http.test_real_server import SECRET_KEY, Server, serving
from tests.web.site import Site, add_citizen, booked

from guahao.web.app import create_app

# Half of the time an id that exists, so that calls come further than "not found".
# What a call refuses for its sense (a phone that is none) is judged by `tests.web.fuzzing`.
CONFIG = """
hooks = "tests.web.fuzzing"
continue-on-failure = true
warnings = false

[cache]
enabled = false

[generation]
database = "none"

[phases.stateful]
enabled = false

[checks]
positive_data_acceptance.enabled = false
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 409, 413, 414, 415, 422, 429]
# The gate before the booking calls may answer first.
missing_required_header.expected-statuses = [400, 401, 403, 406, 422, 429]

[auth.openapi]
token = {{ bearer = "{token}" }}
hospital = {{ bearer = "{hospital_token}" }}

[dictionaries]
hospital = {{ values = [{hospital_id}] }}
department = {{ values = [{department_id}] }}
session = {{ values = [{session_id}] }}
patient = {{ values = [{patient_id}] }}
appointment = {{ values = [{appointment_id}] }}
theirs = {{ values = ["D2"] }}
external = {{ values = ["S1"] }}
order = {{ values = ["{order_no}"] }}

# Many items a call, each refused for itself in an answer that is a success: our own check.
[[operations]]
include-path-regex = "/api/v1/hospital/.+"
include-method = "PUT"
checks.negative_data_rejection.enabled = false

[parameters]
"path.hospital_id" = {{ dictionary = "hospital", probability = 0.5 }}
"query.hospital_id" = {{ dictionary = "hospital", probability = 0.5 }}
"query.department_id" = {{ dictionary = "department", probability = 0.5 }}
"path.appointment_id" = {{ dictionary = "appointment", probability = 0.5 }}
"body.clinic_session_id" = {{ dictionary = "session", probability = 0.5 }}
"body.patient_id" = {{ dictionary = "patient", probability = 0.5 }}
"path.external_id" = {{ dictionary = "external", probability = 0.5 }}
"body.items[*].appointment_id" = {{ dictionary = "appointment", probability = 0.5 }}
"body.bookings[*].order_no" = {{ dictionary = "order", probability = 0.5 }}
"body.items[*].department_external_id" = {{ dictionary = "theirs", probability = 0.5 }}
"""
ROOT = Path(__file__).parents[3]
EXAMPLES = 10  # a call, besides those that cover each border of its description


@pytest.fixture
async def config(database_url: str, clock: Clock, tmp_path: Path) -> Path:
    """Who calls, and the ids of what there is."""
    async with open_platform(database_url, clock) as platform, open_desk(platform) as desk:
        site = Site(create_app(platform, desk), platform)
        citizen = await add_citizen(site)
        booking = await booked(site, citizen)
        session_id = await add_session(platform)
        [place] = await ask(
            platform,
            "SELECT hospital_id, department_id FROM clinic_sessions WHERE id = %s",
            session_id,
        )
        system = await add_system(site, booking["hospital_id"])
        await system.publish_departments()
        await system.publish([session_item()])
    path = tmp_path / "schemathesis.toml"
    path.write_text(
        CONFIG.format(
            token=citizen.token,
            hospital_token=system.token,
            hospital_id=place[0],
            department_id=place[1],
            session_id=session_id,
            patient_id=citizen.patient_id,
            appointment_id=booking["id"],
            order_no=booking["order_no"],
        )
    )
    return path


def test_no_call_fails_or_answers_what_its_description_does_not_tell(
    database_url: str, config: Path, tmp_path: Path
) -> None:
    with serving(database_url, tmp_path) as server:
        hunt = fuzz(server, config)
    assert hunt.returncode == 0, hunt.stdout
    assert "No issues found" in hunt.stdout, hunt.stdout
    # Whatever was sent: all that the records tell still agrees.
    environ = {"PYTHONPATH": SOURCES, "GUAHAO_DATABASE_URL": database_url}
    environ |= {"PATH": os.environ["PATH"], "GUAHAO_SECRET_KEY": SECRET_KEY}
    environ["GUAHAO_CLOCK_START"] = "2026-11-30T10:00:00"  # an hour after the server's
    audit = subprocess.run(
        [sys.executable, "-m", "guahao", "audit"],
        env={**environ, "GUAHAO_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert audit.returncode == 0, audit.stdout + audit.stderr


def fuzz(server: Server, config: Path) -> subprocess.CompletedProcess[str]:
    """A run of `schemathesis run` against the server."""
    wished = os.environ.get("GUAHAO_FUZZ_EXAMPLES")
    same_again = [] if wished else ["--generation-deterministic"]
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"]
    command += [f"{server.url}/schema/openapi.json", "--max-examples", wished or str(EXAMPLES)]
    return subprocess.run(
        [*command, *same_again],
        cwd=config.parent,  # where it leaves its notes
        env={**os.environ, "PYTHONPATH": str(ROOT), "CI": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
