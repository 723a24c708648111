"""A real model behind a loop that the test steps itself; its clock advances a second with each step."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from worker.bindings.encoder import Encoder
from worker.bindings.llama import Feed, Model
from worker.engine.child.loop import Loop
from worker.engine.child.sight import Sight
from worker.engine.child.step_budget import AIM, WarmUpTimes
from worker.engine.port import Command, Ended, EngineSpec, Event, Stepped, Submit, Token

LEAST_ROWS = 8
TIMES = WarmUpTimes(row_s=0.001, least_rows=LEAST_ROWS)
# Of steps that may take 4 s (3 are aimed at) the streams' own rows take one, as every step does: the rest has room for
FIRST_ROWS = 32
SLOW = WarmUpTimes(row_s=(4 * AIM - 1) / FIRST_ROWS, least_rows=LEAST_ROWS)
STEPS = 5000
SPREAD = 4.0
WAIT_S = 30.0


class Mirrored(Model):
    """A real model whose logits are swapped for ones that depend on the sequence's tokens alone, to the last bit.

    llama.cpp's own differ by about 0.001 with what else is in the batch, which now and then tips a draw over; whether
    the engine feeds, forks, cuts and restores the right tokens shows here without that noise.
    """

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self._held: list[list[int]] = [[] for _ in range(self.sequences)]
        self._last = [0] * self.sequences  # tokens of the last decode, of which a hybrid model can take some back
        self._saved: dict[bytes, int] = {}
        self._rows: list[NDArray[np.float32]] = []

    def decode(self, feeds: Sequence[Feed]) -> int:
        code = super().decode(feeds)
        if code == 0:
            self._rows = []
            for feed in feeds:
                held = self._held[feed.seq]
                assert feed.start == len(held)
                held += feed.tokens
                self._rows += [self._row(held[: len(held) - behind]) for behind in reversed(range(feed.draws))]
                self._last[feed.seq] = len(feed.tokens)
        return code

    def _row(self, held: list[int]) -> NDArray[np.float32]:
        row: NDArray[np.float32] = np.random.default_rng(held).standard_normal(self.vocab.size, np.float32)
        return row * np.float32(SPREAD)

    def logits(self) -> NDArray[np.float32]:
        rows = super().logits()
        for row, mirrored in zip(rows, self._rows, strict=True):
            row[:] = mirrored
        return rows

    def clear(self, seq: int) -> None:
        super().clear(seq)
        self._held[seq] = []

    def cut(self, seq: int, length: int, state: bytes | None = None) -> bool:
        if self.hybrid and state is not None:
            assert self._saved[state] == length
        elif self.hybrid and length < len(self._held[seq]):
            assert len(self._held[seq]) - length <= min(self.rollback, self._last[seq] - 1)
            self._last[seq] = 0
        self._held[seq] = self._held[seq][:length]
        return super().cut(seq, length, state)

    def fork(self, source: int, target: int, length: int, state: bytes | None = None) -> bool:
        held = self._held[source].copy()
        if not super().fork(source, target, length, state):
            return False
        self._held[target] = held[:length]
        return True

    def checkpoint(self, seq: int) -> bytes:
        state = super().checkpoint(seq)
        self._saved[state] = len(self._held[seq])
        return state


class Driven:
    """`kind` may be Model itself, or have a fault in it. `opened` are those to close when the test is over."""

    opened: ClassVar[list["Driven"]] = []

    def __init__(
        self,
        path: Path,
        kind: type[Model] = Mirrored,
        times: WarmUpTimes = TIMES,
        open_eyes: Callable[[Model, EngineSpec], Encoder] | None = None,
        **spec: int | str,
    ) -> None:
        shape = {"slots": 4, "context": 512, "batch": 128, "longest_stall_ms": 1} | spec
        self.spec = EngineSpec(path=str(path), **shape)  # type: ignore[arg-type]
        self.model = kind(self.spec)
        sight = Sight(open_eyes(self.model, self.spec)) if open_eyes else Sight()
        self.opened.append(self)
        self.events: list[Event] = []
        self.now = 0.0
        self.loop = Loop(self.model, self.spec, times, self.events.append, lambda: self.now, sight)

    def close(self) -> None:
        self.loop.close()
        self.model.close()

    def post(self, *commands: Command) -> None:
        for command in commands:
            self.loop.post(command)

    def step(self, times: int = 1) -> None:
        for _ in range(times):
            self.now += 1.0
            self.loop.step()

    def until(self, *jobs: str) -> None:
        """Step until these jobs have ended."""
        for _ in range(STEPS):
            self.step()
            if all(self.ended(job) for job in jobs):
                return
            if not self.loop.busy:
                self.loop.wait(WAIT_S)
        raise AssertionError(f"{jobs} did not end in {STEPS} steps: {self.events[-3:]}")

    def run(self, submit: Submit) -> list[int]:
        """The answer's tokens, of a job that goes well."""
        self.post(submit)
        self.until(submit.job)
        ended = self.ended(submit.job)
        assert ended and ended.reason in ("stop", "length"), ended
        return self.ids(submit.job)

    def tokens(self, job: str) -> list[Token]:
        return [
            token for event in self.events if isinstance(event, Stepped) for token in event.tokens if token.job == job
        ]

    def ids(self, job: str) -> list[int]:
        return [token.id for token in self.tokens(job)]

    def text(self, job: str) -> bytes:
        return b"".join(token.piece for token in self.tokens(job))

    def ended(self, job: str) -> Ended | None:
        ends = [event for event in self.events if isinstance(event, Ended) and event.job == job]
        assert len(ends) <= 1, f"{job} ended twice"
        return ends[0] if ends else None

    def usage_cached(self, job: str) -> int:
        ended = self.ended(job)
        assert ended
        return ended.usage.cached
