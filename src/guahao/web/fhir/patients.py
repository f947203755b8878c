"""Patient: only the account's own patients."""

from __future__ import annotations

from litestar.types import ASGIApp

from guahao.flows.people.accounts import account
from guahao.store.kernel.views import PatientView
from guahao.web.fhir import resources
from guahao.web.fhir.bundles import page_of, searchset
from guahao.web.fhir.search import read_search
from guahao.web.fhir.services import Route, Services, resource_answer, search_routes
from guahao.web.http.reading import ApiRequest, ProblemError, read_id


def patient_routes() -> list[Route]:
    """Return read and search."""
    return [Route("GET", "/Patient/{id}", _read), *search_routes("Patient", _search)]


async def own_patients(services: Services, request: ApiRequest) -> list[PatientView]:
    """Return the patients of the account whose token the request carries."""
    found = await account(services.platform, await services.tokens.account_of(request.scope))
    return [] if found is None else list(found.patients)


async def _read(services: Services, request: ApiRequest) -> ASGIApp:
    own = await own_patients(services, request)
    id = read_id(request, "id", "not_found")
    found = [view for view in own if view.id == id]
    if not found:
        raise ProblemError("not_found")
    return resource_answer(resources.patient(found[0]))


async def _search(services: Services, request: ApiRequest) -> ASGIApp:
    asked = read_search(services, request, "name")
    own = await own_patients(services, request)
    ids, name = asked.ids("_id"), asked.text("name")
    found = [
        view
        for view in own
        if (ids is None or view.id in ids) and (name is None or view.name.startswith(name))
    ]
    shown = page_of(found, asked, lambda view: (view.id,))
    page = [resources.patient(view) for view in shown.items]
    return searchset(services, "Patient", asked, page, total=len(found), following=shown.following)
