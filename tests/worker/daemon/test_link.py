"""The link against a real websocket server on loopback: the coordinator's end is played by the test."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from http import HTTPStatus

import pytest
from websockets.asyncio.server import Request, Response, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed

from wire import messages
from wire.codec import encode
from wire.errors import CLOSE_DUPLICATE
from wire.messages import Capacity, Error, Hello, Move, ToWorker, Welcome
from worker.daemon import link as link_module
from worker.daemon.link import Fatal, Link, Outbox

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


async def test_a_worker_that_stops_says_that_it_will_not_come_back() -> None:
    closed: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(encode(Welcome(session="s")))
        await socket.wait_closed()
        closed.set_result(socket.close_code)

    async with coordinator(handler) as url:
        async with running(worker := Worker(url)):
            await worker.received.get()
        assert await closed == 1001  # the coordinator's LEAVING: anything else keeps its jobs waiting for a resume


@pytest.mark.parametrize("status", [HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.UPGRADE_REQUIRED])
async def test_a_refused_key_or_version_ends_the_dialling_with_the_reason(status: HTTPStatus) -> None:
    def refuse(_: ServerConnection, __: Request) -> Response:
        return Response(status, status.phrase, Headers({"Content-Length": "9"}), b"no such k")

    async def handler(_: ServerConnection) -> None:
        raise AssertionError("never opened")

    async with coordinator(handler, process_request=refuse) as url:
        with pytest.raises(Fatal, match=f"{int(status)}.*no such k"):
            await Worker(url).link.run()


async def test_the_reason_is_told_in_words_and_not_as_json() -> None:
    body = json.dumps({"error": {"message": "The key is revoked.", "type": "authentication_error"}}).encode()

    def refuse(_: ServerConnection, __: Request) -> Response:
        return Response(HTTPStatus.UNAUTHORIZED, "no", Headers({"Content-Length": str(len(body))}), body)

    async def handler(_: ServerConnection) -> None:
        raise AssertionError("never opened")

    async with coordinator(handler, process_request=refuse) as url:
        with pytest.raises(Fatal, match=r"\(HTTP 401\): The key is revoked\.$"):
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


@pytest.mark.parametrize(("code", "word"), [(CLOSE_DUPLICATE, "--state-dir"), (1013, "too many workers"), (1011, "")])
async def test_who_is_turned_away_is_told_what_to_do(code: int, word: str) -> None:
    dialled: asyncio.Queue[int] = asyncio.Queue()

    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        await dialled.put(code)
        await socket.close(code, "no")

    async with coordinator(handler) as url, running(worker := Worker(url)):
        for _ in range(2):
            await dialled.get()
        assert worker.link.problem and "no" in worker.link.problem
        assert word in worker.link.remedy and bool(word) == bool(worker.link.remedy)


async def welcomes(socket: ServerConnection) -> None:
    await socket.recv()
    await socket.send(encode(Welcome(session="s")))
    await socket.wait_closed()


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


@pytest.mark.parametrize(
    "url",
    ["", "not a url", "http://127.0.0.1:1", "ws://", "ws://a:99999", "ws://....", "ws://a/b", "ws://[::1", "ws://ü"],
)
async def test_a_move_to_what_is_no_address_is_a_move_to_the_same_place(url: str) -> None:
    async with coordinator(welcomes) as home, running(worker := Worker(home)):
        await worker.received.get()
        worker.link.redial(0, url)
        assert (await worker.received.get()).type == "welcome"


async def test_a_move_never_leads_from_an_encrypted_address_to_one_that_is_not() -> None:
    link = Worker("wss://home").link
    assert link._may_lead_to("wss://elsewhere:8443")
    assert not link._may_lead_to("ws://elsewhere:8443")
    assert Worker("ws://home").link._may_lead_to("wss://elsewhere")


async def test_who_is_not_welcomed_where_a_move_led_goes_home() -> None:
    def refuse(_: ServerConnection, __: Request) -> Response:
        return Response(HTTPStatus.UNAUTHORIZED, "no", Headers({"Content-Length": "0"}), b"")

    async with (
        coordinator(welcomes) as home,
        coordinator(welcomes, process_request=refuse) as other,
        running(worker := Worker(home)),
    ):
        for url in (other, "ws://127.0.0.1:1"):
            await worker.received.get()
            worker.link.redial(0, url)
        assert (await worker.received.get()).type == "welcome"


async def test_a_peer_that_never_welcomes_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "WELCOME_S", 0.01)
    rounds = 0

    async def handler(socket: ServerConnection) -> None:
        nonlocal rounds
        rounds += 1
        await socket.recv()
        if rounds > 1:
            await socket.send(encode(Welcome(session="s")))
        await socket.wait_closed()

    async with coordinator(handler) as url, running(worker := Worker(url)):
        assert (await worker.received.get()).type == "welcome"
        assert rounds == 2


async def test_a_peer_that_talks_nonsense_is_left_after_some_of_it() -> None:
    ended: asyncio.Queue[int] = asyncio.Queue()

    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(encode(Welcome(session="s")))
        answers = 0
        with suppress(ConnectionClosed):
            while True:
                await socket.send("{")
                await socket.recv()
                answers += 1
        await ended.put(answers)

    async with coordinator(handler) as url, running(Worker(url)):
        assert await ended.get() < link_module.COMPLAINTS
        assert await ended.get() < link_module.COMPLAINTS, "and it is dialled again"


def pauses(monkeypatch: pytest.MonkeyPatch, count: int) -> tuple[list[float], asyncio.Event]:
    """The longest that each pause between two dials might have been, and set once there were so many; none is made."""
    most: list[float] = []
    enough = asyncio.Event()

    def uniform(low: float, high: float) -> float:
        most.append(high)
        if len(most) == count:
            enough.set()
        return 0.0

    monkeypatch.setattr("worker.daemon.link.random.uniform", uniform)
    return most, enough


async def test_moves_and_short_connections_are_answered_with_longer_and_longer_pauses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    most, enough = pauses(monkeypatch, 5)
    monkeypatch.setattr(link_module, "BACKOFF_MOST_S", 0.008)

    async def sends_away(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(encode(Welcome(session="s")))
        await socket.send(encode(Move(after_s=0)))
        await socket.wait_closed()

    async with coordinator(sends_away) as url, running(worker := Worker(url)):

        async def obey() -> None:
            while True:
                if isinstance(move := await worker.received.get(), Move):
                    worker.link.redial(move.after_s, move.url)

        obeying = asyncio.create_task(obey())
        await enough.wait()
        obeying.cancel()
    assert most[:5] == [0.002, 0.004, 0.008, 0.008, 0.008]


async def test_a_coordinator_that_was_there_a_moment_ago_is_asked_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    most, enough = pauses(monkeypatch, 6)
    monkeypatch.setattr(link_module, "STEADY_S", 0.05)
    monkeypatch.setattr(link_module, "RETURN_MOST_S", 0.004)
    monkeypatch.setattr(link_module, "BACKOFF_MOST_S", 1.0)

    async def lives_a_while(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(encode(Welcome(session="s")))
        await asyncio.sleep(0.1)

    async with AsyncExitStack() as stack:
        async with coordinator(lives_a_while) as url:
            worker = Worker(url)
            await stack.enter_async_context(running(worker))
            await worker.received.get()
            while not worker.lost:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await enough.wait()
    assert max(most[:6]) == 0.004


async def test_a_line_that_breaks_again_and_again_is_dialled_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its jobs wait: a coordinator that lets a worker in and hangs up is another matter (see above)."""
    most, enough = pauses(monkeypatch, 8)
    monkeypatch.setattr(link_module, "RETURN_MOST_S", 0.004)
    monkeypatch.setattr(link_module, "BACKOFF_MOST_S", 1.0)

    async def breaks(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(encode(Welcome(session="s")))
        await asyncio.sleep(0.02)
        socket.transport.abort()

    async with coordinator(breaks) as url, running(Worker(url)):
        await enough.wait()
    assert max(most) == 0.004


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
