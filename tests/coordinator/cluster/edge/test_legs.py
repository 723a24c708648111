import pytest

from coordinator.cluster.edge import legs
from coordinator.cluster.edge.journey import Journey
from coordinator.cluster.edge.journeys import Journeys
from coordinator.cluster.protocol.errands import Route, Tell
from coordinator.cluster.protocol.messages import Cancel, Release, Submit
from coordinator.dispatch.effects import Deliver, Failed, Finished, Stopped
from coordinator.scheduler.state import Job, Limits, Truncated
from tests.coordinator.cluster.samples import CELL, JOB, OTHER, SPEC, delta
from wire.chat import Content, Usage
from wire.errors import ErrorCode, SupernetError
from wire.messages import Done

ERROR = SupernetError(ErrorCode.WORKER_LOST, "x")


def away() -> tuple[Journeys, Journey]:
    table = Journeys(Limits(attempts=2))
    journey = table.jobs[JOB] = Journey(Job(SPEC, submitted=0.0, waiting_since=0.0))
    legs.begin(table, journey, CELL, "new", 1.0)
    (tell,) = table.flush()
    assert isinstance(tell, Tell) and isinstance(tell.message, Submit) and table.counts.legs == {"new": 1}
    return table, journey


def test_a_leg_that_is_lost_is_over_before_another_is_looked_for() -> None:
    table, journey = away()
    legs.lose(table, journey, "x", 2.0, OTHER)
    out = table.flush()
    assert Route(JOB, CELL, OTHER) in out and Tell(CELL, Release(((JOB, 1),))) in out
    assert journey.cell is None and journey.route_at == 2.0


def test_so_many_attempts_are_enough() -> None:
    table, journey = away()
    journey.job.failures, journey.job.error = 2, SupernetError(ErrorCode.ENGINE_ERROR, "x")
    legs.lose(table, journey, "x", 2.0)
    (failed,) = [one for one in table.flush() if isinstance(one, Failed)]
    assert failed.error.code is ErrorCode.ENGINE_ERROR and not table.jobs


@pytest.mark.parametrize("fails", [True, False])
def test_a_job_whose_client_has_left_is_stopped_and_never_failed(fails: bool) -> None:
    table, journey = away()
    journey.job.cancelled = True
    if fails:
        legs.fail(table, journey, ERROR, 2.0)
    else:
        legs.lose(table, journey, "x", 2.0)
    out = table.flush()
    assert any(isinstance(one, Stopped) for one in out) and not any(isinstance(one, Failed) for one in out)


def test_its_cell_hears_that_a_job_has_ended_here() -> None:
    table, journey = away()
    legs.revoke(table, journey, 2.0)
    cancel, failed = table.flush()
    assert cancel == Tell(CELL, Cancel(JOB, 1)) and isinstance(failed, Failed)


def test_an_answer_that_was_cut_stands_if_nobody_goes_on_with_it() -> None:
    table, journey = away()
    done = Done(job=JOB, attempt=1, seq=3, finish_reason="length", usage=Usage(prompt=7, completion=0))
    journey.job.truncated = Truncated(done, 0, delta("", 2, parts=(Content(text="."),)))
    legs.fail(table, journey, ERROR, 2.0)
    _, rest, end = table.flush()
    assert isinstance(rest, Deliver) and isinstance(end, Finished) and end.finish_reason == "length"
