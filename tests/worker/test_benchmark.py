from itertools import count

import pytest

from wire.messages import SpeedPoint
from worker import benchmark
from worker.benchmark import BenchmarkError, Run, Stream
from worker.engine import port
from worker.engine.scripted import Faults, ScriptedEngine


@pytest.mark.parametrize(("slots", "expected"), [(1, [1]), (2, [1, 2]), (4, [1, 2, 4]), (6, [1, 2, 4, 6])])
def test_the_curve_doubles_up_to_the_slots(slots: int, expected: list[int]) -> None:
    assert benchmark.widths(slots) == expected


def test_a_point_is_arithmetic_on_what_the_streams_saw() -> None:
    usage = port.JobUsage(prompt=100)
    run = Run({"a": Stream(0.0, 1.0, 3.0, 11, usage), "b": Stream(0.0, 2.0, 3.0, 11, usage)})
    assert run.point() == SpeedPoint(streams=2, decode_tps=10.0, prefill_tps=100.0, ttft_ms=1500.0)


async def test_a_curve_is_measured_through_the_port() -> None:
    ticks = count()
    engine = ScriptedEngine(2, 1000)
    said: list[str] = []
    points = await benchmark.measure(engine, clock=lambda: next(ticks) / 1000, progress=said.append)
    await engine.close()
    assert [point.streams for point in points] == [1, 2]
    assert all(point.decode_tps > 0 and point.prefill_tps > 0 and point.ttft_ms > 0 for point in points)
    assert any("2 streams" in line for line in said)


async def test_an_engine_that_ends_while_it_is_measured_is_an_error() -> None:
    engine = ScriptedEngine(1, 1000)
    engine.faults = Faults(crash_after=5)
    with pytest.raises(BenchmarkError, match="ended"):
        await benchmark.measure(engine, progress=lambda _: None)
    await engine.close()


def test_the_table_has_a_line_for_each_width() -> None:
    point = SpeedPoint(streams=2, decode_tps=20.0, prefill_tps=100.0, ttft_ms=5.0)
    assert len(benchmark.table([point, point]).splitlines()) == 3
    assert "10.0" in benchmark.table([point])
