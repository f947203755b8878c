"""Applications that share routes call the functions of their own."""

import asyncio
from typing import Any

import httpx
import pytest
from litestar import Litestar, Request, Response, get
from tests.web import applications


def application_of(name: str, path: str = "/name") -> Litestar:
    @get(path)
    async def own_name() -> str:
        await asyncio.sleep(0)
        return name

    @get("/fails")
    async def fails() -> str:
        raise ValueError(name)

    def respond(_: Request[Any, Any, Any], error: Exception) -> Response[str]:
        return Response(f"{name}: {error}")

    return applications.create(
        [[own_name], [fails]], exception_handlers={ValueError: respond}, openapi_config=None
    )


async def read(app: Litestar, path: str) -> str:
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://guahao.test") as client:
        return (await client.get(path)).text


@pytest.mark.parametrize(
    ("path", "first", "second"), [("/name", "A", "B"), ("/fails", "A: A", "B: B")]
)
async def test_each_calls_its_own_functions(path: str, first: str, second: str) -> None:
    one, other = application_of("A"), application_of("B")
    assert [*await asyncio.gather(read(one, path), read(other, path))] == [first, second]


async def test_alike_routes_are_made_once_and_others_anew() -> None:
    application_of("A")
    known = len(applications._shared)
    application_of("B")
    assert len(applications._shared) == known
    assert await read(application_of("C", "/other"), "/other") == "C"
    assert len(applications._shared) == known + 1
