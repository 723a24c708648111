from dataclasses import replace

from coordinator.dashboard.snapshots import changes
from tests.coordinator.dashboard.test_view import snapshot, worker


def test_what_is_the_same_object_has_not_changed_and_all_else_is_told_with_what_it_was() -> None:
    a, b, c, d = (worker("me", name) for name in "abcd")
    other = replace(b, finished=4)
    told = changes(snapshot(a, b, c), snapshot(d, a, other))
    assert told.workers == ((None, d), (b, other)) and told.gone == ("me/c",)
    assert changes(snapshot(a), snapshot(a)).workers == ()


def test_only_workers_that_take_jobs_count_and_only_those_with_something_to_tell_are_looked_through() -> None:
    seen = snapshot(worker("me", "a", "s.x"), worker("you", "b", "..", "away"), worker("me", "old", version="0.9"))
    assert (seen.sums["m"].workers, seen.sums["m"].slots, seen.sums["m"].busy) == (2, 5, 3)
    assert seen.troubled == ()
    assert [one.name for one in replace(seen, newest="1.0").troubled] == ["old"]
