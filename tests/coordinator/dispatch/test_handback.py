"""What cannot go on in this cell is given back, if another cell serves the model."""

from coordinator.dispatch import handback
from coordinator.dispatch.effects import Failed, Handback, Placed, Queued
from coordinator.dispatch.membership import ORPHAN_S
from coordinator.dispatch.so_far import SoFar
from coordinator.scheduler.state import JobSpec, Limits
from tests.coordinator.dispatch.driver import REQUEST, Driver, M
from wire.errors import ErrorCode


def one_of_several(limits: Limits | None = None) -> Driver:
    driver = Driver(limits)
    driver.dispatch.elsewhere = frozenset({M})
    return driver


def comes(driver: Driver, so_far: SoFar, job: str = "j1") -> None:
    driver.out = driver.dispatch.submit(JobSpec(job, "client", M, REQUEST, 1), driver.now, so_far)


def test_a_coordinator_that_is_alone_gives_nothing_back() -> None:
    driver = Driver()
    driver.submit()
    assert driver.one(Failed).error.code is ErrorCode.NO_WORKER
    driver.join()
    driver.submit("j2")
    driver.fails(job="j2")
    assert not driver.all(Handback)


def test_a_job_that_nobody_here_serves_is_given_back_at_once() -> None:
    driver = one_of_several()
    driver.submit()
    given = driver.one(Handback)
    assert (given.job, given.spec.id, given.why, given.so_far.tried.handbacks) == ("j1", "j1", "no worker", 1)
    assert given.so_far.tried.error is not None and given.so_far.tried.error.code is ErrorCode.NO_WORKER
    assert driver.dispatch.running() == 0


def test_and_fails_here_once_it_was_given_back_often_enough() -> None:
    driver = one_of_several()
    driver.submit()
    for _ in range(handback.MOST - 1):
        comes(driver, driver.one(Handback).so_far)
    comes(driver, driver.one(Handback).so_far)
    assert driver.one(Failed).error.code is ErrorCode.NO_WORKER


def test_a_full_queue_is_not_full_elsewhere() -> None:
    driver = one_of_several(Limits(queue=1))
    driver.join(slots=1)
    for job in ("j1", "j2", "j3"):
        driver.submit(job)
    assert driver.one(Handback).job == "j3"
    assert driver.dispatch.running() == 2


def test_a_cell_that_drains_gives_new_jobs_back() -> None:
    driver = one_of_several()
    driver.join()
    driver.dispatch.drain(60, driver.now)
    driver.submit()
    assert driver.one(Handback).why == "shutting down"


def test_a_job_whose_attempt_failed_goes_where_somebody_is_left_to_try_it() -> None:
    driver = one_of_several()
    driver.join()
    driver.submit()
    driver.accepts()
    driver.delta(tokens="abc")
    driver.fails(seq=1)
    given = driver.one(Handback)
    assert given.so_far.delivered == tuple(map(ord, "abc"))
    assert (given.so_far.tried.failures, given.so_far.tried.kept, given.so_far.attempt) == (1, 3, None)
    assert ("gpus/w1", "a") in given.so_far.tried.avoid
    driver.passes(60, alive=("w1",))
    assert not driver.all(Handback) and not driver.all(Failed)


def test_but_not_while_another_worker_here_has_not_tried() -> None:
    driver = one_of_several()
    driver.join("w1", slots=1)
    driver.join("w2", slots=1)
    driver.submit("j0")
    driver.submit("j1")
    worker, _ = driver.started()
    driver.accepts(worker)
    driver.fails(worker)
    assert not driver.all(Handback)
    assert driver.place() == 1


def test_its_edge_is_told_that_it_waits_again() -> None:
    """Else a cell that dies takes with it what was tried."""
    driver = one_of_several()
    for worker in ("w1", "w2"):
        driver.join(worker, slots=1)
    driver.submit("j0")
    comes(driver, SoFar(legs=1))
    assert driver.one(Placed).job == "j1"
    worker, _ = driver.started()
    driver.accepts(worker)
    driver.fails(worker)
    assert driver.one(Queued) == Queued("j1", 1)


def test_the_last_failure_ends_a_job_here() -> None:
    driver = one_of_several(Limits(attempts=1))
    driver.join()
    driver.submit()
    driver.accepts()
    driver.fails()
    assert driver.one(Failed).error.code is ErrorCode.ENGINE_ERROR


def test_a_request_is_not_found_to_blame_while_another_cell_can_be_asked() -> None:
    driver = one_of_several()
    driver.join()
    driver.submit()
    driver.refuses(code=ErrorCode.INVALID_REQUEST)
    given = driver.one(Handback)
    assert given.so_far.tried.witnesses == (("gpus", "gpus/w1"),)
    alone = Driver()
    alone.join()
    alone.submit()
    alone.refuses(code=ErrorCode.INVALID_REQUEST)
    assert alone.one(Failed).error.code is ErrorCode.INVALID_REQUEST


def test_owners_that_blame_it_await_its_verdict_wherever_it_is() -> None:
    driver = one_of_several()
    driver.join()
    driver.submit()
    owner = driver.dispatch.workers[0].owner
    driver.refuses(code=ErrorCode.INVALID_REQUEST)
    assert owner.unsettled == 0
    other = one_of_several()
    other.join("w3")
    owner = other.dispatch.workers[0].owner
    comes(other, driver.one(Handback).so_far)
    assert owner.unsettled == 1
    other.accepts("w3", attempt=2)
    other.delta("w3", attempt=2, tokens="abc")
    other.done("w3", attempt=2, seq=1)
    assert owner.unsettled == 0


def test_a_job_whose_worker_is_away_goes_elsewhere_after_a_while_with_its_attempt() -> None:
    driver = one_of_several()
    driver.join()
    driver.submit()
    driver.accepts()
    driver.delta(tokens="abc")
    driver.drops()
    driver.passes(ORPHAN_S - 0.25)
    assert not driver.all(Handback)
    driver.passes(0.25)
    given = driver.one(Handback)
    assert given.so_far.attempt is not None
    assert (given.so_far.attempt.worker, given.so_far.attempt.instance) == ("gpus/w1", "a")
    assert (given.so_far.attempt.next_seq, given.so_far.tried.failures) == (1, 0)
    driver.redials(jobs=(("j1", 1, 1),))
    assert driver.dispatch.running() == 0


def test_a_job_waits_no_longer_once_the_last_worker_here_has_gone() -> None:
    driver = one_of_several(Limits(queue_wait_s=300))
    driver.join(slots=1)
    driver.submit("j0")
    driver.submit("j1")
    driver.drops(resumable=False)
    driver.passes(20)
    assert {given.job for given in driver.all(Handback)} == {"j0", "j1"} or driver.dispatch.running() == 0


def test_what_its_account_was_charged_goes_along() -> None:
    driver = one_of_several()
    driver.join()
    driver.submit()
    driver.accepts()
    driver.fails()
    assert driver.one(Handback).so_far.tried.charged > 0
