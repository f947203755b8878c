"""The body of an event: the booking as the hospital's API shows it."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

import msgspec

from guahao.rules.kernel.limits import CITY_TIME
from guahao.store.integration.hospital_bookings import HospitalBooking
from guahao.store.integration.webhooks import Delivery


def body_of(event: Delivery, booking: HospitalBooking) -> bytes:
    """Return the event as JSON, and the booking with the status that the event gave it."""
    return msgspec.json.encode(
        {
            "event_id": event.event_id,
            "kind": event.kind,
            "occurred_at": _moment(event.at),
            "booking": _booking(event, booking),
        }
    )


def _booking(event: Delivery, booking: HospitalBooking) -> dict[str, Any]:
    session, patient = booking.session, booking.patient
    return {
        "id": booking.id,
        "order_no": booking.order_no,
        "status": "booked" if event.kind == "restored" else event.kind,
        "channel": booking.channel,
        "booked_at": _moment(booking.booked_at),
        "changed_at": _moment(event.at),
        "clinic_session_id": booking.session_id,
        "session_external_id": booking.session_external_id,
        "department_external_id": booking.department_external_id,
        "department_name": booking.department_name,
        "title": session.title,
        "specialty": session.specialty,
        "visit_date": session.visit_date,
        "period": session.period,
        "starts_at": _clock(session.starts_at),
        "ends_at": _clock(session.ends_at),
        "fee_fen": session.fee_fen,
        "patient": {"name": patient.name, "id_type": patient.id_type, "id_no": patient.id_no},
    }


def _moment(at: datetime) -> datetime:
    return at.astimezone(CITY_TIME).replace(microsecond=0)


def _clock(at: time | None) -> str | None:
    return None if at is None else at.isoformat("minutes")
