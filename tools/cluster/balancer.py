"""A TCP load balancer with switches: what haproxy does with `balance leastconn`, and lines that are cut on request.

A line goes to the ready target that has the fewest; only the dialling is tried again elsewhere, never what was sent.
Where no target is ready all of them are asked: each says better than a balancer why, and when to come back.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

CHECK_S = 1.0  # between two looks at /readyz, and the longest that one may take
FALL = 2  # looks in vain until a target counts as gone
DIAL_S = 2.0
HEAD_BYTES = 4096
CHECK = b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"


@dataclass(eq=False)
class Target:
    """A replica behind the balancer. `open`: the switch; `missed`: looks in vain, one after the other."""

    port: int
    open: bool = True
    missed: int = 0
    lines: set["Line"] = field(default_factory=set)

    @property
    def ready(self) -> bool:
        return self.open and self.missed < FALL


class Side(asyncio.Protocol):
    """One end of a line: what comes in here goes out at the other end, no faster than it is taken there."""

    def __init__(self, made: Callable[[], None], read: Callable[[bytes], None], lost: Callable[[], None]) -> None:
        self._made, self._read, self._lost = made, read, lost
        self.transport: Any = None  # uvloop's is no subclass of asyncio.Transport
        self.other: Side | None = None
        self.over = False  # nothing more comes in here
        self.early = b""  # what came before the other end was there: uvloop reads once before it pauses

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._made()

    def data_received(self, data: bytes) -> None:
        self._read(data)
        if self._there is None:
            self.early += data
        else:
            self._there.write(data)

    def eof_received(self) -> bool:
        self.over = True
        if self._there is None:
            return False
        if not self._there.is_closing():
            self._there.write_eof()
        assert self.other is not None
        return not self.other.over  # the other direction may go on

    def pause_writing(self) -> None:
        self._there.pause_reading()

    def resume_writing(self) -> None:
        if not self._there.is_closing():
            self._there.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        self._lost()

    @property
    def _there(self) -> Any:
        assert self.other is not None, "a line has two sides"
        return self.other.transport


class Line:
    """A connection of a client or a worker, and ours to its target. `head`: how it began, so its HTTP headers."""

    def __init__(self, balancer: "Balancer") -> None:
        self._balancer = balancer
        self.front = Side(self._come, self._noted, self.end)
        self.back = Side(lambda: None, lambda data: None, self.end)
        self.front.other, self.back.other = self.back, self.front
        self.target: Target | None = None
        self.head = b""
        self._dialling: asyncio.Task[None] | None = None

    def end(self) -> None:
        """What is on the way to either end is still written."""
        self._balancer.forget(self)
        for side in (self.front, self.back):
            if side.transport is not None:
                side.transport.close()

    def cut(self) -> None:
        self._balancer.forget(self)
        for side in (self.front, self.back):
            if side.transport is not None:
                side.transport.abort()

    def _come(self) -> None:
        self.front.transport.pause_reading()
        self._dialling = asyncio.create_task(self._dial())

    async def _dial(self) -> None:
        loop = asyncio.get_running_loop()
        for target in self._balancer.choices():
            self._balancer.enter(self, target)
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(DIAL_S):
                    await loop.create_connection(lambda: self.back, "127.0.0.1", target.port)
                if not self.front.transport.is_closing():
                    self.back.transport.write(self.front.early)
                    self.front.transport.resume_reading()
                    return
            self._balancer.forget(self)
        self.cut()

    def _noted(self, data: bytes) -> None:
        if len(self.head) < HEAD_BYTES:
            self.head += data[: HEAD_BYTES - len(self.head)]


class Balancer:
    """Listens on `port` of loopback from `start` to `close`."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.targets = {port: Target(port) for port in ports}
        self.port = 0
        self._server: asyncio.Server | None = None
        self._checks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Line(self).front, "127.0.0.1", 0, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        self._checks = [asyncio.create_task(self._check(target)) for target in self.targets.values()]

    async def close(self) -> None:
        """Also where it was not started: what began before it is closed all the same."""
        if self._server is not None:
            self._server.close()
        for check in self._checks:
            check.cancel()
        await asyncio.gather(*self._checks, return_exceptions=True)
        for line in self.lines():
            line.cut()

    def open_all(self) -> None:
        for target in self.targets.values():
            target.open = True

    def choices(self) -> list[Target]:
        """Whom to dial, one after the other."""
        targets = [target for target in self.targets.values() if target.open]
        return sorted([target for target in targets if target.ready] or targets, key=lambda one: len(one.lines))

    def enter(self, line: Line, target: Target) -> None:
        line.target = target
        target.lines.add(line)

    def forget(self, line: Line) -> None:
        if line.target is not None:
            line.target.lines.discard(line)

    def lines(self) -> list[Line]:
        return [line for target in self.targets.values() for line in target.lines]

    def even(self) -> int:
        """Cut what a target has more than its share, so that it is dialled again elsewhere; returns how many lines."""
        ready = [target for target in self.targets.values() if target.ready]
        share = -(-sum(len(target.lines) for target in ready) // len(ready))
        much = [line for target in ready for line in list(target.lines)[share:]]
        for line in much:
            line.cut()
        return len(much)

    async def _check(self, target: Target) -> None:
        while True:
            target.missed = 0 if await _is_ready(target.port) else target.missed + 1
            await asyncio.sleep(CHECK_S)


async def _is_ready(port: int) -> bool:
    writer = None
    try:
        async with asyncio.timeout(CHECK_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(CHECK)
            return b" 200 " in await reader.readline()
    except (OSError, TimeoutError):
        return False
    finally:
        if writer is not None:
            writer.transport.abort()
