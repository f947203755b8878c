"""What is known of the platform's own operation. Ages in seconds, None: never, or not known."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Standby:
    """A standby of the primary. No `state`: the database's owner may not see it."""

    name: str
    state: str | None
    sync_state: str | None
    behind_bytes: int | None
    lag_seconds: float | None

    @property
    def is_synchronous(self) -> bool:
        """Return whether commits wait for it."""
        return self.state == "streaming" and self.sync_state in ("sync", "quorum")


@dataclass(frozen=True, slots=True)
class ReplicationSlot:
    """A replication slot, and how much write-ahead log it holds back."""

    name: str
    is_active: bool
    held_bytes: int | None


@dataclass(frozen=True, slots=True)
class TaskRun:
    """How a periodic task ran last. `first_age`: since when it is known."""

    name: str
    first_age: float
    succeeded_age: float | None
    seconds: float | None
    failed_age: float | None
    error: str


@dataclass(frozen=True, slots=True)
class WaitingMessages:
    """The messages of a kind that wait to be sent, and are not held for the morning."""

    kind: str
    count: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class HospitalQueue:
    """The events of which a hospital's system is to be notified."""

    code: str
    is_enabled: bool
    is_answering: bool
    waiting: int
    dead: int
    delivered: int
    failed: int
    oldest_seconds: float  # of what waits, tried or not
    unsent_seconds: float  # of what was not tried yet
    name: str = ""
    name_en: str = ""


@dataclass(frozen=True, slots=True)
class Backup:
    """How backups, or their verifications, went last."""

    succeeded_age: float | None
    last_failed: bool
    detail: str
    size_bytes: int | None


@dataclass(frozen=True, slots=True)
class Replication:
    """What the database's server says of itself and its standbys."""

    is_primary: bool
    asks_for_synchronous: bool  # synchronous_standby_names is not empty
    standbys: tuple[Standby, ...]

    @property
    def is_visible(self) -> bool:
        """Return whether the states of the standbys could be read."""
        return all(standby.state is not None for standby in self.standbys)

    @property
    def synchronous(self) -> int:
        """Count the standbys that commits wait for."""
        return sum(standby.is_synchronous for standby in self.standbys)


@dataclass(frozen=True, slots=True)
class ServerUse:
    """Connections and bytes of the database's server. No `wal_bytes`: the owner may not see it."""

    connections: int
    max_connections: int
    database_bytes: int
    wal_bytes: int | None
    slots: tuple[ReplicationSlot, ...]


@dataclass(frozen=True, slots=True)
class Workers:
    """Workers with a heartbeat, those that died, and how old the newest heartbeat is."""

    alive: int
    dead: int
    heartbeat_age: float | None


@dataclass(frozen=True, slots=True)
class Facts:
    """All facts that SQL can measure. None: could not be measured."""

    revision: str | None = None
    replication: Replication | None = None
    server: ServerUse | None = None
    workers: Workers | None = None
    tasks: tuple[TaskRun, ...] | None = None
    failed_jobs: int | None = None
    undelivered: tuple[WaitingMessages, ...] | None = None
    hospitals: tuple[HospitalQueue, ...] | None = None
    backup: Backup | None = None
    verification: Backup | None = None
    maintenance: tuple[Maintenance, ...] | None = None


@dataclass(frozen=True, slots=True)
class Maintenance:
    """What the operator announces of maintenance or an incident, in both languages."""

    title: str
    title_en: str
    body: str
    body_en: str


@dataclass(slots=True)
class Observed:
    """What this process knows: the last facts, and when they were taken, by its uptime."""

    facts: Facts | None = None
    taken_at: float = 0.0
