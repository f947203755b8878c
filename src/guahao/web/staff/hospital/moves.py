"""Moving a person to another phone: the pages that window and call centre share."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import assert_never

from litestar.types import ASGIApp

from guahao.flows.people import moving
from guahao.flows.people.moving import Moved, MovePending
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.people.phones import spoken_phone
from guahao.rules.staff.staff import Role
from guahao.store.people.moves import Move
from guahao.web.http.reading import ProblemError, read_id
from guahao.web.staff.page import StaffPage, StaffRoute

_CODE_MAX = 60


class MoveView:
    """What a page shows of a request: masked, but for the new phone while it is being proven."""

    def __init__(self, page: StaffPage, move: Move) -> None:
        self.move = move
        shown = move.patient.id_no if move.document is None else move.document.number
        self.name = page.masked_name(move.name or move.patient.name)
        self.registered_name = page.masked_name(move.patient.name)
        self.document = page.masked_document(shown)
        self.old_phone = page.masked_phone(move.old_phone) if move.old_phone else "–"
        self.new_phone = page.masked_phone(move.phone)
        self.spoken = spoken_phone(move.phone)
        self.is_dispute = move.kind == "dispute"


@dataclass(frozen=True, slots=True)
class MovePages:
    """The pages of a request whose new phone is being proven.

    `base`: under which they stand; `tab`, `back`: where they belong in the desk.
    """

    base: str
    tab: str
    back: str

    def routes(self, roles: AbstractSet[Role]) -> list[StaffRoute]:
        """Return the routes of a request: looking at it, proving the phone, another code."""
        path, allowed = f"{self.base}/{{move_id}}", frozenset(roles)
        return [
            StaffRoute("GET", path, self._show, allowed),
            StaffRoute("POST", path, self._prove, allowed),
            StaffRoute("POST", f"{path}/code", self._another_code, allowed),
        ]

    async def _show(self, page: StaffPage, refused: str = "", status: int = 200) -> ASGIApp:
        move_id = read_id(page.request, "move_id", "not_found")
        move = await moving.move_of(page.services.platform, page.staff, move_id)
        if move is None:
            raise ProblemError("not_found")
        return page.show(
            "staff/move.html",
            status,
            tab=self.tab,
            view=MoveView(page, move),
            base=f"{self.base}/{move_id}",
            back=self.back,
            refused=refused,
        )

    async def _prove(self, page: StaffPage) -> ASGIApp:
        move_id = read_id(page.request, "move_id", "not_found")
        code = page.form.get("code", "")[:_CODE_MAX]
        outcome = await moving.prove_phone(page.services.platform, page.staff, move_id, code)
        match outcome:
            case Moved():
                page.flash(page.say("已登记到新号码，两边都会收到通知。请患者用新手机登录。"))
                return page.redirect(self.back)
            case MovePending():
                page.flash(page.say("新手机已验证，已交班长审批。"))
                return page.redirect(f"{self.base}/{move_id}")
            case Refused():
                return await self._show(page, *page.refusal(outcome))
            case never:
                assert_never(never)

    async def _another_code(self, page: StaffPage) -> ASGIApp:
        move_id = read_id(page.request, "move_id", "not_found")
        outcome = await moving.send_another_code(page.services.platform, page.staff, move_id)
        if isinstance(outcome, Refused):
            return await self._show(page, *page.refusal(outcome))
        page.flash(page.say("验证码已重发到新手机。"))
        return page.redirect(f"{self.base}/{move_id}")
