"""What the clock ends: a client's own deadline, attempts that stand still, the wait in the queue."""

from coordinator.dispatch.effects import CloseWorker, Failed, Finished, Queued, Stopped
from tests.coordinator.dispatch.driver import Driver
from wire import messages as wire
from wire.errors import ErrorCode


def test_a_job_that_runs_is_cancelled_at_its_clients_deadline() -> None:
    driver = Driver()
    driver.join()
    driver.submit(deadline_s=5)
    driver.accepts()
    driver.delta(tokens="abc")
    driver.passes(4.75, alive=("w1",))
    assert not driver.all(Failed)
    driver.passes(0.25, alive=("w1",))
    failed = driver.one(Failed)
    assert (failed.error.code, failed.error.row.status) == (ErrorCode.DEADLINE_EXCEEDED, 504)
    assert "5 s" in failed.error.message
    assert failed.report.usage.completion == 3
    assert driver.sent(wire.Cancel) == [("w1", wire.Cancel(job="j1", attempt=1))]
    driver.cancelled(seq=1)
    assert not driver.all(Stopped) and not driver.all(Failed)
    assert driver.dispatch.online("m").free == 2
    assert driver.dispatch.counters.deadlines == 1


def test_a_job_that_waits_leaves_the_queue_at_its_clients_deadline() -> None:
    driver = Driver()
    driver.join(slots=1)
    driver.submit("j1")
    driver.accepts()
    driver.submit("j2", deadline_s=2)
    driver.submit("j3")
    assert driver.one(Queued).place == 2
    driver.passes(2, alive=("w1",))
    assert (driver.one(Failed).job, driver.one(Failed).error.code) == ("j2", ErrorCode.DEADLINE_EXCEEDED)
    assert driver.place("j3") == 1
    assert not driver.sent(wire.Cancel)


def test_a_slot_that_comes_free_at_the_deadline_goes_to_the_next() -> None:
    driver = Driver()
    driver.join(slots=1)
    driver.submit("j1")
    driver.accepts()
    driver.submit("j2", deadline_s=2)
    driver.submit("j3")
    driver.passes(2, alive=("w1",))
    driver.done()
    assert driver.started()[1].job == "j3"


def test_a_deadline_holds_over_all_attempts() -> None:
    driver = Driver()
    driver.join("w1")
    driver.submit(deadline_s=3)
    driver.accepts()
    driver.passes(2, alive=("w1",))
    driver.join("w2")
    driver.fails()
    assert driver.started()[0] == "w2"
    driver.accepts("w2", attempt=2)
    driver.passes(1, alive=("w1", "w2"))
    assert driver.one(Failed).error.code is ErrorCode.DEADLINE_EXCEEDED
    assert driver.sent(wire.Cancel) == [("w2", wire.Cancel(job="j1", attempt=2))]


def test_a_deadline_ends_the_wait_for_a_worker_that_dropped() -> None:
    driver = Driver()
    driver.join()
    driver.submit(deadline_s=1)
    driver.accepts()
    driver.drops()
    driver.passes(1)
    assert driver.one(Failed).error.code is ErrorCode.DEADLINE_EXCEEDED
    driver.redials(jobs=(("j1", 1, 0),))
    assert driver.sent(wire.Welcome)[0][1].kept == ()


def test_an_answer_in_time_is_an_answer() -> None:
    driver = Driver()
    driver.join()
    driver.submit(deadline_s=2)
    driver.accepts()
    driver.passes(1.75, alive=("w1",))
    driver.done()
    assert driver.one(Finished)
    driver.passes(1, alive=("w1",))
    assert not driver.all(Failed)


def test_a_client_that_left_before_its_deadline_has_left() -> None:
    driver = Driver()
    driver.join()
    driver.submit(deadline_s=1)
    driver.accepts()
    driver.cancel()
    driver.passes(2, alive=("w1",))
    assert not driver.all(Failed)
    driver.cancelled()
    assert driver.one(Stopped)


def test_a_job_that_finds_no_slot_in_time_fails_with_queue_timeout() -> None:
    driver = Driver()
    driver.join(slots=1)
    driver.submit("j1")
    driver.accepts()
    driver.submit("j2")
    driver.passes(29, alive=("w1",))
    assert not driver.all(Failed)
    driver.passes(2, alive=("w1",))
    failed = driver.one(Failed)
    assert (failed.job, failed.error.code) == ("j2", ErrorCode.QUEUE_TIMEOUT)
    assert failed.error.retry_after_s


def test_a_job_whose_only_worker_died_a_moment_before_says_so() -> None:
    driver = Driver()
    driver.join(slots=1)
    driver.drops()
    driver.submit("j1")
    assert not driver.all(Failed), "it may come back"
    driver.passes(31)
    failed = driver.one(Failed)
    assert failed.error.code is ErrorCode.NO_WORKER
    assert failed.error.message.startswith("no worker of m is left, and none came back: try again in ")
    assert failed.error.retry_after_s


def test_a_cancel_that_is_never_answered_costs_the_worker_a_rest_and_not_the_job() -> None:
    driver = Driver()
    driver.join(slots=1)
    driver.submit("j1")
    driver.accepts()
    driver.cancel("j1")
    driver.passes(11, alive=("w1",))
    assert driver.one(Stopped).job == "j1"
    driver.submit("j2")
    assert driver.one(Queued)
    driver.capacity(slots=1, free=0)  # the worker is still busy with what was written off
    driver.passes(16, alive=("w1",))
    assert not driver.sent(wire.Start)
    driver.capacity(slots=1, free=1)
    driver.passes(0.25, alive=("w1",))
    driver.passes_test()
    assert driver.started()[1].job == "j2"


def test_a_lone_worker_of_which_nothing_is_heard_may_resume_its_job() -> None:
    driver = Driver()
    driver.join()
    driver.submit()
    driver.accepts()
    driver.delta(tokens="abc")
    driver.takes()
    driver.passes(14)  # past the deadline of a stall
    assert driver.dispatch.counters.stalls == 0
    driver.passes(2)
    assert driver.one(CloseWorker)
    driver.redials(jobs=(("j1", 1, 5),))
    assert driver.sent(wire.Welcome)[0][1].kept[0].next_seq == 1
    assert driver.dispatch.counters.rests == 0


def test_a_worker_that_is_heard_of_and_gives_no_token_has_stalled() -> None:
    driver = Driver()
    driver.join()
    driver.submit()
    driver.accepts()
    driver.delta(tokens="abc")
    driver.takes()
    driver.passes(12, alive=("w1",))
    assert driver.dispatch.counters.stalls == 1


def test_an_offer_that_is_not_answered_goes_elsewhere_after_ten_seconds() -> None:
    driver = Driver()
    driver.join("w1")
    driver.submit()
    driver.join("w2")
    driver.passes(9.5, alive=("w1", "w2"))
    assert not driver.sent(wire.Start)
    driver.passes(1, alive=("w1", "w2"))
    assert driver.started()[0] == "w2"
    assert driver.sent(wire.Cancel) == [("w1", wire.Cancel(job="j1", attempt=1))]


def test_a_stalled_stream_moves_and_the_stalled_worker_is_told_to_stop() -> None:
    driver = Driver()
    driver.join("w1")
    driver.submit()
    driver.accepts()
    driver.delta(tokens="a")
    driver.takes(seq=0)
    driver.join("w2")
    driver.passes(10, alive=("w1", "w2"))
    assert not driver.sent(wire.Start)
    driver.passes(1, alive=("w1", "w2"))
    worker, start = driver.started()
    assert (worker, start.attempt, start.delivered) == ("w2", 2, (ord("a"),))
    assert driver.sent(wire.Cancel)[0][0] == "w1"


def test_a_slow_but_steady_stream_is_not_stalled() -> None:
    driver = Driver()
    driver.join("w1")
    driver.join("w2")
    driver.submit()
    worker = driver.started()[0]
    driver.accepts(worker)
    for seq in range(5):
        driver.passes(2, alive=("w1", "w2"))
        driver.delta(worker, seq=seq, tokens="x")
        driver.takes(seq=seq)
    driver.passes(30, alive=("w1", "w2"))
    assert not driver.sent(wire.Start)
    driver.passes(12, alive=("w1", "w2"))
    assert driver.started()[1].attempt == 2


def test_a_worker_that_waits_for_a_slow_client_is_not_stalled() -> None:
    driver = Driver()
    driver.join("w1")
    driver.join("w2")
    driver.submit()
    worker = driver.started()[0]
    driver.accepts(worker)
    driver.delta(worker, tokens="x" * wire.WINDOW_TOKENS)
    driver.passes(60, alive=("w1", "w2"))
    assert not driver.sent(wire.Start)


def test_a_worker_that_falls_silent_loses_its_stream_first_and_its_socket_after_fifteen_seconds() -> None:
    driver = Driver()
    driver.join("w1")
    driver.submit()
    driver.accepts()
    driver.delta(tokens="ab")
    driver.join("w2")
    driver.passes(14, alive=("w2",))
    assert driver.started()[1].delivered == (ord("a"), ord("b"))
    assert not driver.all(CloseWorker)
    driver.passes(1.5, alive=("w2",))
    assert driver.one(CloseWorker).session == "s1"
