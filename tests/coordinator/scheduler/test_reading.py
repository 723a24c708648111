"""The first token has a deadline: by the length of the prompt, and by the speed that the worker claims of itself."""

import pytest

from coordinator.dispatch.effects import Failed
from coordinator.scheduler.state import Limits
from tests.coordinator.dispatch.driver import Driver, seeing, speed
from wire import messages as wire
from wire.chat import ChatRequest, Message
from wire.offers import SpeedPoint


def prompt(tokens: int) -> ChatRequest:
    return ChatRequest(messages=(Message(role="user", content="wor " * tokens),), max_tokens=100)


def waited(driver: Driver, worker: str, most_s: float) -> float:
    """Seconds until the job is taken from the worker."""
    for waited_s in range(round(most_s)):
        driver.passes(1, alive=tuple(driver.sessions))
        if any(name == worker for name, _ in driver.sent(wire.Cancel)):
            return waited_s + 1
    raise AssertionError(f"still there after {most_s} s")


@pytest.mark.parametrize(
    "claim", [speed(40.0), speed(1e9, 1e9), speed(2.0, 20.0), ()], ids=["plain", "boasts", "slow", "nothing"]
)
def test_a_mute_worker_loses_a_short_job_within_half_a_minute(claim: tuple[SpeedPoint, ...]) -> None:
    """Before, after 180 s, and a client waited 561 s for its 503."""
    driver = Driver()
    driver.join("w1", speed=claim)
    driver.submit()
    driver.accepts()
    driver.join("w2")
    assert waited(driver, "w1", 200) <= 25
    assert driver.started()[0] == "w2" and driver.dispatch.counters.stalls == 1


def test_beside_a_lone_mute_worker_a_client_hears_a_503_within_two_minutes() -> None:
    driver = Driver()
    driver.join("w1", speed=speed(1e9, 1e9))
    driver.submit()
    driver.accepts()
    for _ in range(120):
        driver.passes(1, alive=("w1",))
        if driver.all(Failed):
            break
        if driver.sent(wire.Start):  # it passes each test, and is mute again
            driver.passes_test()
            driver.accepts(attempt=driver.started()[1].attempt)
    assert driver.one(Failed).error.row.status == 503


def test_a_slow_machine_has_the_minutes_that_its_own_claim_asks_for() -> None:
    """3,000 tokens at 20 a second are 150 s."""
    driver = Driver()
    driver.join("w1", speed=speed(2.0, 20.0))
    driver.submit(request=prompt(3000))
    driver.accepts()
    driver.join("w2")
    driver.passes(400, alive=("w1", "w2"))
    assert not driver.sent(wire.Cancel)
    driver.delta(tokens="a")
    assert driver.text() == "a" and driver.dispatch.counters.rests == 0


def test_a_machine_that_measured_nothing_is_taken_for_a_slow_one() -> None:
    driver = Driver()
    driver.join("w1")
    driver.submit(request=prompt(1000))
    driver.accepts()
    driver.join("w2")
    driver.passes(150, alive=("w1", "w2"))
    assert not driver.sent(wire.Cancel)


def test_prompts_that_are_read_before_it_count_and_those_that_come_after() -> None:
    driver = Driver()
    driver.join("w1", slots=3, speed=speed(2.0, 20.0))
    for job in ("j1", "j2", "j3"):
        driver.submit(job, request=prompt(600))
        driver.accepts(job=job)
    driver.join("w2")
    driver.passes(300, alive=("w1", "w2"))  # one of them alone has 165 s
    assert not driver.sent(wire.Cancel)
    driver.delta(job="j1", tokens="a")
    driver.done(job="j1", seq=1)
    assert 100 < waited(driver, "w1", 300) < 300


def test_a_prompt_that_was_given_up_is_nobodys_reason_to_wait() -> None:
    driver = Driver()
    driver.join("w1", speed=speed(2.0, 20.0))
    driver.submit("j1", request=prompt(3000))
    driver.accepts(job="j1")
    driver.cancel("j1")
    driver.cancelled(job="j1")
    driver.submit("j2")
    driver.accepts(job="j2")
    driver.join("w2")
    assert waited(driver, "w1", 200) <= 25


def test_what_was_delivered_is_read_too() -> None:
    """A job that moved brings its answer along: the next worker reads that like a prompt."""
    driver = Driver()
    driver.join("w1")
    driver.submit(request=prompt(10).model_copy(update={"max_tokens": 4000}))
    driver.accepts()
    for seq in range(8):
        driver.delta(seq=seq, tokens="x" * 250)
        driver.takes(seq=seq)
    driver.join("w2", speed=speed(2.0, 20.0))
    driver.fails(seq=8)
    driver.accepts("w2", attempt=2)
    driver.passes(300, alive=("w1", "w2"))
    assert not [name for name, _ in driver.sent(wire.Cancel) if name == "w2"]


def test_no_claim_makes_a_client_wait_for_ever() -> None:
    driver = Driver()
    driver.join("w1", speed=speed(0.0, 0.0))
    driver.submit(request=prompt(3000))
    driver.accepts()
    driver.join("w2")
    assert waited(driver, "w1", 2 * Limits().first_token_most_s) <= Limits().first_token_most_s + 1
    assert driver.dispatch.counters.stalls == 1


@pytest.mark.parametrize(("image_ms", "least_s", "most_s"), [(0.0, 20, 45), (20_000.0, 20 + 5 * 13, 120)])
def test_a_worker_that_says_that_pictures_take_it_long_has_the_time(image_ms: float, least_s: int, most_s: int) -> None:
    """A picture of 700 tokens, of which the first has 20 s, and five times what the worker takes by its claim."""
    driver = Driver()
    driver.join("w1", speed=speed(40.0, 1000.0), image_ms=image_ms)
    request, blobs = seeing(b"red")
    driver.submit(request=request, blobs=blobs)
    driver.accepts()
    assert least_s <= waited(driver, "w1", most_s) <= most_s


def test_text_beside_a_picture_is_given_the_time_that_the_picture_takes() -> None:
    driver = Driver()
    driver.join("w1", speed=speed(40.0, 1000.0), image_ms=20_000.0)
    request, blobs = seeing(b"red")
    driver.submit(request=request, blobs=blobs)
    driver.accepts()
    driver.submit("j2")
    driver.accepts(job="j2")
    driver.passes(60, alive=("w1",))
    assert driver.dispatch.counters.stalls == 0
