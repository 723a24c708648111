"""What is seen of the network from second to second."""

import pytest

from coordinator.dashboard.watch import Rate, Watch, WorkerLook, arranged
from coordinator.scheduler.state import Peer
from tests.coordinator.dispatch.driver import Desk, M
from wire import messages as wire


def look(watch: Watch, desk: Desk) -> WorkerLook:
    dispatch = desk.dispatch
    (worker,) = watch.look(dispatch.workers, dispatch.resting(desk.now), desk.now, int(desk.now * 1000))
    return worker


def test_a_slot_goes_from_offered_through_reading_and_streaming_to_free() -> None:
    desk, watch = Desk(), Watch()
    desk.join(slots=2)
    assert (look(watch, desk).seats[0].cells, look(watch, desk).status) == ("..", "ready")
    desk.submit()
    assert (look(watch, desk).seats[0].cells, look(watch, desk).status) == ("o.", "busy")
    desk.accepts()
    assert look(watch, desk).seats[0].cells == "r."
    desk.delta(tokens="ab")
    assert look(watch, desk).seats[0].cells == "s."
    desk.passes(3, alive=("w1",))
    assert look(watch, desk).seats[0].cells == "w."
    desk.cancel()
    assert look(watch, desk).seats[0].cells == "c."
    desk.cancelled(seq=1)
    assert look(watch, desk).seats[0].cells == ".."


def test_a_job_keeps_its_place_while_others_come_and_go() -> None:
    first = arranged([], [("a", 1), ("b", 1), ("c", 1)], 4)
    assert first == [("a", 1), ("b", 1), ("c", 1), None]
    assert arranged(first, [("c", 1), ("d", 1)], 4) == [("d", 1), None, ("c", 1), None]
    assert arranged(first, [("c", 1)], 1) == [("c", 1)]  # the worker offers fewer slots now
    assert len(arranged([], [("a", 1), ("b", 1)], 1)) == 2  # more held than offered: nothing is hidden


def test_slots_that_something_else_uses_are_shown_only_where_the_model_is_ready() -> None:
    desk, watch = Desk(), Watch()
    desk.join(slots=3)
    desk.capacity(slots=3, free=2)
    assert look(watch, desk).seats[0].cells == "..x"
    desk.capacity(slots=3, free=0, status="loading")
    assert (look(watch, desk).seats[0].cells, look(watch, desk).status) == ("...", "loading")


def test_speed_is_measured_by_worker_and_for_the_whole() -> None:
    desk, watch = Desk(), Watch()
    desk.join()
    desk.submit()
    desk.accepts()
    for second in range(4):
        desk.delta(seq=second, tokens="x" * 10)
        seen = look(watch, desk)
        watch.count(desk.now, desk.dispatch.counters.tokens)
        desk.now += 1
    assert (seen.tps, seen.tokens) == (10.0, 40)
    assert list(watch.history) == [0.0, 10.0, 10.0, 10.0]


def test_a_rate_of_a_counter_that_starts_anew_is_not_negative() -> None:
    rate = Rate()
    assert rate.look(1.0, 100) == 0.0
    assert rate.look(2.0, 0) == 0.0


def test_a_lost_worker_is_away_since_then_and_forgotten_with_its_end() -> None:
    desk, watch = Desk(), Watch()
    desk.join()
    assert look(watch, desk).status == "ready"
    desk.drops()
    desk.now += 1
    lost = look(watch, desk)
    desk.now += 1
    assert lost.status == "away" and look(watch, desk).since_ms == lost.since_ms
    assert lost.serves() == []
    desk.passes(120)
    assert watch.look(desk.dispatch.workers, {}, desk.now, 0) == ()
    assert not watch._memory and not watch._rates and not watch._seats


def test_a_worker_that_failed_rests() -> None:
    desk, watch = Desk(), Watch()
    desk.join()
    desk.submit()
    desk.accepts()
    desk.fails()
    seen = look(watch, desk)
    assert (seen.status, seen.faults) == ("resting", 1) and seen.rest_s and seen.rest_s > 0


@pytest.mark.parametrize(
    ("name", "shown"),
    [("attic", "attic"), (" \u200b\u202e ", "w1"), ("", "w1"), ("a\u202eb\n", "ab"), ("地下室 4090", "地下室 4090")],
)
def test_a_worker_has_a_name_that_can_be_seen(name: str, shown: str) -> None:
    desk, watch = Desk(), Watch()
    hello = wire.Hello(worker="w1", instance="a", name=name, models=(wire.ModelOffer(id=M, context=4096, slots=1),))
    desk.dispatch.worker_joined(hello, Peer("s1", "gpus", "key-1"), desk.now)
    assert look(watch, desk).name == shown
