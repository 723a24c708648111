"""A GPU that is made up: a model whose decode is asynchronous and takes what the test says, by a clock of its own."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import cast

import numpy as np
from numpy.typing import NDArray

from worker.bindings.llama import Feed, Model
from worker.bindings.vocab import Vocab
from worker.engine.child.loop import Loop
from worker.engine.child.scheduler import LONGEST_STEP_S
from worker.engine.child.warm import warm_up
from worker.engine.port import Command, Ended, EngineSpec, Event, Stepped

Seconds = Callable[[int, int], float]  # of a decode: its rows, and the end of the deepest of them

SUBMIT_S = 0.002  # a graph is built and put on its way
DRAW_S = 0.001


class MadeUp:
    """Where it is asynchronous, llama_decode first waits for the step before, and then returns as soon as its own is
    on the way."""

    inside_s = 0.0
    unified = True
    hybrid = False
    foresees = False

    def __init__(self, vocab: Vocab, spec: EngineSpec, seconds: Seconds, asynchronous: bool, copies_from: int) -> None:
        self.vocab, self._seconds, self.asynchronous, self.copies_from = vocab, seconds, asynchronous, copies_from
        self.sequences, self.context, self.offloaded = spec.slots, spec.context, True
        self.now = self._done = 0.0
        self._outputs = 0
        self.decodes: list[tuple[int, float]] = []  # rows, and the seconds that they take

    def decode(self, feeds: Sequence[Feed]) -> int:
        rows = sum(len(feed.tokens) for feed in feeds)
        took = self._seconds(rows, max(feed.start + len(feed.tokens) for feed in feeds))
        self.decodes.append((rows, took))
        self.now = max(self.now, self._done) + SUBMIT_S
        self._done = self.now + took
        self._outputs = sum(feed.draws for feed in feeds)
        if not self.asynchronous:
            self.now = self._done
        return 0

    def logits(self) -> NDArray[np.float32]:
        self.now = max(self.now, self._done)
        return np.zeros((self._outputs, self.vocab.size), np.float32)

    def touch(self) -> None: ...

    def clear(self, seq: int) -> None: ...

    def fork(self, source: int, target: int, length: int, state: bytes | None = None) -> bool:
        return True

    def cut(self, seq: int, length: int, state: bytes | None = None) -> bool:
        return True


class MadeUpEngine:
    def __init__(
        self,
        path: str,
        seconds: Seconds,
        asynchronous: bool = True,
        copies_from: int = 0,
        **spec: int,
    ) -> None:
        self.spec = EngineSpec(path, **({"slots": 8, "context": 131_072, "batch": 512} | spec))  # type: ignore[arg-type]
        self.model = MadeUp(Vocab(path), self.spec, seconds, asynchronous, copies_from)
        model = cast(Model, self.model)
        self.events: list[tuple[float, Event]] = []
        self.loop = Loop(
            model,
            self.spec,
            warm_up(model, self.spec.batch, LONGEST_STEP_S, self.clock),
            lambda event: self.events.append((self.model.now, event)),
            self.clock,
        )
        self.model.decodes.clear()

    def clock(self) -> float:
        return self.model.now

    def run(self, *commands: Command, until: str, at_most: int = 20_000) -> float:
        """Seconds until this job has ended."""
        began = self.model.now
        for command in commands:
            self.loop.post(command)
        for _ in range(at_most):
            self.loop.step()
            self.model.now += DRAW_S
            if any(isinstance(event, Ended) and event.job == until for _, event in self.events):
                return self.model.now - began
        raise AssertionError(f"{until} did not end")

    def gaps(self, job: str, since: float = 0.0) -> list[float]:
        """Seconds between the tokens of a job."""
        times = [
            time
            for time, event in self.events
            if isinstance(event, Stepped) and time >= since and any(token.job == job for token in event.tokens)
        ]
        return [after - before for before, after in pairwise(times)]
