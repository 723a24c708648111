"""Files for a worker that lacks them: which it may have, until when, and that a slow line is no fault."""

import pytest

from coordinator.dispatch.blobs import ASKING_S, SLOWEST_BYTES_PER_S
from coordinator.dispatch.effects import Accepted, File, Noted, SendFiles, StopFiles
from coordinator.scheduler.owners import DOUBTED, HANDED_BACK
from coordinator.scheduler.state import Limits
from tests.coordinator.dispatch.driver import Driver, seeing
from wire import messages as wire
from wire.errors import ErrorCode

RED, BLUE = b"red" * 1000, b"blue" * 1000
REQUEST, BLOBS = seeing(RED, BLUE)
RED_NAME, BLUE_NAME = BLOBS
LIMITS = Limits()


def offered(*workers: str, blobs: dict[str, bytes] = BLOBS) -> Driver:
    """A job with two pictures, started on the first of the workers."""
    driver = Driver()
    for name in workers or ("w1",):
        driver.join(name, owner=name)
    driver.submit(request=seeing(*blobs.values())[0], blobs=blobs)
    return driver


def rests(driver: Driver) -> list[str]:
    return [noted.worker for noted in driver.all(Noted) if noted.event == "worker rests"]


def test_a_worker_gets_the_files_that_it_asks_for_from_where_it_has_them() -> None:
    driver = offered()
    driver.needs((BLUE_NAME, 100), (RED_NAME, 0))
    files = (File(BLUE_NAME, 100, BLUE), File(RED_NAME, 0, RED))
    assert driver.out == [SendFiles(driver.sessions["w1"], "j1", 1, files)]
    assert "red" not in repr(driver.out), "no file in a log or a trace"


@pytest.mark.parametrize(
    ("files", "wrong"),
    [
        ([("a" * 64, 0)], "a file that is not of this job"),
        ([(RED_NAME, 0), ("a" * 64, 0)], "a file that is not of this job"),
        ([(RED_NAME, len(RED))], "a file from beyond its end"),
        ([(RED_NAME, 0), (RED_NAME, 5)], "a file that was asked for twice"),
    ],
)
def test_a_worker_gets_no_other_files(files: list[tuple[str, int]], wrong: str) -> None:
    driver = offered("w1", "w2")
    driver.needs(*files)
    assert not driver.all(SendFiles)
    assert wrong in driver.sent(wire.Error)[0][1].message
    assert driver.started()[0] == "w2"


def test_a_file_of_another_job_is_not_given_even_if_the_worker_has_both() -> None:
    driver = offered()
    request, blobs = seeing(b"a third")
    driver.submit("j2", request=request, blobs=blobs)
    driver.needs((RED_NAME, 0), job="j2")
    assert not driver.all(SendFiles)
    assert driver.dispatch.counters.violations == 1


def test_files_are_asked_for_once_an_attempt() -> None:
    driver = offered("w1", "w2")
    driver.needs((RED_NAME, 0))
    driver.needs((BLUE_NAME, 0))
    assert not driver.all(SendFiles)
    assert driver.dispatch.counters.violations == 1
    assert driver.one(StopFiles) == StopFiles(driver.sessions["w1"], "j1", 1)


def test_files_are_not_asked_for_once_the_attempt_is_accepted() -> None:
    driver = offered("w1", "w2")
    driver.accepts()
    driver.needs((RED_NAME, 0))
    assert not driver.all(SendFiles)
    assert driver.dispatch.counters.violations == 1
    assert driver.started()[0] == "w2"


def test_a_question_that_crosses_a_cancel_or_comes_later_is_no_fault() -> None:
    driver = offered()
    driver.cancel()
    driver.needs((RED_NAME, 0))
    assert driver.out == []
    driver.cancelled()
    driver.needs((RED_NAME, 0))
    assert driver.out == []
    assert (driver.dispatch.counters.violations, driver.dispatch.counters.late_frames) == (0, 1)


def test_a_test_has_no_files() -> None:
    driver = offered("w1", "w2")
    driver.refuses(code=ErrorCode.ENGINE_ERROR)
    driver.passes(LIMITS.rest_s + 1, alive=("w1", "w2"))
    test = next(start for worker, start in driver.sent(wire.Start) if worker == "w1")
    driver.needs((RED_NAME, 0), job=test.job)
    assert not driver.all(SendFiles)
    assert driver.dispatch.counters.violations == 1


@pytest.mark.parametrize("how", ["accepted", "refused", "failed", "left"])
def test_what_is_left_of_the_files_is_not_sent_once_the_attempt_needs_them_no_more(how: str) -> None:
    driver = offered()
    driver.needs((RED_NAME, 0))
    match how:
        case "accepted":
            driver.accepts()
            assert driver.one(Accepted)
        case "refused":
            driver.refuses()
        case "failed":
            driver.fails()
        case "left":
            driver.cancel()
    assert driver.one(StopFiles) == StopFiles(driver.sessions["w1"], "j1", 1)
    driver.passes(1, alive=("w1",))
    assert not driver.all(StopFiles)


def test_a_job_with_pictures_has_longer_to_be_accepted() -> None:
    driver = offered()
    driver.passes(LIMITS.accept_pictures_s - 0.5, alive=("w1",))
    assert driver.dispatch.counters.accept_timeouts == 0
    driver.passes(1, alive=("w1",))
    assert driver.dispatch.counters.accept_timeouts == 1
    assert rests(driver) == ["w1/w1"], "it did not even ask"


def test_files_on_their_way_over_a_slow_line_are_waited_for_and_are_no_fault() -> None:
    large = b"x" * (5 * SLOWEST_BYTES_PER_S)
    driver = offered("w1", "w2", blobs=seeing(large)[1])
    name = next(iter(seeing(large)[1]))
    driver.needs((name, 0))
    driver.passes(LIMITS.accept_pictures_s + ASKING_S + 5 - 0.5, alive=("w1", "w2"))
    assert driver.dispatch.counters.accept_timeouts == 0
    driver.passes(1, alive=("w1", "w2"))
    assert (driver.dispatch.counters.accept_timeouts, rests(driver)) == (1, [])
    assert driver.one(StopFiles).job == "j1"
    assert driver.started()[0] == "w2"


def test_only_the_bytes_that_were_asked_for_are_waited_for() -> None:
    large = b"x" * (5 * SLOWEST_BYTES_PER_S)
    driver = offered("w1", "w2", blobs=seeing(large)[1])
    driver.needs((next(iter(seeing(large)[1])), len(large) - 1))
    driver.passes(LIMITS.accept_pictures_s + ASKING_S + 1, alive=("w1", "w2"))
    assert driver.dispatch.counters.accept_timeouts == 1


def test_a_worker_that_lets_every_job_wait_for_its_files_rests_in_the_end() -> None:
    driver = Driver(Limits(starts=64, attempts=64))
    driver.join("w1", owner="w1")
    rested = 0
    for job in range(round(DOUBTED / HANDED_BACK) + 2):
        driver.submit(f"j{job}", request=REQUEST, blobs=BLOBS)
        started = [start for _, start in driver.sent(wire.Start) if start.job == f"j{job}"]
        if not started:
            break
        driver.needs((RED_NAME, 0), job=f"j{job}")
        driver.passes(LIMITS.accept_pictures_s + ASKING_S + 1, alive=("w1",))
        rested += len(rests(driver))
        driver.cancel(f"j{job}")
        for attempt in range(1, 4):
            driver.cancelled(job=f"j{job}", attempt=attempt)
    assert rested == 1


def test_after_the_socket_drops_the_worker_asks_again_on_the_next_one() -> None:
    driver = offered()
    driver.needs((RED_NAME, 0))
    driver.drops()
    driver.redials()
    driver.capacity()
    start = driver.started()[1]
    assert start.attempt == 2
    driver.needs((RED_NAME, 2048), attempt=2)
    assert driver.one(SendFiles).files == (File(RED_NAME, 2048, RED),)
    driver.accepts(attempt=2)
    driver.delta(attempt=2, tokens="abc")
    assert driver.text() == "abc"


def test_the_next_worker_is_given_the_files_too() -> None:
    driver = offered("w1", "w2")
    driver.needs((RED_NAME, 0), (BLUE_NAME, 0))
    driver.accepts()
    driver.delta(tokens="ab")
    driver.drops(resumable=False)
    assert driver.started()[1].delivered == (97, 98)
    driver.needs((RED_NAME, 0), worker="w2", attempt=2)
    assert driver.one(SendFiles).session == driver.sessions["w2"]
