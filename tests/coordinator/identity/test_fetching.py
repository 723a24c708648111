"""A question has an end, and an answer a size."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from coordinator.identity.fetching import AT_ONCE, Fetcher, Unanswered
from tests.coordinator.conftest import until
from tests.fakes.oidc_provider import OidcProvider, standing

OPEN = b"HTTP/1.1 200 X\r\n\r\n"


async def test_an_object_comes_with_its_status() -> None:
    async with standing(OidcProvider(raw={"/x": b'HTTP/1.1 404 X\r\n\r\n{"a": 1}'})) as provider:
        assert await Fetcher().ask("GET", provider.issuer + "/x") == (404, {"a": 1})


@asynccontextmanager
async def dripping(first: bytes, piece: bytes, pause_s: float) -> AsyncIterator[str]:
    """The address of who sends that without end. It has noticed that it was left when this ends."""
    left = asyncio.Event()

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(first)
            while True:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause_s)
        except ConnectionError:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            left.set()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    await left.wait()
    server.close()


async def test_an_answer_without_end_is_left() -> None:
    async with dripping(OPEN + b'{"a": "', b"x" * 1000, 0) as url:
        with pytest.raises(Unanswered, match="more than"):
            await Fetcher(600).ask("GET", url)


async def test_who_sends_a_byte_now_and_then_is_left_in_time() -> None:
    async with dripping(b"", b"H", 0.01) as url:
        with pytest.raises(Unanswered, match="no whole answer within"):
            await Fetcher(1).ask("GET", url)


async def test_so_many_questions_wait_and_no_more() -> None:
    async with standing(OidcProvider(delay_s=3600)) as provider:
        fetcher = Fetcher(600)
        asked = [asyncio.create_task(fetcher.ask("GET", provider.issuer + "/x")) for _ in range(AT_ONCE)]
        await until(lambda: provider.asked.get("/x") == AT_ONCE)
        with pytest.raises(Unanswered, match="wait for an answer already"):
            await fetcher.ask("GET", provider.issuer + "/x")
        await provider.close()
        assert {status for status, _ in await asyncio.gather(*asked)} == {404}
        assert await fetcher.ask("GET", provider.issuer + "/x") == (404, {})


@pytest.mark.parametrize("url", ["", "x", "http://", "http://127.0.0.1:0/", "http://x\n/", "http://no.invalid/"])
async def test_what_is_no_address_is_no_answer(url: str) -> None:
    with pytest.raises(Unanswered):
        await Fetcher().ask("GET", url)
