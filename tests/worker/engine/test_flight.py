"""What goes into a decode and what comes out of it, on a model that only remembers what it was asked."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from wire.chat import Sampling
from worker.engine.batch import Slice
from worker.engine.counters import Counters
from worker.engine.flight import Flight
from worker.engine.job import Job
from worker.engine.llama import RC_NO_CELLS, Feed, Model
from worker.engine.pace import Pace
from worker.engine.port import Submit
from worker.engine.prefix import Prefixes

BATCH = 512
SEQUENCES = 4


class Remembering:
    asynchronous = False

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


class Bench:
    def __init__(self) -> None:
        self.model, self.now = Remembering(), 0.0
        self.prefixes = Prefixes(SEQUENCES, 1024, cuttable=True, dense=False, saved_bytes=1024)
        self.counters = Counters(0.0)
        self.pace = Pace(1.0, BATCH)
        model = cast(Model, self.model)
        self.flight = Flight(model, self.prefixes, self.pace, self.counters, lambda: self.now)

    def job(self, name: str, tokens: int) -> Job:
        submit = Submit(name, tuple(range(tokens)), 16, Sampling(), seed=1)
        job = Job(submit, 16, age=1, now=0.0)
        job.start(self.prefixes.place(job.tokens).target, 0, 0.0)
        return job


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_slices_become_feeds_of_their_jobs_and_the_jobs_go_on_from_there(bench: Bench) -> None:
    one, other = bench.job("one", 40), bench.job("other", 3)
    jobs = {one.seq: one, other.seq: other}
    assert bench.flight.launch([Slice(one.seq, 32, False), Slice(other.seq, 3, True)], jobs) == 0
    assert bench.model.decodes == [[Feed(one.seq, 0, list(range(32)), False), Feed(other.seq, 0, [0, 1, 2], True)]]
    assert (one.fed, other.fed, bench.counters.steps, bench.counters.prompt_tokens) == (32, 3, 1, 35)
    assert [job for job, _ in bench.flight.land()] == [other]
    assert bench.flight.land() == [], "nothing is in flight any more"


def test_what_nobody_draws_from_is_not_waited_for(bench: Bench) -> None:
    job = bench.job("one", 40)
    bench.flight.launch([Slice(job.seq, 32, False)], {job.seq: job})
    assert bench.flight.land(last=True) == [] and bench.model.waits == 0


def test_a_state_is_saved_where_it_was_asked_for(bench: Bench) -> None:
    job = bench.job("one", 40)
    job.cuts = (32,)
    bench.flight.launch([Slice(job.seq, 32, False)], {job.seq: job})
    assert bench.flight.land() == [] and bench.model.waits == 1


def test_a_decode_that_fails_moves_nobody(bench: Bench) -> None:
    job = bench.job("one", 40)
    bench.model.codes = [-3]
    assert bench.flight.launch([Slice(job.seq, 40, True)], {job.seq: job}) == -3
    assert job.fed == 0 and bench.counters.steps == 0 and bench.flight.land() == []


def test_prefixes_that_nobody_uses_make_room(bench: Bench) -> None:
    gone = bench.job("gone", 20)
    bench.flight.launch([Slice(gone.seq, 20, True)], {gone.seq: gone})
    bench.flight.land()
    bench.prefixes.release(gone.seq)
    bench.model.codes = [RC_NO_CELLS]
    assert bench.flight.decode([Feed(gone.seq + 1, 0, [1], True)]) == 0
    assert bench.model.cleared == [gone.seq]
    bench.model.codes = [RC_NO_CELLS]
    assert bench.flight.decode([Feed(gone.seq + 1, 0, [1], True)]) == RC_NO_CELLS, "nothing is left to give"
