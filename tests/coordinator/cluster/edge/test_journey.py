from coordinator.cluster.edge.journey import Journey
from coordinator.cluster.protocol.answer import Answer
from coordinator.cluster.protocol.messages import Accepted
from coordinator.scheduler.state import Job, Lease
from tests.coordinator.cluster.samples import CELL, JOB, OTHER, PROCESS, SPEC, WORKER, delta
from wire.chat import Content


def journey() -> Journey:
    found = Journey(Job(SPEC, submitted=0.0, waiting_since=0.0))
    found.board(CELL, 1.0)
    lease = Lease(JOB, 1, WORKER, "m", "client", since=1.0)
    for frame in range(3):
        lease.received(frame, 1, 2.0)
        found.untaken.append((frame + 2, 1, frame))
    found.job.lease, found.instance, found.next = lease, PROCESS, 5
    return found


def test_what_was_taken_is_all_below_the_first_step_on_the_way() -> None:
    found = journey()
    assert found.taken == (2, 1, 0)
    found.take(1, 1, 3.0)
    assert found.taken == (4, 1, 2)
    found.take(1, 2, 3.0)
    assert found.taken == (5, 1, 3)


def test_a_leg_begins_with_nothing_taken_of_it() -> None:
    found = journey()
    found.board(OTHER, 4.0)
    assert (found.cell, found.job.legs, found.next, found.taken) == (OTHER, 2, 0, (0, 1, 0))
    found.take(1, 2, 5.0)  # frames of before have no number in this leg
    assert found.taken == (0, 1, 3)


def test_an_attempt_that_is_left_counts_until_its_worker_has_it_back() -> None:
    found = journey()
    found.leave(9.0)
    job = found.job
    assert (job.lease, job.failures, job.avoid, job.waiting_since) == (None, 1, {(WORKER, PROCESS)}, 9.0)
    assert not found.resume(WORKER, "b", 1, 3) and not found.resume(WORKER, PROCESS, 1, 2)
    assert found.resume(WORKER, PROCESS, 1, 3)
    assert (job.failures, job.avoid, found.left) == (0, set(), None)
    assert job.lease is not None and job.lease.next_seq == 3


def test_a_job_that_waited_goes_on_waiting() -> None:
    found = Journey(Job(SPEC, submitted=0.0, waiting_since=0.0))
    found.board(CELL, 1.0)
    found.leave(9.0)
    assert (found.job.waiting_since, found.job.failures, found.left) == (0.0, 0, None)


def test_what_the_client_has_is_remembered_while_it_is_short() -> None:
    found = journey()
    found.keep(Accepted(1, 0))
    assert found.so_much() == ()
    found.answer = Answer()
    found.keep(Accepted(1, 0))
    found.keep(delta("a"))
    assert len(found.so_much()) == 2
    found.keep(delta("b", parts=(Content(text="x" * 300_000),)))
    assert found.answer is None and found.so_much() == ()
