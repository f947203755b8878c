"""/privacy: the current privacy notice; /me/consent: consenting to it."""

from __future__ import annotations

from litestar.types import ASGIApp

from guahao.flows.people.privacy.consent import consent_of_owner, has_consented
from guahao.rules.call_centre.results import NOTE_KEPT
from guahao.rules.kernel.retention import RETENTIONS, days_kept
from guahao.rules.people.consent import NOTICE_VERSION
from guahao.rules.people.registering import PatientRefusal
from guahao.web.citizens.page import CONSENT_PATH, LoginNeededError, Page, Route
from guahao.web.http.wechat_link import bind_pending, pending_openid
from guahao.web.words.replies import Problem


def privacy_pages() -> list[Route]:
    """Return the routes of /privacy and /me/consent."""
    return [
        Route("GET", "/privacy", _notice),
        Route("GET", CONSENT_PATH, _ask),
        Route("POST", CONSENT_PATH, _consent),
    ]


async def _notice(page: Page) -> ASGIApp:
    settings = page.services.platform.settings
    return page.render(
        "privacy.en.html" if page.language == "en" else "privacy.zh.html",
        version=NOTICE_VERSION,
        city=settings.place["city"],
        note_days=NOTE_KEPT.days,
        days={kind: days_kept(settings.retention_days, kind) for kind in RETENTIONS},
    )


async def _ask(page: Page, problem: Problem | None = None) -> ASGIApp:
    """Ask for consent to a new version of the notice, or to the use of WeChat's user id."""
    binds = pending_openid(page.services.platform, page.request.scope) is not None
    if problem is None and not binds and await has_consented(page.services.platform, page.holder):
        return page.redirect(page.back())
    assert page.holder
    return page.render(
        "consent.html",
        problem.status if problem else 200,
        problem=problem,
        version=NOTICE_VERSION,
        binds_wechat=binds,
        skip_path=page.back() if binds and _was_asked_before(page) else "",
    )


def _was_asked_before(page: Page) -> bool:
    """Return whether only the link to WeChat needs consent, which the visitor can skip."""
    return page.login is not None and page.login.notice_version in (None, NOTICE_VERSION)


async def _consent(page: Page) -> ASGIApp:
    """Record the consent, bind the browser's WeChat user, and continue."""
    account_id, platform = page.holder, page.services.platform
    version = page.form.get("consent", "")
    if version != NOTICE_VERSION:
        return await _ask(page, page.problem(PatientRefusal.CONSENT_REQUIRED))
    if not await consent_of_owner(platform, account_id, version, "web"):
        raise LoginNeededError
    for name, value in await bind_pending(platform, page.request.scope, account_id):
        page.add_header(name.decode(), value.decode())
    return page.redirect(page.back())
