"""The weekdays as dates, so that pages write them as they write every date."""

from __future__ import annotations

from datetime import date, timedelta

_MONDAY = date(2024, 1, 1)
WEEKDAYS_SHOWN = [_MONDAY + timedelta(days=n) for n in range(7)]
