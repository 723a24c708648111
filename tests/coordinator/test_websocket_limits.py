"""Bytes of a hostile worker's websocket, as no library sends them: what they may cost, and what the account gets."""

import asyncio
from typing import Any

import pytest

from coordinator.websocket_limits import BoundedWebSocket
from tests.coordinator.conftest import Coordinator
from tests.coordinator.test_http_limits import Pipe, dialled
from wire.codec import encode
from wire.messages import Capacity, Hello

PING, PONG, EMPTY_PIECE = b"\x89\x80\0\0\0\0", b"\x8a\x80\0\0\0\0", b"\x00\x80\0\0\0\0"
TINY_MESSAGE = b"\x81\x82\0\0\0\0{}"
FIRST_PIECE = b"\x01\x80\0\0\0\0"
TEXT, PIECE, LAST_PIECE = 0x81, 0x00, 0x80
HELLO = encode(Hello(worker="hostile", instance="a", models=()))


def frame(first: int, text: str) -> bytes:
    return bytes((first, 0x80 | 126)) + len(text).to_bytes(2, "big") + bytes(4) + text.encode()


async def upgrade(coordinator: Coordinator, pipe: Pipe, then: bytes = b"", key: str | None = None) -> bytes:
    """Send the request, `then` in the same breath, and return the head of the answer."""
    reader, writer = pipe
    writer.write(
        f"GET /v1/worker HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key or coordinator.key}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: supernet.v1\r\n\r\n".encode()
        + then
    )
    return await reader.readuntil(b"\r\n\r\n")


async def all_of(reader: asyncio.StreamReader) -> bytes:
    said = b""
    async with asyncio.timeout(20):
        try:
            while more := await reader.read(65536):
                said += more
        except ConnectionError:
            pass
    return said


async def refused(coordinator: Coordinator) -> bool:
    """Whether the account has to wait before it may dial again."""
    async with dialled(coordinator) as pipe:
        return b" 429 " in await upgrade(coordinator, pipe)


@pytest.mark.parametrize("before_hello", [False, True])
@pytest.mark.parametrize(("flood", "first"), [(PING, b""), (PONG, b""), (EMPTY_PIECE, FIRST_PIECE)])
async def test_a_flood_of_what_is_no_message_is_closed_and_its_account_waits(
    coordinator: Coordinator, flood: bytes, first: bytes, before_hello: bool
) -> None:
    async with dialled(coordinator) as (reader, writer):
        assert b" 101 " in await upgrade(coordinator, (reader, writer))
        writer.write((b"" if before_hello else frame(TEXT, HELLO)) + first + flood * 100_000)
        said = await all_of(reader)
    assert b"pings, pongs or pieces" in said
    assert len(said) < 20_000, "pongs are bounded too"
    assert await refused(coordinator)


async def test_of_frames_that_come_together_a_portion_is_parsed_at_a_time(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixteen invalid messages close a socket: the thousands behind them are not even parsed."""
    texts = 0
    plain = BoundedWebSocket.handle_text

    def counted(self: BoundedWebSocket, event: Any) -> None:
        nonlocal texts
        texts += 1
        plain(self, event)

    monkeypatch.setattr(BoundedWebSocket, "handle_text", counted)
    async with dialled(coordinator) as (reader, writer):
        await upgrade(coordinator, (reader, writer))
        writer.write(frame(TEXT, HELLO) + TINY_MESSAGE * 30_000)
        said = await all_of(reader)
    assert b"16 invalid frames" in said
    assert texts < 3000, "a portion, and what is borne behind a close"


async def test_messages_that_come_together_or_in_pieces_are_all_heard_in_their_order(coordinator: Coordinator) -> None:
    heartbeat = encode(Capacity())
    halves = frame(0x01, heartbeat[:5]) + PING + frame(PIECE, heartbeat[5:9]) + frame(LAST_PIECE, heartbeat[9:])
    async with dialled(coordinator) as (reader, writer):
        await upgrade(coordinator, (reader, writer))
        writer.write(frame(TEXT, HELLO) + (frame(TEXT, heartbeat) * 20 + halves) * 100 + frame(TEXT, "{"))
        said = b""
        async with asyncio.timeout(20):
            while b"protocol_error" not in said:
                said += await reader.read(65536)
        assert said.count(b"\x8a\0") == 100
        assert said.count(b"invalid frame") == 1


async def test_a_frame_before_the_handshake_was_answered_waits_for_it(
    coordinator: Coordinator, caplog: pytest.LogCaptureFixture
) -> None:
    """What breaks the protocol there was an exception in the log, and needed no key."""
    for key in (coordinator.key, "sk-sn-nobody"):
        async with dialled(coordinator) as (reader, writer):
            head = await upgrade(coordinator, (reader, writer), then=b"\xff" * 100, key=key)
            assert head.split()[1] == (b"101" if key == coordinator.key else b"401")
            await all_of(reader)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_peer_that_goes_on_after_its_close_is_cut_off(coordinator: Coordinator) -> None:
    """It is sent a close for a first frame that is no hello, does not answer it, and sends 50 MB."""
    async with dialled(coordinator) as (reader, writer):
        assert b"101" in await upgrade(coordinator, (reader, writer), then=b"\x81\x81\0\0\0\0{")
        filler = b"\x81\xfe\xff\xff\0\0\0\0" + b"x" * 65535
        sent = 0
        with pytest.raises(ConnectionError):
            while sent < 50_000_000:
                writer.write(filler)
                await writer.drain()
                sent += len(filler)
        assert sent < 20_000_000  # what the kernel holds of it included
