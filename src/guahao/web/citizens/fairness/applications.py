"""My applications (我的候补): the list, an application with its draws, and withdrawing it."""

from __future__ import annotations

from functools import partial

from litestar.types import ASGIApp

from guahao.flows.fairness import applications as flows
from guahao.flows.fairness.drawn import entered, next_draws
from guahao.rules.fairness.allocating import LONG_WAIT_LOSSES
from guahao.rules.fairness.applying import WithdrawRefusal
from guahao.rules.kernel.outcomes import Refused
from guahao.store.fairness.applications import ApplicationView
from guahao.web.citizens.page import Page, Route
from guahao.web.framework.application_words import (
    application_state_text,
    soon_text,
    wishes_text,
)
from guahao.web.http.reading import ProblemError, as_id

_LIST = "/applications"
_ONE = _LIST + "/{application_id}"


def application_pages() -> list[Route]:
    """Return the routes of the list, of an application, and of withdrawing it."""
    return [
        Route("GET", _LIST, _listed),
        Route("GET", _ONE, _one),
        Route("GET", _ONE + "/withdraw", _ask_to_withdraw),
        Route("POST", _ONE + "/withdraw", _withdraw),
    ]


async def _listed(page: Page) -> ASGIApp:
    platform, before = page.services.platform, as_id(page.query("before"))
    found = await flows.own_applications(platform, page.owner, before, flows.LISTED + 1)
    shown = found[: flows.LISTED]
    return page.render(
        "applications.html",
        applications=shown,
        names=page.names,
        draws=await next_draws(platform, shown),
        wishes=partial(wishes_text, page),
        state=partial(application_state_text, page),
        when=partial(soon_text, page),
        earlier=shown[-1].id if len(found) > len(shown) else None,
        most=platform.policy_today.live_applications,
    )


async def own(page: Page) -> ApplicationView:
    """Return the application of the URL, which must be the logged-in account's."""
    owner, id = page.owner, as_id(page.request.path_params["application_id"])
    found = None if id is None else await flows.own_application(page.services.platform, owner, id)
    if found is None:
        raise ProblemError(WithdrawRefusal.UNKNOWN)
    return found


async def _one(page: Page) -> ASGIApp:
    application = await own(page)
    platform = page.services.platform
    return page.render(
        "application.html",
        application=application,
        names=page.names,
        new=page.query("applied") == "1",
        draw=(await next_draws(platform, [application])).get(application.id),
        draws=await entered(platform, page.owner, application.id),
        wishes=partial(wishes_text, page),
        state=partial(application_state_text, page),
        when=partial(soon_text, page),
        policy=platform.policy_today,
        long_wait=LONG_WAIT_LOSSES,
    )


async def _ask_to_withdraw(page: Page) -> ASGIApp:
    return page.render(
        "withdraw.html",
        application=await own(page),
        names=page.names,
        wishes=partial(wishes_text, page),
    )


async def _withdraw(page: Page) -> ASGIApp:
    """Withdraw; what is withdrawn already is shown as it is."""
    application = await own(page)
    outcome = await flows.withdraw(page.services.platform, page.owner, application.id)
    if isinstance(outcome, Refused) and outcome.reason is WithdrawRefusal.UNKNOWN:
        raise ProblemError(WithdrawRefusal.UNKNOWN)
    return page.redirect(f"{_LIST}/{application.id}")
