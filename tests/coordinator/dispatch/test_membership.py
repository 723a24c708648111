"""Joining, dropping, coming back."""

from coordinator.dispatch.effects import Accepted, CloseWorker, Failed, Placed, Send, Stopped
from coordinator.scheduler.state import Limits, Peer
from tests.coordinator.dispatch.driver import Driver, M
from wire import messages as wire
from wire.errors import CLOSE_DUPLICATE, ErrorCode


def streaming(driver: Driver) -> None:
    driver.join("w1")
    driver.submit()
    driver.accepts()
    driver.delta(tokens="abc")


def test_a_worker_is_welcomed_before_anything_else() -> None:
    driver = Driver()
    session = driver.dial()
    welcome = driver.out[0].message  # type: ignore[union-attr]
    assert isinstance(welcome, wire.Welcome)
    assert (welcome.session, welcome.kept, welcome.newest) == (session, (), "")


def test_a_worker_is_told_of_the_newest_version_that_is_given_out() -> None:
    driver = Driver()
    driver.dispatch.give_out("0.2.0")
    driver.dial()
    assert driver.sent(wire.Welcome)[0][1].newest == "0.2.0"


def test_a_dropped_socket_resumes_where_it_was_without_a_new_start() -> None:
    driver = Driver()
    streaming(driver)
    driver.drops()
    driver.passes(1)
    driver.redials(jobs=(("j1", 1, 5),))
    assert driver.sent(wire.Welcome)[0][1].kept == (wire.KeptJob(job="j1", attempt=1, next_seq=1),)
    driver.capacity()
    driver.delta(seq=0, tokens="abc")  # replayed although it had arrived
    assert driver.text() == ""
    driver.delta(seq=1, tokens="de")
    assert driver.text() == "de"
    driver.done(seq=2)
    assert driver.dispatch.counters.finished == 1


def test_a_problem_that_ended_while_the_line_was_down_is_over() -> None:
    """Nobody could be told of its end then; what is left is told again after the Welcome."""
    driver = Driver()
    driver.join("w1")
    driver.says("w1", wire.Issue(code="too_hot", severity="warning", message="84 degrees"))
    assert [list(worker.issues) for worker in driver.dispatch.workers] == [["too_hot"]]
    driver.drops()
    driver.passes(1)
    driver.redials()
    assert [list(worker.issues) for worker in driver.dispatch.workers] == [[]]
    driver.says("w1", wire.Issue(code="paused", severity="info", message="by its owner"))
    assert [list(worker.issues) for worker in driver.dispatch.workers] == [["paused"]]


def test_with_a_free_slot_elsewhere_a_job_moves_at_once() -> None:
    driver = Driver()
    streaming(driver)
    driver.join("w2")
    driver.drops("w1")
    assert driver.started()[0] == "w2"
    driver.redials("w1", jobs=(("j1", 1, 9),))
    assert driver.sent(wire.Welcome)[0][1].kept == ()


def test_an_operator_may_let_a_job_wait_for_its_worker_first() -> None:
    driver = Driver(Limits(resume_grace_s=2.0))
    streaming(driver)
    driver.join("w2")
    driver.drops("w1")
    driver.passes(1.75, alive=("w2",))
    assert not driver.sent(wire.Start)
    driver.passes(0.5, alive=("w2",))
    assert driver.started()[0] == "w2"
    driver.redials("w1", jobs=(("j1", 1, 9),))
    assert driver.sent(wire.Welcome)[0][1].kept == ()


def test_without_a_free_slot_elsewhere_it_waits_for_the_whole_window() -> None:
    driver = Driver()
    streaming(driver)
    driver.drops("w1")
    driver.passes(55)
    assert not driver.all(Failed)
    driver.redials("w1", jobs=(("j1", 1, 1),))
    assert driver.sent(wire.Welcome)[0][1].kept
    assert driver.dispatch.queue_position("j1") is None


def test_a_job_whose_worker_does_not_come_back_and_that_nobody_takes_fails_after_the_window() -> None:
    driver = Driver()
    streaming(driver)
    driver.drops("w1")
    driver.passes(59.75)
    assert not driver.all(Failed)
    driver.passes(0.25)
    failed = driver.one(Failed)
    assert failed.error.code is ErrorCode.WORKER_LOST
    assert failed.report.usage.completion == 3


def test_a_job_that_its_worker_forgot_is_started_again() -> None:
    driver = Driver()
    streaming(driver)
    driver.drops()
    driver.redials(jobs=())
    assert driver.sent(wire.Welcome)[0][1].kept == ()
    assert not driver.sent(wire.Start)  # not before the worker has said what it can take
    driver.capacity()
    assert driver.started()[1].attempt == 2
    assert driver.started()[1].delivered == tuple(map(ord, "abc"))


def test_a_worker_that_lost_frames_does_not_keep_the_job() -> None:
    driver = Driver()
    streaming(driver)
    driver.drops()
    driver.redials(jobs=(("j1", 1, 0),))
    assert driver.sent(wire.Welcome)[0][1].kept == ()


def test_an_accepted_that_was_lost_with_the_socket_is_not_missed() -> None:
    driver = Driver()
    driver.join("w1")
    driver.submit()
    driver.drops()
    driver.redials(jobs=(("j1", 1, 2),))
    assert driver.sent(wire.Welcome)[0][1].kept
    driver.delta(seq=0, tokens="a")
    assert driver.text() == "a"


def test_an_attempt_that_was_kept_is_accepted_whatever_became_of_its_accepted() -> None:
    driver = Driver()
    driver.join("w1")
    driver.submit()
    driver.drops()
    driver.redials(jobs=(("j1", 1, 0),))
    assert driver.one(Accepted).job == "j1"
    driver.capacity()
    driver.passes(driver.dispatch.limits.accept_s + 1, alive=("w1",))
    assert not driver.sent(wire.Cancel), "its prompt may take a while"


def test_a_welcome_that_was_lost_with_its_socket_does_not_end_the_session() -> None:
    driver = Driver()
    streaming(driver)
    first = driver.sessions["w1"]
    driver.drops()
    driver.redials(jobs=(("j1", 1, 1),))
    driver.drops()
    driver.sessions["w1"] = first  # the worker has read nothing on the second socket
    driver.redials(jobs=(("j1", 1, 2),))
    assert driver.sent(wire.Welcome)[0][1].kept == (wire.KeptJob(job="j1", attempt=1, next_seq=1),)


def test_a_session_that_the_worker_has_left_behind_cannot_be_resumed() -> None:
    driver = Driver()
    streaming(driver)
    first = driver.sessions["w1"]
    driver.drops()
    driver.redials(jobs=(("j1", 1, 1),))
    driver.capacity()  # it has read our Welcome
    driver.drops()
    driver.sessions["w1"] = first
    driver.redials(jobs=(("j1", 1, 2),))
    assert driver.sent(wire.Welcome)[0][1].kept == ()


def test_an_ack_that_may_be_lost_with_its_socket_is_repeated_on_the_next() -> None:
    driver = Driver()
    streaming(driver)
    driver.takes(seq=0)
    driver.passes(0.25, alive=("w1",))
    assert driver.sent(wire.Ack)
    driver.drops()
    driver.redials(jobs=(("j1", 1, 1),))
    driver.passes(0.25)
    assert driver.sent(wire.Ack)[0][1].items == (wire.AckItem(job="j1", attempt=1, next_seq=1),)


def test_a_job_on_its_last_attempt_is_not_tried_elsewhere_but_waits_for_its_worker() -> None:
    driver = Driver(Limits(attempts=1))
    streaming(driver)
    driver.join("w2")
    driver.drops("w1")
    driver.passes(5, alive=("w2",))
    assert not driver.sent(wire.Start)
    driver.redials("w1", jobs=(("j1", 1, 1),))
    assert driver.sent(wire.Welcome)[0][1].kept


def test_a_process_that_starts_anew_loses_its_jobs_and_may_serve_them_again() -> None:
    driver = Driver()
    streaming(driver)
    driver.drops()
    driver.dial("w1", instance="b")
    assert driver.sent(wire.Welcome)
    driver.capacity()
    assert driver.started()[1].attempt == 2


def test_a_process_that_was_elsewhere_meanwhile_has_failed_no_job() -> None:
    """Its cell there died, and nobody can say that it was there."""
    driver = Driver(Limits(attempts=1))
    streaming(driver)
    for attempt in (2, 3):
        driver.drops()
        driver.sessions["w1"] = "of-another-cell"
        driver.redials()
        driver.capacity()
        assert driver.started()[1].attempt == attempt and not driver.all(Failed)
        driver.accepts(attempt=attempt)


def test_a_second_worker_with_the_same_id_is_refused_while_the_first_lives() -> None:
    driver = Driver()
    streaming(driver)
    first = driver.sessions["w1"]
    second = driver.dial("w1", instance="b")
    assert driver.one(CloseWorker) == CloseWorker(second, CLOSE_DUPLICATE, driver.one(CloseWorker).reason)
    assert driver.sent(wire.Error)[0][1].code is ErrorCode.DUPLICATE_WORKER
    driver.drops("w1")  # the refused socket ends
    driver.sessions["w1"] = first
    driver.delta(seq=1, tokens="d")
    assert driver.text() == "d"


def test_the_same_worker_id_in_another_account_is_another_worker() -> None:
    driver = Driver()
    streaming(driver)
    hello = wire.Hello(worker="w1", instance="b", models=())
    driver.out = driver.dispatch.worker_joined(hello, Peer("s9", "other", "k"), driver.now)
    assert not driver.all(CloseWorker)
    assert len(driver.dispatch.workers) == 2


def test_the_same_process_on_a_new_socket_replaces_the_old_one() -> None:
    driver = Driver()
    streaming(driver)
    old = driver.sessions["w1"]
    driver.redials(jobs=(("j1", 1, 1),))
    assert driver.one(CloseWorker).session == old
    assert driver.sent(wire.Welcome)[0][1].kept
    driver.out = driver.dispatch.worker_left(old, True, driver.now)
    driver.delta(seq=1, tokens="d")
    assert driver.text() == "d"


def test_a_client_that_leaves_while_the_worker_is_away_ends_its_job_at_once() -> None:
    driver = Driver()
    streaming(driver)
    driver.drops()
    driver.cancel()
    assert driver.one(Stopped)
    driver.redials(jobs=(("j1", 1, 1),))
    assert driver.sent(wire.Welcome)[0][1].kept == ()


def test_a_cancel_that_was_on_the_line_when_the_socket_dropped_is_settled() -> None:
    driver = Driver()
    streaming(driver)
    driver.cancel()
    driver.drops()
    assert driver.one(Stopped)


def test_several_jobs_of_one_lost_worker_all_move() -> None:
    driver = Driver()
    driver.join("w1", slots=3)
    for job in ("j1", "j2", "j3"):
        driver.submit(job)
        driver.accepts(job=job)
    driver.drops("w1")
    driver.passes(3)  # they stand in the queue by now
    driver.join("w2", slots=1)
    assert driver.started()[1].job == "j1"
    driver.accepts("w2", "j1", attempt=2)
    driver.passes(20, alive=("w2",))
    assert driver.dispatch.running() == 3
    driver.capacity("w2", slots=3)
    assert [start.job for _, start in driver.sent(wire.Start)] == ["j2", "j3"]


def test_an_account_has_a_bounded_number_of_workers() -> None:
    driver = Driver(Limits(workers_per_account=2))
    driver.join("w1")
    driver.join("w2")
    driver.dial("w3")
    assert driver.one(CloseWorker).code == 1013
    assert len(driver.dispatch.workers) == 2


def test_a_worker_that_is_moved_gets_no_more_jobs_and_its_own_wait_for_it() -> None:
    driver = Driver()
    driver.join("w1")
    driver.submit("j1")
    driver.accepts("w1", "j1")
    session = driver.sessions["w1"]
    assert driver.dispatch.move(session, driver.now) == [Send(session, wire.Move(after_s=0))]
    assert driver.dispatch.move(session, driver.now) == []
    driver.join("w2")
    driver.drops("w1")
    driver.passes(4.5, alive=("w2",))
    assert not driver.all(Placed)
    driver.redials("w1", (("j1", 1, 0),))
    assert driver.sent(wire.Welcome)[0][1].kept
    driver.capacity("w1", 2, free=1)
    driver.submit("j2")
    assert driver.dispatch.online(M).free == 2


def test_the_jobs_of_a_moved_worker_that_does_not_come_go_on_elsewhere() -> None:
    driver = Driver()
    driver.join("w1")
    driver.submit("j1")
    driver.accepts("w1", "j1")
    driver.dispatch.move(driver.sessions["w1"], driver.now)
    driver.join("w2")
    driver.drops("w1")
    driver.passes(5.5, alive=("w2",))
    assert driver.dispatch.job("j1").worker == "gpus/w2"  # type: ignore[union-attr]
    assert driver.dispatch.move("nobody", driver.now) == []
