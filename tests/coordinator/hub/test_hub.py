"""The shell of dispatch, with a clock in the test's hand where time matters."""

import asyncio
from typing import Any

from coordinator.dispatch.effects import Deliver, Failed, Finished, Stopped
from coordinator.dispatch.outlook import QueuePosition
from coordinator.hub import hub as module
from coordinator.hub.answers import Answers
from coordinator.hub.buffers import Close, Outbox
from coordinator.hub.clock import TICK_S
from coordinator.hub.hub import Hub
from coordinator.scheduler.state import JobSpec, Peer
from tests.coordinator.dispatch.driver import REQUEST, M
from wire import messages as wire
from wire.chat import Content, Usage
from wire.codec import to_worker
from wire.errors import CLOSE_UNAUTHORIZED, ErrorCode
from wire.offers import ModelOffer, ModelState

USAGE = Usage(prompt=3, cached=0, completion=0, reasoning=0)


class Stage:
    """A hub with one worker and a record of how its jobs ended."""

    def __init__(self, slots: int = 4) -> None:
        self.hub = Hub()
        self.ends: list[Any] = []
        hello = wire.Hello(worker="w", instance="a", models=(ModelOffer(id=M, context=4096, slots=slots),))
        self.outbox = self.hub.join(hello, Peer("s1", "gpus", "key-1"))
        state = ModelState(id=M, status="ready", slots=slots, free=slots)
        self.hub.received("s1", wire.Capacity(models=(state,)))

    def submit(self, *names: str) -> Answers:
        specs = [JobSpec(name, "client", M, REQUEST, 1) for name in names]
        return self.hub.submit(specs, lambda spec, end: self.ends.append(end))

    def accept(self, job: str) -> None:
        self.hub.received("s1", wire.Accepted(job=job, attempt=1))

    def delta(self, job: str, seq: int, text: str, tokens: int = 1) -> None:
        item = wire.Delta(job=job, attempt=1, seq=seq, tokens=(1,) * tokens, parts=(Content(text=text),))
        self.hub.received("s1", wire.Deltas(items=(item,)))

    def done(self, job: str, seq: int) -> None:
        done = wire.Done(job=job, attempt=1, seq=seq, finish_reason="stop", usage=USAGE)
        self.hub.received("s1", done)


async def sent(outbox: Outbox) -> list[Any]:
    """Everything that waits for the worker."""
    got: list[Any] = []
    try:
        async with asyncio.timeout(0.05):
            while True:
                frame = await outbox.get()
                got.append(frame if isinstance(frame, Close) else to_worker(frame))
                if isinstance(frame, Close):
                    return got
    except TimeoutError:
        return got


async def test_events_of_all_choices_come_in_order_with_their_number() -> None:
    stage = Stage()
    answers = stage.submit("a", "b")
    for job in ("a", "b"):
        stage.accept(job)
        stage.delta(job, 0, job)
    stage.done("b", 1)
    stage.done("a", 1)
    events = await answers.take(1)
    assert [(choice, type(event)) for choice, event in events] == [
        (0, Deliver),
        (1, Deliver),
        (1, Finished),
        (0, Finished),
    ]
    assert [type(end) for end in stage.ends] == [Finished, Finished]
    assert not answers.open


async def test_tokens_are_acknowledged_when_the_client_comes_back_for_more() -> None:
    stage = Stage()
    answers = stage.submit("a")
    stage.accept("a")
    for seq in range(40):
        stage.delta("a", seq, "x")
    await answers.take(1)
    assert not [frame for frame in await sent(stage.outbox) if isinstance(frame, wire.Ack)]
    assert await answers.take(0.001) == []
    acks = [frame for frame in await sent(stage.outbox) if isinstance(frame, wire.Ack)]
    assert [ack.items[0].next_seq for ack in acks] == [40]


async def test_settling_waits_for_every_choice_and_no_longer_than_it_may() -> None:
    stage = Stage()
    answers = stage.submit("a", "b")
    await answers.settle(0.001)
    assert answers.undecided == {"a", "b"}
    stage.accept("a")
    stage.hub.received("s1", wire.Refused(job="b", attempt=1, code=ErrorCode.INVALID_REQUEST, message="no"))
    await answers.settle(10)
    error = answers.early_error()
    assert error is not None
    assert error.code is ErrorCode.INVALID_REQUEST


async def test_a_client_that_leaves_cancels_every_open_choice() -> None:
    stage = Stage(slots=1)
    answers = stage.submit("a", "b")
    stage.accept("a")
    answers.cancel()
    answers.cancel()
    frames = [frame for frame in await sent(stage.outbox) if isinstance(frame, wire.Cancel)]
    assert [frame.job for frame in frames] == ["a"]
    assert [end.job for end in stage.ends] == ["b"]
    stage.hub.received("s1", wire.Cancelled(job="a", attempt=1, seq=0, usage=USAGE))
    assert [type(end) for end in stage.ends] == [Stopped, Stopped]


async def test_more_than_an_inbox_holds_cuts_the_client_off_and_stops_its_job(monkeypatch: Any) -> None:
    monkeypatch.setattr("coordinator.hub.buffers.INBOX_TOKENS", 10)
    stage = Stage()
    answers = stage.submit("a")
    other = stage.submit("b")
    stage.accept("a")
    stage.accept("b")
    stage.delta("a", 0, "x", tokens=11)
    assert answers.cut.done()
    assert [f.job for f in await sent(stage.outbox) if isinstance(f, wire.Cancel)] == ["a"]
    stage.delta("b", 0, "fine")
    assert len(await other.take(1)) == 1


async def test_a_client_that_has_not_read_for_too_long_is_cut_off(monkeypatch: Any) -> None:
    stage = Stage()
    answers = stage.submit("a")
    stage.accept("a")
    stage.delta("a", 0, "x")
    stage.hub._cut_slow()
    assert not answers.cut.done()
    monkeypatch.setattr(module, "SLOW_CLIENT_S", -1.0)
    stage.hub._cut_slow()
    assert answers.cut.done()


async def test_a_revoked_key_closes_its_sockets_and_their_jobs_move_on() -> None:
    stage = Stage()
    answers = stage.submit("a")
    stage.accept("a")
    stage.hub.revoke(frozenset({"another"}))
    stage.hub.revoke(frozenset({"key-1"}))
    frames = await sent(stage.outbox)
    assert frames[-2].code is ErrorCode.INVALID_API_KEY
    assert frames[-1].code == CLOSE_UNAUTHORIZED
    assert not stage.hub.dispatch.workers
    assert answers.queue_position() == QueuePosition(1, 10.0)


async def test_a_worker_that_does_not_read_is_dropped(monkeypatch: Any) -> None:
    from coordinator.hub import buffers

    monkeypatch.setattr(buffers, "OUTBOX_BYTES", 100)
    stage = Stage()
    stage.submit("a")
    assert (await sent(stage.outbox))[-1].code == 1013
    assert not stage.hub.dispatch.workers[0].connected


async def test_who_does_not_read_the_end_of_an_answer_holds_no_drain(monkeypatch: Any) -> None:
    """Outside of a drain it may take as long as it likes: the end may be a large picture on a slow line."""
    monkeypatch.setattr(module, "SLOW_CLIENT_S", -1.0)
    stage = Stage()
    answers = stage.submit("a")
    stage.accept("a")
    stage.delta("a", 0, "x")
    stage.done("a", 1)
    stage.hub._cut_slow()
    assert not answers.cut.done()
    stage.hub.drain(60)
    stage.hub._cut_slow()
    assert answers.cut.done()
    assert not stage.hub.requests


async def test_a_drain_tells_when_it_is_over() -> None:
    """Which it is not before the client has its answer: the process' end would cut it off."""
    stage = Stage()
    answers = stage.submit("a")
    stage.accept("a")
    stage.hub.drain(60)
    assert not stage.hub.drained.is_set()
    late = stage.submit("late")
    late.cancel()
    assert isinstance(stage.ends[0], Failed)
    assert late.early_error() is not None
    stage.done("a", 0)
    running = asyncio.create_task(stage.hub.run())
    await asyncio.sleep(3 * TICK_S)
    assert not stage.hub.drained.is_set()
    assert [type(event) for _, event in await answers.take(1)] == [Finished]
    answers.cancel()
    await asyncio.wait_for(stage.hub.drained.wait(), 10)
    running.cancel()
