"""The pages of administrators, supervisors and auditors. A module for each set of pages."""

from __future__ import annotations

from guahao.web.administration.account_reviews import account_review_routes
from guahao.web.administration.directory.announcements import announcement_routes
from guahao.web.administration.directory.fees import fee_routes
from guahao.web.administration.directory.hospital_files import hospital_file_routes
from guahao.web.administration.directory.hospitals import hospital_routes
from guahao.web.administration.directory.search_terms import search_term_routes
from guahao.web.administration.directory.specialties import specialty_routes
from guahao.web.administration.directory.titles import title_routes
from guahao.web.administration.integration.hospital_clients import client_routes
from guahao.web.administration.integration.pushing import push_routes
from guahao.web.administration.members import member_routes
from guahao.web.administration.no_shows import no_show_routes
from guahao.web.administration.overviews import ReleaseWatch, overview_routes, release_routes
from guahao.web.administration.policies.policy import policy_routes
from guahao.web.administration.policies.policy_trials import trial_routes
from guahao.web.administration.privacy import privacy_routes
from guahao.web.administration.reports import report_routes
from guahao.web.administration.trail import trail_routes
from guahao.web.staff import StaffRoute


def routes() -> list[StaffRoute]:
    """Return every page of supervisors, administrators and auditors."""
    watch = ReleaseWatch()
    return [
        *overview_routes(watch),
        *release_routes(watch),
        *hospital_file_routes(),
        *hospital_routes(),
        *fee_routes(),
        *title_routes(),
        *specialty_routes(),
        *search_term_routes(),
        *client_routes(),
        *announcement_routes(),
        *policy_routes(),
        *trial_routes(),
        *no_show_routes(),
        *account_review_routes(),
        *privacy_routes(),
        *push_routes(),
        *member_routes(),
        *report_routes(),
        *trail_routes(),
    ]
