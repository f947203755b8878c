"""Every form of the staff changes something once, however often it is sent.

A double click, a reload, or back and save again: the same form with the same content gets the
answer of the first time. With other content it is refused, and may be sent as a new form.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import b64decode, b64encode
from enum import Enum
from typing import TYPE_CHECKING

import msgspec
from litestar.types import ASGIApp

from guahao.flows.kernel import sent_forms as flows
from guahao.flows.kernel.sent_forms import FormAlreadySentError, FormInHand
from guahao.store.kernel.sent_forms import SentForm
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ProblemError

if TYPE_CHECKING:
    from guahao.web.staff.page import Handler, StaffPage

FIELD = "form_key"
_REFUSED = 400
_CONFLICT = 409
_ANSWER_BYTES_MAX = 512 * 1024


class Sending(Enum):
    """How often a form may be sent."""

    ONCE = "once"
    ONCE_EACH = "once_each"  # once with each content: a desk's form for several persons in turn
    FREELY = "freely"  # it changes nothing, or is a step of logging in


class _Saved(msgspec.Struct):
    """An answer, as it is stored."""

    status: int
    headers: list[tuple[str, str]]
    body: str  # base64


def new_key() -> str:
    """Return a key for a single rendering of a form."""
    return secrets.token_hex(16)


async def send(page: StaffPage, handler: Handler, sending: Sending) -> ASGIApp:
    """Handle a form, or answer as it was answered before."""
    if sending is Sending.FREELY:
        return await handler(page)
    form = _form_in_hand(page, sending)
    platform = page.services.platform
    earlier = await flows.find_sent(platform, form)
    if earlier is not None:
        return _again(page, form, earlier)
    try:
        with form.handled():
            answer = await handler(page)
    except FormAlreadySentError:
        return await _after_another(page, form)
    except ProblemError:
        if form.claimed:
            await flows.refused(platform, form)
        raise
    assert isinstance(answer, Answer)
    if not form.claimed:
        # Refused perhaps because the same form, sent at the same time, has just succeeded.
        meanwhile = await flows.find_sent(platform, form) if answer.status >= _REFUSED else None
        return answer if meanwhile is None else _again(page, form, meanwhile)
    if answer.status >= _REFUSED:
        await flows.refused(platform, form)
    elif len(answer.body) <= _ANSWER_BYTES_MAX:
        await flows.answered(platform, form, _save(answer))
    return answer


def _form_in_hand(page: StaffPage, sending: Sending) -> FormInHand:
    """Return the form's key: of its rendering, of who sends it and of their browser."""
    vault = page.services.platform.vault
    files = [
        (name, file.filename, hashlib.sha256(file.data).hexdigest())
        for name, file in sorted(page.files.items())
    ]
    content = msgspec.json.encode((page.here, sorted(page.form.items()), files)).decode()
    body = vault.index("staff form body", content)
    member = page.member.id if page.member is not None else 0
    parts = [str(member), page.browser_name, page.form_key]
    if sending is Sending.ONCE_EACH or not page.form_key:
        parts += [page.csrf_given, body.hex()]
    return FormInHand(vault.index("staff form", "\0".join(parts)), body)


async def _after_another(page: StaffPage, form: FormInHand) -> ASGIApp:
    earlier = await flows.find_sent(page.services.platform, form)
    if earlier is None:  # the first form was refused in the end: this may be sent again
        raise ProblemError("form_sent_twice")
    return _again(page, form, earlier)


def _again(page: StaffPage, form: FormInHand, earlier: SentForm) -> ASGIApp:
    """Answer a form that was sent before."""
    if earlier.body != form.body:
        return page.show(
            "staff/sent_before.html",
            _CONFLICT,
            sent_at=earlier.sent_at,
            with_files=bool(page.files),
        )
    if earlier.answer is None:
        return page.show("staff/sent_already.html", _CONFLICT, sent_at=earlier.sent_at)
    saved = msgspec.json.decode(earlier.answer, type=_Saved)
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in saved.headers]
    return Answer(saved.status, b64decode(saved.body), headers)


def _save(answer: Answer) -> str:
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers]
    saved = _Saved(answer.status, headers, b64encode(answer.body).decode())
    return msgspec.json.encode(saved).decode()
