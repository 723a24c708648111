"""One connection to a real websocket server, from the dial to how it ended."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from program.useless_frames import FRAME_BYTES
from tests.worker.daemon.websocket_server import coordinator
from wire.chat import ChatRequest, Message
from wire.codec import encode
from wire.media import Progress
from wire.messages import Ack, AckItem, Cancel, Capacity, Hello, Start, ToWorker, Welcome
from worker.daemon import connection, outbox
from worker.daemon.connection import Connection, End
from worker.daemon.home import Home
from worker.daemon.line_errors import Fatal

LARGE = Progress(job="p", attempt=1, stage="denoising", step=1, steps=8, preview="A" * 40_000)
PATIENCE_S = 60


class Dialled:
    """A connection that runs, and the frames that it took."""

    def __init__(self, url: str) -> None:
        self.received: asyncio.Queue[ToWorker] = asyncio.Queue()
        self.connection = Connection(Home(url, "sk-test"), self.take)
        self.task: asyncio.Task[End] = asyncio.create_task(self.connection.run(hello))

    def take(self, message: ToWorker) -> float:
        self.received.put_nowait(message)
        return 0.0 if isinstance(message, Start) else 1.0

    async def welcomed(self) -> None:
        assert isinstance(await self.received.get(), Welcome) and self.connection.welcomed


def hello() -> Hello:
    return Hello(worker="w", instance="i", models=())


async def welcomes(socket: ServerConnection) -> None:
    await socket.recv()
    await socket.send(encode(Welcome(session="s")))
    await socket.wait_closed()


async def test_the_first_frame_is_hello_and_the_key_travels_in_the_header() -> None:
    seen: asyncio.Queue[tuple[str | None, str]] = asyncio.Queue()

    async def handler(socket: ServerConnection) -> None:
        assert socket.request is not None
        await seen.put((socket.request.headers.get("Authorization"), str(await socket.recv())))

    async with coordinator(handler) as url:
        dialled = Dialled(url)
        key, first = await seen.get()
        assert key == "Bearer sk-test"
        assert json.loads(first)["type"] == "hello"
        assert (await dialled.task).welcomed is False


async def test_a_frame_is_dropped_before_the_socket_is_open_and_sent_afterwards() -> None:
    seen: asyncio.Queue[str] = asyncio.Queue()

    async def handler(socket: ServerConnection) -> None:
        await socket.send(encode(Welcome(session="s")))
        async for frame in socket:
            seen.put_nowait(json.loads(frame)["type"])

    async with coordinator(handler) as url:
        dialled = Dialled(url)
        dialled.connection.send(Capacity())
        await dialled.welcomed()
        dialled.connection.send(Capacity())
        assert [await seen.get(), await seen.get()] == ["hello", "capacity"]
        dialled.connection.abort()
        await dialled.task


async def test_a_worker_that_stops_says_that_it_will_not_come_back() -> None:
    closed: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    async def handler(socket: ServerConnection) -> None:
        await welcomes(socket)
        closed.set_result(socket.close_code)

    async with coordinator(handler) as url:
        dialled = Dialled(url)
        await dialled.welcomed()
        dialled.task.cancel()
        with suppress(asyncio.CancelledError):
            await dialled.task
        assert await closed == 1001  # the coordinator's LEAVING: anything else keeps its jobs waiting for a resume


async def test_a_server_that_is_no_coordinator_is_fatal() -> None:
    async with serve(welcomes, "127.0.0.1", 0) as server:
        with pytest.raises(Fatal, match="Supernet coordinator"):
            await Dialled(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}").task


async def test_an_unknown_frame_is_answered_with_an_error_and_the_connection_stays() -> None:
    answers: asyncio.Queue[str] = asyncio.Queue()

    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        for bad in ('{"type":"from_the_future"}', "not json", "[]"):
            await socket.send(bad)
            await answers.put(str(await socket.recv()))
        await socket.send(encode(Welcome(session="s")))

    async with coordinator(handler) as url:
        dialled = Dialled(url)
        for _ in range(3):
            assert json.loads(await answers.get())["code"] == "protocol_error"
        await dialled.welcomed()
        await dialled.task


async def test_a_line_that_breaks_is_told_from_one_that_somebody_ends() -> None:
    async def breaks(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(encode(Welcome(session="s")))
        await asyncio.sleep(0.01)
        socket.transport.abort()

    async with coordinator(breaks) as url:
        end = await Dialled(url).task
        assert end.broke and end.welcomed and end.open_s > 0

    async with coordinator(welcomes) as url:
        dialled = Dialled(url)
        await dialled.welcomed()
        dialled.connection.abort()
        assert not (await dialled.task).broke

    end = await Dialled(url).task  # nobody listens any more
    assert not end.broke and end.open_s == 0 and "nothing listens" in end.reason.text


async def test_a_line_that_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "MOST_BYTES", 50)
    async with coordinator(welcomes) as url:
        dialled = Dialled(url)
        await dialled.welcomed()
        for _ in range(5):
            dialled.connection.send(Capacity())
        assert not (await dialled.task).broke


@asynccontextmanager
async def standing(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Dialled]:
    """A connection to a coordinator that has stopped reading, with more written than the line holds. There are no
    pings: they would wait behind what was written."""
    monkeypatch.setattr(connection, "PING_S", 3600.0)
    over, full = asyncio.Event(), asyncio.Event()

    async def stands(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(encode(Welcome(session="s")))
        socket.transport.pause_reading()
        await over.wait()
        socket.transport.abort()

    async def fill(dialled: Dialled) -> None:
        """The kernel may yet take some of what it did not take at first."""
        written = dialled.connection._socket
        assert written is not None
        while not dialled.task.done():
            if written.paused:
                full.set()
            else:
                dialled.connection.send(LARGE)
            await asyncio.sleep(0.001 if written.paused else 0)

    async with coordinator(stands, ping_interval=None) as url:
        dialled = Dialled(url)
        await dialled.welcomed()
        filling = asyncio.create_task(fill(dialled))
        try:
            async with asyncio.timeout(PATIENCE_S):
                await full.wait()
            yield dialled
        finally:
            over.set()
            filling.cancel()
            await asyncio.gather(filling, return_exceptions=True)


async def test_a_line_that_stands_still_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "STANDS_S", 0.2)
    async with standing(monkeypatch) as dialled:
        await asyncio.wait({dialled.task}, timeout=PATIENCE_S)
        assert dialled.task.done() and not dialled.task.result().broke


async def test_a_worker_leaves_a_line_that_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CLOSE_S", 0.1)
    async with standing(monkeypatch) as dialled:
        dialled.task.cancel()
        await asyncio.wait({dialled.task}, timeout=PATIENCE_S)
        assert dialled.task.cancelled()


@pytest.mark.parametrize(
    "flood",
    [
        Cancel(job="nobodys", attempt=1),
        Ack(items=tuple(AckItem(job=f"nobodys-{n}", attempt=1, next_seq=n) for n in range(8192))),
        Welcome(session="again"),
    ],
)
async def test_a_coordinator_that_sends_what_is_of_no_use_is_left(
    flood: ToWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "USELESS_BYTES", 1_000_000)
    frame = encode(flood)

    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(encode(Welcome(session="s")))
        with suppress(ConnectionClosed):
            while True:
                await socket.send(frame)

    async with coordinator(handler) as url:
        dialled = Dialled(url)
        end = await dialled.task
    assert end.flooded and end.welcomed and not end.broke
    assert 500_000 < dialled.received.qsize() * (len(frame) + FRAME_BYTES) < 3_000_000


async def test_a_coordinator_whose_frames_are_of_use_may_send_any_number_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "USELESS_BYTES", 100_000)
    request = ChatRequest(messages=(Message(role="user", content="x" * 10_000),), max_tokens=1)

    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(encode(Welcome(session="s")))
        for n in range(100):
            await socket.send(encode(Start(job=f"j{n}", attempt=1, model="m", request=request, seed=0)))

    async with coordinator(handler) as url:
        dialled = Dialled(url)
        assert not (await dialled.task).flooded
    assert dialled.received.qsize() == 101
