"""worker/engine/patience.py: how long an engine may be silent."""

import pytest

from worker.engine.patience import COMPILING_S, FIRST_STEPS, Patience


def silence(patience: Patience, steps: int, busy: float, before: float = 0.0, computed: float = 0.0) -> float:
    """How long it is silent until it counts as hung, while it has `busy` of a processor."""
    now = before
    while (left := patience.look(now - before, now, computed + busy * (now - before), steps)) > 0:
        now += left
    return now - before


@pytest.mark.parametrize(
    ("on_gpu", "steps", "busy", "waited"),
    [
        (True, 10, 1.0, 20 + COMPILING_S),
        (True, 10, 0.3, 20 + COMPILING_S),
        (True, 10, 0.1, 20),  # it waits for its driver
        (True, FIRST_STEPS, 1.0, 20),  # a GPU that hangs may keep a processor busy too
        (False, 10, 1.0, 20),
    ],
)
def test_only_what_may_be_compiling_is_waited_for(on_gpu: bool, steps: int, busy: float, waited: float) -> None:
    assert silence(Patience(20, on_gpu, 0), steps, busy) == pytest.approx(waited)


def test_what_was_waited_is_not_waited_again() -> None:
    patience = Patience(20, on_gpu=True, now=0)
    assert patience.look(20, 20, 20, 1) == 5
    assert silence(patience, 2, 1.0, before=100, computed=30) == pytest.approx(20 + COMPILING_S - 5)
    assert silence(patience, 3, 1.0, before=900, computed=900) == pytest.approx(20)


def test_one_that_stops_computing_hangs() -> None:
    patience = Patience(20, on_gpu=True, now=0)
    assert patience.look(20, 20, 20, 1) == 5
    assert patience.look(25, 25, 20.5, 1) == 0
