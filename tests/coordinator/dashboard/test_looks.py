"""What replicas show each other of their cells."""

from dataclasses import replace

from coordinator.dashboard.looks import MOST_WORKERS, Look, from_text, to_text, together
from coordinator.dashboard.snapshots import MakingSnapshot, ReplicaSnapshot, WorkerSnapshot
from wire.messages import Issue
from wire.offers import Hardware, ModelOffer

OFFER = ModelOffer(id="tiny", context=4096, slots=2)
W1 = WorkerSnapshot(
    key="a/w1",
    account="a",
    name="w1",
    version="1",
    hardware=Hardware(),
    status="ready",
    since_ms=1,
    joined_ms=1,
    rest_s=None,
    replicas=(ReplicaSnapshot(OFFER, "ready", "..", 1.5, 7, (MakingSnapshot("denoising", 40),)),),
    issues=(Issue(code="hot", severity="warning", message="It is hot.", remedy="Wait."),),
    finished=3,
    faults=0,
)
W2 = replace(W1, key="a/w2", name="w2")


def test_a_look_is_read_as_it_was_said() -> None:
    look = Look((W1, W2), {"tiny": 3}, (1.0, 2.5))
    assert from_text(to_text(look)) == look


def test_of_very_many_workers_some_are_told() -> None:
    many = Look(tuple(replace(W1, key=f"a/{n}") for n in range(MOST_WORKERS + 5)), {}, ())
    told = from_text(to_text(many))
    assert told is not None and len(told.workers) == MOST_WORKERS and told.left_out == 5
    whole = together(Look((W1,), {}, ()), [told, replace(told, workers=(), left_out=2)])
    assert (len(whole.workers), whole.left_out) == (MOST_WORKERS + 1, 7)


def test_what_the_version_before_says_leaves_nothing_out_as_far_as_is_known() -> None:
    told = from_text('{"workers": [], "waiting": {}, "history": [], "said by a later one": 1}')
    assert told == Look((), {}, ())


def test_what_another_version_says_is_not_shown() -> None:
    for text in ("", "{}", "[1]", '{"workers": [{"key": 1}], "waiting": {}, "history": []}'):
        assert from_text(text) is None


def test_all_cells_are_one_network() -> None:
    whole = together(Look((W1,), {"tiny": 1}, (1.0, 2.0, 3.0)), [Look((W2,), {"tiny": 2, "other": 1}, (10.0,))])
    assert [worker.name for worker in whole.workers] == ["w1", "w2"]
    assert dict(whole.waiting) == {"tiny": 3, "other": 1}
    assert whole.history == (1.0, 2.0, 13.0)


def test_a_worker_that_goes_from_one_cell_to_another_is_where_it_is_connected() -> None:
    away, here = Look((replace(W1, status="away"),), {}, ()), Look((replace(W1, status="busy"),), {}, ())
    assert [worker.status for worker in together(away, [here]).workers] == ["busy"]
    assert [worker.status for worker in together(here, [away]).workers] == ["busy"]
    assert [worker.status for worker in together(away, []).workers] == ["away"]
