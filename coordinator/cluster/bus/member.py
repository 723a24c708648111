"""A replica's place on the bus: what it wants said is said there, and what comes is told to it, each in its order.

Nothing here decides, and nothing waits but asks, each in a task of its own. While the bus is down asks have no answer
and the rest is lost; the replica sees that for itself.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from itertools import count
from typing import Protocol

from coordinator.cluster.bus.port import Bus, Question
from coordinator.cluster.protocol.effects import Ask, BusEffect, Flush, Publish, Reply, Reread, Shown
from coordinator.dispatch.effects import Effect

PAUSE_S = 0.02  # between two flushes that can wait: a wake-up here, at NATS and there costs more than a token or five
LAG_S = 1.0  # how late the loop runs is measured so often
MOST_ASKS = 1024  # on their way; of more there is no answer
MOST_QUESTIONS = 4096  # not answered yet; the oldest is forgotten, as whoever asked does not wait any more


class Replica(Protocol):
    """What is told of the bus. Each method returns what follows. `lag_s`: how late its process runs."""

    lag_s: float

    def heard(self, data: bytes, now: float) -> Sequence[Effect | BusEffect]: ...

    def asked(self, ask: int, data: bytes, now: float) -> Sequence[Effect | BusEffect]: ...

    def answered(self, ask: int, data: bytes | None, now: float) -> Sequence[Effect | BusEffect]: ...

    def flush(self, now: float) -> Sequence[Effect | BusEffect]: ...


class Member:
    """`perform` performs effects in order, those of the bus by calling `Member.perform`. `reread`: called when accounts
    or keys have changed elsewhere; `shown`: what an observer sees in this cell, as an answer for the bus."""

    def __init__(
        self,
        bus: Bus,
        replica: Replica,
        perform: Callable[[Sequence[Effect | BusEffect]], None],
        now: Callable[[], float],
        reread: Callable[[], None] = lambda: None,
        shown: Callable[[], bytes] = lambda: b"",
    ) -> None:
        self._bus = bus
        self._replica = replica
        self._perform = perform
        self._now = now
        self._reread = reread
        self._shown = shown
        self._numbers = count(1)
        self._questions: dict[int, Question] = {}  # that came and are not answered yet
        self._asking = 0
        self._tasks: asyncio.TaskGroup | None = None  # while it runs
        self._flushes = False  # at the end of this turn
        self._flushed_at = -math.inf
        self._waits: asyncio.TimerHandle | None = None  # for a flush

    async def run(self) -> None:
        """Be on the bus until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            lag = tasks.create_task(self._measure_lag())
            try:
                await self._bus.run(self)
            finally:
                self._tasks = None
                lag.cancel()

    async def _measure_lag(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + LAG_S
            await asyncio.sleep(LAG_S)
            self._replica.lag_s = max(0.0, clock() - due)

    # ---- what came -----------------------------------------------------------------------------------------------

    def heard(self, data: bytes) -> None:
        self._perform(self._replica.heard(data, self._now()))

    def asked(self, question: Question, data: bytes) -> None:
        number = next(self._numbers)
        self._questions[number] = question
        if len(self._questions) > MOST_QUESTIONS:
            del self._questions[next(iter(self._questions))]
        self._perform(self._replica.asked(number, data, self._now()))

    # ---- what is wanted ------------------------------------------------------------------------------------------

    def perform(self, effect: BusEffect) -> None:
        """One effect."""
        match effect:
            case Publish():
                self._bus.publish(effect.to, effect.data)
            case Ask():
                self._ask(effect)
            case Reply():
                self._answer(effect.ask, effect.data)
            case Flush():
                self._have_flushed(effect.can_wait)
            case Reread():
                self._reread()
            case Shown():
                self._answer(effect.ask, self._shown())

    def _have_flushed(self, can_wait: bool) -> None:
        loop, due = asyncio.get_running_loop(), self._flushed_at + PAUSE_S
        if self._flushes or (can_wait and self._waits):
            return
        if can_wait and loop.time() < due:
            self._waits = loop.call_at(due, self._flush)
        else:
            self._flushes = True
            loop.call_soon(loop.call_soon, self._flush)  # the next frame of a socket is read in between

    def _flush(self) -> None:
        self._flushes, self._flushed_at = False, asyncio.get_running_loop().time()
        if self._waits is not None:
            self._waits.cancel()
            self._waits = None
        self._perform(self._replica.flush(self._now()))

    def _answer(self, ask: int, data: bytes) -> None:
        question = self._questions.pop(ask, None)
        if question is not None:
            self._bus.reply(question, data)

    def _ask(self, ask: Ask) -> None:
        if self._tasks is None or (self._asking >= MOST_ASKS and not ask.urgent):
            self._perform(self._replica.answered(ask.ask, None, self._now()))
            return
        self._asking += 1
        self._tasks.create_task(self._asked_there(ask), name=f"ask {ask.ask}")

    async def _asked_there(self, ask: Ask) -> None:
        try:
            answer = await self._bus.ask(ask.to, ask.data, ask.within_s)
        finally:
            self._asking -= 1
        self._perform(self._replica.answered(ask.ask, answer, self._now()))
