"""A hospital's own system reports who came and who did not (S16)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from guahao.flows.attendance.penalties import derive_and_relieve
from guahao.flows.attendance.window import record_no_shows
from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.attendance.attendance import AttendanceRefusal, decide_attendance
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.staff.staff import OfHospital
from guahao.store.attendance import penalties as penalty_store
from guahao.store.attendance import window as window_store
from guahao.store.booking.appointments import LockedAppointment, lock_appointments
from guahao.store.kernel.db import Tx
from guahao.store.people import registrations

_ITEMS_A_CHUNK = 200


@dataclass(frozen=True, slots=True)
class AttendanceReport:
    """Whether the person of a booking came to be seen."""

    appointment_id: int
    seen: bool


@dataclass(frozen=True, slots=True)
class Reported:
    """The status of a booking now; `changed`: by this very report."""

    status: str
    changed: bool


async def report(
    platform: Platform, by: OfHospital, reports: Sequence[AttendanceReport]
) -> list[Reported | Refused[AttendanceRefusal]]:
    """Record who came; return an outcome for each report, in order.

    Of two reports of one booking the last counts.
    """
    wanted = {report.appointment_id: report.seen for report in reports}
    ids = list(wanted)
    outcomes: dict[int, Reported | Refused[AttendanceRefusal]] = {}
    for start in range(0, len(ids), _ITEMS_A_CHUNK):
        chunk = {id: wanted[id] for id in ids[start : start + _ITEMS_A_CHUNK]}
        outcomes |= await _report_chunk(platform, by, chunk)
    return [outcomes[report.appointment_id] for report in reports]


async def _report_chunk(
    platform: Platform, by: OfHospital, wanted: Mapping[int, bool]
) -> dict[int, Reported | Refused[AttendanceRefusal]]:
    """Record a chunk of reports. `wanted`: whether each patient was seen, by appointment."""
    async with acting(platform, by.who, hospital_id=by.own_hospital_id) as act:
        await penalty_store.lock_appointments_persons_and_sessions(act.tx, list(wanted))
        found = await lock_appointments(act.tx, list(wanted))
        outcomes = {id: _decided(act.tx, found.get(id), seen) for id, seen in wanted.items()}
        changed = {
            id: outcome.status
            for id, outcome in outcomes.items()
            if isinstance(outcome, Reported) and outcome.changed
        }
        written = await _write(act.tx, platform, changed) if changed else {}
        for id in changed.keys() - written.keys():
            # Bookings that must not become no-shows keep their status; report it unchanged.
            outcomes[id] = Reported(found[id].facts.status, changed=False)
        if written:
            await act.record("report_attendance", detail={"appointments": written})
    return outcomes


def _decided(
    tx: Tx, locked: LockedAppointment | None, seen: bool
) -> Reported | Refused[AttendanceRefusal]:
    if locked is None:
        return Refused(AttendanceRefusal.UNKNOWN)
    match decide_attendance(locked.facts, seen, tx.now):
        case AttendanceRefusal() as refusal:
            return Refused(refusal)
        case None:
            return Reported(locked.facts.status, changed=False)
        case str() as status:
            return Reported(status, changed=True)
        case never:
            assert_never(never)


async def _write(tx: Tx, platform: Platform, changed: Mapping[int, str]) -> dict[int, str]:
    """Write the statuses by appointment, and return those that were recorded."""
    present = [id for id, status in changed.items() if status == "picked_up"]
    came = await window_store.enter_pick_ups(tx, present)
    absent = [id for id, status in changed.items() if status == "no_show"]
    missed = await penalty_store.record_attendance(tx, absent, "no_show")
    await record_no_shows(tx, platform, missed)
    spared = [id for id, status in changed.items() if status == "unverified"]
    void = await penalty_store.record_attendance(tx, spared, "unverified")
    async with tx.as_platform():
        await registrations.check_by_pick_up(tx, [row.appointment_id for row in came])
        await derive_and_relieve(tx, platform, [row.patient_id for row in came])
    recorded = {row.appointment_id for row in (*came, *missed, *void)}
    return {id: status for id, status in changed.items() if id in recorded}
