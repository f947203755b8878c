"""个人信息: a copy of the account's stored data, and erasing it, by its owner."""

from __future__ import annotations

from typing import assert_never

import msgspec
from litestar.types import ASGIApp

from guahao.flows.people.accounts import AccountView, account
from guahao.flows.people.privacy.own_data import own_erase, own_export
from guahao.flows.people.privacy.records import Erased
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.people.own_data import ErasureRefusal, ProofRefusal
from guahao.web.citizens.page import LoginNeededError, Page, Route
from guahao.web.framework import cookies
from guahao.web.words.replies import Problem

DATA_PATH = "/me/data"
ERASE_PATH = f"{DATA_PATH}/erase"


def own_data_pages() -> list[Route]:
    """Return the routes of /me/data and /me/data/erase."""
    return [
        Route("GET", DATA_PATH, _data),
        Route("POST", DATA_PATH, _export),
        Route("GET", ERASE_PATH, _ask),
        Route("POST", ERASE_PATH, _erase),
    ]


async def _own(page: Page) -> AccountView:
    view = await account(page.services.platform, page.holder)
    if view is None:
        raise LoginNeededError
    return view


async def _data(page: Page, problem: Problem | None = None) -> ASGIApp:
    status = problem.status if problem else 200
    return page.render("own_data.html", status, account=await _own(page), problem=problem)


async def _export(page: Page) -> ASGIApp:
    """Download the copy as a file that is not cached."""
    data = await own_export(page.services.platform, page.holder, page.form.get("id_no", ""))
    match data:
        case dict():
            text = msgspec.json.format(msgspec.json.encode(data), indent=2)
            return page.download(text, "personal-information.json", "application/json")
        case Refused(ProofRefusal.UNKNOWN):
            raise LoginNeededError
        case Refused(reason):
            return await _data(page, page.problem(reason))
        case never:
            assert_never(never)


async def _ask(page: Page, problem: Problem | None = None) -> ASGIApp:
    status = problem.status if problem else 200
    return page.render("own_data_erase.html", status, account=await _own(page), problem=problem)


async def _erase(page: Page) -> ASGIApp:
    """Erase the data, which the owner confirms by a box and by a document."""
    if page.form.get("understood") != "on":
        return await _ask(page)
    outcome = await own_erase(page.services.platform, page.holder, page.form.get("id_no", ""))
    match outcome:
        case Erased():
            for name in (cookies.SESSION, cookies.PHONE, cookies.KEPT):
                page.drop_cookie(name)
            return page.render("own_data_erased.html")
        case Refused(ErasureRefusal.UNKNOWN):
            raise LoginNeededError
        case Refused(reason):
            is_proof = isinstance(reason, ProofRefusal)
            return await _ask(page, page.problem(reason if is_proof else f"erasure_{reason}"))
        case never:
            assert_never(never)
