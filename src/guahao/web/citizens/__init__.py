"""The citizens' pages: a module for each set of pages; `page_routes` returns all of them.

To add a page:

1.  A function in the module of its noun, which takes a `Page` and returns
    `page.render("name.html", …)` or `page.redirect("/path")`. `page.owner` is the account
    (visitors who are not logged in log in and come back), `page.form` holds a POST's fields,
    whose CSRF token was checked, and `page.kept` what was submitted after the login expired.
    A form is sent to the URL of its own page (`page.here`): GET and POST share it. After a POST
    that changed something, redirect.
2.  A template in web/templates that extends base.html: blocks `title` and `main`, and
    `{% set tab = "home" %}` (home, registrations, me) for the tab that is lit. Parts that pages
    share are macros in parts.html. Every POST form holds `{{ page.csrf_field }}`. Words are
    Chinese in `{{ _("…") }}` (in Python `page.say("…")`), their English in
    words/locales/en/LC_MESSAGES, in the .po file of the set of pages; a test fails until it is
    there. Days, times and money: `page.day`, `page.visit`, `page.time`, `page.money`.
    No style or script stands in a page: the security policy forbids it.
3.  Its `Route("GET", "/path/{id}", function)` in the list of the module, and the module's list in
    `page_routes` below.
"""

from __future__ import annotations

from litestar.handlers import HTTPRouteHandler

from guahao.web.citizens.account.account import account_pages
from guahao.web.citizens.account.login import login_pages
from guahao.web.citizens.account.logins import login_list_pages
from guahao.web.citizens.account.own_data import own_data_pages
from guahao.web.citizens.account.privacy import privacy_pages
from guahao.web.citizens.account.removing import removing_pages
from guahao.web.citizens.booking.book import book_pages
from guahao.web.citizens.booking.bookings import bookings_pages
from guahao.web.citizens.booking.call_back import call_back_pages
from guahao.web.citizens.booking.department import department_pages
from guahao.web.citizens.booking.home import home_pages
from guahao.web.citizens.booking.hospital import hospital_pages
from guahao.web.citizens.booking.reschedule import reschedule_pages
from guahao.web.citizens.booking.search import search_pages
from guahao.web.citizens.choices import choice_pages
from guahao.web.citizens.errors import error_page, wechat_failed_page
from guahao.web.citizens.fairness.applications import application_pages
from guahao.web.citizens.fairness.apply import apply_pages
from guahao.web.citizens.fairness.draws import draw_pages
from guahao.web.citizens.hall import hall_pages
from guahao.web.citizens.help import help_pages
from guahao.web.citizens.offline import offline_pages
from guahao.web.citizens.page import Route
from guahao.web.citizens.services import Services
from guahao.web.citizens.status import status_pages
from guahao.web.citizens.styleguide import styleguide_pages

__all__ = ["Route", "Services", "error_page", "page_routes", "routes", "wechat_failed_page"]


def page_routes(services: Services) -> list[HTTPRouteHandler]:
    """Return the handlers of all pages."""
    return [route.for_litestar(services) for route in routes()]


def routes() -> list[Route]:
    """Return the routes of all pages."""
    return [
        *home_pages(),
        *search_pages(),
        *hospital_pages(),
        *department_pages(),
        *book_pages(),
        *bookings_pages(),
        *reschedule_pages(),
        *call_back_pages(),
        *apply_pages(),
        *application_pages(),
        *draw_pages(),
        *hall_pages(),
        *login_pages(),
        *login_list_pages(),
        *account_pages(),
        *removing_pages(),
        *help_pages(),
        *status_pages(),
        *styleguide_pages(),
        *privacy_pages(),
        *own_data_pages(),
        *choice_pages(),
        *offline_pages(),
    ]
