"""What a worker is told of its attempts."""

from coordinator.dispatch.effects import Stopped
from tests.coordinator.dispatch.driver import Driver
from wire import messages as wire


def test_the_slot_of_a_cancelled_job_is_free_only_when_the_worker_says_so() -> None:
    driver = Driver()
    driver.join(slots=1)
    driver.submit("j1")
    driver.accepts()
    driver.submit("j2")
    driver.cancel("j1")
    assert driver.sent(wire.Cancel) == [("w1", wire.Cancel(job="j1", attempt=1))]
    assert not driver.all(Stopped)
    driver.delta(tokens="late")
    assert driver.text() == ""
    driver.cancelled(seq=1)
    assert driver.one(Stopped).report.usage.prompt == 7
    assert driver.started()[1].job == "j2"


def test_acknowledgements_follow_the_client_and_are_batched() -> None:
    driver = Driver()
    driver.join()
    driver.submit()
    driver.accepts()
    for seq in range(40):
        driver.delta(seq=seq, tokens="x")
        assert not driver.sent(wire.Ack)
    driver.takes(seq=3)
    assert not driver.sent(wire.Ack)
    driver.passes(0.25, alive=("w1",))
    assert driver.sent(wire.Ack)[0][1].items == (wire.AckItem(job="j1", attempt=1, next_seq=4),)
    driver.passes(0.25, alive=("w1",))
    assert not driver.sent(wire.Ack)
    driver.takes(seq=35)
    assert driver.sent(wire.Ack)[0][1].items[0].next_seq == 36
