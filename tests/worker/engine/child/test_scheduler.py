"""What a step computes, by which limit, in how many decodes; how rows are shared is in test_batch.py."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import pytest

from wire.chat import Sampling
from worker.engine.child.batch import Slice
from worker.engine.child.drafts.drafts import Drafts
from worker.engine.child.job import Job
from worker.engine.child.scheduler import LONGEST_STEP_S, Scheduler, Step
from worker.engine.child.step_budget import AIM, StepBudget, WarmUpTimes
from worker.engine.port import EngineSpec, Submit

ROW_S = 0.01
STALL_S = 1.0
SPEC = EngineSpec("no-file.gguf", slots=4, context=4096, batch=512, longest_stall_ms=int(1000 * STALL_S))


def scheduler(separate: bool = False) -> Scheduler:
    return Scheduler(SPEC, WarmUpTimes(ROW_S, least_rows=8), copies_from=0, separate=separate)


def job(seq: int, tokens: int, computed: int = 0) -> Job:
    made = Job(Submit(str(seq), tuple(range(tokens)), 8, Sampling(), seed=1), 8, age=seq, now=0.0)
    made.start(seq, computed, 0.0)
    return made


def scheduled(*jobs: Job, separate: bool = False) -> list[list[Slice]]:
    step = scheduler(separate).schedule({job.seq: job for job in jobs})
    return step.decodes if step else []


def test_without_jobs_there_is_no_step() -> None:
    assert scheduled() == []


def test_a_prompt_that_is_alone_takes_longer_steps_than_one_beside_others() -> None:
    ((alone,),) = scheduled(job(0, 2000))
    assert alone == Slice(0, int(AIM * LONGEST_STEP_S / ROW_S), False)
    ((stream, prompt),) = scheduled(job(0, 2000), job(1, 50, computed=49))
    assert stream == Slice(1, 1, True) and prompt == Slice(0, int(AIM * STALL_S / ROW_S), False)
    ((first, *_),) = scheduled(job(0, 2000), job(1, 2000))
    assert first.count <= int(AIM * STALL_S / ROW_S)


def test_a_step_says_what_is_in_it() -> None:
    jobs = (job(0, 300, computed=200), job(1, 700, computed=690), job(2, 60, computed=59))
    step = scheduler().schedule({one.seq: one for one in jobs})
    assert step and (step.depth, step.streams) == (690, 1)
    assert step.rows == sum(part.count for part in step.decodes[0]) - 1


@pytest.mark.parametrize("separate", [False, True])
def test_on_a_cpu_with_separate_caches_prompts_have_a_decode_of_their_own(separate: bool) -> None:
    decodes = scheduled(job(0, 50, computed=49), job(1, 20), separate=separate)
    stream, prompt = Slice(0, 1, True), Slice(1, 20, True)
    assert decodes == ([[prompt], [stream]] if separate else [[stream, prompt]])


class Told:
    """Instead of drafts: the passes of steps, and what they took."""

    def __init__(self) -> None:
        self.steps: list[tuple[Sequence[int], float]] = []

    def record(self, passes: Sequence[int], seconds: float) -> None:
        self.steps.append((passes, seconds))


def test_steps_are_compared_by_what_they_compute_and_paced_by_what_they_last() -> None:
    """Other programs make a step of a CPU longer at random: guesses would seem dear now, and cheap then."""
    told, paced = Told(), StepBudget(STALL_S, 512, WarmUpTimes(ROW_S, least_rows=8))
    step = Step(paced, 0, 0, 2, [[]], cast(Drafts, told), [2])
    before = paced.room(0, 2).rows
    step.took(0.5, 0.01)
    assert told.steps == [([2], 0.01)] and paced.room(0, 2).rows < before
    after = paced.room(0, 2).rows
    replace(step, passes=[9]).took(0.9, 0.02)
    assert told.steps[-1] == ([9], 0.02) and paced.room(0, 2).rows == after, "guesses are no floor"
