"""A real model behind a loop that the test steps itself; its clock advances a second with each step."""

from pathlib import Path
from typing import ClassVar

from worker.engine.llama import Model
from worker.engine.loop import Loop
from worker.engine.port import Command, Ended, EngineSpec, Event, Stepped, Submit, Token

STEPS = 5000
WAIT_S = 30.0


class Driven:
    """`kind` is a subclass of Model with a fault in it. `opened` are those to close when the test is over."""

    opened: ClassVar[list["Driven"]] = []

    def __init__(self, path: Path, kind: type[Model] = Model, **spec: int) -> None:
        shape = {"slots": 4, "context": 512, "batch": 128, "prefill_budget": 32} | spec
        self.spec = EngineSpec(path=str(path), **shape)  # type: ignore[arg-type]
        self.model = kind(self.spec)
        self.opened.append(self)
        self.events: list[Event] = []
        self.now = 0.0
        self.loop = Loop(self.model, self.spec, self.events.append, lambda: self.now)

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
