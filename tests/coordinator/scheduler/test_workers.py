"""What follows from what is written down of a worker."""

from coordinator.scheduler.workers import Replica, Worker
from tests.coordinator.dispatch.driver import M
from tests.coordinator.scheduler.builders import PEER, hello
from wire.offers import ModelOffer


def replica(held: int, taken_elsewhere: int = 0) -> Replica:
    return Replica(ModelOffer(id=M, context=4096, slots=2), slots=2, held=held, taken_elsewhere=taken_elsewhere)


def test_a_slot_is_free_that_neither_we_nor_the_worker_itself_says_to_be_taken() -> None:
    assert (replica(0).free, replica(1).free, replica(1, taken_elsewhere=1).free) == (2, 1, 0)
    assert replica(2, taken_elsewhere=1).free == 0, "fewer than none"


def test_a_worker_is_connected_until_its_socket_drops_and_is_another_after_a_restart() -> None:
    worker = Worker("acc/w", PEER, hello(), {}, heard_at=0)
    assert worker.connected
    worker.left_at = 5
    assert not worker.connected
    before = worker.incarnation
    worker.hello = hello(instance="b")
    assert worker.incarnation != before
