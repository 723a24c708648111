"""Routes, errors, limits, shutdown: with real sockets."""

import asyncio
import re
import signal

import httpx
import pytest

from coordinator.api.app import create_app
from tests.coordinator.api.test_chat import ASK
from tests.coordinator.conftest import Coordinator, Start, make_key, until
from wire import messages as wire


async def test_the_other_headers_for_keys_work_too(coordinator: Coordinator) -> None:
    for name in ("api-key", "x-api-key"):
        async with httpx.AsyncClient(base_url=coordinator.url, headers={name: coordinator.key}) as http:
            assert (await http.get("/v1/models")).status_code == 200


async def test_headers_that_never_end_are_cut_off(coordinator: Coordinator) -> None:
    reader, writer = await asyncio.open_connection(*coordinator.url.removeprefix("http://").split(":"))
    writer.write(b"GET /health HTTP/1.1\r\n")
    for i in range(100):
        writer.write(b"x-%d: %s\r\n" % (i, b"y" * 1000))
    async with asyncio.timeout(10):
        answer = await reader.readline()  # a reset may follow: the server leaves the rest unread
    writer.close()
    assert answer.startswith(b"HTTP/1.1 431")


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


async def test_workers_hear_where_to_go_before_their_sockets_are_closed(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last answer may end while uvicorn looks whether to stop: it closed the sockets in that turn of the loop."""
    looked = coordinator.server.on_tick

    async def ends_now(counter: int) -> bool:
        if not coordinator.server.draining:
            coordinator.server.drain()
        return await looked(counter)

    async with coordinator.worker() as worker:
        await worker.join()
        monkeypatch.setattr(coordinator.server, "on_tick", ends_now)
        assert (await worker.hear(wire.Move)).after_s > 0
    async with asyncio.timeout(10):
        await coordinator.task


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
    app = create_app(coordinator.running.services)._app.app.app  # type: ignore[attr-defined]
    served = {re.sub(r"\{(\w+?)(_id)?:path\}", r"{\1}", route.path) for route in app.routes}
    api = {path for path in served if path.startswith("/v1/") and not path.startswith(wire.WORKER_PATH)}
    assert api <= set(response.json()["paths"]) <= served, "add it to tools/openapi/document.py"
