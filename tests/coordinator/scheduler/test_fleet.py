from coordinator.scheduler.fairness import GUEST_S
from coordinator.scheduler.fleet import MOST_CLAIMS, Fleet, key_of
from coordinator.scheduler.state import Job, JobSpec, Limits, Peer, Worker
from tests.coordinator.dispatch.driver import REQUEST, M
from wire.messages import Capacity, Hello, ModelOffer, ModelState

PEER = Peer("s1", "acc", "k")


def hello(name: str = "w", instance: str = "a", slots: int = 2) -> Hello:
    return Hello(worker=name, instance=instance, models=(ModelOffer(id=M, context=4096, slots=slots),))


def job(name: str = "j", account: str = "client") -> Job:
    return Job(JobSpec(name, account, M, REQUEST, 1), 0, 0)


def ready(fleet: Fleet, worker: Worker, slots: int = 2, free: int = 2) -> None:
    fleet.capacity(worker, Capacity(models=(ModelState(id=M, status="ready", slots=slots, free=free),)))


def test_workers_are_known_by_account_and_by_socket() -> None:
    fleet = Fleet(Limits())
    worker = fleet.add(hello(), PEER, 0)
    assert worker.key == key_of(hello(), PEER) == "acc/w"
    assert fleet.by_session("s1") is worker
    assert fleet.by_session("s2") is None
    assert (fleet.count("acc"), fleet.count("other")) == (1, 0)
    fleet.remove(worker)
    assert fleet.by_session("s1") is None


def test_a_lease_takes_a_slot_and_gives_it_back_once() -> None:
    fleet = Fleet(Limits())
    worker = fleet.add(hello(), PEER, 0)
    ready(fleet, worker)
    lease = fleet.lease(worker, job(), 5)
    assert (lease.attempt, worker.seats[M].free, worker.used) == (1, 1, 5)
    fleet.release(lease)
    fleet.release(lease)
    assert worker.seats[M].free == 2


def test_slots_that_others_hold_are_hidden_and_ours_are_not_counted_twice() -> None:
    fleet = Fleet(Limits())
    worker = fleet.add(hello(slots=4), PEER, 0)
    lease = fleet.lease(worker, job(), 0)
    ready(fleet, worker, slots=4, free=1)
    assert worker.seats[M].hidden == 2
    assert worker.seats[M].free == 1
    fleet.release(lease)
    assert worker.seats[M].free == 2


def test_a_model_is_hoped_for_while_its_last_worker_left_a_moment_ago() -> None:
    fleet = Fleet(Limits())
    assert not fleet.hopeful(M, 0)
    worker = fleet.add(hello(), PEER, 0)
    assert fleet.hopeful(M, 0)
    fleet.detach(worker, 100)
    assert fleet.serving(M) == []
    assert fleet.hopeful(M, 114)
    assert not fleet.hopeful(M, 115)


def test_nobody_waits_for_workers_that_offer_no_slots() -> None:
    fleet = Fleet(Limits())
    worker = fleet.add(hello(), PEER, 0)
    ready(fleet, worker, slots=0, free=0)
    assert not fleet.hopeful(M, 0)
    fleet.add(hello("w2"), PEER, 0)
    assert fleet.hopeful(M, 0)


def test_leases_survive_a_reattach_and_hold_their_slots() -> None:
    fleet = Fleet(Limits())
    worker = fleet.add(hello(), PEER, 0)
    lease = fleet.lease(worker, job(), 0)
    fleet.detach(worker, 1)
    fleet.reattach(worker, hello(), Peer("s2", "acc", "k"), 2)
    assert fleet.by_session("s1") is None
    assert fleet.by_session("s2") is worker
    assert worker.connected
    assert worker.seats[M].held == 1
    fleet.release(lease)
    assert worker.seats[M].held == 0


def test_who_failed_the_job_is_chosen_only_when_there_is_nobody_else() -> None:
    fleet = Fleet(Limits())
    first = fleet.add(hello("w1"), PEER, 0)
    ready(fleet, first)
    again = job()
    again.avoid.add(first.incarnation)
    assert fleet.choose(again, 0) is first
    second = fleet.add(hello("w2"), Peer("s2", "acc", "k"), 0)
    assert fleet.choose(again, 0) is None  # the other one is about to be ready
    ready(fleet, second)
    assert fleet.choose(again, 0) is second


def test_a_worker_on_probation_has_room_and_takes_nothing() -> None:
    fleet = Fleet(Limits())
    worker = fleet.add(hello(), PEER, 0)
    ready(fleet, worker)
    fleet.probation.rest(worker.key, 0)
    assert fleet.has_room(worker, M, 100)
    assert not fleet.any_open(M, 100)
    fleet.probation.end(worker.key, passed=True)
    assert fleet.any_open(M, 100)


def test_whoever_holds_many_slots_leaves_one_of_sixteen() -> None:
    fleet = Fleet(Limits())
    worker = fleet.add(hello(slots=16), PEER, 0)
    ready(fleet, worker, slots=16, free=16)
    fleet.release(fleet.lease(worker, job("guest", "another"), 0))
    leases = [fleet.lease(worker, job(f"j{n}"), 0) for n in range(14)]
    assert not fleet.room_is_kept("client", M, 0)
    leases.append(fleet.lease(worker, job("j14"), 0))
    assert fleet.room_is_kept("client", M, 0)
    assert not fleet.room_is_kept("another", M, 0)
    fleet.release(leases[0])
    fleet.release(leases[0])
    assert not fleet.room_is_kept("client", M, 0)


def test_a_small_network_keeps_no_room() -> None:
    fleet = Fleet(Limits())
    worker = fleet.add(hello(slots=15), PEER, 0)
    ready(fleet, worker, slots=15, free=15)
    fleet.release(fleet.lease(worker, job("guest", "another"), 0))
    for n in range(14):
        fleet.lease(worker, job(f"j{n}"), 0)
    assert not fleet.room_is_kept("client", M, 0)


def test_slots_are_left_free_only_while_there_is_somebody_to_have_them() -> None:
    fleet = Fleet(Limits())
    worker = fleet.add(hello(slots=17), PEER, 0)
    ready(fleet, worker, slots=17, free=17)
    leases = [fleet.lease(worker, job(f"j{n}"), 0) for n in range(16)]
    assert not fleet.room_is_kept("client", M, 0), "it is alone"
    fleet.release(fleet.lease(worker, job("guest", "another"), 0))
    assert fleet.room_is_kept("client", M, 0)
    fleet.release(leases[0])
    fleet.lease(worker, job("j16"), GUEST_S)
    assert not fleet.room_is_kept("client", M, GUEST_S), "nobody else has come for ten minutes"


def test_what_a_worker_ran_that_is_gone_is_held_no_more() -> None:
    fleet = Fleet(Limits())
    gone = fleet.add(hello("gone", slots=16), PEER, 0)
    fleet.release(fleet.lease(gone, job("guest", "another"), 0))
    leases = [fleet.lease(gone, job(f"j{n}"), 0) for n in range(16)]
    fleet.remove(gone)
    fleet.release(leases[0])
    worker = fleet.add(hello(slots=16), Peer("s2", "acc", "k"), 0)
    ready(fleet, worker, slots=16, free=1)
    assert not fleet.room_is_kept("client", M, 0)


def test_what_workers_claim_of_their_weights_is_counted_and_bounded() -> None:
    fleet = Fleet(Limits())
    hashes = ["a" * 64] * 3 + ["b" * 64, ""] + [f"{n:064x}" for n in range(20)]
    for number, sha256 in enumerate(hashes):
        offer = ModelOffer(id=M, context=4096, slots=2, sha256=sha256)
        said = Hello(worker=f"w{number}", instance="a", models=(offer,))
        ready(fleet, fleet.add(said, Peer(f"s{number}", "acc", "k"), 0))
    loading = Hello(worker="w", instance="a", models=(ModelOffer(id=M, context=1, slots=1, sha256="c" * 64),))
    fleet.add(loading, Peer("s", "acc", "k"), 0)
    claims = fleet.claims(M)
    assert claims[:2] == (("a" * 64, 3), ("b" * 64, 1)) and len(claims) == MOST_CLAIMS
    assert fleet.claims("other") == ()
