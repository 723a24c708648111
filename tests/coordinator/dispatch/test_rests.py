"""Jobs that are given back without a fault: once is nobody's fault, and always is a way to have every job and none."""

import pytest

from coordinator.dispatch.effects import Failed, Finished
from tests.coordinator.dispatch.driver import Driver, liar_and_honest, speed
from wire import messages as wire
from wire.errors import ErrorCode

IN_A_ROW = 5
LATE_S = 9.0  # just before the offer's own deadline


def hands_back(driver: Driver, how: str, job: str, attempt: int) -> None:
    """The liar has the job, says nothing for as long as it may, and gives it back in words that are no fault."""
    match how:
        case "says that it is full":
            driver.passes(LATE_S, alive=("liar", "honest"))
            driver.capacity("liar", slots=8, free=0)
            driver.refuses("liar", job, attempt)
        case "refuses, and drains":
            driver.passes(LATE_S, alive=("liar", "honest"))
            driver.refuses("liar", job, attempt, code=ErrorCode.WORKER_DRAINING)
        case "fails, and drains":
            driver.accepts("liar", job, attempt)
            driver.passes(LATE_S, alive=("liar", "honest"))
            driver.fails("liar", job, attempt, code=ErrorCode.WORKER_DRAINING)
        case "leaves":
            driver.accepts("liar", job, attempt)
            driver.passes(LATE_S, alive=("liar", "honest"))
            driver.drops("liar", resumable=False)
        case "drops":
            driver.accepts("liar", job, attempt)
            driver.passes(LATE_S, alive=("liar", "honest"))
            driver.drops("liar")


HOW = ["says that it is full", "refuses, and drains", "fails, and drains", "leaves", "drops"]


@pytest.mark.parametrize("how", HOW)
def test_who_hands_every_job_back_rests_with_the_fifth(how: str) -> None:
    """Before, all of 20 clients waited for the liar first, and it never rested."""
    driver, asked = liar_and_honest(), 0
    for number in range(4 * IN_A_ROW):
        driver.now += 0.5
        driver.submit(job := f"j{number}")
        worker, start = driver.started()
        if worker == "liar":
            asked += 1
            hands_back(driver, how, job, start.attempt)
            worker, start = driver.started()
            assert worker == "honest"
        driver.serves(worker, start)
        assert driver.one(Finished).job == job
        if how == "says that it is full":
            driver.passes(1, alive=("liar", "honest"))
            driver.capacity("liar", slots=8)
        else:
            driver.drops("liar", resumable=False)
            driver.join("liar", instance=f"i{number}", owner="mallory", slots=8, speed=speed(1e9, 1e9))
    assert asked == IN_A_ROW


def test_who_handed_back_everything_before_its_rest_rests_again_with_the_next() -> None:
    """Before, it had four more after each rest, and with four new ids a minute an owner handed back 26 of 100 jobs."""
    driver, handed_back = liar_and_honest(), 0
    for number in range(40):
        driver.passes(6, alive=("liar", "honest"))  # what is not loaded is asked for again after 5 s
        for worker, test in driver.sent(wire.Start):
            driver.serves(worker, test)
        driver.submit(job := f"j{number}")
        worker, start = driver.started()
        if worker == "liar":
            handed_back += 1
            driver.refuses("liar", job, start.attempt, ErrorCode.MODEL_NOT_LOADED)
            worker, start = driver.started()
        driver.serves(worker, start)
    rests = driver.dispatch.counters.rests
    assert rests >= 3
    assert handed_back == IN_A_ROW + rests - 1


@pytest.mark.parametrize("room", [True, False])
def test_the_many_ids_of_one_owner_do_not_hand_a_job_round_until_it_fails(room: bool) -> None:
    """Before, eight of its workers refused a job in no time, each with a Capacity that said so: a 503."""
    driver = Driver()
    driver.join("honest", owner="alice", slots=8, speed=speed(40.0))
    if not room:
        driver.capacity("honest", slots=8, free=0)
    for number in range(9):
        driver.join(f"liar{number}", owner="mallory", slots=8, speed=speed(1e9, 1e9))
    driver.submit()
    refused = 0
    while (starts := driver.sent(wire.Start)) and starts[-1][0] != "honest":
        worker, start = starts[-1]
        driver.now += 0.001
        driver.capacity(worker, slots=8, free=0)
        driver.refuses(worker, "j1", start.attempt)
        refused += 1
        assert not driver.all(Failed), f"after {refused} refusals of one owner"
    assert refused <= 2
    if not room:
        driver.capacity("honest", slots=8)
    driver.serves(*driver.started())
    assert driver.one(Finished).job == "j1"
