"""Clients, deadlines, drain: dispatch as a transcript."""

import pytest

from coordinator.dispatch.effects import CloseWorker, Drained, Failed, Finished, Queued, Stopped
from coordinator.scheduler.state import Limits
from tests.coordinator.dispatch.driver import Desk, M
from wire import messages as wire
from wire.errors import ErrorCode


def test_a_job_is_started_answered_and_finished_with_our_count_of_tokens() -> None:
    desk = Desk()
    desk.join()
    desk.submit()
    worker, start = desk.started()
    assert (worker, start.job, start.attempt, start.delivered) == ("w1", "j1", 1, ())
    desk.accepts()
    desk.delta(seq=0, tokens="he")
    assert desk.text() == "he"
    desk.delta(seq=1, tokens="y")
    desk.done(seq=2, completion=999)
    finished = desk.one(Finished)
    assert finished.finish_reason == "stop"
    usage = finished.report.usage
    assert (usage.prompt, usage.cached, usage.completion) == (7, 3, 3)
    assert (finished.report.attempts, finished.report.worker) == (1, "gpus/w1")
    assert desk.sent(wire.Ack)[0][1].items[0].next_seq == 3
    assert desk.dispatch.online(M).free == 2
    assert desk.dispatch.running() == 0


def test_without_a_worker_the_client_hears_so_at_once_and_when_to_come_back() -> None:
    desk = Desk()
    desk.submit()
    failed = desk.one(Failed)
    assert failed.error.code is ErrorCode.NO_WORKER
    assert failed.error.retry_after_s


def test_a_job_waits_for_a_worker_that_was_there_a_moment_ago() -> None:
    desk = Desk()
    desk.join()
    desk.drops(resumable=False)
    desk.passes(10)
    desk.submit()
    assert desk.one(Queued).place == 1
    desk.passes(10)
    desk.submit("j2")
    assert desk.one(Failed).error.code is ErrorCode.NO_WORKER


def test_a_job_waits_for_a_worker_that_loads_its_model_and_starts_when_it_is_ready() -> None:
    desk = Desk()
    desk.dial()
    desk.submit()
    assert desk.one(Queued)
    desk.capacity()
    assert desk.started()[1].job == "j1"


def test_jobs_wait_in_order_and_a_free_slot_goes_to_the_first() -> None:
    desk = Desk()
    desk.join(slots=1)
    desk.submit("j1")
    desk.submit("j2")
    assert desk.one(Queued).place == 1
    desk.submit("j3")
    assert desk.one(Queued).place == 2
    desk.accepts()
    desk.done()
    assert desk.started()[1].job == "j2"
    assert desk.place("j3") == 1


def test_a_full_queue_refuses_with_a_time_to_wait_and_counts_each_account_apart() -> None:
    desk = Desk(Limits(queue=3, queue_per_account=2))
    desk.join(slots=1)
    for job in ("running", "a", "b"):
        desk.submit(job, account="greedy")
    desk.submit("c", account="greedy")
    error = desk.one(Failed).error
    assert error.code is ErrorCode.QUEUE_FULL
    assert error.retry_after_s and error.retry_after_s >= 1
    desk.submit("d", account="modest")
    assert desk.one(Queued).place == 1, "it was served nothing yet"
    desk.submit("e", account="third")
    assert desk.one(Failed).error.code is ErrorCode.QUEUE_FULL


def test_the_time_to_wait_follows_the_measured_service_time() -> None:
    desk = Desk(Limits(queue=1))
    desk.join(slots=1)
    desk.submit("j1")
    desk.accepts()
    desk.delta(tokens="x")
    desk.passes(4, alive=("w1",))
    desk.done(seq=1)
    desk.submit("j2")
    desk.submit("j3")
    desk.submit("j4")
    assert desk.one(Failed).error.retry_after_s == 8.0


def test_a_job_that_finds_no_slot_in_time_fails_with_queue_timeout() -> None:
    desk = Desk()
    desk.join(slots=1)
    desk.submit("j1")
    desk.accepts()
    desk.submit("j2")
    desk.passes(29, alive=("w1",))
    assert not desk.all(Failed)
    desk.passes(2, alive=("w1",))
    failed = desk.one(Failed)
    assert (failed.job, failed.error.code) == ("j2", ErrorCode.QUEUE_TIMEOUT)
    assert failed.error.retry_after_s


def test_cancelling_a_job_that_waits_ends_it_at_once() -> None:
    desk = Desk()
    desk.join(slots=1)
    desk.submit("j1")
    desk.submit("j2")
    desk.cancel("j2")
    assert desk.one(Stopped).job == "j2"
    assert not desk.sent(wire.Cancel)
    assert desk.dispatch.standing("j2") is None


def test_the_slot_of_a_cancelled_job_is_free_only_when_the_worker_says_so() -> None:
    desk = Desk()
    desk.join(slots=1)
    desk.submit("j1")
    desk.accepts()
    desk.submit("j2")
    desk.cancel("j1")
    assert desk.sent(wire.Cancel) == [("w1", wire.Cancel(job="j1", attempt=1))]
    assert not desk.all(Stopped)
    desk.delta(tokens="late")
    assert desk.text() == ""
    desk.cancelled(seq=1)
    assert desk.one(Stopped).report.usage.prompt == 7
    assert desk.started()[1].job == "j2"


def test_a_done_that_crosses_the_cancel_ends_the_job_once() -> None:
    desk = Desk()
    desk.join()
    desk.submit()
    desk.accepts()
    desk.delta(tokens="abc")
    desk.cancel()
    desk.done(seq=1)
    assert desk.one(Stopped).report.usage.completion == 3
    assert not desk.all(Finished)
    desk.cancelled(seq=2)
    assert not desk.all(Stopped)


def test_a_cancel_that_is_never_answered_costs_the_worker_a_rest_and_not_the_job() -> None:
    desk = Desk()
    desk.join(slots=1)
    desk.submit("j1")
    desk.accepts()
    desk.cancel("j1")
    desk.passes(11, alive=("w1",))
    assert desk.one(Stopped).job == "j1"
    desk.submit("j2")
    assert desk.one(Queued)
    desk.capacity(slots=1, free=0)  # the worker is still busy with what was written off
    desk.passes(16, alive=("w1",))
    assert not desk.sent(wire.Start)
    desk.capacity(slots=1, free=1)
    desk.passes(0.25, alive=("w1",))
    desk.passes_test()
    assert desk.started()[1].job == "j2"


def test_a_lone_worker_of_which_nothing_is_heard_may_resume_its_job() -> None:
    desk = Desk()
    desk.join()
    desk.submit()
    desk.accepts()
    desk.delta(tokens="abc")
    desk.takes()
    desk.passes(14)  # past the deadline of a stall
    assert desk.dispatch.counters.stalls == 0
    desk.passes(2)
    assert desk.one(CloseWorker)
    desk.redials(jobs=(("j1", 1, 5),))
    assert desk.sent(wire.Welcome)[0][1].kept[0].next_seq == 1
    assert desk.dispatch.counters.rests == 0


def test_a_worker_that_is_heard_of_and_gives_no_token_has_stalled() -> None:
    desk = Desk()
    desk.join()
    desk.submit()
    desk.accepts()
    desk.delta(tokens="abc")
    desk.takes()
    desk.passes(12, alive=("w1",))
    assert desk.dispatch.counters.stalls == 1


def test_an_offer_that_is_not_answered_goes_elsewhere_after_ten_seconds() -> None:
    desk = Desk()
    desk.join("w1")
    desk.submit()
    desk.join("w2")
    desk.passes(9.5, alive=("w1", "w2"))
    assert not desk.sent(wire.Start)
    desk.passes(1, alive=("w1", "w2"))
    assert desk.started()[0] == "w2"
    assert desk.sent(wire.Cancel) == [("w1", wire.Cancel(job="j1", attempt=1))]


def test_acknowledgements_follow_the_client_and_are_batched() -> None:
    desk = Desk()
    desk.join()
    desk.submit()
    desk.accepts()
    for seq in range(40):
        desk.delta(seq=seq, tokens="x")
        assert not desk.sent(wire.Ack)
    desk.takes(seq=3)
    assert not desk.sent(wire.Ack)
    desk.passes(0.25, alive=("w1",))
    assert desk.sent(wire.Ack)[0][1].items == (wire.AckItem(job="j1", attempt=1, next_seq=4),)
    desk.passes(0.25, alive=("w1",))
    assert not desk.sent(wire.Ack)
    desk.takes(seq=35)
    assert desk.sent(wire.Ack)[0][1].items[0].next_seq == 36


def test_a_stalled_stream_moves_and_the_stalled_worker_is_told_to_stop() -> None:
    desk = Desk()
    desk.join("w1")
    desk.submit()
    desk.accepts()
    desk.delta(tokens="a")
    desk.takes(seq=0)
    desk.join("w2")
    desk.passes(10, alive=("w1", "w2"))
    assert not desk.sent(wire.Start)
    desk.passes(1, alive=("w1", "w2"))
    worker, start = desk.started()
    assert (worker, start.attempt, start.delivered) == ("w2", 2, (ord("a"),))
    assert desk.sent(wire.Cancel)[0][0] == "w1"


def test_a_slow_but_steady_stream_is_not_stalled() -> None:
    desk = Desk()
    desk.join("w1")
    desk.join("w2")
    desk.submit()
    worker = desk.started()[0]
    desk.accepts(worker)
    for seq in range(5):
        desk.passes(2, alive=("w1", "w2"))
        desk.delta(worker, seq=seq, tokens="x")
        desk.takes(seq=seq)
    desk.passes(30, alive=("w1", "w2"))
    assert not desk.sent(wire.Start)
    desk.passes(12, alive=("w1", "w2"))
    assert desk.started()[1].attempt == 2


def test_a_worker_that_waits_for_a_slow_client_is_not_stalled() -> None:
    desk = Desk()
    desk.join("w1")
    desk.join("w2")
    desk.submit()
    worker = desk.started()[0]
    desk.accepts(worker)
    desk.delta(worker, tokens="x" * wire.WINDOW_TOKENS)
    desk.passes(60, alive=("w1", "w2"))
    assert not desk.sent(wire.Start)


def test_a_drain_refuses_new_jobs_finishes_the_old_and_then_sends_the_workers_away() -> None:
    desk = Desk()
    desk.join("w1", slots=1)
    desk.submit("j1")
    desk.accepts()
    desk.submit("j2")
    desk.out = desk.dispatch.drain(300, desk.now)
    assert not desk.all(Drained)
    desk.submit("j3")
    assert desk.one(Failed).error.code is ErrorCode.SHUTTING_DOWN
    desk.done()
    assert desk.started()[1].job == "j2"
    desk.accepts(job="j2")
    desk.done(job="j2")
    desk.passes(0.25)
    assert desk.one(Drained)
    assert desk.sent(wire.Move)[0][0] == "w1"
    desk.passes(1)
    assert not desk.all(Drained)


@pytest.mark.parametrize(("workers", "last_s"), [(1, 1.0), (4, 1.06), (250, 5.98), (1000, 10.99)])
def test_workers_are_sent_away_one_after_another_but_never_for_long(workers: int, last_s: float) -> None:
    desk = Desk(Limits(workers_per_account=1000))
    for n in range(workers):
        desk.dial(f"w{n}")
    desk.out = desk.dispatch.drain(300, desk.now)
    pauses = [move.after_s for _, move in desk.sent(wire.Move)]
    assert len(pauses) == workers
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (1.0, pytest.approx(last_s))


def test_a_drain_ends_at_its_deadline_with_a_word_to_the_clients() -> None:
    desk = Desk()
    desk.join()
    desk.submit()
    desk.accepts()
    desk.out = desk.dispatch.drain(5, desk.now)
    desk.passes(6, alive=("w1",))
    assert desk.one(Failed).error.code is ErrorCode.SHUTTING_DOWN
    assert desk.sent(wire.Cancel)
    assert desk.one(Drained)


def test_a_worker_that_falls_silent_loses_its_stream_first_and_its_socket_after_fifteen_seconds() -> None:
    desk = Desk()
    desk.join("w1")
    desk.submit()
    desk.accepts()
    desk.delta(tokens="ab")
    desk.join("w2")
    desk.passes(14, alive=("w2",))
    assert desk.started()[1].delivered == (ord("a"), ord("b"))
    assert not desk.all(CloseWorker)
    desk.passes(1.5, alive=("w2",))
    assert desk.one(CloseWorker).session == "s1"


def visits(desk: Desk, account: str, name: str) -> None:
    """One short answer, for which there must be a slot."""
    desk.submit(name, account=account)
    assert desk.started()[1].job == name
    desk.accepts(job=name)
    desk.delta(job=name, tokens="x")
    desk.done(job=name, seq=1)


def test_an_account_that_crowds_leaves_a_slot_to_whoever_comes_next() -> None:
    desk = Desk()
    desk.join(slots=16)
    visits(desk, "small", "before")
    for n in range(20):
        desk.submit(f"j{n}", account="greedy")
    assert desk.dispatch.online(M).free == 1
    assert desk.place("j15") == 1
    visits(desk, "small", "again")
    assert desk.dispatch.online(M).free == 1, "it is kept again"
    desk.accepts(job="j0")
    desk.delta(job="j0", tokens="x")
    desk.done(job="j0", seq=1)
    assert desk.started()[1].job == "j15"


def test_a_job_that_has_to_move_gets_the_slot_that_is_left_free() -> None:
    desk = Desk()
    desk.join(slots=16)
    visits(desk, "small", "before")
    for n in range(16):
        desk.submit(f"j{n}", account="greedy")
    assert desk.place("j15") == 1
    desk.join("w2", slots=1)
    worker, start = desk.started()
    assert (worker, start.job) == ("w2", "j15"), "two slots were free now"
    desk.drops("w2", resumable=False)
    worker, start = desk.started()
    assert (worker, start.job, start.attempt) == ("w1", "j15", 2)


def test_the_context_that_is_told_is_the_longest_that_can_be_had_now() -> None:
    """A worker that is paused, or still loads, has a context that nobody can use."""
    desk = Desk()
    desk.join("small", context=32768)
    desk.join("large", context=262144)
    assert desk.dispatch.online(M).context == 262144
    desk.capacity("large", slots=0)
    assert desk.dispatch.online(M).context == 32768
    desk.capacity("large", slots=2)
    assert desk.dispatch.online(M).context == 262144
    desk.capacity("large", slots=2, status="loading")
    assert desk.dispatch.online(M).context == 32768
    desk.drops("small")
    assert desk.dispatch.online(M).context == 0
