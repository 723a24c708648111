"""Ends of a bus for its tests: what joins them, and what each of them heard."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from coordinator.cluster.bus.local_bus import LocalBus, Switchboard
from coordinator.cluster.bus.nats_bus import NatsBus
from coordinator.cluster.bus.nats_line import NatsSettings
from coordinator.cluster.bus.port import Bus, Question
from coordinator.cluster.protocol.ids import ReplicaId
from tools.cluster.nats import Nats

PROBE = b"probe"
Answer = Callable[[bytes], bytes | None]


class Ears:
    """A listener that remembers, and answers with what `answer` makes of a question; None: it stays silent. PROBE is
    between the ends."""

    def __init__(self, me: ReplicaId, bus: Bus, answer: Answer) -> None:
        self.me = me
        self.heard_all: list[bytes] = []
        self.questions: list[bytes] = []
        self.probed = False
        self._bus, self._answer = bus, answer

    def heard(self, data: bytes) -> None:
        if data == PROBE:
            self.probed = True
        else:
            self.heard_all.append(data)

    def asked(self, question: Question, data: bytes) -> None:
        if data != PROBE:
            self.questions.append(data)
        if (answer := PROBE if data == PROBE else self._answer(data)) is not None:
            self._bus.reply(question, answer)


class Medium(Protocol):
    """What joins the ends."""

    def bus(self, me: str) -> Bus: ...

    def down(self) -> None: ...

    def back(self) -> None: ...


class Local:
    """A switchboard."""

    def __init__(self) -> None:
        self.switchboard = Switchboard()

    def bus(self, me: str) -> Bus:
        return LocalBus(me, self.switchboard)

    def down(self) -> None:
        self.switchboard.dark = True

    def back(self) -> None:
        self.switchboard.dark = False

    def close(self) -> None:
        pass


class Servers:
    """Nodes of NATS. `more`: lines for the configuration of each."""

    def __init__(self, folder: Path, nodes: int = 1, more: str = "") -> None:
        self.nats = Nats(folder, nodes, more)
        self.nats.start()
        self.down, self.back, self.close = self.nats.kill, self.nats.start, self.nats.close

    def settings(self, scheme: str = "nats", **more: object) -> NatsSettings:
        urls = self.nats.urls.replace("nats:", f"{scheme}:")
        return NatsSettings(tuple(urls.split(",")), "test", **more)  # type: ignore[arg-type]

    def bus(self, me: str) -> Bus:
        return NatsBus(self.settings(), me)


def echo(data: bytes) -> bytes | None:
    return b"re: " + data


@asynccontextmanager
async def ends(*buses: tuple[ReplicaId, Bus], answer: Answer = echo) -> AsyncIterator[list[Ears]]:
    """Run the buses until the block ends, from when they all carry and all hear the first one."""
    ears = [Ears(me, bus, answer) for me, bus in buses]
    running = [asyncio.create_task(bus.run(one)) for one, (_, bus) in zip(ears, buses, strict=True)]
    try:
        async with asyncio.timeout(60):
            while not all(bus.up for _, bus in buses):
                assert not any(task.done() for task in running)
                await asyncio.sleep(0.01)
        await all_hear(buses[0][1], ears[1:])
        yield ears
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def all_hear(bus: Bus, ears: Sequence[Ears]) -> None:
    """Nodes tell each other who listens, which takes them a moment: wait until each hears this bus."""
    async with asyncio.timeout(60):
        for one in ears:
            one.probed = False
            while not one.probed or await bus.ask(one.me, PROBE, 1) is None:
                bus.publish(None, PROBE)
                await asyncio.sleep(0.01)
