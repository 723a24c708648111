"""Joining, dropping, coming back."""

from coordinator.dispatch.effects import Accepted, CloseWorker, Failed, Stopped
from coordinator.scheduler.state import Limits, Peer
from tests.coordinator.dispatch.driver import Desk
from wire import messages as wire
from wire.errors import CLOSE_DUPLICATE, ErrorCode


def streaming(desk: Desk) -> None:
    desk.join("w1")
    desk.submit()
    desk.accepts()
    desk.delta(tokens="abc")


def test_a_worker_is_welcomed_before_anything_else() -> None:
    desk = Desk()
    session = desk.dial()
    welcome = desk.out[0].message  # type: ignore[union-attr]
    assert isinstance(welcome, wire.Welcome)
    assert (welcome.session, welcome.kept) == (session, ())


def test_a_dropped_socket_resumes_where_it_was_without_a_new_start() -> None:
    desk = Desk()
    streaming(desk)
    desk.drops()
    desk.passes(1)
    desk.redials(jobs=(("j1", 1, 5),))
    assert desk.sent(wire.Welcome)[0][1].kept == (wire.KeptJob(job="j1", attempt=1, next_seq=1),)
    desk.capacity()
    desk.delta(seq=0, tokens="abc")  # replayed although it had arrived
    assert desk.text() == ""
    desk.delta(seq=1, tokens="de")
    assert desk.text() == "de"
    desk.done(seq=2)
    assert desk.dispatch.counters.finished == 1


def test_a_problem_that_ended_while_the_line_was_down_is_over() -> None:
    """Nobody could be told of its end then; what is left is told again after the Welcome."""
    desk = Desk()
    desk.join("w1")
    desk.says("w1", wire.Issue(code="too_hot", severity="warning", message="84 degrees"))
    assert [list(worker.issues) for worker in desk.dispatch.workers] == [["too_hot"]]
    desk.drops()
    desk.passes(1)
    desk.redials()
    assert [list(worker.issues) for worker in desk.dispatch.workers] == [[]]
    desk.says("w1", wire.Issue(code="paused", severity="info", message="by its owner"))
    assert [list(worker.issues) for worker in desk.dispatch.workers] == [["paused"]]


def test_with_a_free_slot_elsewhere_a_job_moves_at_once() -> None:
    desk = Desk()
    streaming(desk)
    desk.join("w2")
    desk.drops("w1")
    assert desk.started()[0] == "w2"
    desk.redials("w1", jobs=(("j1", 1, 9),))
    assert desk.sent(wire.Welcome)[0][1].kept == ()


def test_an_operator_may_let_a_job_wait_for_its_worker_first() -> None:
    desk = Desk(Limits(resume_grace_s=2.0))
    streaming(desk)
    desk.join("w2")
    desk.drops("w1")
    desk.passes(1.75, alive=("w2",))
    assert not desk.sent(wire.Start)
    desk.passes(0.5, alive=("w2",))
    assert desk.started()[0] == "w2"
    desk.redials("w1", jobs=(("j1", 1, 9),))
    assert desk.sent(wire.Welcome)[0][1].kept == ()


def test_without_a_free_slot_elsewhere_it_waits_for_the_whole_window() -> None:
    desk = Desk()
    streaming(desk)
    desk.drops("w1")
    desk.passes(55)
    assert not desk.all(Failed)
    desk.redials("w1", jobs=(("j1", 1, 1),))
    assert desk.sent(wire.Welcome)[0][1].kept
    assert desk.dispatch.standing("j1") is None


def test_a_job_whose_worker_does_not_come_back_and_that_nobody_takes_fails_after_the_window() -> None:
    desk = Desk()
    streaming(desk)
    desk.drops("w1")
    desk.passes(59.75)
    assert not desk.all(Failed)
    desk.passes(0.25)
    failed = desk.one(Failed)
    assert failed.error.code is ErrorCode.WORKER_LOST
    assert failed.report.usage.completion == 3


def test_a_job_that_its_worker_forgot_is_started_again() -> None:
    desk = Desk()
    streaming(desk)
    desk.drops()
    desk.redials(jobs=())
    assert desk.sent(wire.Welcome)[0][1].kept == ()
    assert not desk.sent(wire.Start)  # not before the worker has said what it can take
    desk.capacity()
    assert desk.started()[1].attempt == 2
    assert desk.started()[1].delivered == tuple(map(ord, "abc"))


def test_a_worker_that_lost_frames_does_not_keep_the_job() -> None:
    desk = Desk()
    streaming(desk)
    desk.drops()
    desk.redials(jobs=(("j1", 1, 0),))
    assert desk.sent(wire.Welcome)[0][1].kept == ()


def test_an_accepted_that_was_lost_with_the_socket_is_not_missed() -> None:
    desk = Desk()
    desk.join("w1")
    desk.submit()
    desk.drops()
    desk.redials(jobs=(("j1", 1, 2),))
    assert desk.sent(wire.Welcome)[0][1].kept
    desk.delta(seq=0, tokens="a")
    assert desk.text() == "a"


def test_an_attempt_that_was_kept_is_accepted_whatever_became_of_its_accepted() -> None:
    desk = Desk()
    desk.join("w1")
    desk.submit()
    desk.drops()
    desk.redials(jobs=(("j1", 1, 0),))
    assert desk.one(Accepted).job == "j1"
    desk.capacity()
    desk.passes(desk.dispatch.limits.accept_s + 1, alive=("w1",))
    assert not desk.sent(wire.Cancel), "its prompt may take a while"


def test_a_welcome_that_was_lost_with_its_socket_does_not_end_the_session() -> None:
    desk = Desk()
    streaming(desk)
    first = desk.sessions["w1"]
    desk.drops()
    desk.redials(jobs=(("j1", 1, 1),))
    desk.drops()
    desk.sessions["w1"] = first  # the worker has read nothing on the second socket
    desk.redials(jobs=(("j1", 1, 2),))
    assert desk.sent(wire.Welcome)[0][1].kept == (wire.KeptJob(job="j1", attempt=1, next_seq=1),)


def test_a_session_that_the_worker_has_left_behind_cannot_be_resumed() -> None:
    desk = Desk()
    streaming(desk)
    first = desk.sessions["w1"]
    desk.drops()
    desk.redials(jobs=(("j1", 1, 1),))
    desk.capacity()  # it has read our Welcome
    desk.drops()
    desk.sessions["w1"] = first
    desk.redials(jobs=(("j1", 1, 2),))
    assert desk.sent(wire.Welcome)[0][1].kept == ()


def test_an_ack_that_may_be_lost_with_its_socket_is_repeated_on_the_next() -> None:
    desk = Desk()
    streaming(desk)
    desk.takes(seq=0)
    desk.passes(0.25, alive=("w1",))
    assert desk.sent(wire.Ack)
    desk.drops()
    desk.redials(jobs=(("j1", 1, 1),))
    desk.passes(0.25)
    assert desk.sent(wire.Ack)[0][1].items == (wire.AckItem(job="j1", attempt=1, next_seq=1),)


def test_a_job_on_its_last_attempt_is_not_tried_elsewhere_but_waits_for_its_worker() -> None:
    desk = Desk(Limits(attempts=1))
    streaming(desk)
    desk.join("w2")
    desk.drops("w1")
    desk.passes(5, alive=("w2",))
    assert not desk.sent(wire.Start)
    desk.redials("w1", jobs=(("j1", 1, 1),))
    assert desk.sent(wire.Welcome)[0][1].kept


def test_a_process_that_starts_anew_loses_its_jobs_and_may_serve_them_again() -> None:
    desk = Desk()
    streaming(desk)
    desk.drops()
    desk.dial("w1", instance="b")
    assert desk.sent(wire.Welcome)
    desk.capacity()
    assert desk.started()[1].attempt == 2


def test_a_second_worker_with_the_same_id_is_refused_while_the_first_lives() -> None:
    desk = Desk()
    streaming(desk)
    first = desk.sessions["w1"]
    second = desk.dial("w1", instance="b")
    assert desk.one(CloseWorker) == CloseWorker(second, CLOSE_DUPLICATE, desk.one(CloseWorker).reason)
    assert desk.sent(wire.Error)[0][1].code is ErrorCode.DUPLICATE_WORKER
    desk.drops("w1")  # the refused socket ends
    desk.sessions["w1"] = first
    desk.delta(seq=1, tokens="d")
    assert desk.text() == "d"


def test_the_same_worker_id_in_another_account_is_another_worker() -> None:
    desk = Desk()
    streaming(desk)
    hello = wire.Hello(worker="w1", instance="b", models=())
    desk.out = desk.dispatch.worker_joined(hello, Peer("s9", "other", "k"), desk.now)
    assert not desk.all(CloseWorker)
    assert len(desk.dispatch.workers) == 2


def test_the_same_process_on_a_new_socket_replaces_the_old_one() -> None:
    desk = Desk()
    streaming(desk)
    old = desk.sessions["w1"]
    desk.redials(jobs=(("j1", 1, 1),))
    assert desk.one(CloseWorker).session == old
    assert desk.sent(wire.Welcome)[0][1].kept
    desk.out = desk.dispatch.worker_left(old, True, desk.now)
    desk.delta(seq=1, tokens="d")
    assert desk.text() == "d"


def test_a_client_that_leaves_while_the_worker_is_away_ends_its_job_at_once() -> None:
    desk = Desk()
    streaming(desk)
    desk.drops()
    desk.cancel()
    assert desk.one(Stopped)
    desk.redials(jobs=(("j1", 1, 1),))
    assert desk.sent(wire.Welcome)[0][1].kept == ()


def test_a_cancel_that_was_on_the_line_when_the_socket_dropped_is_settled() -> None:
    desk = Desk()
    streaming(desk)
    desk.cancel()
    desk.drops()
    assert desk.one(Stopped)


def test_several_jobs_of_one_lost_worker_all_move() -> None:
    desk = Desk()
    desk.join("w1", slots=3)
    for job in ("j1", "j2", "j3"):
        desk.submit(job)
        desk.accepts(job=job)
    desk.drops("w1")
    desk.passes(3)  # they stand in the queue by now
    desk.join("w2", slots=1)
    assert desk.started()[1].job == "j1"
    desk.accepts("w2", "j1", attempt=2)
    desk.passes(20, alive=("w2",))
    assert desk.dispatch.running() == 3
    desk.capacity("w2", slots=3)
    assert [start.job for _, start in desk.sent(wire.Start)] == ["j2", "j3"]


def test_an_account_has_a_bounded_number_of_workers() -> None:
    desk = Desk(Limits(workers_per_account=2))
    desk.join("w1")
    desk.join("w2")
    desk.dial("w3")
    assert desk.one(CloseWorker).code == 1013
    assert len(desk.dispatch.workers) == 2
