"""Who could take a job, and for whom slots are kept."""

from coordinator.scheduler.candidates import (
    MOST_CLAIMS,
    any_open,
    choose_worker,
    claimed_hashes,
    has_room,
    is_crowding,
    servable,
    serving,
    slots,
)
from coordinator.scheduler.fleet import Fleet
from coordinator.scheduler.headroom import EXPECTED_S
from coordinator.scheduler.quarantine import Quarantine
from coordinator.scheduler.state import Limits, Peer
from coordinator.scheduler.work import work
from tests.coordinator.dispatch.driver import M, seeing
from tests.coordinator.scheduler.builders import PEER, hello, job, ready
from wire.blobs import VISION
from wire.messages import Hello
from wire.offers import ModelOffer


def test_a_model_is_hoped_for_while_its_last_worker_left_a_moment_ago() -> None:
    fleet = Fleet(Quarantine(Limits()))
    assert not servable(fleet, M, 0)
    worker = fleet.add(hello(), PEER, 0)
    assert servable(fleet, M, 0)
    fleet.detach(worker, 100)
    assert list(serving(fleet, M)) == []
    assert servable(fleet, M, 114)
    assert not servable(fleet, M, 115)


def test_nobody_waits_for_workers_that_offer_no_slots() -> None:
    fleet = Fleet(Quarantine(Limits()))
    worker = fleet.add(hello(), PEER, 0)
    ready(fleet, worker, slots=0, free=0)
    assert not servable(fleet, M, 0)
    fleet.add(hello("w2"), PEER, 0)
    assert servable(fleet, M, 0)


def test_who_failed_the_job_is_chosen_only_when_there_is_nobody_else() -> None:
    fleet = Fleet(Quarantine(Limits()))
    first = fleet.add(hello("w1"), PEER, 0)
    ready(fleet, first)
    again = job()
    again.avoid.add(first.incarnation)
    assert choose_worker(fleet, again, 0) is first
    second = fleet.add(hello("w2"), Peer("s2", "acc", "k"), 0)
    assert choose_worker(fleet, again, 0) is None  # the other one is about to be ready
    ready(fleet, second)
    assert choose_worker(fleet, again, 0) is second


def test_a_worker_that_rests_has_room_and_takes_nothing() -> None:
    fleet = Fleet(Quarantine(Limits()))
    worker = fleet.add(hello(), PEER, 0)
    ready(fleet, worker)
    fleet.quarantine.rest(worker.key, 0)
    assert has_room(worker, M, 100)
    assert not any_open(fleet, M, 100)
    fleet.quarantine.end(worker.key, passed=True)
    assert any_open(fleet, M, 100)


def test_whoever_holds_many_slots_leaves_one_of_sixteen() -> None:
    fleet = Fleet(Quarantine(Limits()))
    worker = fleet.add(hello(slots=16), PEER, 0)
    ready(fleet, worker, slots=16, free=16)
    fleet.release(fleet.lease(worker, job("guest", "another"), 0))
    leases = [fleet.lease(worker, job(f"j{n}"), 0) for n in range(14)]
    assert not is_crowding(fleet, "client", M, 0)
    leases.append(fleet.lease(worker, job("j14"), 0))
    assert is_crowding(fleet, "client", M, 0)
    assert not is_crowding(fleet, "another", M, 0)
    fleet.release(leases[0])
    fleet.release(leases[0])
    assert not is_crowding(fleet, "client", M, 0)


def test_a_small_network_keeps_no_room() -> None:
    fleet = Fleet(Quarantine(Limits()))
    worker = fleet.add(hello(slots=15), PEER, 0)
    ready(fleet, worker, slots=15, free=15)
    fleet.release(fleet.lease(worker, job("guest", "another"), 0))
    for n in range(14):
        fleet.lease(worker, job(f"j{n}"), 0)
    assert not is_crowding(fleet, "client", M, 0)


def test_slots_are_left_free_only_while_there_is_somebody_to_have_them() -> None:
    fleet = Fleet(Quarantine(Limits()))
    worker = fleet.add(hello(slots=17), PEER, 0)
    ready(fleet, worker, slots=17, free=17)
    leases = [fleet.lease(worker, job(f"j{n}"), 0) for n in range(16)]
    assert not is_crowding(fleet, "client", M, 0), "it is alone"
    fleet.release(fleet.lease(worker, job("guest", "another"), 0))
    assert is_crowding(fleet, "client", M, 0)
    fleet.release(leases[0])
    fleet.lease(worker, job("j16"), EXPECTED_S)
    assert not is_crowding(fleet, "client", M, EXPECTED_S), "nobody else has come for ten minutes"


def test_what_a_worker_ran_that_is_gone_is_held_no_more() -> None:
    fleet = Fleet(Quarantine(Limits()))
    gone = fleet.add(hello("gone", slots=16), PEER, 0)
    fleet.release(fleet.lease(gone, job("guest", "another"), 0))
    leases = [fleet.lease(gone, job(f"j{n}"), 0) for n in range(16)]
    fleet.remove(gone)
    fleet.release(leases[0])
    worker = fleet.add(hello(slots=16), Peer("s2", "acc", "k"), 0)
    ready(fleet, worker, slots=16, free=1)
    assert not is_crowding(fleet, "client", M, 0)


def test_what_workers_claim_of_their_weights_is_counted_and_bounded() -> None:
    fleet = Fleet(Quarantine(Limits()))
    hashes = ["a" * 64] * 3 + ["b" * 64, ""] + [f"{n:064x}" for n in range(20)]
    for number, sha256 in enumerate(hashes):
        offer = ModelOffer(id=M, context=4096, slots=2, sha256=sha256)
        said = Hello(worker=f"w{number}", instance="a", models=(offer,))
        ready(fleet, fleet.add(said, Peer(f"s{number}", "acc", "k"), 0))
    loading = Hello(worker="w", instance="a", models=(ModelOffer(id=M, context=1, slots=1, sha256="c" * 64),))
    fleet.add(loading, Peer("s", "acc", "k"), 0)
    claims = claimed_hashes(fleet, M)
    assert claims[:2] == (("a" * 64, 3), ("b" * 64, 1)) and len(claims) == MOST_CLAIMS
    assert claimed_hashes(fleet, "other") == ()


def test_only_offers_with_the_features_that_a_job_needs_count() -> None:
    fleet, sees = Fleet(Quarantine(Limits())), work(seeing(b"red")[0], "a")
    fleet.add(hello("blind"), PEER, 0)
    assert servable(fleet, M, 0) and not servable(fleet, M, 0, sees)
    assert (slots(fleet, M), slots(fleet, M, sees)) == (2, 0)
    offer = ModelOffer(id=M, context=8192, slots=3, features=(VISION, "other"))
    eyes = fleet.add(Hello(worker="seeing", instance="a", models=(offer,)), PEER, 0)
    assert servable(fleet, M, 0, sees)
    assert (slots(fleet, M), slots(fleet, M, sees)) == (5, 3)
    assert list(serving(fleet, M, sees)) == [eyes]
    fleet.detach(eyes, 100)
    assert servable(fleet, M, 114, sees)
    assert not servable(fleet, M, 115, sees) and servable(fleet, M, 115)
