"""The hospital's departments: publishing and listing them, by its own ids."""

from __future__ import annotations

from typing import Annotated

import msgspec

from guahao.flows.supply.feeding import WantedDepartment, list_departments, publish_departments
from guahao.rules.integration.clients import Scope
from guahao.rules.kernel.text import prose
from guahao.rules.supply.feeding import StoredDepartment
from guahao.web.api.services import Route
from guahao.web.framework.openapi import Endpoint
from guahao.web.hospital_api.access import TAG, Access, CallRequest
from guahao.web.hospital_api.bulk import EXAMPLE, BulkReader, ItemsMax, bulk_answer
from guahao.web.http.answers import Answer, json_answer
from guahao.web.http.reading import NAMED, NO_CONTROLS, ExternalId
from guahao.words.text import Words


class HospitalDepartmentItemIn(msgspec.Struct, forbid_unknown_fields=True):
    """A department; with a parent it has sessions, without one it is of the first level."""

    external_id: ExternalId
    name: Annotated[str, msgspec.Meta(max_length=80, pattern=NAMED)]
    name_en: Annotated[str, msgspec.Meta(max_length=80, pattern=NO_CONTROLS)] = ""
    parent_external_id: ExternalId | None = None
    on_platform: bool = True

    def wanted(self) -> WantedDepartment:
        """Return the department as the flow takes it."""
        return WantedDepartment(
            *(self.external_id, prose(self.name), prose(self.name_en)),
            *(self.parent_external_id, self.on_platform),
        )


class HospitalDepartmentsIn(msgspec.Struct, forbid_unknown_fields=True):
    """All departments, or those that changed."""

    items: Annotated[list[HospitalDepartmentItemIn], ItemsMax]


class HospitalDepartmentOut(msgspec.Struct):
    """A department. `external_id` null: not published yet; publishing its `code` links it."""

    id: int
    external_id: str | None
    code: str
    name: str
    name_en: str
    parent_id: int | None
    on_platform: bool


class HospitalDepartmentList(msgspec.Struct):
    """All departments of the hospital, not paged."""

    items: list[HospitalDepartmentOut]
    next: str | None = None


_LIST = Endpoint(
    "GET",
    "/hospital/departments",
    TAG,
    Words("本院科室"),
    HospitalDepartmentList(
        [
            HospitalDepartmentOut(40, "D-03", "D-03", "内科", "Internal medicine", None, True),
            HospitalDepartmentOut(41, None, "0304", "心血管内科", "Cardiology", 40, True),
        ]
    ),
    needs_token=False,
    scope=Scope.SUPPLY,
)
_PUBLISH = Endpoint(
    "PUT",
    "/hospital/departments",
    TAG,
    Words("发布科室"),
    EXAMPLE,
    body=HospitalDepartmentsIn(
        [
            HospitalDepartmentItemIn("D-03", "内科", "Internal medicine"),
            HospitalDepartmentItemIn("D-0304", "心血管内科", "Cardiology", "D-03"),
        ]
    ),
    needs_token=False,
    scope=Scope.SUPPLY,
    problems=("list_too_large",),
)
_reader = BulkReader(HospitalDepartmentItemIn, "external_id")


def department_routes(access: Access) -> list[Route]:
    """Return the routes of PUT and GET /hospital/departments."""

    async def publish(call: CallRequest) -> Answer:
        items = await _reader.read(call)
        readable = [one.wanted() for one in items if isinstance(one, HospitalDepartmentItemIn)]
        outcomes = await publish_departments(call.services.platform, call.client, readable)
        return bulk_answer(call, items, outcomes)

    return [access.route(_PUBLISH, publish), access.route(_LIST, _listed)]


async def _listed(call: CallRequest) -> Answer:
    found = await list_departments(call.services.platform, call.client)
    call.items_ok = len(found)
    return json_answer(HospitalDepartmentList([_out(one) for one in found]))


def _out(one: StoredDepartment) -> HospitalDepartmentOut:
    department = one.department
    return HospitalDepartmentOut(
        one.id,
        one.external_id,
        one.code,
        department.name,
        department.name_en,
        department.parent_id,
        department.on_platform,
    )
