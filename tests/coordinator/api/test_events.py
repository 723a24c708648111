"""A stream of events by itself: a leaver, a reader that is cut off, HEAD, and what is left running."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from starlette.types import Message

from coordinator.api.events import EventStream, unless_left


class Client:
    """The two ends that a server hands to an application."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.leaves = asyncio.Event()

    async def receive(self) -> Message:
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


class Pieces:
    """A generator of pieces that knows whether it has been closed."""

    def __init__(self, *pieces: bytes, endless: bool = False) -> None:
        self.given = asyncio.Event()
        self.closed = False
        self._pieces = pieces
        self._endless = endless

    async def __call__(self) -> AsyncGenerator[bytes]:
        try:
            for piece in self._pieces:
                yield piece
            self.given.set()
            if self._endless:
                await asyncio.Event().wait()
        finally:
            self.closed = True


async def serve(client: Client, stream: EventStream, method: str = "GET") -> None:
    await stream({"type": "http", "method": method}, client.receive, client.send)


async def test_all_pieces_are_sent_and_the_stream_ends() -> None:
    client, pieces = Client(), Pieces(b"a", b"", b"b")
    await serve(client, EventStream(pieces(), {"x-more": "1"}))
    assert client.body == b"ab" and pieces.closed
    assert [message["type"] for message in client.sent] == ["http.response.start", *["http.response.body"] * 3]
    assert [message.get("more_body") for message in client.sent[1:]] == [True, True, False]
    headers = dict(client.sent[0]["headers"])
    assert headers[b"content-type"].startswith(b"text/event-stream") and headers[b"x-more"] == b"1"
    assert b"content-length" not in headers


async def test_a_leaver_ends_it_while_nothing_is_sent() -> None:
    client, pieces = Client(), Pieces(b"a", endless=True)
    serving = asyncio.create_task(serve(client, EventStream(pieces(), {})))
    await pieces.given.wait()
    client.leaves.set()
    await serving
    assert client.body == b"a" and pieces.closed


async def test_a_reader_that_is_too_slow_is_cut_off() -> None:
    client, pieces = Client(), Pieces(b"a", endless=True)
    cut: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(client, EventStream(pieces(), {}, cut=cut)))
    await pieces.given.wait()
    cut.set_result(None)
    await serving
    assert pieces.closed


async def test_detached_work_goes_on_when_the_client_leaves() -> None:
    client, pieces = Client(), Pieces(b"a", b"b")
    client.leaves.set()
    await serve(client, EventStream(pieces(), {}, detached=True))
    assert client.body == b"ab"


async def test_head_is_the_headers_alone() -> None:
    client = Client()
    await serve(client, EventStream(Pieces(b"a", endless=True)(), {}), method="HEAD")
    assert client.body == b"" and len(client.sent) == 2


async def test_an_error_of_the_work_is_raised_and_nothing_is_left_running() -> None:
    async def broken() -> Any:
        raise ZeroDivisionError

    before = asyncio.all_tasks()
    with pytest.raises(ZeroDivisionError):
        await unless_left(Client().receive, broken())
    assert asyncio.all_tasks() == before
