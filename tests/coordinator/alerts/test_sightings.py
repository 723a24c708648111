"""What a replica sees of its workers and requests."""

import pytest

from coordinator.alerts.kinds import OPERATOR
from coordinator.alerts.sightings import failing, full_disks, full_queue, lost, of_workers, unserved
from coordinator.alerts.subjects import Key, Sighting
from tests.coordinator.dispatch.driver import Driver
from wire import messages as wire

ALL = {"worker_down", "worker_problem", "worker_hot"}
GIB = 2**30


def fleet(*names: str) -> Driver:
    driver = Driver()
    for name in names:
        driver.join(name)
    return driver


def account_of(driver: Driver) -> str:
    return driver.dispatch.workers[0].peer.account


def test_workers_of_accounts_that_ask_and_no_others() -> None:
    driver = fleet("w1", "w2")
    account = account_of(driver)
    found = of_workers(driver.dispatch.workers, {account: {"worker_down"}})
    assert {one.key.subject for one in found if one.key.account == account} >= {"w1"}
    assert of_workers(driver.dispatch.workers, {"somebody else": ALL}) == []
    assert of_workers(driver.dispatch.workers, {account: {"balance_low"}}) == []
    there = of_workers(driver.dispatch.workers, {account: {"worker_hot"}})
    assert {one.key.kind for one in there} == {"worker_down"}, "else nobody knows that it is well again, or down"


def test_what_a_worker_says_goes_to_its_kind_without_its_tricks() -> None:
    driver = fleet("w1")
    (worker,) = driver.dispatch.workers
    for number in range(20):
        code = f"code{number}"
        worker.issues[code] = wire.Issue(code=code, severity="error", message="bad\n\x1b[31m", remedy="r")
    found = of_workers([worker], {worker.peer.account: {"worker_problem"}})
    said = found[1:]
    assert len(said) == 8, "bounded"
    assert said[0] == Sighting(Key(worker.peer.account, "worker_problem", "w1/code0"), said[0].words)
    assert said[0].words.partition("\n")[2].isprintable()


def test_workers_that_fail_are_the_operators_when_they_are_many() -> None:
    driver = fleet(*(f"w{n}" for n in range(11)))
    workers = driver.dispatch.workers
    workers[0].issues["disk_full"] = wire.Issue(code="disk_full", severity="error", message="m")
    assert failing(workers, "r") == []
    workers[1].issues["disk_full"] = wire.Issue(code="disk_full", severity="error", message="m")
    (one,) = failing(workers, "r")
    assert one.key == Key(OPERATOR, "workers_failing", "r")
    assert "2 of 11 workers" in one.words and "disk_full 2" in one.words
    assert failing([], "r") == []


def test_a_model_is_unserved_when_it_is_asked_for_and_nobody_is_ready() -> None:
    found = unserved({"a": 1, "b": 3, "c": 0, "d": 2}, {"d": 1})
    assert [one.key.subject for one in found] == ["a", "b"]
    assert found[0].words == "a\nOne request asked for it in the last minute."


@pytest.mark.parametrize(("waiting", "most", "full"), [(9, 10, False), (10, 10, True), (0, 0, False)])
def test_a_full_queue(waiting: int, most: int, full: bool) -> None:
    assert bool(full_queue(waiting, most, "r")) is full


@pytest.mark.parametrize(
    ("size", "room", "full"),
    [
        (1000 * GIB, 60 * GIB, False),
        (1000 * GIB, 49 * GIB, True),
        (20 * GIB, int(2.5 * GIB), False),
        (20 * GIB, int(1.5 * GIB), True),
        (2 * GIB, GIB, False),
        (2 * GIB, GIB // 4, True),
    ],
)
def test_a_disk_that_is_nearly_full(size: int, room: int, full: bool) -> None:
    assert bool(full_disks({"/data": (size, room)}, "r")) is full


def test_what_could_not_be_booked() -> None:
    assert lost(0, "r") == []
    assert lost(2, "r")[0].words.startswith("r\n2 orders")
