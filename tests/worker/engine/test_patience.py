"""worker/engine/patience.py: how long an engine may be silent."""

import pytest

from worker.engine.patience import COMPILING_S, FIRST_STEPS, LOOK_S, MOST_S, Patience


def silence(patience: Patience, steps: int, busy: float, before: float = 0.0, computed: float = 0.0) -> float:
    """How long it is silent until it counts as hung, while it has `busy` of a processor."""
    now = before
    while (left := patience.look(now - before, now, computed + busy * (now - before), steps)) > 0:
        now += left
    return now - before


@pytest.mark.parametrize(
    ("on_gpu", "steps", "busy", "least", "most"),
    [
        (True, 10, 1.0, COMPILING_S, COMPILING_S + 20),
        (True, 10, 0.5, 2 * COMPILING_S, 2 * COMPILING_S + 20),  # half a processor takes twice as long
        (True, 10, 0.03, MOST_S, MOST_S + 20),  # among dozens of others
        (True, 10, 0.01, 20, 20),  # it waits for its driver
        (True, FIRST_STEPS, 1.0, 20, 20),  # a GPU that hangs may keep a processor busy too
        (False, 10, 1.0, 20, 20),
    ],
)
def test_only_what_may_be_compiling_is_waited_for(
    on_gpu: bool, steps: int, busy: float, least: float, most: float
) -> None:
    assert least <= silence(Patience(20, on_gpu, 0), steps, busy) <= most


def test_what_was_waited_is_not_waited_again() -> None:
    patience = Patience(20, on_gpu=True, now=0)
    assert patience.look(20, 20, 20, 1) == LOOK_S
    second = silence(patience, 2, 1.0, before=100, computed=30)
    assert COMPILING_S - 20 <= second <= COMPILING_S
    assert silence(patience, 3, 1.0, before=900, computed=900) == pytest.approx(20)


def test_one_that_stops_computing_hangs() -> None:
    patience = Patience(20, on_gpu=True, now=0)
    assert patience.look(20, 20, 20, 1) == LOOK_S
    assert patience.look(25, 25, 20.01, 1) == 0
