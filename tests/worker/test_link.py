"""The link against a real websocket server on loopback: the coordinator's end is played by the test."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus

import pytest
from websockets.asyncio.server import Request, Response, ServerConnection, serve
from websockets.datastructures import Headers

from wire import messages
from wire.codec import encode
from wire.messages import Capacity, Error, Hello, ToWorker, Welcome
from worker import link as link_module
from worker.link import Fatal, Link, Outbox

Handler = Callable[[ServerConnection], Awaitable[None]]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "BACKOFF_FIRST_S", 0.001)
    monkeypatch.setattr(link_module, "BACKOFF_MOST_S", 0.001)


@asynccontextmanager
async def coordinator(handler: Handler, **options: object) -> AsyncIterator[str]:
    subprotocols = [messages.SUBPROTOCOL]
    async with serve(handler, "127.0.0.1", 0, subprotocols=subprotocols, **options) as server:  # type: ignore[arg-type]
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


class Worker:
    """What the daemon is to a link: it makes hellos and notes what comes."""

    def __init__(self, url: str) -> None:
        self.received: asyncio.Queue[ToWorker] = asyncio.Queue()
        self.lost = 0
        self.link = Link((url, "sk-test"), self.hello, self.received.put_nowait, self.on_lost)

    def hello(self) -> Hello:
        return Hello(worker="w", instance="i", models=())

    def on_lost(self) -> None:
        self.lost += 1


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(worker.link.run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, Fatal):
            await task


async def test_the_first_frame_is_hello_and_the_key_travels_in_the_header() -> None:
    seen: asyncio.Queue[tuple[str | None, str]] = asyncio.Queue()

    async def handler(socket: ServerConnection) -> None:
        assert socket.request is not None
        await seen.put((socket.request.headers.get("Authorization"), str(await socket.recv())))
        await socket.send(encode(Welcome(session="s")))
        await socket.wait_closed()

    async with coordinator(handler) as url, running(worker := Worker(url)):
        key, hello = await seen.get()
        assert key == "Bearer sk-test"
        assert json.loads(hello)["type"] == "hello"
        assert (await worker.received.get()).type == "welcome"
        assert worker.link.problem is None


async def test_a_lost_socket_is_dialled_again() -> None:
    calls: asyncio.Queue[int] = asyncio.Queue()

    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        await calls.put(1)
        socket.transport.abort()

    async with coordinator(handler) as url, running(worker := Worker(url)):
        for _ in range(3):
            await calls.get()
        assert worker.lost >= 2


@pytest.mark.parametrize("status", [HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.UPGRADE_REQUIRED])
async def test_a_refused_key_or_version_ends_the_dialling_with_the_reason(status: HTTPStatus) -> None:
    def refuse(_: ServerConnection, __: Request) -> Response:
        return Response(status, status.phrase, Headers({"Content-Length": "9"}), b"no such k")

    async def handler(_: ServerConnection) -> None:
        raise AssertionError("never opened")

    async with coordinator(handler, process_request=refuse) as url:
        with pytest.raises(Fatal, match=f"{int(status)}.*no such k"):
            await Worker(url).link.run()


async def test_a_server_that_is_no_coordinator_is_fatal() -> None:
    async def handler(socket: ServerConnection) -> None:
        await socket.wait_closed()

    async with serve(handler, "127.0.0.1", 0) as server:
        with pytest.raises(Fatal, match="Supernet coordinator"):
            await Worker(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}").link.run()


async def test_an_unknown_frame_is_answered_with_an_error_and_the_link_stays() -> None:
    answers: asyncio.Queue[str] = asyncio.Queue()

    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        for bad in ('{"type":"from_the_future"}', "not json", "[]"):
            await socket.send(bad)
            await answers.put(str(await socket.recv()))
        await socket.send(encode(Welcome(session="s")))
        await socket.wait_closed()

    async with coordinator(handler) as url, running(worker := Worker(url)):
        for _ in range(3):
            assert json.loads(await answers.get())["code"] == "protocol_error"
        assert (await worker.received.get()).type == "welcome"


async def test_a_frame_over_the_limit_costs_the_connection_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "MAX_TO_WORKER_BYTES", 1000)
    rounds = 0

    async def handler(socket: ServerConnection) -> None:
        nonlocal rounds
        rounds += 1
        await socket.recv()
        await socket.send(encode(Welcome(session="s")) if rounds > 1 else "x" * 2000)
        await socket.wait_closed()

    async with coordinator(handler) as url, running(worker := Worker(url)):
        assert (await worker.received.get()).type == "welcome"
        assert rounds == 2


async def test_a_move_leads_to_the_other_coordinator() -> None:
    async def stays(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(encode(Welcome(session="new")))
        await socket.wait_closed()

    async def leaves(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(encode(Welcome(session="old")))
        await socket.wait_closed()

    async with coordinator(leaves) as old, coordinator(stays) as new, running(worker := Worker(old)):
        first = await worker.received.get()
        worker.link.redial(0, new)
        second = await worker.received.get()
        assert [first.session, second.session] == ["old", "new"]  # type: ignore[union-attr]


async def test_status_frames_overtake_tokens() -> None:
    outbox = Outbox()
    outbox.put(Error(code="protocol_error", message="data"))  # type: ignore[arg-type]
    outbox.put(Capacity())
    assert json.loads(await outbox.get())["type"] == "capacity"
    assert json.loads(await outbox.get())["type"] == "error"


def test_an_outbox_that_is_full_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "OUTBOX_BYTES", 50)
    outbox = Outbox()
    assert outbox.put(Capacity())
    assert not outbox.put(Capacity())
