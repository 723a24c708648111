"""The bounds of a request's body."""

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable

import pytest
from starlette.requests import Request
from starlette.types import Message

from coordinator.api.body import PIECE_BYTES, _Decoded, read_body
from coordinator.openai.json_body import MAX_BODY_BYTES, MAX_PICTURES_BODY_BYTES
from tests.coordinator.api.test_chat import ASK
from tests.coordinator.conftest import Coordinator, chat_of
from wire.errors import ErrorCode, SupernetError


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
        for _ in range(400):
            yield b" " * 65536

    async with coordinator.http() as http:
        response = await http.post("/v1/chat/completions", content=endless())
    assert response.status_code == 413


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("GZIP", gzip.compress), ("x-gzip", gzip.compress)],
)
async def test_a_compressed_body_is_read(
    coordinator: Coordinator, encoding: str, encode: Callable[[bytes], bytes]
) -> None:
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        body, headers = encode(json.dumps(ASK).encode()), {"content-encoding": encoding}
        asked = asyncio.create_task(http.post("/v1/chat/completions", content=body, headers=headers))
        start = await worker.serve("hello")
        assert (await asked).json()["choices"][0]["message"]["content"] == "hello"
    assert chat_of(start).messages[0].content == "hi"


async def test_a_compressed_body_is_bounded_by_what_it_becomes(coordinator: Coordinator) -> None:
    bomb = gzip.compress(b" " * 500_000_000, compresslevel=1)
    assert len(bomb) < 4 * 1024 * 1024
    async with coordinator.http() as http:
        response = await http.post("/v1/chat/completions", content=bomb, headers={"content-encoding": "gzip"})
    assert (response.status_code, response.json()["error"]["code"]) == (413, "request_too_large")


@pytest.mark.parametrize(
    "body", [b"{}", gzip.compress(b"{}", mtime=0)[:-4], gzip.compress(b"{}", mtime=0) + b"more", b""]
)
async def test_what_is_no_gzip_is_said(coordinator: Coordinator, body: bytes) -> None:
    async with coordinator.http() as http:
        response = await http.post("/v1/chat/completions", content=body, headers={"content-encoding": "gzip"})
    assert response.status_code == 400
    assert "Content-Encoding" in response.json()["error"]["message"]


EMPTY_BLOCKS = b"\x00\x00\x00\xff\xff" * 13_107  # of deflate: stored, of no bytes, not the last


async def pieces(*given: bytes) -> AsyncGenerator[bytes]:
    for piece in given:
        yield piece


async def test_of_what_follows_the_end_of_a_compressed_body_nothing_is_kept() -> None:
    with pytest.raises(SupernetError, match="Content-Encoding"):
        await _Decoded("gzip").fill(pieces(gzip.compress(b"{}"), b"more"), 100, 10)


async def test_a_compressed_body_is_bounded_by_what_is_sent_too() -> None:
    sent = [gzip.compress(b"")[:10], *[EMPTY_BLOCKS] * 100]
    assert not await _Decoded("gzip").fill(pieces(*sent), MAX_BODY_BYTES, 10)


@pytest.mark.parametrize("encoding", ["", "gzip", "deflate"])
@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES])
async def test_a_body_goes_on_where_it_was_found_to_be_large(encoding: str, size: int) -> None:
    body = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    encode: dict[str, Callable[[bytes], bytes]] = {"": bytes, "gzip": gzip.compress, "deflate": zlib.compress}
    sent = encode[encoding](body)
    decoded, stream = _Decoded(encoding), pieces(*(sent[i : i + 1000] for i in range(0, len(sent), 1000)))
    if size > PIECE_BYTES:
        assert not await decoded.fill(stream, PIECE_BYTES // 2, 10)
    assert await decoded.fill(stream, 4 * PIECE_BYTES, 10)
    assert decoded.whole() == body


async def test_a_bomb_is_decoded_no_further_than_a_piece_beyond_its_bound() -> None:
    decoded = _Decoded("gzip")
    assert not await decoded.fill(pieces(gzip.compress(b" " * 50_000_000)), 1000, 10)
    assert len(decoded._body) == PIECE_BYTES


async def test_a_body_that_does_not_come_is_said_with_the_time() -> None:
    async def never() -> AsyncGenerator[bytes]:
        await asyncio.Event().wait()
        yield b""

    with pytest.raises(SupernetError, match="did not arrive within 0 s"):
        await _Decoded("").fill(never(), 10, 0.001)


def asking(body: bytes, declared: bool) -> Request:
    """A request whose body comes in pieces of 64 KiB."""
    left = [body[i : i + 65536] for i in range(0, len(body), 65536)]

    async def receive() -> Message:
        piece = left.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(left)}

    headers = [(b"content-length", str(len(body)).encode())] if declared else []
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


@pytest.mark.parametrize("declared", [True, False])
async def test_a_place_is_waited_for_once_and_only_where_a_body_is_large(declared: bool) -> None:
    entered: list[int] = []

    async def enter() -> None:
        entered.append(1)

    for size, places in ((MAX_BODY_BYTES, 0), (MAX_BODY_BYTES + 1, 1), (MAX_PICTURES_BODY_BYTES, 1)):
        entered.clear()
        assert await read_body(asking(bytes(size), declared), enter) == bytes(size)
        assert len(entered) == places
    with pytest.raises(SupernetError, match="larger than 20 MiB"):
        await read_body(asking(bytes(MAX_PICTURES_BODY_BYTES + 1), declared), enter)
    with pytest.raises(SupernetError, match="larger than 4 MiB"):  # of an endpoint without pictures
        await read_body(asking(bytes(MAX_BODY_BYTES + 1), declared))


@pytest.mark.parametrize("declared", [True, False])
async def test_who_gets_no_place_has_not_been_read_on(declared: bool) -> None:
    async def full() -> None:
        raise SupernetError(ErrorCode.OVERLOADED, "full")

    request = asking(bytes(MAX_PICTURES_BODY_BYTES), declared)
    with pytest.raises(SupernetError, match="full"):
        await read_body(request, full)
    message = await request.receive()
    assert message["more_body"]


@pytest.mark.parametrize("encoding", ["zstd", "br", "gzip, gzip", "x" * 1000])
async def test_another_encoding_is_415_with_those_that_are_known(coordinator: Coordinator, encoding: str) -> None:
    for path in ("/v1/chat/completions", "/v1/responses", "/v1/account/keys"):
        async with coordinator.http() as http:
            response = await http.post(path, content=b"\x28\xb5\x2f\xfd", headers={"content-encoding": encoding})
        assert (response.status_code, response.headers["accept-encoding"]) == (415, "gzip, deflate")
        assert encoding[:32] in response.json()["error"]["message"]


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_gzip_in_several_members_is_one_body(size: int) -> None:
    """As pigz and the streams of some clients write it, and in whatever pieces it comes."""
    sent = b"".join(gzip.compress(text) for text in (b"{", b"", b'"a": 1', b"}"))
    body = _Decoded("gzip")
    assert await body.fill(pieces(*(sent[at : at + size] for at in range(0, len(sent), size))), 1000, 10)
    assert body.whole() == b'{"a": 1}'


async def test_members_are_bounded_and_deflate_has_one() -> None:
    for encoding, sent in (("gzip", gzip.compress(b"") * 65), ("deflate", zlib.compress(b"{}") * 2)):
        with pytest.raises(SupernetError, match="Content-Encoding"):
            await _Decoded(encoding).fill(pieces(sent), 10_000, 10)
    body = _Decoded("gzip")
    assert await body.fill(pieces(gzip.compress(b"") * 64), 10_000, 10)
    assert body.whole() == b""
