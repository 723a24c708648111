"""Free slots go to the jobs that wait, in their order."""

import pytest

from coordinator.dispatch.effects import Queued
from coordinator.scheduler import candidates
from coordinator.scheduler.fleet import Fleet
from coordinator.scheduler.state import Job
from coordinator.scheduler.workers import Worker
from tests.coordinator.dispatch.driver import Driver, M
from wire.chat import ChatRequest, Message

LONG = ChatRequest(messages=(Message(role="user", content="word " * 8000),), max_tokens=1000)  # about 10,000 tokens


def visits(driver: Driver, account: str, name: str) -> None:
    """One short answer, for which there must be a slot."""
    driver.submit(name, account=account)
    assert driver.started()[1].job == name
    driver.accepts(job=name)
    driver.delta(job=name, tokens="x")
    driver.done(job=name, seq=1)


def test_a_job_waits_for_a_worker_that_loads_its_model_and_starts_when_it_is_ready() -> None:
    driver = Driver()
    driver.dial()
    driver.submit()
    assert driver.one(Queued)
    driver.capacity()
    assert driver.started()[1].job == "j1"


def test_jobs_wait_in_order_and_a_free_slot_goes_to_the_first() -> None:
    driver = Driver()
    driver.join(slots=1)
    driver.submit("j1")
    driver.submit("j2")
    assert driver.one(Queued).place == 1
    driver.submit("j3")
    assert driver.one(Queued).place == 2
    driver.accepts()
    driver.done()
    assert driver.started()[1].job == "j2"
    assert driver.place("j3") == 1


def test_an_account_that_crowds_leaves_a_slot_to_whoever_comes_next() -> None:
    driver = Driver()
    driver.join(slots=16)
    visits(driver, "small", "before")
    for n in range(20):
        driver.submit(f"j{n}", account="greedy")
    assert driver.dispatch.online(M).free == 1
    assert driver.place("j15") == 1
    visits(driver, "small", "again")
    assert driver.dispatch.online(M).free == 1, "it is kept again"
    driver.accepts(job="j0")
    driver.delta(job="j0", tokens="x")
    driver.done(job="j0", seq=1)
    assert driver.started()[1].job == "j15"


def test_a_job_that_has_to_move_gets_the_slot_that_is_left_free() -> None:
    driver = Driver()
    driver.join(slots=16)
    visits(driver, "small", "before")
    for n in range(16):
        driver.submit(f"j{n}", account="greedy")
    assert driver.place("j15") == 1
    driver.join("w2", slots=1)
    worker, start = driver.started()
    assert (worker, start.job) == ("w2", "j15"), "two slots were free now"
    driver.drops("w2", resumable=False)
    worker, start = driver.started()
    assert (worker, start.job, start.attempt) == ("w1", "j15", 2)


def test_of_many_prompts_that_wait_for_the_same_worker_one_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before, each of them was held against every worker at every job's end: with 1,000 workers and 256 that waited,
    a request took 290 ms of the coordinator."""
    driver = Driver()
    driver.join("small", context=4096)
    driver.join("large", slots=1, context=65536)
    driver.capacity("large", slots=1, free=0)
    tried: list[str] = []
    choose = candidates.choose_worker

    def counted(fleet: Fleet, job: Job, *rest: float) -> Worker | None:
        tried.append(job.spec.id)
        return choose(fleet, job, *rest)

    for number in range(20):
        driver.submit(f"long{number}", request=LONG)
    monkeypatch.setattr(candidates, "choose_worker", counted)
    driver.submit("short")
    assert driver.started() == ("small", driver.started()[1]) and tried == ["long0", "short"]
    driver.capacity("large", slots=1, free=1)
    assert (driver.started()[0], driver.started()[1].job) == ("large", "long0")
