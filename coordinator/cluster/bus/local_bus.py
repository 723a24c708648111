"""The bus between replicas that run in one process, as tests have them. It has the bounds and the manners of NATS."""

import asyncio
from collections.abc import Callable
from itertools import count

from coordinator.cluster.bus.port import MAX_BYTES, UNTAKEN, BusCounts, Listener, Question
from coordinator.cluster.protocol.ids import ReplicaId


class Switchboard:
    """What joins the local buses. `dark`: nothing gets through."""

    def __init__(self) -> None:
        self.dark = False
        self.buses: dict[ReplicaId, LocalBus] = {}  # those that run
        self.answers: dict[Question, asyncio.Future[bytes]] = {}
        self.numbers = count()

    def others(self, me: ReplicaId) -> list["LocalBus"]:
        return [] if self.dark else [bus for bus in self.buses.values() if bus.me != me]


class LocalBus:
    """The end of the bus of replica `me`."""

    def __init__(self, me: ReplicaId, switchboard: Switchboard) -> None:
        self.me = me
        self.counts = BusCounts()
        self._switchboard = switchboard
        self._came: asyncio.Queue[Callable[[Listener], None]] = asyncio.Queue(UNTAKEN)

    @property
    def up(self) -> bool:
        return not self._switchboard.dark and self.me in self._switchboard.buses

    async def run(self, listener: Listener) -> None:
        self._switchboard.buses[self.me] = self
        try:
            while True:
                (await self._came.get())(listener)
                await asyncio.sleep(0)  # a queue that is never empty would keep the loop
        finally:
            del self._switchboard.buses[self.me]

    def publish(self, to: ReplicaId | None, data: bytes) -> None:
        if not self._fits(data):
            return
        if not self.up:
            self.counts.unsent += 1
            return
        for bus in self._switchboard.others(self.me):
            if to in (None, bus.me):
                bus.put(lambda listener: listener.heard(data))

    async def ask(self, to: ReplicaId | None, data: bytes, within_s: float) -> bytes | None:
        there = [self] if to == self.me else self._switchboard.others(self.me)
        asked = next((bus for bus in there if to in (None, bus.me)), None)
        if asked is None or not self.up or not self._fits(data):
            return None
        question = str(next(self._switchboard.numbers))
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._switchboard.answers[question] = answer
        asked.put(lambda listener: listener.asked(question, data))
        try:
            async with asyncio.timeout(within_s):
                return await answer
        except TimeoutError:
            return None
        finally:
            del self._switchboard.answers[question]

    def reply(self, question: Question, data: bytes) -> None:
        answer = self._switchboard.answers.get(question)
        if answer is not None and not answer.done() and self.up and self._fits(data):
            answer.set_result(data)

    def put(self, deliver: Callable[[Listener], None]) -> None:
        """Have something delivered here."""
        try:
            self._came.put_nowait(deliver)
        except asyncio.QueueFull:
            self.counts.untaken += 1

    def _fits(self, data: bytes) -> bool:
        self.counts.too_large += len(data) > MAX_BYTES
        return len(data) <= MAX_BYTES
