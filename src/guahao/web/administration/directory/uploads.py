"""Files that an administrator uploads: the form, the upload, and what every preview shows."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Protocol

from litestar.types import ASGIApp

from guahao.flows.hospitals.files.previews import LIMITS, FilePreview
from guahao.flows.kernel.platform import Platform
from guahao.rules.staff.staff import Staff
from guahao.web.staff import StaffPage
from guahao.web.words.sheet_words import cell_text, file_text

_FAULTS_SHOWN = 500


class Receive(Protocol):
    """Store a file for its preview; return its id."""

    def __call__(
        self, platform: Platform, by: Staff, filename: str, content: bytes, *, include_hidden: bool
    ) -> Awaitable[int]: ...


def upload_form(page: StaffPage, template: str, refused: str = "", status: int = 200) -> ASGIApp:
    """Show the form that asks for a file."""
    megabytes = LIMITS.bytes // 1024 // 1024
    return page.show(template, status, refused=refused, megabytes=megabytes)


async def receive_upload(page: StaffPage, receive: Receive, template: str, address: str) -> ASGIApp:
    """Store the uploaded file and lead to its preview; without a file show the form again.

    `address`: the preview's, with `{import_id}`.
    """
    upload = page.files.get("file")
    if upload is None:
        return upload_form(page, template, page.say("请选择文件。"), 422)
    id = await receive(
        page.services.platform,
        page.staff,
        upload.filename,
        upload.data,
        include_hidden=page.form.get("hidden") == "yes",
    )
    return page.redirect(address.format(import_id=id))


def fault_list(page: StaffPage, preview: FilePreview[Any, Any]) -> dict[str, Any]:
    """Return for a template why a file cannot be read, and its first faults with their texts."""
    unreadable = preview.unreadable
    return {
        "unreadable": file_text(unreadable.fault, page.language) if unreadable else "",
        "faults": [
            (fault, cell_text(fault, page.language)) for fault in preview.faults[:_FAULTS_SHOWN]
        ],
    }
