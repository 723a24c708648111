"""Routes, errors, limits, shutdown: with real sockets."""

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator

import httpx
import openai
import pytest

from coordinator.api.app import create_app
from tests.coordinator.api.test_chat import ASK
from tests.coordinator.conftest import Coordinator, Start, make_key, until
from wire import messages as wire


async def test_models_say_what_is_online(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.openai() as client:
        await worker.join(slots=3)
        await until(lambda: coordinator.running.services.hub.dispatch.online("tiny").free == 3)
        listed = [model async for model in client.models.list()]
        one = await client.models.retrieve("tiny")
    assert [model.id for model in listed] == ["tiny", "other"]
    assert one.model_extra is not None
    assert (one.model_extra["workers_online"], one.model_extra["slots"], one.model_extra["free_slots"]) == (1, 3, 3)


async def test_models_tell_the_longest_context_of_the_workers_that_are_online(coordinator: Coordinator) -> None:
    async with coordinator.worker() as small, coordinator.openai() as client:
        await small.join("small", context=1024)
        await until(lambda: coordinator.running.services.hub.dispatch.online("tiny").workers == 1)
        alone = (await client.models.retrieve("tiny")).model_extra
        async with coordinator.worker() as large:
            await large.join("large", context=2048)
            await until(lambda: coordinator.running.services.hub.dispatch.online("tiny").workers == 2)
            both = (await client.models.retrieve("tiny")).model_extra
    assert alone and both
    assert [told["context_length"] for told in (alone, both)] == [1024, 2048]
    assert both["max_context_length"] == 4096


async def test_an_unknown_model_is_404_with_the_parameter(coordinator: Coordinator) -> None:
    async with coordinator.openai() as client:
        with pytest.raises(openai.NotFoundError) as caught:
            await client.models.retrieve("no/such")
        assert caught.value.code == "model_not_found"
        with pytest.raises(openai.NotFoundError) as caught:
            await client.chat.completions.create(**{**ASK, "model": "gpt-9"})
        assert caught.value.param == "model"


@pytest.mark.parametrize("path", ["/health", "/livez", "/readyz"])
async def test_probes_need_no_key(coordinator: Coordinator, path: str) -> None:
    async with httpx.AsyncClient(base_url=coordinator.url) as http:
        assert (await http.get(path)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/no/such/page", 404, "unknown_url"),
        ("GET", "/docs", 404, "unknown_url"),
        ("POST", "/v1/embeddings", 404, "unknown_url"),
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
        ("DELETE", "/v1/models/tiny", 405, "method_not_allowed"),
    ],
)
async def test_what_is_not_there_has_openais_shape(
    coordinator: Coordinator, method: str, path: str, status: int, code: str
) -> None:
    async with coordinator.http() as http:
        response = await http.request(method, path)
    assert response.status_code == status
    assert response.json()["error"]["code"] == code
    assert response.headers["x-should-retry"] == "false"
    assert "x-request-id" in response.headers


@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic x"}, {"authorization": "Bearer sk-sn-guess"}])
async def test_without_a_key_nothing_is_read(coordinator: Coordinator, headers: dict[str, str]) -> None:
    async with httpx.AsyncClient(base_url=coordinator.url, headers=headers) as http:
        response = await http.post("/v1/chat/completions", content=b"not even json")
        assert (await http.get("/v1/models")).status_code == 401
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "invalid_api_key"
    assert response.headers["www-authenticate"] == "Bearer"


async def test_the_older_header_for_keys_works_too(coordinator: Coordinator) -> None:
    async with httpx.AsyncClient(base_url=coordinator.url, headers={"api-key": coordinator.key}) as http:
        assert (await http.get("/v1/models")).status_code == 200


async def test_a_body_that_is_too_large_is_refused_before_it_has_been_read(coordinator: Coordinator) -> None:
    reader, writer = await asyncio.open_connection(*coordinator.url.removeprefix("http://").split(":"))
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {coordinator.key}\r\n"
        "content-length: 1000000000\r\n\r\n"
    )
    writer.write(head.encode())
    async with asyncio.timeout(10):
        answer = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readuntil(b"}}")
    writer.close()
    assert answer.startswith(b"HTTP/1.1 413")
    assert json.loads(body)["error"]["code"] == "request_too_large"


async def test_a_body_without_a_declared_length_is_bounded_too(coordinator: Coordinator) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(80):
            yield b" " * 65536

    async with coordinator.http() as http:
        response = await http.post("/v1/chat/completions", content=endless())
    assert response.status_code == 413


async def test_headers_that_never_end_are_cut_off(coordinator: Coordinator) -> None:
    reader, writer = await asyncio.open_connection(*coordinator.url.removeprefix("http://").split(":"))
    writer.write(b"GET /health HTTP/1.1\r\n")
    for i in range(100):
        writer.write(b"x-%d: %s\r\n" % (i, b"y" * 1000))
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 400")


async def test_garbage_instead_of_json_names_the_problem(coordinator: Coordinator) -> None:
    async with coordinator.http() as http:
        for body in (b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100_000):
            response = await http.post("/v1/chat/completions", content=body)
            assert response.status_code == 400, body[:10]
            assert response.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("given", "kept"), [("my-id.1", True), ("x" * 200, False), ("two words", False), ("<script>", False)]
)
async def test_a_harmless_request_id_of_the_client_is_kept(coordinator: Coordinator, given: str, kept: bool) -> None:
    async with coordinator.http() as http:
        response = await http.get("/health", headers={"x-request-id": given})
    assert (response.headers["x-request-id"] == given) == kept


async def test_a_key_may_do_only_what_its_scopes_say(start_coordinator: Start) -> None:
    async with start_coordinator() as coordinator:
        worker_only = await asyncio.to_thread(make_key, coordinator.config, scopes=("worker",))
        accounts = coordinator.running.services.accounts
        await until(lambda: len(accounts._keys) == 2)
        async with coordinator.http(worker_only) as http:
            response = await http.get("/v1/models")
        async with coordinator.worker(worker_only) as worker:
            await worker.join()
    assert response.status_code == 403
    assert response.json()["error"]["code"] == "permission_denied"


async def test_a_stop_lets_answers_finish_and_refuses_new_ones(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        asked = asyncio.create_task(http.post("/v1/chat/completions", json=ASK))
        start = await worker.accept()
        coordinator.server.drain()
        refused = await http.post("/v1/chat/completions", json=ASK)
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "shutting_down"
        assert (await http.get("/readyz")).status_code == 503
        assert (await http.get("/livez")).status_code == 200
        await worker.done(start, await worker.tell(start, "bye"))
        assert (await asked).json()["choices"][0]["message"]["content"] == "bye"
        move = await worker.hear(wire.Move)
        assert move.after_s > 0
    async with asyncio.timeout(10):
        await coordinator.task


async def test_a_bug_is_a_500_without_detail(coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(type(coordinator.running.services.hub), "submit", broken)
    async with coordinator.http() as http:
        response = await http.post("/v1/chat/completions", json=ASK)
        assert (await http.get("/health")).status_code == 200
    assert response.status_code == 500
    assert response.json()["error"]["code"] == "internal_error"
    assert "secret" not in response.text


async def test_a_second_signal_ends_at_once_although_an_answer_runs(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        asked = asyncio.create_task(http.post("/v1/chat/completions", json=ASK))
        await worker.accept()
        coordinator.server.handle_exit(signal.SIGTERM, None)
        await until(lambda: coordinator.running.services.hub.dispatch.draining)
        assert not coordinator.task.done()
        coordinator.server.handle_exit(signal.SIGTERM, None)
        async with asyncio.timeout(10):
            await coordinator.task
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)


async def test_the_document_of_the_api_needs_no_key_and_names_every_route(coordinator: Coordinator) -> None:
    async with httpx.AsyncClient(base_url=coordinator.url) as http:
        response = await http.get("/openapi.json")
    assert response.headers["content-type"] == "application/json"
    app = create_app(coordinator.running.services)._app  # type: ignore[attr-defined]
    served = {re.sub(r"\{(\w+?)(_id)?:path\}", r"{\1}", route.path) for route in app.routes}
    api = {path for path in served if path.startswith("/v1/")} - {wire.WORKER_PATH}
    assert api <= set(response.json()["paths"]) <= served, "add it to tools/openapi/document.py"
