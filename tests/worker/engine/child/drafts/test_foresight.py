from collections.abc import Mapping

from worker.engine.child.drafts.foresight import Foresight


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def slow(clock: Clock, seconds: float) -> Foresight:
    """Its decodes take so long; it guesses 1, 2, 3, and nothing of sequence 9."""

    def predict(last: Mapping[int, int], counts: Mapping[int, int]) -> dict[int, list[int]]:
        clock.now += seconds * max(counts.values())
        return {seq: [] if seq == 9 else list(range(1, counts[seq] + 1)) for seq in last}

    return Foresight(predict, first_s=1.0, clock=clock)


def test_a_stream_has_all_of_its_guesses_or_none() -> None:
    foresight = slow(Clock(), 1.0)
    assert foresight.guess({2: 7, 9: 7}, 3) == {2: (1, 2, 3)}


def test_it_costs_what_it_was_measured_at_and_then_what_it_took() -> None:
    foresight = slow(Clock(), 4.0)
    assert foresight.cost(3) == 3.0
    for _ in range(20):
        foresight.guess({0: 7}, 2)
        foresight.record(usual_s=10.0, seconds=10.0)
    assert foresight.cost(3) == 12.0


def test_where_all_is_slower_than_it_was_the_head_is_too() -> None:
    foresight = slow(Clock(), 4.0)
    for _ in range(20):
        foresight.guess({0: 7}, 1)
        foresight.record(usual_s=10.0, seconds=40.0)
    assert foresight.cost(1) == 1.0


def test_a_step_without_its_guesses_says_nothing_of_it() -> None:
    foresight = slow(Clock(), 4.0)
    for _ in range(20):
        foresight.record(usual_s=10.0, seconds=10.0)
    assert foresight.cost(1) == 1.0


def test_one_slow_moment_changes_nothing() -> None:
    clock = Clock()
    foresight = slow(clock, 1.0)
    foresight.guess({0: 7}, 1)
    clock.now += 100
    foresight.record(usual_s=10.0, seconds=10.0)
    assert foresight.cost(1) == 1.0
