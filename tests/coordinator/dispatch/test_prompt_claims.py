"""coordinator/dispatch/prompt_claims.py: what is believed of a claim, and what becomes of those who claim too much."""

from coordinator.dispatch.effects import Finished, Noted
from coordinator.scheduler.state import JobSpec
from coordinator.scheduler.work import PromptCount
from tests.coordinator.dispatch.driver import REQUEST, Driver, M
from wire import messages as wire
from wire.chat import Usage


def claimed(driver: Driver, name: str, claim: int, prompt: PromptCount) -> int:
    """One job whose worker claims so much; what is believed of it."""
    driver.out = driver.dispatch.submit(JobSpec(name, "client", M, REQUEST, 1, prompt=prompt), driver.now)
    worker = driver.started()[0]
    driver.accepts(worker, name)
    driver.delta(worker, name, tokens="x")
    usage = Usage(prompt=claim, completion=1)
    driver.says(worker, wire.Done(job=name, attempt=1, seq=1, finish_reason="stop", usage=usage))
    return driver.one(Finished).report.usage.prompt


def test_no_more_is_believed_than_there_can_be() -> None:
    driver = Driver()
    driver.join()
    assert claimed(driver, "a", 444, PromptCount(50)) == 50
    assert claimed(driver, "b", 12, PromptCount(50)) == 12
    assert claimed(driver, "c", 10**6, PromptCount()) == 4096  # its slot holds no more


def test_claims_far_above_a_count_are_noted_and_lead_to_a_rest() -> None:
    driver = Driver()
    driver.join()
    for n in range(3):
        assert driver.dispatch.counters.rests == 0
        assert claimed(driver, f"j{n}", 500, PromptCount(50, counted=True)) == 50
        assert "claim not believed" in [note.event for note in driver.all(Noted)]
    assert driver.dispatch.counters.rests == 1


def test_claims_of_two_ids_of_one_owner_count_together() -> None:
    """Before, each id had three claims of its own, and a new id three more."""
    driver = Driver()
    for n in range(3):
        assert driver.dispatch.counters.rests == 0
        driver.join(f"id{n}")
        claimed(driver, f"j{n}", 500, PromptCount(50, counted=True))
        driver.drops(f"id{n}", resumable=False)
    assert driver.dispatch.counters.rests == 1


def test_nothing_is_held_against_a_worker_whose_prompts_were_not_counted() -> None:
    driver = Driver()
    driver.join()
    for n in range(9):
        claimed(driver, f"j{n}", 500, PromptCount(50))
    assert driver.dispatch.counters.overclaims == driver.dispatch.counters.rests == 0
