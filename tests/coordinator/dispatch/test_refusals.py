"""A worker that says it has room and refuses every job rests; one that is busy, and says so, does not."""

import pytest

from coordinator.dispatch.effects import Failed, Finished
from tests.coordinator.dispatch.driver import Driver, speed
from wire.errors import ErrorCode

REFUSED = 5  # in a row: the last one is too many
NO_ROOM = [ErrorCode.WORKER_BUSY, ErrorCode.MODEL_NOT_LOADED]


def two(owners: tuple[str, str] = ("mallory", "alice")) -> Driver:
    """The liar is always asked first: it claims to be fast."""
    driver = Driver()
    driver.join("liar", owner=owners[0], slots=8, speed=speed(1e9, 1e9))
    driver.join("honest", owner=owners[1], slots=8, speed=speed(40.0))
    return driver


def served(driver: Driver, worker: str, job: str, attempt: int) -> None:
    driver.accepts(worker, job, attempt)
    driver.delta(worker, job, attempt, tokens="abc")
    driver.done(worker, job, attempt, seq=1)
    assert driver.one(Finished).job == job


@pytest.mark.parametrize("code", NO_ROOM)
def test_who_refuses_every_job_with_room_to_spare_rests(code: ErrorCode) -> None:
    driver, asked = two(), 0
    for number in range(60):
        driver.submit(job := f"j{number}")
        worker, start = driver.started()
        if worker == "liar":
            asked += 1
            driver.refuses("liar", job, code=code)
            assert not driver.all(Failed)
            worker, start = driver.started()
        served(driver, worker, job, start.attempt)
        driver.passes(6, alive=("liar", "honest"))
        if driver.dispatch.counters.rests:
            break
    assert asked == REFUSED
    assert driver.dispatch.counters.rests == 1


def test_jobs_that_were_refused_together_count_once() -> None:
    driver = Driver()
    driver.join("w1", slots=16)
    for number in range(16):
        driver.submit(f"j{number}")
    driver.passes(0.25, alive=("w1",))
    for number in range(16):
        driver.refuses("w1", f"j{number}")
    assert driver.dispatch.counters.rests == 0


def test_a_worker_that_says_that_it_is_full_is_believed_now_and_then() -> None:
    """Its frames cross ours: each Start that it refuses was sent before its Capacity came."""
    driver, refused = two(), 0
    for number in range(6 * REFUSED):
        driver.submit(job := f"j{number}")
        worker, start = driver.started()
        if worker == "liar" and number % REFUSED:
            refused += 1
            driver.capacity("liar", slots=8, free=0)
            driver.refuses("liar", job)
            worker, start = driver.started()
        served(driver, worker, job, start.attempt)
        driver.passes(1, alive=("liar", "honest"))
        driver.capacity("liar", slots=8)
    assert refused > 2 * REFUSED and driver.dispatch.counters.rests == 0


def test_a_worker_that_serves_between_its_refusals_does_not_rest() -> None:
    driver, refused = two(), 0
    for number in range(6 * REFUSED):
        driver.submit(job := f"j{number}")
        worker, start = driver.started()
        if worker == "liar" and number % 4:
            refused += 1
            driver.refuses("liar", job)
            worker, start = driver.started()
        served(driver, worker, job, start.attempt)
        driver.passes(2, alive=("liar", "honest"))
    assert refused > 2 * REFUSED and driver.dispatch.counters.rests == 0


def test_new_ids_of_an_owner_go_on_where_its_others_were() -> None:
    driver, asked = two(), 0
    for number in range(4 * REFUSED):
        driver.submit(job := f"j{number}")
        worker, start = driver.started()
        if worker != "honest":
            asked += 1
            driver.refuses(worker, job)
            again, start = driver.started()
            served(driver, again, job, start.attempt)
            driver.drops(worker, resumable=False)
            driver.join(f"liar-{number}", owner="mallory", slots=8, speed=speed(1e9, 1e9))
        else:
            served(driver, worker, job, start.attempt)
        driver.passes(2, alive=("honest",))
    assert asked == REFUSED and driver.dispatch.counters.rests == 1
