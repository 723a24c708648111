"""A job that goes to another process is the same there, on another clock."""

from dataclasses import fields
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from coordinator.dispatch.so_far import AttemptSoFar, SoFar, Tried
from coordinator.scheduler.state import Job, JobSpec, Lease, Truncated
from wire.chat import ChatRequest, Content, Message, Usage
from wire.errors import ErrorCode, SupernetError
from wire.job_state import JobState
from wire.messages import Delta, Done

SPEC = JobSpec(
    "j.0.0123abcd", "a", "m", ChatRequest(messages=(Message(role="user", content="hello"),), max_tokens=100), seed=7
)
ERROR = SupernetError(ErrorCode.ENGINE_ERROR, "broke", retry_after_s=2.0)
DONE = Done(job=SPEC.id, attempt=2, seq=3, finish_reason="length", usage=Usage(prompt=7, completion=3))
TRAILING = Delta(job=SPEC.id, attempt=3, seq=4, parts=(Content(text="."),))


def job() -> Job:
    """One of which every field says something, submitted at 100 and looked at from 130 on."""
    job = Job(SPEC, submitted=100.0, waiting_since=120.0)
    job.delivered, job.served, job.reader, job.read = [1, 2, 3], {"o/w1": 2, "o/w2": 1}, "o/w2", 7
    job.starts, job.failures, job.refusals, job.crashes, job.handbacks, job.legs = 3, 1, 2, 1, 1, 2
    job.said, job.calls, job.arguments, job.argument_chars = True, {0}, {0: ["{", "}"]}, 2
    job.percent, job.previews, job.notices = 40, 1, 2
    job.witnesses, job.avoid = {"o": "o/w1"}, {("o/w1", "i1")}
    job.charged, job.context, job.worker = 12.5, 4097, "o/w2"
    job.placed_at, job.first_token_at = 110.0, 115.0
    job.error, job.truncated, job.apart = ERROR, Truncated(DONE, 3, TRAILING), True
    return job


def lease() -> Lease:
    lease = Lease(SPEC.id, 3, "o/w2", "m", "a", since=118.0, state=JobState.RUNNING, spec=SPEC)
    lease.accepted, lease.prompt, lease.silent, lease.unsaid = True, 7, 2, 1
    lease.received(0, 1, 121.0)
    lease.received(1, 2, 123.0)
    lease.take(0, 124.0)
    lease.size_bytes, lease.stage, lease.percent, lease.began_at = 99, "denoising", 40, 119.0
    lease.accompanied = True
    return lease


def plain(job: Job) -> dict[str, Any]:
    """All of it but its times, and what is made of its spec."""
    times = {"submitted", "waiting_since", "placed_at", "first_token_at"}
    said = {one.name: getattr(job, one.name) for one in fields(job) if one.name not in times | {"work", "lease"}}
    return said | {"arguments": {index: "".join(pieces) for index, pieces in job.arguments.items()}}


def test_a_job_is_the_same_on_another_clock_and_as_old() -> None:
    there = SoFar.of(job(), 130.0).job(SPEC, 1000.0)
    assert plain(there) == plain(job())
    assert (there.submitted, there.waiting_since, there.placed_at, there.first_token_at) == (970, 990, 980, 985)


def test_every_field_of_a_job_says_something_in_that_test() -> None:
    blank = Job(SPEC, submitted=0.0, waiting_since=0.0)
    alike = {name for name, value in plain(job()).items() if value == plain(blank)[name]}
    assert alike == {"spec", "cancelled"}  # one whose client has left goes nowhere


def test_a_job_of_before_any_worker_has_no_times_of_one() -> None:
    there = SoFar.of(Job(SPEC, submitted=5.0, waiting_since=5.0), 6.0).job(SPEC, 50.0)
    assert (there.submitted, there.placed_at, there.first_token_at) == (49.0, None, None)


def test_what_travels_is_read_as_it_was_said() -> None:
    adapter = TypeAdapter(SoFar)
    here = job()
    here.lease = lease()
    said = SoFar.of(here, 130.0, "i2")
    again = adapter.validate_json(adapter.dump_json(said))
    assert adapter.dump_json(again) == adapter.dump_json(said)
    assert again.tried.error is not None and vars(again.tried.error) == vars(ERROR)


@pytest.mark.parametrize(
    "junk",
    [
        {"delivered": [-1]},
        {"tried": {"starts": -1}},
        {"tried": {"error": ["no_such_code", "x", None, None]}},
        {"tried": {"error": ["engine_error", 7, None, None]}},
        {"tried": {"error": 7}},
        {"submitted_s": -1.0},
        {"submitted_s": "NaN"},
        {"tried": {"avoid": [["o/w", "i"]] * 65}},
    ],
)
def test_what_cannot_be_is_not_read(junk: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(SoFar).validate_python(junk)


def test_an_attempt_is_the_same_where_its_worker_comes_back() -> None:
    there = Lease(SPEC.id, 1, "o/w2", "m", "a", since=0.0, spec=SPEC)
    AttemptSoFar.of(lease(), "i2", 130.0).put_on(there, 1000.0)
    assert (there.attempt, there.state, there.accepted, there.prompt) == (3, JobState.RUNNING, True, 7)
    assert (there.next_seq, there.taken_seq, there.acked_seq) == (2, 1, 0)
    assert (list(there.untaken), there.untaken_tokens, there.tokens) == ([(1, 2)], 2, 3)
    assert (there.silent, there.unsaid, there.size_bytes, there.accompanied) == (2, 1, 99, True)
    assert (there.stage, there.percent, there.began_at) == ("denoising", 40, 989.0)
    assert (there.since, there.last_progress_at, there.last_token_at) == (988.0, 994.0, 993.0)


def test_what_a_parser_held_back_at_the_end_is_asked_for_again() -> None:
    held = lease()
    held.received(2, 0, 125.0)
    held.trailing = Delta(job=SPEC.id, attempt=3, seq=2, parts=(Content(text="."),))
    assert AttemptSoFar.of(held, "i2", 130.0).next_seq == 2


def test_what_was_tried_says_how_much_counts_as_delivered() -> None:
    assert Tried.of(job()).kept == 3
