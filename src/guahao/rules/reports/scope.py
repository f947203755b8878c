"""What a report may be about: days, a hospital, a department."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from guahao.rules.kernel.limits import CITY_TIME

DAYS_MAX = 400


class ScopeRefusal(StrEnum):
    """Why there is no report, in order of precedence."""

    ORDER = "report_order"
    TOO_LONG = "report_too_long"
    UNKNOWN_HOSPITAL = "report_unknown_hospital"
    UNKNOWN_DEPARTMENT = "report_unknown_department"


@dataclass(frozen=True, slots=True)
class ReportScope:
    """Both days included; None narrows nothing."""

    first: date
    last: date
    hospital_id: int | None = None
    department_id: int | None = None

    @property
    def moments(self) -> tuple[datetime, datetime]:
        """Return the first midnight, and the one after the last day."""
        after = self.last + timedelta(days=1)
        return (
            datetime.combine(self.first, time(), CITY_TIME),
            datetime.combine(after, time(), CITY_TIME),
        )


def check_scope(
    scope: ReportScope, hospitals: Collection[int], departments: Collection[int]
) -> ScopeRefusal | None:
    """Return why a scope has no report; `hospitals`, `departments`: those the reader may see."""
    if scope.first > scope.last:
        return ScopeRefusal.ORDER
    if (scope.last - scope.first).days >= DAYS_MAX:
        return ScopeRefusal.TOO_LONG
    if scope.hospital_id is not None and scope.hospital_id not in hospitals:
        return ScopeRefusal.UNKNOWN_HOSPITAL
    if scope.department_id is not None and scope.department_id not in departments:
        return ScopeRefusal.UNKNOWN_DEPARTMENT
    return None
