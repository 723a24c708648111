"""What is seen of the network from second to second."""

import random
from dataclasses import replace

import pytest

from coordinator.dashboard.snapshots import MakingSnapshot, WorkerSnapshot
from coordinator.dashboard.watch import Rate, Watch, arranged
from coordinator.scheduler.state import Peer, WorkerOrder
from tests.coordinator.dispatch.driver import Driver, M
from tests.coordinator.dispatch.studio import Studio
from wire import messages as wire
from wire.offers import ModelOffer


def snapshot(watch: Watch, driver: Driver) -> WorkerSnapshot:
    dispatch = driver.dispatch
    (worker,) = watch.snapshot(dispatch.workers, dispatch.resting(driver.now), driver.now, int(driver.now * 1000))
    return worker


def test_a_slot_goes_from_offered_through_reading_and_streaming_to_free() -> None:
    driver, watch = Driver(), Watch()
    driver.join(slots=2)
    assert (snapshot(watch, driver).replicas[0].cells, snapshot(watch, driver).status) == ("..", "ready")
    driver.submit()
    assert (snapshot(watch, driver).replicas[0].cells, snapshot(watch, driver).status) == ("o.", "busy")
    driver.accepts()
    assert snapshot(watch, driver).replicas[0].cells == "r."
    driver.delta(tokens="ab")
    assert snapshot(watch, driver).replicas[0].cells == "s."
    driver.passes(3, alive=("w1",))
    assert snapshot(watch, driver).replicas[0].cells == "w."
    driver.cancel()
    assert snapshot(watch, driver).replicas[0].cells == "c."
    driver.cancelled(seq=1)
    assert snapshot(watch, driver).replicas[0].cells == ".."


def test_a_pipeline_shows_how_far_each_of_its_jobs_is_until_it_is_stopped() -> None:
    studio, watch = Studio(), Watch()
    studio.opens(slots=2, modes=("generate_video.first", "generate_image", "video_to_video.canny"))
    free = snapshot(watch, studio)
    assert (free.status, free.replicas[0].cells, free.replicas[0].makings) == ("ready", "..", ())
    assert free.replicas[0].tools == ("generate_image", "generate_video", "video_to_video")
    studio.asks()
    assert snapshot(watch, studio).replicas[0].makings == (MakingSnapshot(None, 0),)
    studio.accepts()
    studio.shows(4)
    seen = snapshot(watch, studio)
    assert (seen.status, seen.replicas[0].cells, seen.tps) == ("busy", "m.", 0.0)
    (making,) = seen.replicas[0].makings
    assert making.stage == "denoising" and 0 < making.percent < 100
    studio.cancel()
    stopping = snapshot(watch, studio).replicas[0]
    assert (stopping.cells, stopping.makings) == ("c.", ())


def test_a_job_keeps_its_place_while_others_come_and_go() -> None:
    first = arranged([], [("a", 1), ("b", 1), ("c", 1)], 4)
    assert first == [("a", 1), ("b", 1), ("c", 1), None]
    assert arranged(first, [("c", 1), ("d", 1)], 4) == [("d", 1), None, ("c", 1), None]
    assert arranged(first, [("c", 1)], 1) == [("c", 1)]  # the worker offers fewer slots now
    assert len(arranged([], [("a", 1), ("b", 1)], 1)) == 2  # more held than offered: nothing is hidden


def test_slots_that_something_else_uses_are_shown_only_where_the_model_is_ready() -> None:
    driver, watch = Driver(), Watch()
    driver.join(slots=3)
    driver.capacity(slots=3, free=2)
    assert snapshot(watch, driver).replicas[0].cells == "..x"
    driver.capacity(slots=3, free=0, status="loading")
    assert (snapshot(watch, driver).replicas[0].cells, snapshot(watch, driver).status) == ("...", "loading")


def test_speed_is_measured_by_worker_and_for_the_whole() -> None:
    driver, watch = Driver(), Watch()
    driver.join()
    driver.submit()
    driver.accepts()
    for second in range(4):
        driver.delta(seq=second, tokens="x" * 10)
        seen = snapshot(watch, driver)
        watch.count(driver.now, driver.dispatch.counters.tokens)
        driver.now += 1
    assert (seen.tps, seen.tokens) == (10.0, 40)
    assert list(watch.history) == [0.0, 10.0, 10.0, 10.0]


def test_a_rate_of_a_counter_that_starts_anew_is_not_negative() -> None:
    rate = Rate()
    assert rate.sample(1.0, 100) == 0.0
    assert rate.sample(2.0, 0) == 0.0


def test_a_lost_worker_is_away_since_then_and_forgotten_with_its_end() -> None:
    driver, watch = Driver(), Watch()
    driver.join()
    assert snapshot(watch, driver).status == "ready"
    driver.drops()
    driver.now += 1
    lost = snapshot(watch, driver)
    driver.now += 1
    assert lost.status == "away" and snapshot(watch, driver).since_ms == lost.since_ms
    assert lost.serves() == []
    driver.passes(120)
    assert watch.snapshot(driver.dispatch.workers, {}, driver.now, 0) == ()
    assert not watch._memory and not watch._rates and not watch._replicas


def test_a_worker_that_failed_rests() -> None:
    driver, watch = Driver(), Watch()
    driver.join()
    driver.submit()
    driver.accepts()
    driver.fails()
    seen = snapshot(watch, driver)
    assert (seen.status, seen.faults) == ("resting", 1) and seen.rest_s and seen.rest_s > 0


@pytest.mark.parametrize(
    ("name", "shown"),
    [("attic", "attic"), (" \u200b\u202e ", "w1"), ("", "w1"), ("a\u202eb\n", "ab"), ("地下室 4090", "地下室 4090")],
)
def test_a_worker_has_a_name_that_can_be_seen(name: str, shown: str) -> None:
    driver, watch = Driver(), Watch()
    hello = wire.Hello(worker="w1", instance="a", name=name, models=(ModelOffer(id=M, context=4096, slots=1),))
    driver.dispatch.worker_joined(hello, Peer("s1", "gpus", "key-1"), driver.now)
    assert snapshot(watch, driver).name == shown


def test_a_worker_with_which_nothing_happens_is_the_same_one_until_something_does() -> None:
    driver, watch = Driver(), Watch()
    driver.join()
    seen = []
    for _ in range(12):
        driver.now += 1
        seen.append(snapshot(watch, driver))
    assert seen[-1] is seen[-2] is seen[-4]
    driver.submit()
    assert snapshot(watch, driver).replicas[0].cells == "o."
    driver.accepts()
    driver.delta(seq=0, tokens="x" * 10)
    driver.now += 1
    busy = snapshot(watch, driver)
    assert (busy.replicas[0].cells, busy.tokens) == ("s.", 10)
    assert busy.tps == 10.0, "measured since the last look, not since the worker grew calm"


@pytest.mark.parametrize("what", ["issue", "drops", "capacity", "order", "finished", "doubted"])
def test_whatever_is_told_of_a_calm_worker_is_seen_at_once(what: str) -> None:
    driver, watch = Driver(), Watch()
    driver.join()
    for _ in range(12):
        driver.now += 1
        before = snapshot(watch, driver)
    (worker,) = driver.dispatch.workers
    orders: dict[str, WorkerOrder] = {}
    match what:
        case "issue":
            worker.issues["x"] = wire.Issue(code="x", severity="error", message="m", remedy="r")
        case "drops":
            driver.drops()
        case "capacity":
            driver.capacity(slots=1, free=1)
        case "order":
            orders[worker.key] = WorkerOrder("away", 0.0, 100.0, "why")
        case "finished":
            worker.finished += 1
        case "doubted":
            worker.owner.credit = 64
    now = (driver.dispatch.workers, driver.dispatch.resting(driver.now), driver.now, 0, orders)
    (after,) = watch.snapshot(*now)
    assert after != before
    if what == "order":
        assert watch.snapshot(*now[:-1], {})[0].order == "", "and seen to be over"


def test_snapshots_of_calm_workers_are_those_that_would_be_made_anew() -> None:
    """A storm of what happens to a worker: a watch that remembers and one that never does show the same."""
    draw, driver, watch = random.Random(4), Driver(), Watch()
    driver.join()
    (worker,) = driver.dispatch.workers
    for _ in range(400):
        driver.now += 1
        if draw.random() < 0.1:
            worker.draining = not worker.draining
        if draw.random() < 0.1:
            worker.tokens[M] += draw.randrange(50)
        if draw.random() < 0.1:
            worker.faults += 1
        if draw.random() < 0.1:
            driver.capacity(slots=2, free=draw.randrange(3))
        ours = snapshot(watch, driver)
        anew = snapshot(Watch(), driver)
        rates = tuple(replace(replica, tps=0.0) for replica in ours.replicas)
        assert replace(ours, since_ms=anew.since_ms, joined_ms=anew.joined_ms, replicas=rates) == anew


def test_who_is_looked_at_while_nobody_watches_is_not_looked_at_anew() -> None:
    driver, watch = Driver(), Watch()
    driver.join()
    (prepared,) = watch.prepare(driver.dispatch.workers, driver.now, 0)
    assert list(watch.prepare(driver.dispatch.workers, driver.now, 0)) == []
    driver.now += 100
    assert snapshot(watch, driver) is prepared
