from itertools import count

import pytest

from wire.messages import SpeedPoint
from worker.engine import port
from worker.engine.scripted import Faults, ScriptedEngine
from worker.planning import benchmark
from worker.planning.benchmark import BenchmarkError, Stream


@pytest.mark.parametrize(("slots", "expected"), [(1, [1]), (2, [1, 2]), (4, [1, 2, 4]), (6, [1, 2, 4, 6])])
def test_the_curve_doubles_up_to_the_slots(slots: int, expected: list[int]) -> None:
    assert benchmark.widths(slots) == expected


def test_a_point_is_arithmetic_on_what_the_streams_saw() -> None:
    reading = [Stream(0.0, [1.0], 100), Stream(0.0, [2.0], 100)]
    speaking = [Stream(2.0, [3.0, 4.0, 5.0]), Stream(2.0, [3.5, 4.5, 5.5, 6.5])]
    found = benchmark.point(reading, speaking)
    assert found == SpeedPoint(streams=2, decode_tps=2.0, prefill_tps=100.0, ttft_ms=1500.0)


def test_answers_that_did_not_overlap_are_measured_all_the_same() -> None:
    reading = [Stream(0.0, [1.0], 100), Stream(0.0, [2.0], 100)]
    speaking = [Stream(2.0, [3.0, 4.0]), Stream(2.0, [5.0, 6.0])]
    assert benchmark.point(reading, speaking).decode_tps == 1.0


class Recorded(ScriptedEngine):
    """Keeps what was sent to it."""

    def __init__(self, slots: int, context: int) -> None:
        super().__init__(slots, context)
        self.sent: list[port.Submit] = []

    def send(self, command: port.Command) -> None:
        if isinstance(command, port.Submit):
            self.sent.append(command)
        super().send(command)


async def test_decoding_is_measured_on_prompts_that_have_been_read() -> None:
    engine = Recorded(2, 1000)
    await benchmark.measure(engine, progress=lambda _: None)
    await engine.close()
    read = {job.prompt for job in engine.sent if job.max_tokens == 1}
    answered = [job.prompt[:-1] for job in engine.sent if job.max_tokens > 1]
    assert len(read) == len(answered) and read == set(answered)


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
