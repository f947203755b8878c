"""The web application: all routers behind the front middleware."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import date
from functools import partial

from litestar import Litestar, Router
from litestar.handlers import HTTPRouteHandler
from litestar.types import Scope

from guahao.flows.booking.desk import Desk
from guahao.flows.kernel.platform import Platform
from guahao.flows.kernel.rates import keep_sharing
from guahao.flows.people.logins import Device, log_in_bound
from guahao.processes import rare_collections
from guahao.web import (
    administration,
    api,
    call_centre,
    citizens,
    fhir,
    hospital_api,
    scheduling,
    sms,
    wechat,
    window,
)
from guahao.web.demo.demo_documents import demo_document_routes
from guahao.web.demo.demo_staff import demo_staff_routes
from guahao.web.demo.outbox import outbox_routes
from guahao.web.framework.cookies import SESSION
from guahao.web.framework.front import Front
from guahao.web.framework.problems import exception_handlers
from guahao.web.framework.schema import schema_routes
from guahao.web.http.answers import Answer
from guahao.web.http.assets import asset_routes, brand_assets
from guahao.web.http.devices import label_of
from guahao.web.http.limits import Callers
from guahao.web.http.options import with_options
from guahao.web.http.reading import ApiRequest, ProblemError
from guahao.web.http.tokens import PAGES_SECONDS, Tokens
from guahao.web.monitoring.health import health_routes
from guahao.web.monitoring.machine import machine_socket
from guahao.web.staff.errors import is_of_staff, staff_error_page
from guahao.web.staff.hospital.calendar import calendar_routes
from guahao.web.staff.hospital.hospital_departments import department_routes
from guahao.web.staff.hospital.hospital_rules import rules_routes
from guahao.web.staff.hospital.overview import hospital_overview_routes
from guahao.web.staff.hospital.reconciliations import reconciliation_routes
from guahao.web.staff.hospital.release_modes import release_mode_routes
from guahao.web.staff.login import login_routes
from guahao.web.staff.page import StaffRoute, StaffServices
from guahao.web.words.replies import Problem, Replies

Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]


def create_app(
    platform: Platform,
    desk: Desk,
    lifespan: Sequence[Lifespan] = (),
    wechat_connection: wechat.WechatConnection | None = None,
) -> Litestar:
    """Create the application of a platform and its desk, with WeChat's routes if connected.

    `lifespan` opens and closes the resources; the application does neither itself.
    """
    settings = platform.settings
    replies, callers = _replies(platform), Callers(settings)
    tokens = Tokens(platform)
    services = citizens.Services(platform, desk, replies, tokens, callers)
    api_services = api.Services(platform, desk, replies, tokens, callers)
    staff_services = StaffServices(platform, desk, replies, callers)

    def error_page(request: ApiRequest, problem: Problem, trace_id: str | None) -> Answer:
        if is_of_staff(request):
            return staff_error_page(staff_services, request, problem, trace_id)
        return citizens.error_page(services, request, problem, trace_id)

    async def log_in(scope: Scope, account_id: int) -> tuple[bytes, bytes]:
        begun = await log_in_bound(platform, account_id, Device(label_of(scope)))
        token = tokens.issue(account_id, begun.login_id, PAGES_SECONDS)
        return services.cookies.keep(SESSION, token)

    async def is_logged_in(scope: Scope) -> bool:
        kept = services.cookies.read(scope, SESSION)
        try:
            return kept is not None and bool(await tokens.login_by(tokens.claims_in(kept)))
        except ProblemError:
            return False

    @asynccontextmanager
    async def sharing(_: Litestar) -> AsyncIterator[None]:
        task = asyncio.create_task(keep_sharing(platform))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    failed_page = partial(citizens.wechat_failed_page, services)
    # Grouped in routers: Litestar checks all known handlers for each that is registered singly.
    routers: list[Sequence[HTTPRouteHandler]] = [
        _handlers(platform, api_services),
        citizens.page_routes(services),
        _demo_handlers(services, staff_services),
        [route.for_litestar(staff_services) for route in staff_routes()],
        fhir.fhir_routes(fhir.Services(platform, desk, replies, tokens, callers)),
        []
        if wechat_connection is None
        else wechat.routes(
            wechat.Services(platform, replies, wechat_connection, log_in, is_logged_in, failed_page)
        ),
    ]
    app = Litestar(
        [_RouterOfOneApp("/", route_handlers=with_options(handlers)) for handlers in routers],
        lifespan=[*lifespan, sharing, machine_socket(platform, desk), _rare_collections],
        exception_handlers=exception_handlers(replies, error_page),
        openapi_config=None,  # our own: bodies are decoded by us, and strictly
        logging_config=None,
    )
    direct = [api.booking_call(api_services)]
    app.asgi_handler = Front(
        app.asgi_handler, platform, callers, desk.velocity, replies, error_page, direct
    )
    return app


def _demo_handlers(
    services: citizens.Services, staff_services: StaffServices
) -> list[HTTPRouteHandler]:
    return [
        *outbox_routes(services),
        *demo_document_routes(services),
        *demo_staff_routes(staff_services),
    ]


def _replies(platform: Platform) -> Replies:
    def today() -> date:
        return platform.db.clock().date()

    return Replies(lambda: platform.policy_today, today, platform.settings.hotline)


class _RouterOfOneApp(Router):
    """A router that is registered only once.

    Litestar deep-copies every router so that it can be registered again elsewhere; that took a
    third of the time to create the application.
    """

    def __deepcopy__(self, memo: dict[int, object]) -> _RouterOfOneApp:
        return self


@asynccontextmanager
async def _rare_collections(_: Litestar) -> AsyncIterator[None]:
    with rare_collections():
        yield


def api_routes(services: api.Services) -> list[api.Route]:
    """Return every call of the JSON API: citizens', and those of hospitals' systems."""
    return [*api.routes(services), *hospital_api.hospital_client_routes(services)]


def _handlers(platform: Platform, services: api.Services) -> list[HTTPRouteHandler]:
    routes = api_routes(services)
    return [
        *[route.for_litestar(api.PREFIX) for route in routes],
        *api.log_routes(services, api.PREFIX),
        *schema_routes([route.endpoint for route in routes], api.PREFIX, services.replies),
        *health_routes(platform, services.desk, services.replies),
        *sms.routes(platform),
        *asset_routes(brand_assets(platform.settings.brand_colour, platform.settings.brand_mark)),
    ]


def staff_routes() -> list[StaffRoute]:
    """Return the routes of all staff pages."""
    return [
        *login_routes(),
        *call_centre.routes(),
        *window.routes(),
        *scheduling.routes(),
        *rules_routes(),
        *release_mode_routes(),
        *calendar_routes(),
        *department_routes(),
        *reconciliation_routes(),
        *hospital_overview_routes(),
        *administration.routes(),
    ]
