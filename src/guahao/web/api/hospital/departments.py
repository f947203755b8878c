"""PUT /hospital/departments: the hospital publishes its departments, by its own ids."""

from __future__ import annotations

from typing import Annotated

import msgspec

from guahao.flows.feeding import WantedDepartment, publish_departments
from guahao.rules.clients import Scope
from guahao.web.answers import Answer
from guahao.web.api.door import Route
from guahao.web.api.hospital.access import TAG, Access, Visit
from guahao.web.api.hospital.bulk import (
    EXAMPLE,
    BulkReader,
    ItemsMax,
    bulk_answer,
)
from guahao.web.language import Words
from guahao.web.openapi import Call
from guahao.web.reading import NAMED, NO_CONTROLS, ExternalId


class HospitalDepartmentItemIn(msgspec.Struct, forbid_unknown_fields=True):
    """A department; with a parent it has sessions, without one it is of the first level."""

    external_id: ExternalId
    name: Annotated[str, msgspec.Meta(max_length=80, pattern=NAMED)]
    name_en: Annotated[str, msgspec.Meta(max_length=80, pattern=NO_CONTROLS)] = ""
    parent_external_id: ExternalId | None = None
    on_platform: bool = True

    def wanted(self) -> WantedDepartment:
        """For the flow."""
        return WantedDepartment(
            *(self.external_id, self.name.strip(), self.name_en.strip()),
            *(self.parent_external_id, self.on_platform),
        )


class HospitalDepartmentsIn(msgspec.Struct, forbid_unknown_fields=True):
    """All departments, or those that changed."""

    items: Annotated[list[HospitalDepartmentItemIn], ItemsMax]


_PUBLISH = Call(
    "PUT",
    "/hospital/departments",
    TAG,
    Words("发布科室", "Publish departments"),
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
    """PUT /hospital/departments."""

    async def publish(visit: Visit) -> Answer:
        items = await _reader.read(visit)
        readable = [one.wanted() for one in items if isinstance(one, HospitalDepartmentItemIn)]
        outcomes = await publish_departments(visit.door.platform, visit.client, readable)
        return bulk_answer(visit, items, outcomes)

    return [access.route(_PUBLISH, publish)]
