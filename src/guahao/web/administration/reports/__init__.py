"""Reports: a picture, the same numbers as a table, and the same again as a workbook.

`asked` reads what the address asks for; a module a noun makes `Part`s of it (`parts`), each a
table and its chart; `pages` shows every report. To add one: its store and flow, a function
that makes its parts, and its line in REPORTS.
"""

from __future__ import annotations

from guahao.web.administration.reports.pages import REPORTS, report_routes

__all__ = ["REPORTS", "report_routes"]
