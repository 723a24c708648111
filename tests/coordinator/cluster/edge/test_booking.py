"""What cannot be, and what is of no weight; test_itinerary.py has what an honest cell says."""

from coordinator.cluster.edge import booking
from coordinator.cluster.edge.journey import Journey
from coordinator.cluster.protocol.messages import Accepted, Ended
from coordinator.dispatch.effects import Deliver, Failed, Finished, Progressed, Stopped
from coordinator.scheduler.state import Job, JobSpec
from tests.coordinator.cluster.samples import JOB, SPEC, delta, placed
from wire.chat import CallDelta, ChatRequest, Content, Message, Usage
from wire.errors import ErrorCode, SupernetError


def journey(max_tokens: int = 1000) -> Journey:
    request = ChatRequest(messages=(Message(role="user", content="hello"),), max_tokens=max_tokens)
    found = Journey(Job(JobSpec(JOB, "client", "m", request, 7), submitted=100.0, waiting_since=100.0))
    booking.placed(found, placed(), 101.0)
    booking.accepted(found, Accepted(1, 7), 102.0)
    return found


def test_tokens_that_were_not_asked_for_are_no_honest_cells() -> None:
    found = journey(max_tokens=2)
    assert booking.step(found, 2, delta("ab"), 103.0) is not None
    assert booking.step(found, 3, delta("c", 1), 103.0) is None
    assert booking.step(journey(), 2, delta("a", attempt=2), 103.0) is None
    assert booking.step(journey(), 2, delta("a").model_copy(update={"job": "another"}), 103.0) is None


def test_what_is_behind_the_last_token_may_be_of_an_attempt_before() -> None:
    """An answer that was cut where a worker's context ended stands, if no other goes on with it."""
    found = journey()
    rest = delta("", frame=4, attempt=3, parts=(Content(text="."),))
    (told,) = booking.step(found, 2, rest, 103.0) or []
    assert isinstance(told, Deliver) and told.completion == 0


def test_a_job_is_read_and_served_as_dispatch_counts_it() -> None:
    found = journey()
    booking.step(found, 2, delta("ab"), 104.0)
    call = delta("c", 1, parts=(CallDelta(index=0, name="f", arguments="{"),))
    booking.step(found, 3, call, 105.0)
    job = found.job
    assert (job.served, job.reader, job.read, job.first_token_at) == ({"gpus/w1": 3}, "gpus/w1", 7, 104.0)
    assert (job.calls, job.arguments, job.said) == ({0}, {0: ["{"]}, True)
    assert job.lease is not None and (job.lease.next_seq, job.lease.untaken_tokens) == (2, 3)


def test_a_worker_of_before_does_not_begin() -> None:
    assert booking.accepted(journey(), Accepted(2, 0), 103.0) == []


def test_progress_is_told_if_it_is_ahead() -> None:
    found = journey()
    ahead, behind = Progressed(JOB, "denoising", 2, 4), Progressed(JOB, "denoising", 1, 4)
    assert booking.progressed(found, ahead, 103.0) == [ahead]
    assert booking.progressed(found, behind, 104.0) == []
    assert found.job.lease is not None
    assert (found.job.lease.began_at, found.job.lease.last_progress_at) == (103.0, 104.0)


def test_an_end_is_what_the_client_is_told() -> None:
    error = SupernetError(ErrorCode.ENGINE_ERROR, "broke")
    usage = Usage(prompt=9, completion=0)
    (failed,) = booking.ended(journey(), Ended("failed", 1, usage, error=error), 110.0)
    assert isinstance(failed, Failed) and failed.error is error and failed.report.total_s == 10
    (stopped,) = booking.ended(journey(), Ended("stopped", 1, usage), 110.0)
    assert isinstance(stopped, Stopped)
    left = journey()
    left.job.cancelled = True
    (stopped,) = booking.ended(left, Ended("finished", 1, usage), 110.0)
    assert isinstance(stopped, Stopped)


def test_no_cell_says_more_of_the_prompt_than_it_has() -> None:
    found = journey()
    found.job.spec.prompt.most = 9
    (end,) = booking.ended(found, Ended("finished", 1, Usage(prompt=900, cached=800, completion=0)), 110.0)
    assert isinstance(end, Finished) and (end.report.usage.prompt, end.report.usage.cached) == (9, 9)
    assert SPEC.prompt.most > 9
