from pathlib import Path

import pytest

from tools.bench.drafts.step_costs import allowed, ask, rate
from tools.bench.engine.sides import BenchError
from worker.engine.port import EngineSpec


@pytest.mark.process
def test_a_step_is_measured_with_each_number_of_guesses_that_there_is_room_for(tiny_qwen3: Path) -> None:
    spec = EngineSpec(str(tiny_qwen3), slots=2, context=256, batch=64, draft_rows=12)
    found = ask(spec, 2)
    assert list(found) == [0, 1, 2, 3, 4] and all(took >= 0 for took in found.values())
    with pytest.raises(BenchError, match="no cost"):
        ask(EngineSpec("no-file.gguf", slots=1, context=64), 1)


def test_what_is_possible_is_what_the_best_number_of_guesses_gives() -> None:
    assert allowed({0: 1.0, 1: 1.25, 2: 2.0}, 1.0) == pytest.approx(1.6)
    assert allowed({0: 1.0, 1: 1.25, 2: 2.0}, 0.1) == 1.0


@pytest.mark.parametrize("true", [0.3, 0.8, 0.99])
def test_the_rate_of_one_guess_follows_from_how_many_of_a_row_came_true(true: float) -> None:
    assert rate(4, sum(true**place for place in range(1, 5))) == pytest.approx(true, abs=1e-6)
    assert rate(0.5, 0.5 * true) == pytest.approx(true, abs=1e-6)
