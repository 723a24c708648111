import pytest

from worker.engine.scripted import Faults, ScriptedEngine
from worker.planning import benchmark
from worker.planning.benchmark_jobs import BenchmarkError, Stream, together


def test_a_speed_counts_while_all_stream() -> None:
    assert together([Stream(0.0, [1.0, 2.0, 3.0]), Stream(0.0, [2.0, 2.5, 3.0, 9.0])]) == 3.0


def test_answers_that_did_not_overlap_are_measured_all_the_same() -> None:
    assert together([Stream(2.0, [3.0, 4.0]), Stream(2.0, [5.0, 6.0])]) == 1.0


async def test_an_engine_that_ends_while_it_is_measured_is_an_error() -> None:
    engine = ScriptedEngine(1, 1000)
    engine.faults = Faults(crash_after=5)
    with pytest.raises(BenchmarkError, match="ended"):
        await benchmark.measure(engine, progress=lambda _: None)
    await engine.close()
