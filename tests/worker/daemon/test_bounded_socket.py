"""Bytes of a hostile coordinator's websocket, as no library sends them: what they may cost a worker."""

import asyncio
from contextlib import suppress

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from tests.worker.daemon.test_connection import Dialled
from tests.worker.daemon.websocket_server import coordinator
from wire.codec import encode
from wire.messages import Cancel, Welcome
from worker.daemon.bounded_socket import BoundedSocket

PING, PONG, EMPTY_PIECE, FIRST_PIECE = b"\x89\0", b"\x8a\0", b"\0\0", b"\x01\0"
TINY_MESSAGE = b"\x81\x02{}"


@pytest.mark.parametrize("welcomed", [False, True])
@pytest.mark.parametrize(("flood", "first"), [(PING, b""), (PONG, b""), (EMPTY_PIECE, FIRST_PIECE)])
async def test_a_coordinator_that_sends_what_is_no_message_is_left(flood: bytes, first: bytes, welcomed: bool) -> None:
    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        if welcomed:
            await socket.send(encode(Welcome(session="s")))
        socket.transport.write(first + flood * 100_000)
        await socket.wait_closed()

    async with coordinator(handler, ping_interval=None) as url:
        dialled = Dialled(url)
        async with asyncio.timeout(20):
            end = await dialled.task
    assert end.flooded and not end.broke
    assert end.welcomed is welcomed


async def test_of_frames_that_come_together_a_portion_is_parsed_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen invalid messages end a connection: the thousands behind them are not even parsed."""
    events = 0
    plain = BoundedSocket.process_event

    def counted(self: BoundedSocket, event: object) -> None:
        nonlocal events
        events += 1
        plain(self, event)  # type: ignore[arg-type]

    monkeypatch.setattr(BoundedSocket, "process_event", counted)

    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        socket.transport.write(TINY_MESSAGE * 50_000)
        with suppress(ConnectionClosed):
            while True:
                await socket.recv()

    async with coordinator(handler) as url:
        end = await Dialled(url).task
    assert end.flooded
    assert events < 3000


async def test_messages_that_come_together_or_in_pieces_are_all_heard_in_their_order() -> None:
    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(encode(Welcome(session="s")))
        for n in range(200):
            frame = encode(Cancel(job=f"j{n}", attempt=1)).encode()
            whole = b"\x81" + bytes((len(frame),)) + frame
            pieces = b"\x01\x05" + frame[:5] + PING + b"\x80" + bytes((len(frame) - 5,)) + frame[5:]
            socket.transport.write(pieces if n % 10 == 0 else whole)

    async with coordinator(handler) as url:
        dialled = Dialled(url)
        assert not (await dialled.task).flooded
    heard = [dialled.received.get_nowait() for _ in range(dialled.received.qsize())]
    assert [message.job for message in heard if isinstance(message, Cancel)] == [f"j{n}" for n in range(200)]
