"""Connections of odd clients and flapping workers: each costs itself at most, and leaves nothing behind."""

import asyncio
import json

import pytest

from coordinator.accounts.rows import revoke_key
from coordinator.store.database import Database
from tests.coordinator.api.test_chat import ASK
from tests.coordinator.conftest import Coordinator, make_key, until
from wire import messages as wire
from wire.errors import SupernetError


def request(coordinator: Coordinator, body: dict[str, object], *more: str) -> bytes:
    data = json.dumps(body).encode()
    head = ["POST /v1/chat/completions HTTP/1.1", "host: x", f"authorization: Bearer {coordinator.key}"]
    head += ["content-type: application/json", f"content-length: {len(data)}", *more]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + data


async def dial(coordinator: Coordinator) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", int(coordinator.url.rsplit(":", 1)[1]))


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of one response with a length."""
    async with asyncio.timeout(10):
        status = int((await reader.readline()).split()[1])
        length = 0
        while line := (await reader.readline()).strip().lower():
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return status, await reader.readexactly(length)


async def test_pipelined_requests_are_answered_in_their_order(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker:
        await worker.join()
        reader, writer = await dial(coordinator)
        writer.write(request(coordinator, ASK) + b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n" + request(coordinator, ASK))
        for text in ("one", "two"):
            await worker.serve(text)
            status, body = await answer(reader)
            assert (status, json.loads(body)["choices"][0]["message"]["content"]) == (200, text)
            if text == "one":
                assert (await answer(reader))[0] == 200
        writer.close()


async def test_a_client_that_closes_its_half_keeps_no_slot(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker:
        await worker.join()
        _, writer = await dial(coordinator)
        writer.write(request(coordinator, {**ASK, "stream": True}))
        start = await worker.accept()
        writer.write_eof()
        cancel = asyncio.create_task(worker.hear(wire.Cancel))
        try:
            seq = 0
            while not cancel.done():  # it is told more until somebody notices
                seq = await worker.tell(start, "a", seq)
                await asyncio.sleep(0.01)
                if seq >= 400:
                    break
            assert (await cancel).job == start.job
        finally:
            cancel.cancel()
            writer.close()


async def test_ten_thousand_headers_are_too_many(coordinator: Coordinator) -> None:
    reader, writer = await dial(coordinator)
    writer.write(request(coordinator, ASK, *(f"x-{n}: {n}" for n in range(10_000))))
    async with asyncio.timeout(10):
        line = await reader.readline()
    assert line.split()[1] == b"431"
    writer.close()
    async with coordinator.http() as http:
        assert (await http.get("/livez")).status_code == 200


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PUT", "NONSENSE"])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/models", "/nowhere"])
async def test_other_methods_are_refused_and_hold_nothing(coordinator: Coordinator, method: str, path: str) -> None:
    async with coordinator.http() as http:
        response = await http.request(method, path)
        assert 400 <= response.status_code < 500
        assert response.headers.get("x-should-retry", "false") == "false"
    assert coordinator.running.services.hub.dispatch.running() == 0


async def test_a_key_that_is_revoked_ends_its_answer_and_opens_no_other(coordinator: Coordinator) -> None:
    accounts = coordinator.running.services.accounts
    mine = accounts.authenticate({"authorization": f"Bearer {coordinator.key}"}, "client").key

    def revoke() -> None:
        database = Database(coordinator.config.db)
        revoke_key(database, mine, 1)
        database.close()

    other = await asyncio.to_thread(make_key, coordinator.config)
    await until(lambda: known(coordinator, other))
    async with coordinator.worker(other) as worker, coordinator.http() as http:
        await worker.join()
        asking = asyncio.create_task(http.post("/v1/chat/completions", json=ASK))
        start = await worker.accept()
        await worker.tell(start, "half ")
        await asyncio.to_thread(revoke)
        await until(lambda: not accounts.in_use(mine))
        assert (await http.post("/v1/chat/completions", json=ASK)).status_code == 401
        assert (await worker.hear(wire.Cancel)).job == start.job
        ended = await asking
        assert ended.status_code == 401
        assert ended.json()["error"]["code"] == "invalid_api_key"


def known(coordinator: Coordinator, key: str) -> bool:
    try:
        coordinator.running.services.accounts.authenticate({"authorization": f"Bearer {key}"}, "worker")
    except SupernetError:
        return False
    return True


async def test_a_worker_that_flaps_a_hundred_times_leaves_one_worker(coordinator: Coordinator) -> None:
    dispatch = coordinator.running.services.hub.dispatch
    async with coordinator.worker() as steady, coordinator.http() as http:
        await steady.join("steady", slots=1)
        asking = asyncio.create_task(http.post("/v1/chat/completions", json=ASK))
        start = await steady.accept()
        session = None
        for n in range(100):
            async with coordinator.worker() as worker:
                resume = wire.Resume(session=session, jobs=()) if session and n % 3 else None
                welcome = await worker.join("flapping", instance="a", resume=resume)
                session = welcome.session
                worker.socket.transport.abort()
        await steady.done(start, await steady.tell(start, "still here"))
        assert (await asking).json()["choices"][0]["message"]["content"] == "still here"
        assert sorted(worker.key.rsplit("/", 1)[1] for worker in dispatch.workers) == ["flapping", "steady"]
        assert len(coordinator.running.services.hub._sockets) <= 2
