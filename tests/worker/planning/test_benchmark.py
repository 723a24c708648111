from collections.abc import AsyncIterator
from itertools import count

import pytest

from wire.offers import SpeedPoint
from worker.engine import port
from worker.engine.scripted import ScriptedEngine
from worker.planning import benchmark
from worker.planning.benchmark_jobs import BenchmarkError, Stream


@pytest.mark.parametrize(("slots", "expected"), [(1, [1]), (2, [1, 2]), (4, [1, 2, 4]), (6, [1, 2, 4, 6])])
def test_the_curve_doubles_up_to_the_slots(slots: int, expected: list[int]) -> None:
    assert benchmark.widths(slots) == expected


def test_a_point_is_arithmetic_on_what_the_streams_saw() -> None:
    reading = [Stream(0.0, [1.0], 100), Stream(0.0, [2.0], 100)]
    speaking = [Stream(2.0, [3.0, 4.0, 5.0]), Stream(2.0, [3.5, 4.5, 5.5, 6.5])]
    found = benchmark.point(reading, speaking)
    assert found == SpeedPoint(streams=2, decode_tps=2.0, prefill_tps=100.0, ttft_ms=1500.0)


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


async def test_answers_are_drawn_for_a_loop_of_the_likeliest_would_be_guessed_ahead() -> None:
    """A worker with guesses claimed the speed of a text that repeats itself."""
    engine = Recorded(2, 1000)
    await benchmark.measure(engine, progress=lambda _: None)
    await engine.close()
    assert engine.sent and all(job.sampling.temperature == 1 for job in engine.sent)
    assert len({job.seed for job in engine.sent}) == 2


async def test_a_curve_is_measured_through_the_port() -> None:
    ticks = count()
    engine = ScriptedEngine(2, 1000)
    said: list[str] = []
    found = await benchmark.measure(engine, clock=lambda: next(ticks) / 1000, progress=said.append)
    await engine.close()
    points = found.curve
    assert (found.pictures, found.image_ms) == ((), None)
    assert [point.streams for point in points] == [1, 2]
    assert all(point.decode_tps > 0 and point.prefill_tps > 0 and point.ttft_ms > 0 for point in points)
    assert any("2 streams" in line for line in said)


class Looking:
    """An engine that takes 10, 20, 30 ... ms for one picture after the other, and fails the one of `breaks`."""

    def __init__(self, context: int = 2048, breaks: int = 0) -> None:
        self.context, self.breaks = context, breaks
        self.shown: list[port.Picture] = []
        self.jobs: list[port.Submit] = []

    def send(self, command: port.Command) -> None:
        if isinstance(command, port.Picture):
            self.shown.append(command)
        elif isinstance(command, port.Submit):
            self.jobs.append(command)

    async def drained(self) -> None: ...

    async def close(self) -> None: ...

    async def events(self) -> AsyncIterator[port.Event]:
        yield port.Ready(1, self.context, 100, image_ms=20.0)
        done, taken, count = 0, 0.0, 0
        while True:
            yield port.Pulse(encodes=count, encode_ms=taken)
            for job in self.jobs[done:]:
                done += 1
                if job.pictures and len(self.shown) == self.breaks:
                    yield port.Ended(job.job, "failed", message="its vectors are no numbers")
                    continue
                if job.pictures:
                    count, taken = count + 1, taken + 10.0 * (count + 1)
                yield port.Stepped(tuple(port.Token(job.job, 1, b"x") for _ in range(job.max_tokens)))
                yield port.Ended(job.job, "length", port.JobUsage(prompt=len(job.prompt)))


async def test_pictures_that_were_not_seen_are_timed_by_the_engines_counters() -> None:
    engine = Looking()
    found = await benchmark.measure(engine, progress=lambda _: None)
    assert found.image_ms == 20.0
    assert [(one.tokens, one.ms, one.least_ms, one.most_ms) for one in found.pictures] == [
        (256, 40.0, 20.0, 60.0),
        (1024, 100.0, 80.0, 120.0),
    ]
    assert len({(one.id, one.rgb) for one in engine.shown}) == len(engine.shown) == 2 * (benchmark.PICTURES + 1)
    assert all(len(one.rgb) == 3 * one.width * one.height for one in engine.shown)


async def test_a_picture_that_does_not_fit_into_a_job_is_not_measured_and_one_that_fails_is_an_error() -> None:
    said: list[str] = []
    found = await benchmark.measure(Looking(context=1000), progress=said.append)
    assert [one.tokens for one in found.pictures] == [256] and "1,024 tokens does not fit" in said[-1]
    with pytest.raises(BenchmarkError, match="no numbers"):
        await benchmark.measure(Looking(breaks=3), progress=said.append)
