"""The balancer that stands before the replicas in scripts/chaos cluster."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tools.cluster.balancer import FALL, Balancer
from tools.free_port import free_port

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def named(name: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers what it is asked, with its name before it; to /readyz that it is ready."""
    while line := await reader.readline():
        writer.write(b"HTTP/1.1 200 OK\r\n" if line.startswith(b"GET") else name + b" " + line)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def servers(*names: bytes) -> AsyncIterator[list[int]]:
    def handler(name: bytes) -> Handler:
        return lambda reader, writer: named(name, reader, writer)

    made = [await asyncio.start_server(handler(name), "127.0.0.1", 0) for name in names]
    try:
        yield [server.sockets[0].getsockname()[1] for server in made]
    finally:
        for server in made:
            server.close()


@asynccontextmanager
async def balanced(ports: list[int]) -> AsyncIterator[Balancer]:
    balancer = Balancer(ports)
    await balancer.start()
    try:
        yield balancer
    finally:
        await balancer.close()


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self._writer = reader, writer

    @classmethod
    async def dial(cls, balancer: Balancer) -> "Client":
        return cls(*await asyncio.open_connection("127.0.0.1", balancer.port))

    async def ask(self, text: bytes = b"x") -> bytes:
        self._writer.write(text + b"\n")
        return (await self.reader.readline()).strip()

    def close(self) -> None:
        self._writer.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_each_line_goes_to_the_target_with_the_fewest() -> None:
    async with servers(b"a", b"b") as ports, balanced(ports) as balancer:
        clients = [await Client.dial(balancer) for _ in range(4)]
        said = [await client.ask() for client in clients]
        assert sorted(said) == [b"a x", b"a x", b"b x", b"b x"]
        for client in clients[:2]:
            client.close()
        await until(lambda: len(balancer.lines()) == 2)
        assert all(line.head == b"x\n" for line in balancer.lines())
        for client in clients[2:]:
            client.close()


async def test_who_is_not_there_costs_nobody_the_connection() -> None:
    async with servers(b"a") as ports, balanced([free_port(), *ports]) as balancer:
        clients = [await Client.dial(balancer) for _ in range(3)]
        assert [await client.ask() for client in clients] == [b"a x"] * 3
        for client in clients:
            client.close()


async def test_a_target_that_is_shut_or_not_ready_gets_nothing_unless_nobody_is() -> None:
    async with servers(b"a", b"b") as ports, balanced(ports) as balancer:
        first, second = (balancer.targets[port] for port in ports)
        first.missed = FALL
        assert balancer.choices() == [second]
        second.open = False
        assert balancer.choices() == [first], "shut is shut; one that is not ready may at least say why"
        balancer.open_all()
        first.missed = second.missed = FALL
        assert balancer.choices() == [first, second]


async def test_it_looks_at_readyz() -> None:
    async with servers(b"a") as ports, balanced([free_port(), *ports]) as balancer:
        gone, there = balancer.targets.values()
        await until(lambda: not gone.ready)
        assert there.ready


async def test_a_line_that_is_cut_ends_at_both_ends_and_even_cuts_what_is_too_much() -> None:
    async with servers(b"a", b"b") as ports, balanced(ports) as balancer:
        balancer.targets[ports[1]].open = False
        clients = [await Client.dial(balancer) for _ in range(4)]
        assert [await client.ask() for client in clients] == [b"a x"] * 4
        balancer.open_all()
        assert balancer.even() == 2
        ended = 0
        for client in clients:
            try:
                ended += await client.ask() == b""
            except ConnectionError:
                ended += 1
        assert ended == 2
        for client in clients:
            client.close()


async def test_what_was_sent_before_the_end_arrives() -> None:
    much = b"y" * 2**22

    async def sends(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(much)
        writer.close()

    server = await asyncio.start_server(sends, "127.0.0.1", 0)
    async with balanced([server.sockets[0].getsockname()[1]]) as balancer:
        reader, writer = await asyncio.open_connection("127.0.0.1", balancer.port)
        writer.write(b"x\n")
        await asyncio.sleep(0.1)  # it is full in between
        assert await reader.read(-1) == much
        writer.close()
    server.close()


@pytest.mark.parametrize("count", [0, 1])
async def test_lines_to_nobody_are_ended(count: int) -> None:
    async with balanced([free_port()] * count) as balancer:
        client = await Client.dial(balancer)
        with pytest.raises(ConnectionError):
            if await client.ask() == b"":
                raise ConnectionResetError
        client.close()
