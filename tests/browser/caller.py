"""Somebody else, who books by the API while a page is open; invented."""

from __future__ import annotations

import httpx
from tests.browser.visitor import Visitor
from tests.city import phone, resident_id


async def book_by_api(base: str, number: int, session_id: int | None = None) -> str:
    """A newcomer of this number books the session, or any that is free; return their token."""
    async with httpx.AsyncClient(base_url=f"{base}/api/v1") as client:
        await client.post("/auth/otp", json={"phone": phone(number)})
        otp = await _otp(base, phone(number))
        answer = await client.post("/auth/token", json={"phone": phone(number), "otp": otp})
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        patient = {"name": "李小红", "id_type": "01", "id_no": resident_id(number)}
        added = await client.post("/patients", json=patient)
        wish = {
            "clinic_session_id": session_id or await _a_free_session(client),
            "patient_id": added.json()["id"],
        }
        booked = await client.post("/appointments", json=wish, headers={"Idempotency-Key": "once"})
        assert booked.status_code == 201, booked.text
        return str(answer.json()["access_token"])


async def _a_free_session(client: httpx.AsyncClient) -> int:
    departments = (await client.get("/hospitals/1/departments")).json()["items"]
    for department in departments:
        query = {"hospital_id": 1, "department_id": department["id"]}
        sessions = (await client.get("/clinic-sessions", params=query)).json()["items"]
        free = [one["id"] for one in sessions if one["state"] == "available"]
        if free:
            return int(free[-1])
    raise AssertionError("the demo city has no free place")


async def _otp(base: str, to: str) -> str:
    visitor = Visitor(base, None)  # type: ignore[arg-type] # reads the outbox without a browser
    return await visitor.one_time_password(to)
