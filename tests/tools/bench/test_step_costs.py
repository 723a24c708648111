from pathlib import Path

import pytest

from tools.bench.drafts.step_costs import ask
from tools.bench.engine.sides import BenchError
from worker.engine.port import EngineSpec


@pytest.mark.process
def test_of_a_hybrid_too_beyond_what_its_state_goes_back(tiny_qwen35: Path) -> None:
    spec = EngineSpec(str(tiny_qwen35), slots=1, context=256, batch=64, draft_rows=12, rollback=3)
    assert list(ask(spec, 1, 100)) == [0, 1, 2, 3, 4, 6, 8, 12]


@pytest.mark.process
def test_a_step_is_measured_with_each_number_of_guesses_that_there_is_room_for(tiny_qwen3: Path) -> None:
    spec = EngineSpec(str(tiny_qwen3), slots=2, context=256, batch=64, draft_rows=12)
    found = ask(spec, 2, 100)
    assert list(found) == [0, 1, 2, 3, 4] and all(took >= 0 for took in found.values())
    with pytest.raises(BenchError, match="no cost"):
        ask(EngineSpec("no-file.gguf", slots=1, context=64), 1, 10)
