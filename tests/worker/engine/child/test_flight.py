"""What goes into a decode and what comes out of it, on a model that only remembers what it was asked."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from wire.chat import Sampling
from worker.bindings.llama import RC_NO_CELLS, Feed, Model
from worker.engine.child.batch import Slice
from worker.engine.child.counters import Counters
from worker.engine.child.flight import Flight
from worker.engine.child.job import Job
from worker.engine.child.scheduler import Step
from worker.engine.child.sequences import Sequences
from worker.engine.child.step_budget import StepBudget
from worker.engine.port import Submit

BATCH = 512
SEQUENCES = 4


class Remembering:
    asynchronous = hybrid = offloaded = False
    unified = True
    sequences, context = SEQUENCES, 1024

    def __init__(self) -> None:
        self.decodes: list[list[Feed]] = []
        self.codes: list[int] = []  # of the decodes to come; 0 behind them
        self.cleared: list[int] = []
        self.waits = 0

    def decode(self, feeds: Sequence[Feed]) -> int:
        self.decodes.append(list(feeds))
        return self.codes.pop(0) if self.codes else 0

    def logits(self) -> NDArray[np.float32]:
        self.waits += 1
        return np.zeros((sum(feed.draws for feed in self.decodes[-1]), 8), np.float32)

    def checkpoint(self, seq: int) -> bytes:
        return b"state"

    def clear(self, seq: int) -> None:
        self.cleared.append(seq)


class Told:
    """Instead of a budget: what steps took, by their rows."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, float]] = []

    def record(self, depth: int, rows: int, seconds: float, streams: int) -> None:
        self.steps.append((rows, seconds))


class Bench:
    def __init__(self) -> None:
        self.model, self.now = Remembering(), 0.0
        self.sequences = Sequences(cast(Model, self.model), saved_bytes=1024)
        self.counters = Counters(0.0)
        self.told = Told()
        self.flight = Flight(cast(Model, self.model), self.sequences, self.counters, lambda: self.now, lambda: self.now)

    def job(self, name: str, tokens: int) -> Job:
        submit = Submit(name, tuple(range(tokens)), 16, Sampling(), seed=1)
        job = Job(submit, 16, age=1, now=0.0)
        job.start(self.sequences.take(job.tokens, job.layout)[0], 0, 0.0)
        return job


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_slices_become_feeds_of_their_jobs_and_the_jobs_go_on_from_there(bench: Bench) -> None:
    one, other = bench.job("one", 40), bench.job("other", 3)
    jobs = {one.seq: one, other.seq: other}
    assert bench.flight.launch([Slice(one.seq, 32, False), Slice(other.seq, 3, True)], jobs) == 0
    assert bench.model.decodes == [[Feed(one.seq, 0, list(range(32)), False), Feed(other.seq, 0, [0, 1, 2], True)]]
    assert (one.computed, other.computed, bench.counters.steps, bench.counters.prompt_tokens) == (32, 3, 1, 35)
    assert [job for job, _ in bench.flight.land()] == [other]
    assert bench.flight.land() == [], "nothing is in flight any more"


def test_what_nobody_draws_from_is_not_waited_for(bench: Bench) -> None:
    job = bench.job("one", 40)
    bench.flight.launch([Slice(job.seq, 32, False)], {job.seq: job})
    assert bench.flight.land() == [] and bench.model.waits == 0


def test_a_state_is_saved_where_it_was_asked_for(bench: Bench) -> None:
    job = bench.job("one", 40)
    job.checkpoints_at = (32,)
    bench.flight.launch([Slice(job.seq, 32, False)], {job.seq: job})
    assert bench.flight.land() == [] and bench.model.waits == 1


def test_a_decode_that_fails_moves_nobody(bench: Bench) -> None:
    job = bench.job("one", 40)
    bench.model.codes = [-3]
    assert bench.flight.launch([Slice(job.seq, 40, True)], {job.seq: job}) == -3
    assert job.computed == 0 and bench.counters.steps == 0 and bench.flight.land() == []


def test_prefixes_that_nobody_uses_make_room(bench: Bench) -> None:
    gone = bench.job("gone", 20)
    bench.flight.launch([Slice(gone.seq, 20, True)], {gone.seq: gone})
    bench.flight.land()
    bench.sequences.release(gone.seq)
    bench.model.cleared.clear()
    bench.model.codes = [RC_NO_CELLS]
    assert bench.flight.decode([Feed(gone.seq + 1, 0, [1], True)]) == 0
    assert bench.model.cleared == [gone.seq]
    bench.model.codes = [RC_NO_CELLS]
    assert bench.flight.decode([Feed(gone.seq + 1, 0, [1], True)]) == RC_NO_CELLS, "nothing is left to give"


# ---- what a step took


class Computing(Remembering):
    """A GPU: a decode waits for the one before, and its own takes as long as the test says."""

    asynchronous = True

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self.bench, self.takes, self.done = bench, 0.0, 0.0

    def decode(self, feeds: Sequence[Feed]) -> int:
        self.bench.now = max(self.bench.now, self.done)
        self.done = self.bench.now + self.takes
        return super().decode(feeds)

    def logits(self) -> NDArray[np.float32]:
        self.bench.now = max(self.bench.now, self.done)
        return super().logits()


def launch(bench: Bench, job: Job, rows: int, takes: float, last: bool = False) -> None:
    assert isinstance(bench.model, Computing)
    bench.model.takes = takes
    assert bench.flight.land() == []
    slices = [Slice(job.seq, rows, last)]
    bench.flight.begin(Step(cast(StepBudget, bench.told), job.computed, rows, 0, [slices]))
    bench.flight.launch(slices, {job.seq: job})


@pytest.fixture
def computing(bench: Bench) -> Bench:
    bench.model = Computing(bench)
    bench.flight = Flight(
        cast(Model, bench.model), bench.sequences, bench.counters, lambda: bench.now, lambda: bench.now
    )
    return bench


def test_on_a_gpu_a_step_that_nobody_waits_for_is_over_when_the_next_decode_returns(computing: Bench) -> None:
    job = computing.job("long", 900)
    launch(computing, job, 100, takes=2.0)
    assert computing.told.steps == [], "its decode returned at once"
    launch(computing, job, 200, takes=3.0)
    launch(computing, job, 600, takes=5.0, last=True)
    assert len(computing.flight.land()) == 1
    assert computing.told.steps == [(100, 2.0), (200, 3.0), (600, 5.0)], "the last is not charged with the one before"


def test_a_step_whose_end_nobody_saw_is_not_timed(computing: Bench) -> None:
    job, other = computing.job("left", 900), computing.job("late", 40)
    launch(computing, job, 100, takes=2.0)
    computing.flight.begin(None)
    computing.now += 600.0
    launch(computing, other, 40, takes=1.0, last=True)
    computing.flight.land()
    assert computing.told.steps == [(40, 1.0)]


def test_a_step_that_failed_is_not_timed(computing: Bench) -> None:
    job = computing.job("one", 900)
    launch(computing, job, 100, takes=2.0)
    computing.model.codes = [-3]
    launch(computing, job, 100, takes=2.0)
    launch(computing, job, 50, takes=1.0)
    launch(computing, job, 20, takes=1.0)
    assert computing.told.steps == [(50, 1.0)]


def test_two_decodes_of_a_step_are_timed_as_one(bench: Bench) -> None:
    prompt, stream = bench.job("prompt", 40), bench.job("stream", 2)
    jobs = {prompt.seq: prompt, stream.seq: stream}
    decodes = [[Slice(prompt.seq, 40, True)], [Slice(stream.seq, 2, True)]]
    bench.flight.begin(Step(cast(StepBudget, bench.told), 0, 40, 1, decodes))
    for slices in decodes:
        bench.flight.land()
        bench.flight.launch(slices, jobs)
        bench.now += 1.0
    bench.flight.land()
    assert bench.told.steps == [(40, 2.0)]
