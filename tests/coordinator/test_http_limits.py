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


@pytest.mark.parametrize(("path", "status"), [("/health", 200), ("/livez", 200), ("/readyz", 200), ("/v1/models", 405)])
async def test_head_is_answered_without_a_body(coordinator: Coordinator, path: str, status: int) -> None:
    async with dialled(coordinator) as (reader, writer):
        writer.write(request("HEAD", path, coordinator.key) + request("GET", "/livez"))
        found, headers, _ = await answer(reader, head=True)
        assert (found, "x-request-id" in headers) == (status, True)
        assert (await answer(reader))[2] == b'{"status":"ok"}', "the next answer begins right behind it"


async def test_options_is_refused_with_what_is_allowed(coordinator: Coordinator) -> None:
    async with dialled(coordinator) as (reader, writer):
        writer.write(request("OPTIONS", "/v1/chat/completions", coordinator.key))
        status, headers, body = await answer(reader)
    assert (status, headers["allow"]) == (405, "post")
    assert json.loads(body)["error"]["code"] == "method_not_allowed"
    assert "access-control-allow-origin" not in headers, "a key must not be usable from any web page"


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
            assert said == b"" or said.startswith(b"HTTP/1.1 400")
