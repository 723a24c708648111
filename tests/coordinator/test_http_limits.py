"""HEAD, OPTIONS, several requests at once in one connection, half-closed sockets: bytes in, bytes out."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from tests.coordinator.api.test_chat import ASK
from tests.coordinator.conftest import Coordinator

Pipe = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def dialled(coordinator: Coordinator) -> AbstractAsyncContextManager[Pipe]:
    @asynccontextmanager
    async def dial() -> AsyncIterator[Pipe]:
        host, port = coordinator.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            yield reader, writer
        finally:
            writer.close()

    return dial()


def request(method: str, path: str, key: str = "", body: bytes = b"") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def answer(reader: asyncio.StreamReader, *, head: bool = False) -> tuple[int, dict[str, str], bytes]:
    async with asyncio.timeout(20):
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        body = b"" if head else await reader.readexactly(int(headers["content-length"]))
        return int(lines[0].split()[1]), headers, body


@pytest.mark.parametrize(("path", "status"), [("/health", 200), ("/livez", 200), ("/readyz", 200), ("/v1/models", 200)])
async def test_head_is_answered_without_a_body(coordinator: Coordinator, path: str, status: int) -> None:
    async with dialled(coordinator) as (reader, writer):
        writer.write(request("HEAD", path, coordinator.key) + request("GET", "/livez"))
        found, headers, _ = await answer(reader, head=True)
        assert (found, "x-request-id" in headers) == (status, True)
        assert (await answer(reader))[2] == b'{"status":"ok"}', "the next answer begins right behind it"


async def test_options_is_refused_with_what_is_allowed(coordinator: Coordinator) -> None:
    """Alone it is no question of a browser, which asks so with an origin and the method that it means: those are
    answered, see test_cross_origin.py. A key is usable from any web page that its owner has typed it into, as from any
    program: no browser sends it by itself."""
    async with dialled(coordinator) as (reader, writer):
        writer.write(request("OPTIONS", "/v1/chat/completions", coordinator.key))
        status, headers, body = await answer(reader)
    assert (status, headers["allow"]) == (405, "post")
    assert json.loads(body)["error"]["code"] == "method_not_allowed"
    assert "access-control-allow-origin" not in headers


UPGRADE = "Connection: Upgrade\r\nUpgrade: {}\r\n"


@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
@pytest.mark.parametrize("size", [0, 1_000_000])
async def test_a_post_that_would_upgrade_is_answered_as_a_post(
    coordinator: Coordinator, protocol: str, size: int
) -> None:
    """The Java client asks for h2c with each request."""
    body = json.dumps(ASK).encode() + b" " * size if size else b""
    head = request("POST", "/v1/chat/completions", coordinator.key, body).replace(
        b"Host: x\r\n", b"Host: x\r\n" + UPGRADE.format(protocol).encode()
    )
    async with coordinator.worker() as worker, dialled(coordinator) as (reader, writer):
        await worker.join()
        writer.write(head[: len(head) // 2])
        await writer.drain()
        writer.write(head[len(head) // 2 :])
        if size:
            await worker.serve("hello")
        status, _, answered = await answer(reader)
        assert status == (200 if size else 400), answered
        writer.write(request("GET", "/livez"))
        assert (await answer(reader))[0] == 200, "the next answer comes on the same connection"


async def test_a_request_for_a_proxy_is_refused(coordinator: Coordinator) -> None:
    async with dialled(coordinator) as (reader, writer):
        writer.write(b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n\x16\x03\x01")
        status, _, body = await answer(reader)
        assert (status, json.loads(body)["error"]["message"]) == (400, "This server is no proxy.")


async def test_a_get_that_would_upgrade_where_no_websocket_is_is_refused(coordinator: Coordinator) -> None:
    async with dialled(coordinator) as (reader, writer):
        writer.write(
            f"GET /v1/models HTTP/1.1\r\nHost: x\r\n{UPGRADE.format('websocket')}"
            "Sec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        async with asyncio.timeout(20):
            assert (await reader.readline()).startswith(b"HTTP/1.1 403")


async def test_headers_of_a_hundred_kilobytes_are_an_error_of_the_api(coordinator: Coordinator) -> None:
    async with dialled(coordinator) as (reader, writer):
        head = request("POST", "/v1/chat/completions", coordinator.key, b"{}")
        writer.write(head.replace(b"Host: x\r\n", b"Host: x\r\nx-long: " + b"y" * 100_000 + b"\r\n"))
        status, headers, body = await answer(reader)
        assert (status, headers["content-type"], headers["connection"]) == (431, "application/json", "close")
        assert (headers["x-should-retry"], json.loads(body)["error"]["type"]) == ("false", "invalid_request_error")
        assert "64 KiB" in json.loads(body)["error"]["message"]
        assert await reader.read() == b""


async def test_requests_sent_at_once_are_answered_in_their_order(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, dialled(coordinator) as (reader, writer):
        await worker.join()
        bodies = [json.dumps({**ASK, "messages": [{"role": "user", "content": word}]}).encode() for word in ("a", "b")]
        writer.write(b"".join(request("POST", "/v1/chat/completions", coordinator.key, body) for body in bodies))
        writer.write(request("GET", "/v1/nothing", coordinator.key) + request("GET", "/livez"))
        for word in ("first", "second"):
            await worker.serve(word)
            status, _, body = await answer(reader)
            assert (status, json.loads(body)["choices"][0]["message"]["content"]) == (200, word)
        assert [(await answer(reader))[0] for _ in range(2)] == [404, 200]


async def test_a_connection_that_says_nothing_sensible_is_closed(coordinator: Coordinator) -> None:
    for words in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50),
        b"HELLO\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ):
        async with dialled(coordinator) as (reader, writer):
            writer.write(words)
            async with asyncio.timeout(20):
                said = await reader.read()
            assert said.startswith(b"HTTP/1.1 400")
            told = json.loads(said.partition(b"\r\n\r\n")[2])
            assert told["error"]["message"] == "Invalid HTTP request received."
