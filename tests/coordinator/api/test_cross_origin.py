"""What a browser is told of who may call: any page with a key, or those that the operator names; of /v1/ alone."""

import asyncio
from typing import Any

import httpx
import pytest

from coordinator.api.cross_origin import EXPOSED
from tests.coordinator.api.test_chat import ASK
from tests.coordinator.conftest import Coordinator, Start

PAGE = "https://app.example"
PREFLIGHT = {
    "origin": PAGE,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type,x-stainless-os",
}
CHAT = "/v1/chat/completions"


async def test_any_page_is_told_that_it_may_post_with_a_key(coordinator: Coordinator) -> None:
    async with httpx.AsyncClient(base_url=coordinator.url) as http:
        for path in (CHAT, "/v1/responses", "/v1/models", "/v1/account/keys"):
            response = await http.options(path, headers=PREFLIGHT)
            assert response.status_code == 200
            assert response.headers["access-control-allow-origin"] == "*"
            assert "POST" in response.headers["access-control-allow-methods"]
            assert response.headers["access-control-allow-headers"] == PREFLIGHT["access-control-request-headers"]
            assert "access-control-allow-credentials" not in response.headers
        house = {**PREFLIGHT, "access-control-request-private-network": "true"}
        assert (await http.options(CHAT, headers=house)).headers["access-control-allow-private-network"] == "true"


async def test_an_answer_may_be_read_whatever_it_is(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        page = {"origin": PAGE}
        asked = asyncio.create_task(http.post(CHAT, json=ASK, headers=page))
        await worker.serve("hello")
        answers = [
            await asked,
            await http.post(CHAT, json={}, headers=page),
            await http.get("/v1/nowhere", headers=page),
        ]
        answers.append(await http.get("/v1/models", headers={**page, "authorization": "Bearer none"}))
        answers.append(await http.post(CHAT, content=b" " * 21_000_000, headers=page))
    assert [answer.status_code for answer in answers] == [200, 400, 404, 401, 413]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == "*"
        readable = answer.headers["access-control-expose-headers"].split(", ")
        assert readable == EXPOSED
        told = {name for name in answer.headers if name.startswith(("x-", "retry", "idempotent"))}
        assert told <= {*readable, "x-accel-buffering"}, "a header that no page can read"


async def test_a_stream_may_be_read(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        serving = asyncio.create_task(worker.serve("x"))
        async with http.stream("POST", CHAT, json={**ASK, "stream": True}, headers={"origin": PAGE}) as response:
            await response.aread()
        await serving
    assert response.headers["access-control-allow-origin"] == "*"


async def test_the_pages_of_the_dashboard_are_of_their_own_origin(coordinator: Coordinator) -> None:
    async with httpx.AsyncClient(base_url=coordinator.url) as http:
        for path in ("/", "/account", "/openapi.json", "/health", "/metrics", "/nowhere", "/v1"):
            answers = [await http.get(path, headers={"origin": PAGE}), await http.options(path, headers=PREFLIGHT)]
            assert not any(name.startswith("access-control") for answer in answers for name in answer.headers), path


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        ((PAGE, "http://localhost:3000"), PAGE, PAGE),
        ((PAGE, "http://localhost:3000"), "http://localhost:3000", "http://localhost:3000"),
        ((PAGE,), "https://evil.example", None),
        ((PAGE,), "null", None),
        ((), PAGE, None),
    ],
)
async def test_the_operator_may_name_the_pages(
    start_coordinator: Start, origins: tuple[str, ...], origin: str, allowed: str | None
) -> None:
    async with start_coordinator(origins=origins) as coordinator, httpx.AsyncClient(base_url=coordinator.url) as http:
        asked: dict[str, Any] = {**PREFLIGHT, "origin": origin}
        for answer in (
            await http.options(CHAT, headers=asked),
            await http.get("/v1/models", headers={"origin": origin}),
        ):
            assert answer.headers.get("access-control-allow-origin") == allowed
            assert allowed is None or "origin" in answer.headers["vary"].lower()
