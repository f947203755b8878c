"""What a supervisor sees of the call centre at a glance."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class CallNow:
    """A call that goes on: whose, since when, and whether the caller is verified."""

    login: str
    opened_at: datetime
    is_verified: bool


@dataclass(frozen=True, slots=True)
class TasksWaiting:
    """Open call tasks of a kind: how many, of them due now, and since when the oldest waits."""

    kind: str
    waiting: int
    due: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class AgentToday:
    """An agent's calls of today by what came of them, and look-ups that a limit refused."""

    login: str
    calls: int
    results: dict[str, int] = field(default_factory=dict)
    throttled: int = 0


@dataclass(frozen=True, slots=True)
class CallCentreOverview:
    """The call centre at a moment."""

    calls: list[CallNow]
    tasks: list[TasksWaiting]
    agents: list[AgentToday]
