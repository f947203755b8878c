"""Every periodic task has its schedule, and its runs are recorded."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.city import Clock, ask, open_platform
from tests.web.site import closed

from guahao.flows.operations.recording import Recording
from guahao.jobs import create_jobs
from guahao.notices.outbox import OutboxGateway
from guahao.rules.operations.checks import WORKERS_A_PROCESS
from guahao.rules.operations.schedules import SCHEDULES
from guahao.worker import WORKERS


def test_every_periodic_task_has_a_schedule_and_no_other() -> None:
    platform = closed(Clock()).platform
    app = create_jobs(platform, OutboxGateway(platform.db, platform.vault))
    tasks = app.periodic_registry.periodic_tasks.values()
    assert {task.task.name: task.cron for task in tasks} == {
        name: schedule.cron for name, schedule in SCHEDULES.items()
    }


def test_a_process_has_as_many_workers_as_doctor_counts_by() -> None:
    assert len(WORKERS) == WORKERS_A_PROCESS


async def test_a_run_is_recorded_and_its_error_goes_on(database_url: str) -> None:
    async with open_platform(database_url, Clock()) as platform:
        recording = Recording(platform)
        with pytest.raises(KeyError, match="13800138000"):
            async with recording.recorded("purge"):
                raise KeyError("13800138000")
        [[succeeded, failed, error]] = await ask(
            platform, "SELECT succeeded_at, failed_at, error FROM task_runs"
        )
        assert (succeeded, error) == (None, "KeyError")  # nothing of what the error said
        for _ in range(2):
            async with recording.recorded("purge"):
                pass
        [[succeeded, seconds]] = await ask(platform, "SELECT succeeded_at, seconds FROM task_runs")
        assert succeeded > failed
        assert timedelta(seconds=seconds) < timedelta(minutes=1)
