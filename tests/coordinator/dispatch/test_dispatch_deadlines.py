"""A client says how long it waits: after that its job holds neither a slot nor a place in the queue."""

from coordinator.dispatch.effects import Failed, Finished, Queued, Stopped
from tests.coordinator.dispatch.driver import Desk
from wire import messages as wire
from wire.errors import ErrorCode


def test_a_job_that_runs_is_cancelled_at_its_clients_deadline() -> None:
    desk = Desk()
    desk.join()
    desk.submit(deadline_s=5)
    desk.accepts()
    desk.delta(tokens="abc")
    desk.passes(4.75, alive=("w1",))
    assert not desk.all(Failed)
    desk.passes(0.25, alive=("w1",))
    failed = desk.one(Failed)
    assert (failed.error.code, failed.error.row.status) == (ErrorCode.DEADLINE_EXCEEDED, 504)
    assert "5 s" in failed.error.message
    assert failed.report.usage.completion == 3
    assert desk.sent(wire.Cancel) == [("w1", wire.Cancel(job="j1", attempt=1))]
    desk.cancelled(seq=1)
    assert not desk.all(Stopped) and not desk.all(Failed)
    assert desk.dispatch.online("m").free == 2
    assert desk.dispatch.counters.deadlines == 1


def test_a_job_that_waits_leaves_the_queue_at_its_clients_deadline() -> None:
    desk = Desk()
    desk.join(slots=1)
    desk.submit("j1")
    desk.accepts()
    desk.submit("j2", deadline_s=2)
    desk.submit("j3")
    assert desk.one(Queued).place == 2
    desk.passes(2, alive=("w1",))
    assert (desk.one(Failed).job, desk.one(Failed).error.code) == ("j2", ErrorCode.DEADLINE_EXCEEDED)
    assert desk.place("j3") == 1
    assert not desk.sent(wire.Cancel)


def test_a_slot_that_comes_free_at_the_deadline_goes_to_the_next() -> None:
    desk = Desk()
    desk.join(slots=1)
    desk.submit("j1")
    desk.accepts()
    desk.submit("j2", deadline_s=2)
    desk.submit("j3")
    desk.passes(2, alive=("w1",))
    desk.done()
    assert desk.started()[1].job == "j3"


def test_a_deadline_holds_over_all_attempts() -> None:
    desk = Desk()
    desk.join("w1")
    desk.submit(deadline_s=3)
    desk.accepts()
    desk.passes(2, alive=("w1",))
    desk.join("w2")
    desk.fails()
    assert desk.started()[0] == "w2"
    desk.accepts("w2", attempt=2)
    desk.passes(1, alive=("w1", "w2"))
    assert desk.one(Failed).error.code is ErrorCode.DEADLINE_EXCEEDED
    assert desk.sent(wire.Cancel) == [("w2", wire.Cancel(job="j1", attempt=2))]


def test_a_deadline_ends_the_wait_for_a_worker_that_dropped() -> None:
    desk = Desk()
    desk.join()
    desk.submit(deadline_s=1)
    desk.accepts()
    desk.drops()
    desk.passes(1)
    assert desk.one(Failed).error.code is ErrorCode.DEADLINE_EXCEEDED
    desk.redials(jobs=(("j1", 1, 0),))
    assert desk.sent(wire.Welcome)[0][1].kept == ()


def test_an_answer_in_time_is_an_answer() -> None:
    desk = Desk()
    desk.join()
    desk.submit(deadline_s=2)
    desk.accepts()
    desk.passes(1.75, alive=("w1",))
    desk.done()
    assert desk.one(Finished)
    desk.passes(1, alive=("w1",))
    assert not desk.all(Failed)


def test_a_client_that_left_before_its_deadline_has_left() -> None:
    desk = Desk()
    desk.join()
    desk.submit(deadline_s=1)
    desk.accepts()
    desk.cancel()
    desk.passes(2, alive=("w1",))
    assert not desk.all(Failed)
    desk.cancelled()
    assert desk.one(Stopped)
