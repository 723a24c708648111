from coordinator.dispatch.dispatch_state import State
from coordinator.dispatch.effects import Drained, Noted
from coordinator.scheduler.state import Job, JobSpec, Lease, Limits
from tests.coordinator.dispatch.driver import REQUEST, M


def test_effects_leave_once_and_in_order() -> None:
    state = State(Limits())
    state.note("stalled", "gpus/w1")
    state.emit(Drained())
    assert state.flush() == [Noted("stalled", "gpus/w1"), Drained()]
    assert state.flush() == []


def test_only_the_last_lease_of_a_job_that_has_not_ended_counts() -> None:
    state = State(Limits())
    job = Job(JobSpec("j1", "client", M, REQUEST, 1), submitted=0, waiting_since=0)
    first, second = (Lease("j1", attempt, "w", M, "client", since=0) for attempt in (1, 2))
    job.lease = second
    assert state.current(second) is None, "it is not in the table"
    state.jobs["j1"] = job
    assert state.current(second) is job and state.current(first) is None
