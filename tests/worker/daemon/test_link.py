"""The link against a real websocket server on loopback: the coordinator's end is played by the test."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.worker.daemon.websocket_server import coordinator
from wire.codec import encode
from wire.errors import CLOSE_DUPLICATE
from wire.messages import Hello, Move, ToWorker, Welcome
from worker.daemon import backoff, connection, link
from worker.daemon.home import Address, Home, connect
from worker.daemon.line_errors import Fatal
from worker.daemon.link import Link

pytestmark = pytest.mark.usefixtures("no_waiting")


class Worker:
    """What the daemon is to a link: it makes hellos and notes what comes."""

    def __init__(self, url: str) -> None:
        self.received: asyncio.Queue[ToWorker] = asyncio.Queue()
        self.lost = 0
        self.link = Link(Home(url, "sk-test"), self.hello, self.take, self.on_lost)

    def hello(self) -> Hello:
        return Hello(worker="w", instance="i", models=())

    def take(self, message: ToWorker) -> float:
        self.received.put_nowait(message)
        return 1.0

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


async def test_a_lost_socket_is_dialled_again() -> None:
    calls: asyncio.Queue[int] = asyncio.Queue()

    async def handler(line: ServerConnection) -> None:
        await line.recv()
        await calls.put(1)
        line.transport.abort()

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
        with pytest.raises(Fatal, match=rf"HTTP {int(status)}\)$"):
            await Worker(url).link.run()


async def test_what_the_coordinator_says_of_its_refusal_is_for_the_owner_alone() -> None:
    body = json.dumps({"error": {"message": "The key is revoked.", "type": "authentication_error"}}).encode()

    def refuse(_: ServerConnection, __: Request) -> Response:
        return Response(HTTPStatus.UNAUTHORIZED, "no", Headers({"Content-Length": str(len(body))}), body)

    async def handler(_: ServerConnection) -> None:
        raise AssertionError("never opened")

    async with coordinator(handler, process_request=refuse) as url:
        with pytest.raises(Fatal, match=r"\(HTTP 401\)$") as refused:
            await Worker(url).link.run()
    assert refused.value.why.in_full.endswith("(HTTP 401); the answer says 'The key is revoked.'")


async def test_a_frame_over_the_limit_costs_the_connection_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MAX_TO_WORKER_BYTES", 1000)
    rounds = 0

    async def handler(line: ServerConnection) -> None:
        nonlocal rounds
        rounds += 1
        await line.recv()
        await line.send(encode(Welcome(session="s")) if rounds > 1 else "x" * 2000)
        await line.wait_closed()

    async with coordinator(handler) as url, running(worker := Worker(url)):
        assert (await worker.received.get()).type == "welcome"
        assert rounds == 2


@pytest.mark.parametrize(("code", "word"), [(CLOSE_DUPLICATE, "--state-dir"), (1013, "too many workers"), (1011, "")])
async def test_who_is_turned_away_is_told_what_to_do(code: int, word: str) -> None:
    dialled: asyncio.Queue[int] = asyncio.Queue()

    async def handler(line: ServerConnection) -> None:
        await line.recv()
        await dialled.put(code)
        await line.close(code, "no")

    async with coordinator(handler) as url, running(worker := Worker(url)):
        for _ in range(2):
            await dialled.get()
        down = worker.link.problem
        assert down is not None and down.said == "no" and "'no'" in down.in_full
        assert word in down.remedy and bool(word) == bool(down.remedy)


async def welcomes(line: ServerConnection) -> None:
    await line.recv()
    await line.send(encode(Welcome(session="s")))
    await line.wait_closed()


async def never(_: ServerConnection) -> None:
    raise AssertionError("dialled")


async def test_a_move_leads_home_and_nowhere_else() -> None:
    """Before, it led wherever the coordinator liked: at its word the worker knocked, with its key, at any door."""
    knocked: list[str] = []

    def knock(_: ServerConnection, request: Request) -> None:
        knocked.append(request.path)

    async with (
        coordinator(welcomes) as home,
        coordinator(never, process_request=knock) as other,
        running(worker := Worker(home)),
    ):
        for url in (other, other.replace("127.0.0.1", "localhost"), home, None):
            assert (await worker.received.get()).type == "welcome"
            worker.link.redial(0, url, "sent away")
        assert (await worker.received.get()).type == "welcome"
        assert knocked == []


@pytest.mark.parametrize(
    "url",
    ["", "not a url", "http://127.0.0.1:1", "ws://", "ws://a:99999", "ws://....", "ws://a/b", "ws://[::1", "ws://ü"],
)
async def test_a_move_to_what_is_no_address_is_a_move_to_the_same_place(url: str) -> None:
    async with coordinator(welcomes) as home, running(worker := Worker(home)):
        await worker.received.get()
        worker.link.redial(0, url, "sent away")
        assert (await worker.received.get()).type == "welcome"


async def test_what_the_worker_ends_itself_is_no_line_that_was_lost(caplog: pytest.LogCaptureFixture) -> None:
    """At each first load of a model with eyes an owner read of a connection that was lost, as a warning."""
    caplog.set_level("INFO")
    async with coordinator(welcomes) as home, running(worker := Worker(home)):
        await worker.received.get()
        worker.link.redial(0, None, "there is news")
        assert (await worker.received.get()).type == "welcome"
    (told,) = [record for record in caplog.records if "dialling again" in record.message]
    assert told.levelname == "INFO" and "there is news" in told.message and "lost" not in told.message


async def test_news_while_the_line_is_down_is_no_reason_of_a_later_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    again = asyncio.Event()

    async def breaks(line: ServerConnection) -> None:
        await line.recv()
        if any("dialling again" in record.message for record in caplog.records):
            again.set()
        line.transport.abort()

    async with coordinator(breaks) as home:
        worker = Worker(home)
        worker.link.redial(600, None, "there is news")
        async with running(worker), asyncio.timeout(60):
            await again.wait()
    told = [record for record in caplog.records if "dialling again" in record.message]
    assert told[0].levelname == "WARNING" and "news" not in told[0].message


class Net:
    """A resolver and a dialler: names lead where the test says, and every address is one server of the test's."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.named = "93.184.216.34"
        self.asked: list[str] = []
        self.dialled: list[str] = []
        self.news = asyncio.Event()

    async def resolve(self, host: str, port: int) -> list[Address]:
        self.asked.append(f"{host}:{port}")
        self.news.set()
        return [(socket.AF_INET, (self.named, port))]

    async def connect(self, address: Address) -> socket.socket:
        self.dialled.append(address[1][0])
        return await connect((socket.AF_INET, ("127.0.0.1", self.port)))

    async def until_asked(self, times: int) -> None:
        while len(self.asked) < times:
            self.news.clear()
            await self.news.wait()

    def worker(self, url: str) -> Worker:
        worker = Worker(url)
        home = Home(url, "sk-test", self.resolve, self.connect)
        worker.link = Link(home, worker.hello, worker.take, worker.on_lost)
        return worker


async def test_a_name_that_leads_inside_after_a_welcome_outside_is_not_followed() -> None:
    """The operator of a coordinator also says where its name leads: another answer of DNS does what a move did."""
    async with coordinator(welcomes) as url:
        net = Net(urlsplit(url).port or 0)
        async with running(worker := net.worker("ws://net.example")):
            assert (await worker.received.get()).type == "welcome"
            net.named = "169.254.169.254"
            worker.link.redial(0, "ws://10.0.0.5:6379", "sent away")
            await net.until_asked(3)
            assert net.dialled == ["93.184.216.34"] and set(net.asked) == {"net.example:80"}
            down = worker.link.problem
            assert down is not None and "leads into a private network" in down.text
            net.named = "93.184.216.35"
            assert (await worker.received.get()).type == "welcome"
            assert net.dialled == ["93.184.216.34", "93.184.216.35"]


@pytest.mark.parametrize("location", ["ws://10.0.0.5/", "http://169.254.169.254/latest/", "/elsewhere", "//10.0.0.5/"])
async def test_a_redirect_of_the_upgrade_is_not_followed(location: str) -> None:
    def away(_: ServerConnection, __: Request) -> Response:
        return Response(302, "Found", Headers({"Location": location, "Content-Length": "0"}), b"")

    async with coordinator(never, process_request=away) as url:
        net = Net(urlsplit(url).port or 0)
        async with running(net.worker("ws://net.example")):
            await net.until_asked(3)
        assert set(net.asked) == {"net.example:80"} and set(net.dialled) == {"93.184.216.34"}


async def test_a_peer_that_never_welcomes_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "WELCOME_S", 0.01)
    rounds = 0

    async def handler(line: ServerConnection) -> None:
        nonlocal rounds
        rounds += 1
        await line.recv()
        if rounds > 1:
            await line.send(encode(Welcome(session="s")))
        await line.wait_closed()

    async with coordinator(handler) as url, running(worker := Worker(url)):
        assert (await worker.received.get()).type == "welcome"
        assert rounds == 2


async def test_a_peer_that_talks_nonsense_is_left_after_some_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: asyncio.Queue[int] = asyncio.Queue()

    async def handler(line: ServerConnection) -> None:
        await line.recv()
        await line.send(encode(Welcome(session="s")))
        answers = 0
        with suppress(ConnectionClosed):
            while True:
                await line.send("{")
                await line.recv()
                answers += 1
        await ended.put(answers)

    monkeypatch.setattr(link, "FLOODED_S", 0.001)
    async with coordinator(handler) as url, running(Worker(url)):
        assert await ended.get() < connection.COMPLAINTS
        assert await ended.get() < connection.COMPLAINTS, "and it is dialled again"


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
    monkeypatch.setattr(backoff, "MOST_S", 0.008)

    async def sends_away(line: ServerConnection) -> None:
        await line.recv()
        await line.send(encode(Welcome(session="s")))
        await line.send(encode(Move(after_s=0)))
        await line.wait_closed()

    async with coordinator(sends_away) as url, running(worker := Worker(url)):

        async def obey() -> None:
            while True:
                if isinstance(move := await worker.received.get(), Move):
                    worker.link.redial(move.after_s, move.url, "sent away")

        obeying = asyncio.create_task(obey())
        await enough.wait()
        obeying.cancel()
    assert most[:5] == [0.002, 0.004, 0.008, 0.008, 0.008]


async def test_a_line_that_breaks_again_and_again_is_dialled_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its jobs wait: a coordinator that lets a worker in and hangs up is another matter (see above)."""
    most, enough = pauses(monkeypatch, 8)
    monkeypatch.setattr(backoff, "RETURN_MOST_S", 0.004)
    monkeypatch.setattr(backoff, "MOST_S", 1.0)

    async def breaks(line: ServerConnection) -> None:
        await line.recv()
        await line.send(encode(Welcome(session="s")))
        await asyncio.sleep(0.02)
        line.transport.abort()

    async with coordinator(breaks) as url, running(Worker(url)):
        await enough.wait()
    assert max(most) == 0.004
