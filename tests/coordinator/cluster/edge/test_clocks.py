from coordinator.cluster.edge import booking, clocks
from coordinator.cluster.edge.journey import Journey
from coordinator.cluster.protocol.messages import Accepted
from coordinator.scheduler.state import Job, JobSpec, Limits
from tests.coordinator.cluster.samples import CELL, JOB, SPEC, delta, placed
from wire.errors import ErrorCode, SupernetError
from wire.media import GenerateImage, MediaRequest

LIMITS = Limits()


def journey(spec: JobSpec = SPEC) -> Journey:
    found = Journey(Job(spec, submitted=0.0, waiting_since=0.0))
    found.board(CELL, 0.0)
    return found


def heard(found: Journey, now: float) -> str | None:
    """Why it is given up, though its cell answers."""
    found.heard_at = now
    return clocks.overdue(found, LIMITS, now)


def test_a_cell_that_says_nothing_is_given_up_soon() -> None:
    found = journey()
    assert clocks.overdue(found, LIMITS, 9.9) is None
    assert clocks.overdue(found, LIMITS, 10.0) == "its cell does not answer"


def test_a_prompt_may_be_read_for_long() -> None:
    found = journey()
    booking.placed(found, placed(), 0.0)
    booking.accepted(found, Accepted(1, 0), 0.0)
    assert heard(found, 900.0) is None
    assert heard(found, 990.0) == "no first token"


def test_a_stream_stands_still_no_longer_than_a_worker_may_be_away() -> None:
    found = journey()
    booking.placed(found, placed(), 0.0)
    booking.accepted(found, Accepted(1, 0), 0.0)
    booking.step(found, 2, delta("ab"), 1.0)
    assert heard(found, 75.0) is None
    assert heard(found, 76.5) == "no more tokens"


def test_but_as_long_as_its_client_likes() -> None:
    found = journey()
    booking.placed(found, placed(), 0.0)
    booking.accepted(found, Accepted(1, 0), 0.0)
    for frame in range(256):
        booking.step(found, 2 + frame, delta("a", frame), 1.0)
    assert heard(found, 500.0) is None
    found.take(1, 200, 500.0)
    assert heard(found, 570.0) is None
    assert heard(found, 580.0) == "no more tokens"


def test_what_is_made_may_load_for_long() -> None:
    make = MediaRequest(make=GenerateImage(prompt="x", width=64, height=64, steps=4))
    found = journey(JobSpec(JOB, "client", "m", make, 7))
    booking.placed(found, placed(), 0.0)
    assert heard(found, 660.0) is None
    assert heard(found, 666.0) == "it stands still"


def test_a_job_waits_as_long_as_for_a_slot_and_its_cell_says_so_first() -> None:
    found = journey()
    assert clocks.waited(found, LIMITS, 34.9) is None
    error = clocks.waited(found, LIMITS, 35.0)
    assert error is not None and error.code is ErrorCode.QUEUE_TIMEOUT
    found.leave(30.0)
    assert clocks.waited(found, LIMITS, 30.0) is not None


def test_it_says_what_its_last_attempt_failed_with() -> None:
    found = journey()
    found.job.error, found.job.failures = SupernetError(ErrorCode.ENGINE_CRASHED, "x"), 1
    error = clocks.waited(found, LIMITS, 35.0)
    assert error is not None and error.code is ErrorCode.ENGINE_CRASHED


def test_a_quiet_leg_is_asked_for_now_and_then() -> None:
    found = journey()
    assert not clocks.is_quiet(found, 1.9)
    assert clocks.is_quiet(found, 2.0)
    found.asked_at = 2.0
    assert not clocks.is_quiet(found, 3.9)
