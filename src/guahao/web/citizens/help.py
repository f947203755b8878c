"""/help: every rule in plain words, with anchors that refusals link to."""

from __future__ import annotations

from litestar.types import ASGIApp

from guahao.rules.kernel.limits import CODE_DIGITS, PATIENTS_PER_PHONE, HospitalRules
from guahao.web.citizens.page import Page, Route

HELP_PATH = "/help"
# The anchor of the rule behind each refusal of a booking or a cancellation.
ANCHORS = {
    "not_your_patient": "patients",
    "phone_limit": "patients",
    "not_registered": "patients",
    "patient_other_name": "patients",
    "counter_only": "patients",
    "id_invalid": "patients",
    "name_invalid": "patients",
    "session_stopped": "stopped",
    "same_day": "dates",
    "next_day_closed": "dates",
    "beyond_horizon": "dates",
    "not_released": "dates",
    "birth_date_invalid": "patients",
    "guardian_needed": "patients",
    "document_ended": "patients",
    "person_unchecked": "patients",
    "account_restricted": "limits",
    "patient_suspended": "no-show",
    "duplicate_department": "limits",
    "day_limit": "limits",
    "seven_day_limit": "limits",
    "three_month_limit": "limits",
    "by_draw": "sold-out",
    "sold_out": "sold-out",
    "cancel_by_phone": "cancel",
    "cancel_too_late": "cancel",
    "not_cancellable": "cancel",
    "otp_throttled": "login",
    "otp_wrong": "login",
    "phone_invalid": "login",
}


def help_path(code: str) -> str | None:
    """Return the path where the rule behind an outcome is explained, if it needs explaining."""
    anchor = ANCHORS.get(code)
    return None if anchor is None else f"{HELP_PATH}#{anchor}"


def help_pages() -> list[Route]:
    """Return the route GET /help."""
    return [Route("GET", HELP_PATH, _help)]


async def _help(page: Page) -> ASGIApp:
    """Show the help, which has a template for each language; only numbers are filled in."""
    policy = page.services.platform.policy_today
    return page.render(
        "help.en.html" if page.language == "en" else "help.zh.html",
        policy=policy,
        usual=HospitalRules(),
        most_patients=PATIENTS_PER_PHONE,
        code_digits=CODE_DIGITS,
    )
