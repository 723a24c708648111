"""What the checks of the cluster let pass is what was meant to be, and no more."""

from typing import Any, cast

from coordinator.dispatch.effects import Failed
from coordinator.dispatch.ends import report
from coordinator.scheduler.state import Job
from tests.coordinator.cluster.samples import JOB, SPEC
from tools.simulation.cluster.checks import harmless, unheard_crashes
from tools.simulation.history import History, Story
from tools.simulation.timeline import Timeline
from wire.errors import ErrorCode, SupernetError


def failed_after(*losses: str) -> list[str]:
    """What is found of a job that lost its cells so, and failed."""
    history = History(Timeline())
    for why in losses:
        history.note("noted", "lost its cell", "gpus/w1", JOB, why, "r0")
    job = Job(SPEC, 0.0, 0.0)
    job.starts = len(losses)
    event = Failed(JOB, SupernetError(ErrorCode.WORKER_LOST, "3 attempts failed"), report(job, 9.0))
    history.stories[JOB] = Story(cast(Any, None), "", 0.0, ends=[(9.0, "Failed", event)])
    return list(harmless(history, attempts=3))


def test_a_job_whose_attempts_were_all_lost_with_cells_may_fail() -> None:
    assert not failed_after("failed here", "its worker did not come back", "its cell is gone")


def test_one_that_had_another_attempt_left_or_lost_none_to_a_dead_cell_may_not() -> None:
    assert failed_after("failed here", "its cell is gone")
    assert failed_after("failed here", "failed here", "failed here")


def unheard(*between: tuple[str, ...]) -> int:
    """How many crashes nobody heard of, where this happened between a job's start at a replica and the crash."""
    history = History(Timeline())
    history.note("noted", "worker joined", "gpus/w1", "m", "r0")
    history.note("placed", JOB, "gpus/w1", 1, "r0")
    for details in between:
        history.note("noted", *details)
    history.note("poisoned", "w1/1", f"{JOB}.1")
    return unheard_crashes(history)


def test_a_crash_is_heard_by_the_replica_that_gave_the_job_as_long_as_it_waits_for_it() -> None:
    assert unheard() == 0
    assert unheard(("worker joined", "gpus/w1", "m", "r1")) == 1
    assert unheard(("moved", "gpus/w1", JOB, "4 tokens delivered", "r0")) == 1
