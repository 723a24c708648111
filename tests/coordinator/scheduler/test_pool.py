"""What is kept of a model: who is quickest of those with a free slot, who read what, and nothing of who has left."""

from coordinator.scheduler.fleet import Fleet
from coordinator.scheduler.pool import HINTS, READERS, Pool, quickest
from coordinator.scheduler.prefix_affinity import PromptPrefixes
from coordinator.scheduler.quarantine import Quarantine
from coordinator.scheduler.state import Limits, Peer
from tests.coordinator.dispatch.driver import M, speed
from tests.coordinator.scheduler.builders import PEER, hello, job, ready
from wire.messages import Hello
from wire.offers import ModelOffer


def joins(fleet: Fleet, name: str, tps: float, context: int = 4096) -> None:
    offer = ModelOffer(id=M, context=context, slots=2, speed=speed(tps))
    worker = fleet.add(Hello(worker=name, instance="a", models=(offer,)), Peer(f"s{name}", "acc", "k"), 0)
    ready(fleet, worker)


def in_order(fleet: Fleet) -> list[str]:
    return [worker.hello.worker for worker in quickest(fleet.pool(M).kinds.values(), 0)]


def test_the_quickest_of_all_kinds_is_first_and_moves_back_as_it_gets_busy() -> None:
    fleet = Fleet(Quarantine(Limits()))
    for name, tps, context in (("slow", 20, 4096), ("fast", 90, 4096), ("middle", 50, 8192)):
        joins(fleet, name, tps, context)
    assert in_order(fleet) == ["fast", "middle", "slow"]
    lease = fleet.lease(fleet.workers["acc/fast"], job(), 1)
    assert in_order(fleet) == ["middle", "fast", "slow"], "45 tokens a second for each of two"
    fleet.release(lease)
    assert in_order(fleet) == ["fast", "middle", "slow"]


def test_a_worker_without_a_free_slot_is_not_in_the_order() -> None:
    fleet = Fleet(Quarantine(Limits()))
    joins(fleet, "w", 20)
    worker = fleet.workers["acc/w"]
    leases = [fleet.lease(worker, job(f"j{n}"), 1) for n in range(2)]
    assert in_order(fleet) == []
    fleet.release(leases[0])
    assert in_order(fleet) == ["w"]


def test_of_equals_the_one_that_was_used_longest_ago_is_first() -> None:
    fleet = Fleet(Quarantine(Limits()))
    for name in ("a", "b"):
        joins(fleet, name, 50)
    fleet.release(fleet.lease(fleet.workers["acc/a"], job(), 7))
    assert in_order(fleet) == ["b", "a"]


def test_a_kind_ends_with_its_last_worker() -> None:
    fleet = Fleet(Quarantine(Limits()))
    worker = fleet.add(hello(), PEER, 0)
    ready(fleet, worker)
    assert len(fleet.pool(M).kinds) == 1
    fleet.drains(worker)
    assert fleet.pool(M).kinds == {}


def test_who_read_a_prompt_last_is_known_of_a_bounded_number() -> None:
    pool = Pool()
    for n in range(READERS + 5):
        pool.read(f"w{n}", PromptPrefixes(steps=(1, n + 100)))
    prompt = PromptPrefixes(steps=(1, 103, 9))
    assert pool.readers(prompt)[0] == "w3", "who read more of it"
    assert len(pool.readers(prompt)) == READERS
    for n in range(HINTS):
        pool.read("other", PromptPrefixes(steps=(n + 1000,)))
    assert pool.readers(prompt) == []


def test_a_conversation_is_known_by_its_session_too() -> None:
    pool = Pool()
    pool.read("w", PromptPrefixes(steps=(1,), session=7))
    assert pool.readers(PromptPrefixes(steps=(2,), session=7)) == ["w"]
