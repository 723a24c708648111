from coordinator.scheduler.fleet import Fleet, key_of
from coordinator.scheduler.quarantine import Quarantine
from coordinator.scheduler.state import Limits, Peer
from tests.coordinator.dispatch.driver import M
from tests.coordinator.scheduler.builders import PEER, hello, job, ready
from wire.messages import Capacity
from wire.offers import ModelState, ModelStatus


def test_workers_are_known_by_account_and_by_socket() -> None:
    fleet = Fleet(Quarantine(Limits()))
    worker = fleet.add(hello(), PEER, 0)
    assert worker.key == key_of(hello(), PEER) == "acc/w"
    assert fleet.by_session("s1") is worker
    assert fleet.by_session("s2") is None
    assert (fleet.of_account("acc"), fleet.of_account("other")) == (1, 0)
    fleet.remove(worker)
    assert fleet.of_account("acc") == 0
    assert fleet.by_session("s1") is None


def test_a_lease_takes_a_slot_and_gives_it_back_once() -> None:
    fleet = Fleet(Quarantine(Limits()))
    worker = fleet.add(hello(), PEER, 0)
    ready(fleet, worker)
    lease = fleet.lease(worker, job(), 5)
    assert (lease.attempt, worker.replicas[M].free, worker.last_used) == (1, 1, 5)
    fleet.release(lease)
    fleet.release(lease)
    assert worker.replicas[M].free == 2


def test_slots_that_others_hold_are_hidden_and_ours_are_not_counted_twice() -> None:
    fleet = Fleet(Quarantine(Limits()))
    worker = fleet.add(hello(slots=4), PEER, 0)
    lease = fleet.lease(worker, job(), 0)
    ready(fleet, worker, slots=4, free=1)
    assert worker.replicas[M].taken_elsewhere == 2
    assert worker.replicas[M].free == 1
    fleet.release(lease)
    assert worker.replicas[M].free == 2


def test_leases_survive_a_reattach_and_hold_their_slots() -> None:
    fleet = Fleet(Quarantine(Limits()))
    worker = fleet.add(hello(), PEER, 0)
    lease = fleet.lease(worker, job(), 0)
    fleet.detach(worker, 1)
    fleet.reattach(worker, hello(), Peer("s2", "acc", "k"), 2)
    assert fleet.by_session("s1") is None
    assert fleet.by_session("s2") is worker
    assert worker.connected
    assert worker.replicas[M].held == 1
    fleet.release(lease)
    assert worker.replicas[M].held == 0


def test_a_heartbeat_opens_a_model_only_where_there_was_no_room() -> None:
    fleet = Fleet(Quarantine(Limits()))
    worker = fleet.add(hello(), PEER, 0)

    def says(status: ModelStatus, free: int) -> set[str]:
        return fleet.capacity(worker, Capacity(models=(ModelState(id=M, status=status, slots=2, free=free),)), 0)

    assert says("ready", 0) == set()
    assert says("ready", 1) == {M}
    assert says("ready", 1) == set(), "nothing new: jobs that wait were told"
    assert says("loading", 0) == set()
    assert says("ready", 2) == {M}
