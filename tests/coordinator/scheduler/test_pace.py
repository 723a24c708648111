"""Claims of speed are worth what was seen, and a stream far below its worker's claim goes on where it is faster."""

import pytest

from coordinator.dispatch.effects import Finished
from coordinator.scheduler.pace import HALF_LIFE_S, borne_out, learn, slowness
from coordinator.scheduler.placement import Candidate, believed_s, expected_s
from coordinator.scheduler.speed_curve import SpeedCurve
from coordinator.scheduler.state import Lease
from coordinator.scheduler.workers import Replica
from tests.coordinator.dispatch.driver import Driver, M, speed
from tests.coordinator.scheduler.builders import job
from wire import messages as wire
from wire.chat import ChatRequest, Message
from wire.offers import ModelOffer, SpeedPoint

LONG = ChatRequest(messages=(Message(role="user", content="wor " * 3000),), max_tokens=100)
ALL = ("liar", "honest")


def streams(driver: Driver, worker: str, job: str, every_s: float, tokens: int, attempt: int = 1) -> bool:
    """A token of the job each so many seconds, all taken at once. False as soon as the job is taken away."""
    for seq in range(tokens):
        driver.passes(every_s, alive=tuple(driver.sessions))
        if any(name == worker and cancel.job == job for name, cancel in driver.sent(wire.Cancel)):
            return False
        driver.delta(worker, job, attempt, seq=seq, tokens="x")
        driver.takes(job, attempt, seq)
    return True


def test_a_stream_that_trickles_beside_its_workers_own_claim_moves_and_its_worker_rests() -> None:
    """Before, a token each 9 s from a worker that claimed 1e9 a second: no stall, no rest, 12 of 12 streams."""
    driver = Driver()
    driver.join("liar", owner="mallory", slots=256, speed=speed(1e9, 1e9))
    driver.submit()
    driver.accepts("liar")
    driver.join("honest", owner="alice", speed=speed(40.0))
    assert not streams(driver, "liar", "j1", 9.0, 100)
    assert driver.sent(wire.Start)[0][0] == "honest"
    assert driver.dispatch.counters.slow_streams == 1 and driver.dispatch.counters.rests == 1


@pytest.mark.parametrize("claim", [speed(2.0, 20.0), ()], ids=["claims little", "claims nothing"])
def test_an_honest_slow_machine_keeps_its_stream(claim: tuple[SpeedPoint, ...]) -> None:
    """Two tokens a second, as it says, with a card free beside it."""
    driver = Driver()
    driver.join("cpu", owner="bob", speed=claim)
    driver.submit()
    driver.accepts("cpu")
    driver.join("card", owner="alice", speed=speed(100.0))
    assert streams(driver, "cpu", "j1", 0.5, 120)
    assert driver.dispatch.counters.rests == 0


def test_a_slow_stream_stays_where_nothing_faster_is_free() -> None:
    driver = Driver()
    driver.join("liar", owner="mallory", speed=speed(1e9, 1e9))
    driver.submit()
    driver.accepts("liar")
    driver.join("full", owner="alice", speed=speed(40.0))
    driver.capacity("full", slots=2, free=0)
    driver.join("slower", owner="bob", speed=speed(0.3, 20.0))

    assert streams(driver, "liar", "j1", 9.0, 10)
    assert driver.dispatch.counters.rests == 0


def test_a_stream_that_waits_for_its_client_is_not_slow() -> None:
    driver = Driver()
    driver.join("w1", owner="bob", speed=speed(40.0))
    driver.submit()
    driver.accepts("w1")
    driver.delta("w1", tokens="x" * wire.WINDOW_TOKENS)
    driver.join("w2", owner="alice", speed=speed(40.0))
    driver.passes(60, alive=("w1", "w2"))
    driver.takes()
    driver.passes(5, alive=("w1", "w2"))
    assert not driver.sent(wire.Cancel) and driver.dispatch.counters.slow_streams == 0


def test_a_stream_beside_a_long_prompt_is_not_slow() -> None:
    """A CPU that reads a prompt gives the others a token each step of 5 s."""
    driver = Driver()
    driver.join("cpu", owner="bob", speed=speed(10.0, 20.0))
    driver.submit("j1")
    driver.accepts("cpu", "j1")
    driver.delta("cpu", "j1", tokens="x")
    driver.takes("j1")
    driver.submit("j2", request=LONG)
    driver.accepts("cpu", "j2")
    driver.join("card", owner="alice", speed=speed(100.0))
    for seq in range(1, 12):
        driver.passes(5, alive=("cpu", "card"))
        assert not driver.sent(wire.Cancel)
        driver.delta("cpu", "j1", seq=seq, tokens="x")
        driver.takes("j1", seq=seq)


def test_who_boasts_is_found_out_and_asked_last() -> None:
    """Each job takes it 12 s, with no stream slow enough to be a fault; the honest one takes 2."""
    driver = Driver()
    driver.join("liar", owner="mallory", speed=speed(1e9, 1e9))
    driver.join("honest", owner="alice", speed=speed(40.0))
    asked = []
    for number in range(20):
        driver.submit(job := f"j{number}")
        worker, _ = driver.started()
        asked.append(worker)
        driver.accepts(worker, job)
        driver.passes(12 if worker == "liar" else 2, alive=ALL)
        driver.delta(worker, job, tokens="abc")
        driver.done(worker, job, seq=1)
        assert driver.one(Finished)
    assert asked[:2] == ["liar", "liar"] and asked.count("liar") <= 5 and set(asked[5:]) == {"honest"}


def replica(decode_tps: float, slots: int = 4) -> Replica:
    offer = ModelOffer(id=M, context=4096, slots=slots, speed=speed(decode_tps, 1000.0))
    return Replica(offer, slots)


def done(tokens: int) -> Lease:
    lease = Lease("j", 1, "w", M, "a", since=0)
    lease.tokens = tokens
    return lease


def test_who_keeps_its_word_with_all_slots_taken_is_not_slow() -> None:
    kept = replica(40.0)
    learn(kept, done(100), job(), 10.0, now=10.0)  # 100 tokens at a quarter of 40 a second
    assert slowness(kept, 10.0) == 1.0
    learn(kept, done(3), job(), 2.0, now=20.0)
    assert slowness(kept, 20.0) == 1.0


def test_what_was_seen_is_forgotten_by_half_in_ten_minutes() -> None:
    slow = replica(40.0)
    learn(slow, done(100), job(), 10 * 22.0, now=0.0)
    assert slowness(slow, 0.0) == pytest.approx(5.5)
    assert slowness(slow, HALF_LIFE_S) == pytest.approx(3.25)
    assert believed_s(3.0, 5.5) == pytest.approx(3.0 + 4.5 * 8.0)
    assert believed_s(3.0, 1.0) == 3.0


@pytest.mark.parametrize("claim", [speed(1e9, 1e9), speed(40.0), ()], ids=["claims much", "honest", "claims nothing"])
@pytest.mark.parametrize(("prompt", "answer"), [(128, 512), (16384, 128)])
def test_what_other_replicas_are_told_of_a_worker_is_what_is_believed_of_it_here(
    claim: tuple[SpeedPoint, ...], prompt: int, answer: int
) -> None:
    replica = Replica(ModelOffer(id=M, context=4096, slots=4, speed=claim), 4)
    replica.slowness, replica.slowness_at = 7.0, 100.0
    told = borne_out(replica, 2, 100.0)
    assert isinstance(told, ModelOffer)
    theirs = expected_s(Candidate("", 1, 4096, SpeedCurve(told.speed)), prompt, answer)
    ours = believed_s(expected_s(Candidate("", 1, 4096, replica.speed), prompt, answer), slowness(replica, 100.0))
    assert theirs == pytest.approx(4 * ours, rel=1e-3)


def test_a_worker_that_keeps_to_its_claim_is_told_of_as_it_is() -> None:
    replica = Replica(ModelOffer(id=M, context=4096, slots=4, speed=speed(40.0)), 4)
    assert borne_out(replica, 0, 100.0) is replica.offer
