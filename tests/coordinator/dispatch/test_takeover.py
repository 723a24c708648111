"""Two cells: what one lets go of, the other goes on with."""

from dataclasses import replace

from coordinator.dispatch.effects import Accepted, CloseWorker, Deliver, Failed, Finished, Placed, Stopped
from coordinator.dispatch.so_far import Claim, SoFar
from coordinator.scheduler.state import JobSpec, Limits, Peer
from tests.coordinator.dispatch.driver import REQUEST, Driver, M
from wire import messages as wire
from wire.errors import CLOSE_DUPLICATE
from wire.offers import ModelOffer

SPEC = JobSpec("j1", "client", M, REQUEST, 1)


def streaming() -> Driver:
    """A cell whose worker w1 has given five tokens in two frames, of which the client has taken the first."""
    driver = Driver()
    driver.join()
    driver.submit()
    driver.accepts(prompt=7)
    driver.delta(seq=0, tokens="abc")
    driver.takes(seq=0)
    driver.delta(seq=1, tokens="de")
    return driver


def goes(driver: Driver, job: str = "j1") -> SoFar:
    so_far, driver.out = driver.dispatch.release(job, driver.now, goes="gpus/w1")
    assert so_far is not None
    return so_far


def brings(driver: Driver, so_far: SoFar, next_seq: int = 2, instance: str = "a") -> None:
    """w1 dials this cell, which has heard from the job's edge what there is of it."""
    alive = (wire.RunningJob(job="j1", attempt=1, next_seq=next_seq),)
    resume = wire.Resume(session="another-cells", jobs=alive)
    hello = wire.Hello(worker="w1", instance=instance, models=(ModelOffer(id=M, context=4096, slots=2),), resume=resume)
    driver.out = driver.dispatch.adopt(hello, Peer("s9", "gpus", "key-1"), [Claim(SPEC, so_far)], driver.now)
    driver.sessions["w1"] = "s9"


def welcomed(driver: Driver) -> tuple[wire.KeptJob, ...]:
    return driver.sent(wire.Welcome)[0][1].kept


def test_a_worker_goes_on_in_another_cell_and_no_token_is_lost_or_doubled() -> None:
    here, there = streaming(), Driver()
    there.now = 7000.0  # another machine's clock
    brings(there, goes(here))
    assert not here.out and here.dispatch.running() == 0
    assert welcomed(there) == (wire.KeptJob(job="j1", attempt=1, next_seq=2),)
    assert there.one(Accepted) == Accepted("j1", 1)
    there.capacity()
    there.delta(seq=1, tokens="de")  # sent again, as the client had not taken it
    assert not there.all(Deliver)
    there.delta(seq=2, tokens="fg")
    assert there.text() == "fg"
    there.done(seq=3, completion=7)
    end = there.one(Finished)
    assert (end.report.usage.completion, end.report.served, end.report.attempts) == (7, (("gpus/w1", 7),), 1)
    assert there.dispatch.workers[0].leases == {} and there.dispatch.counters.violations == 0


def test_what_the_client_had_not_taken_still_fills_the_window() -> None:
    here, there = streaming(), Driver()
    brings(there, goes(here))
    lease = there.dispatch.workers[0].leases["j1", 1]
    assert (lease.taken_seq, list(lease.untaken), lease.untaken_tokens) == (1, [(1, 2)], 2)
    there.takes(seq=1)
    assert lease.untaken_tokens == 0
    there.passes(1, alive=("w1",))
    assert there.sent(wire.Ack)[0][1].items == (wire.AckItem(job="j1", attempt=1, next_seq=2),)


def test_an_attempt_that_the_other_cell_had_cancelled_is_no_fault_of_its_worker() -> None:
    here, there = streaming(), Driver()
    brings(there, goes(here))
    there.join("w2")
    there.capacity()
    there.cancelled(seq=2)
    assert there.dispatch.counters.violations == 0 and there.dispatch.resting(there.now) == {}
    _, start = there.started()
    assert (start.attempt, start.delivered) == (2, tuple(map(ord, "abcde")))
    job = there.dispatch.job("j1")
    assert job is not None and job.failures == 0


def test_an_adopted_attempt_that_stays_silent_stalls_as_any_other() -> None:
    here = streaming()
    here.now += 8
    there = Driver()
    brings(there, goes(here))
    there.join("w2")
    there.capacity("w1")
    there.passes(3, alive=("w1", "w2"))
    assert there.dispatch.counters.stalls == 1 and there.one(Placed).worker == "gpus/w2"


def test_a_worker_that_has_lost_frames_is_not_gone_on_with() -> None:
    here, there = streaming(), Driver()
    brings(there, goes(here), next_seq=1)
    assert welcomed(there) == ()
    assert there.place() == 1  # the job waits, with all that its client has


def test_nor_one_that_is_turned_away() -> None:
    here, there = streaming(), Driver(Limits(workers_per_account=1))
    there.join("w0", slots=1)
    there.submit("j0")
    brings(there, goes(here))
    assert there.all(CloseWorker) and there.place() == 1
    there.capacity("w0", slots=2)
    worker, start = there.started()
    assert (worker, start.job, start.attempt, start.delivered) == ("w0", "j1", 2, tuple(map(ord, "abcde")))


def test_a_job_that_waits_anew_does_not_count_the_time_that_it_ran() -> None:
    here, there = streaming(), Driver()
    for seq in range(2, 8):
        here.passes(9, alive=("w1",))
        here.delta(seq=seq, tokens="f")
    brings(there, goes(here), next_seq=1)
    there.passes(29)
    assert not there.all(Failed)
    there.passes(1)
    assert there.one(Failed)


def test_nor_one_whose_worker_has_gone_again_before_it_was_let_in() -> None:
    here, there = streaming(), Driver()
    for seq in range(2, 8):
        here.passes(9, alive=("w1",))
        here.delta(seq=seq, tokens="f")
    there.join(slots=1)
    there.submit("j0")
    there.out = there.dispatch.submit(SPEC, there.now, goes(here))
    there.passes(29.75, alive=("w1",))
    assert not there.all(Failed) and there.place() == 1


def test_the_time_that_it_waited_counts_wherever_it_waits() -> None:
    here = Driver(Limits(queue_wait_s=30))
    here.join(slots=1)
    here.submit("j0")
    here.submit("j1")
    here.passes(20, alive=("w1",))
    so_far, _ = here.dispatch.release("j1", here.now)
    assert so_far is not None and so_far.waiting_s == 20
    there = Driver(Limits(queue_wait_s=30))
    there.join(slots=1)
    there.submit("j0")
    there.out = there.dispatch.submit(SPEC, there.now, so_far)
    there.passes(9.75, alive=("w1",))
    assert not there.all(Failed)
    there.passes(0.25, alive=("w1",))
    assert there.one(Failed).report.queued_s == 30


def test_a_job_that_was_started_elsewhere_goes_before_all_that_were_not() -> None:
    there = Driver()
    there.join(slots=1)
    there.submit("j0")
    there.submit("j2")
    so_far = replace(goes(streaming()), attempt=None)
    there.out = there.dispatch.submit(SPEC, there.now, so_far)
    assert (there.place("j1"), there.place("j2")) == (1, 2)


def test_a_job_that_leaves_without_its_worker_is_cancelled_there() -> None:
    driver = streaming()
    so_far, driver.out = driver.dispatch.release("j1", driver.now)
    assert so_far is not None and so_far.attempt is None
    assert driver.sent(wire.Cancel)[0][1] == wire.Cancel(job="j1", attempt=1)
    assert not driver.all(Stopped)
    driver.cancelled(seq=2)
    assert not driver.all(Stopped) and driver.dispatch.workers[0].leases == {}


def test_what_nobody_waits_for_is_not_let_go() -> None:
    driver = streaming()
    driver.cancel()
    assert driver.dispatch.release("j1", driver.now) == (None, [])
    assert driver.dispatch.release("j9", driver.now) == (None, [])
    driver.cancelled(seq=2)
    assert driver.one(Stopped)


def test_only_the_process_that_has_the_attempt_may_take_it_along() -> None:
    driver = streaming()
    asked = driver.dispatch.reclaimable
    assert asked("j1", 1, "gpus/w1", "a", 2) is not None
    assert asked("j1", 1, "gpus/w1", "a", 5) is not None  # frames of it are on the way
    assert asked("j1", 1, "gpus/w1", "a", 1) is None
    assert asked("j1", 2, "gpus/w1", "a", 2) is None
    assert asked("j1", 1, "gpus/w2", "a", 2) is None
    assert asked("j1", 1, "gpus/w1", "b", 2) is None
    assert asked("j9", 1, "gpus/w1", "a", 2) is None
    driver.cancel()
    assert asked("j1", 1, "gpus/w1", "a", 2) is None


def test_a_worker_in_another_cell_is_dropped_here_without_blame() -> None:
    driver = streaming()
    driver.join("w2")
    driver.out = driver.dispatch.departed("gpus/w1", "b", driver.now)
    assert not driver.out  # another process of it than is here
    driver.out = driver.dispatch.departed("gpus/w1", "a", driver.now)
    assert driver.one(CloseWorker).code == CLOSE_DUPLICATE
    worker, start = driver.started()
    assert (worker, start.attempt, start.delivered) == ("w2", 2, tuple(map(ord, "abcde")))
    job = driver.dispatch.job("j1")
    assert job is not None and job.failures == 0 and not job.avoid
    assert [worker.key for worker in driver.dispatch.workers] == ["gpus/w2"]


def test_a_worker_is_never_given_a_number_that_it_has() -> None:
    """A leg is over before its edge has heard what was tried in it, and the next comes to the same cell."""
    driver = Driver()
    driver.join()
    driver.out = driver.dispatch.submit(SPEC, driver.now, SoFar())
    driver.dispatch.release("j1", driver.now)
    driver.out = driver.dispatch.submit(SPEC, driver.now, SoFar())
    assert driver.sent(wire.Start)[0][1].attempt == 2
    driver.cancelled(attempt=1, seq=0)
    driver.accepts(attempt=2)
    driver.delta(attempt=2, tokens="ab")
    driver.done(attempt=2, seq=1)
    assert driver.one(Finished).report.attempts == 2
    assert driver.dispatch.counters.violations == 0 and driver.dispatch.workers[0].leases == {}


def test_nor_one_that_it_has_brought_and_may_not_go_on_with() -> None:
    there = Driver()
    alive = (wire.RunningJob(job="j1", attempt=1, next_seq=2),)
    resume = wire.Resume(session="another-cells", jobs=alive)
    hello = wire.Hello(worker="w1", instance="a", models=(ModelOffer(id=M, context=4096, slots=2),), resume=resume)
    there.out = there.dispatch.worker_joined(hello, Peer("s9", "gpus", "key-1"), there.now)
    there.sessions["w1"] = "s9"
    assert not welcomed(there)
    there.capacity()
    there.out = there.dispatch.submit(SPEC, there.now, SoFar())
    assert there.sent(wire.Start)[0][1].attempt == 2
