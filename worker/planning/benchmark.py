"""How fast this machine serves: prefill and decode speed and time to first token at 1, 2, 4 … streams, and how soon
it sees a picture.

Drives the engine through its port, as the daemon does, with random prompts that share no prefix. Prompts are read
first, then answers to them are measured while all of them stream: an engine that reads prompts one after the other has
finished the first answer before the last begins, and the time for reading would count against decoding. The curve is
shown by --benchmark and travels in Hello, where placement uses it.
"""

import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from math import isqrt

from wire.offers import SpeedPoint
from wire.pictures import LOW_TOKENS, MOST_TOKENS, PATCH
from worker.engine import port
from worker.planning import draft_loads
from worker.planning.benchmark_jobs import BenchmarkError, Stream, made_up, ready_of, run, together
from worker.planning.draft_gain import Pace
from worker.planning.encodes import Encodes

PROMPT_TOKENS = 512
ANSWER_TOKENS = 64
PICTURES = 5  # of each size
EDITION = 3  # of the way to measure: curves of another one are of no use for Hello


@dataclass(frozen=True)
class Measured:
    """`image_ms`: what the engine said at load; None: it takes text only, and there are no `pictures`. `paces`: of the
    loads that guesses ahead are measured by, where there are to be some."""

    curve: tuple[SpeedPoint, ...]
    pictures: tuple[Encodes, ...] = ()
    image_ms: float | None = None
    paces: tuple[Pace, ...] = ()


def point(reading: Sequence[Stream], speaking: Sequence[Stream]) -> SpeedPoint:
    """Return one point of the curve.

    `reading`: jobs that ended with their first token. `speaking`: as many whose prompts had been read before.
    """
    firsts = [stream.times[0] for stream in reading]
    read_s = max(firsts) - min(stream.sent for stream in reading)
    waited_s = sum(first - stream.sent for first, stream in zip(firsts, reading, strict=True))
    return SpeedPoint(
        streams=len(speaking),
        decode_tps=together(speaking),
        prefill_tps=round(sum(stream.prompt for stream in reading) / read_s, 2) if read_s > 0 else 0.0,
        ttft_ms=round(1e3 * waited_s / len(reading), 2),
    )


def widths(slots: int) -> list[int]:
    """Return the numbers of streams to measure: 1, 2, 4 … up to and including `slots`."""
    steps = [1]
    while steps[-1] * 2 < slots:
        steps.append(steps[-1] * 2)
    return steps if steps[-1] == slots else [*steps, slots]


async def measure(
    engine: port.Engine,
    clock: Callable[[], float] = time.perf_counter,
    progress: Callable[[str], None] = print,
    guesses: bool = False,
) -> Measured:
    """Measure the speed of a starting or started engine, one that `guesses` ahead also where an answer copies. Raises
    BenchmarkError when it ends or refuses."""
    events = engine.events()
    ready = await ready_of(events, progress)
    if ready.blind:
        progress(f"no pictures: {ready.blind}")
    curve = await _curve(engine, events, ready, clock, progress)
    pictures = [] if ready.image_ms is None else await _pictures(engine, events, ready, progress)
    paces = await draft_loads.paces(engine, events, ready, clock, progress) if guesses else []
    return Measured(tuple(curve), tuple(pictures), ready.image_ms, tuple(paces))


async def _curve(
    engine: port.Engine,
    events: AsyncIterator[port.Event],
    ready: port.Ready,
    clock: Callable[[], float],
    progress: Callable[[str], None],
) -> list[SpeedPoint]:
    prompt = max(1, min(PROMPT_TOKENS, ready.context // 2))
    answer = max(2, min(ANSWER_TOKENS, ready.context - prompt - 1))
    points = []
    for streams in [0, *widths(ready.slots)]:  # the first run, of one stream, warms caches and is not counted
        jobs = made_up(streams or 1, prompt, ready.vocab, salt=streams)
        reading = await run(engine, events, clock, jobs)
        # a token more: what was read can be taken over at its very end, by a hybrid model too
        jobs = [replace(job, job=job.job + "+", prompt=(*job.prompt, job.prompt[0]), max_tokens=answer) for job in jobs]
        speaking = await run(engine, events, clock, jobs)
        if streams:
            points.append(point(reading, speaking))
            progress(f"{streams} streams: decode {points[-1].decode_tps} tokens/s, prefill {points[-1].prefill_tps}")
    return points


async def _pictures(
    engine: port.Engine, events: AsyncIterator[port.Event], ready: port.Ready, progress: Callable[[str], None]
) -> list[Encodes]:
    """Time encodes by the engine's own counters, of pictures that it has not seen."""
    found = []
    for tokens in (LOW_TOKENS, MOST_TOKENS):
        if tokens + 2 > ready.context - 1:
            progress(f"a picture of {tokens:,} tokens does not fit into a job of {ready.context:,}")
            continue
        took = [await _encode(engine, events, ready.vocab, tokens, number) for number in range(PICTURES + 1)][1:]
        found.append(Encodes.of(tokens, took))
        progress(f"a picture of {tokens:,} tokens: {found[-1].ms} ms")
    return found


async def _encode(
    engine: port.Engine, events: AsyncIterator[port.Event], vocab: int, tokens: int, number: int
) -> float:
    """Milliseconds of one encode."""
    side, name = isqrt(tokens), f"bench.{tokens}.{number}"
    pixels = random.Random(name).randbytes(3 * (PATCH * side) ** 2)
    job = made_up(1, side * side + 2, vocab, salt=number)[0]
    before = await _pulse(events)
    engine.send(port.Picture(name, PATCH * side, PATCH * side, pixels))
    engine.send(replace(job, job=name, pictures=(port.Placed(1, side, side, name),)))
    while (after := await _pulse(events)).encodes == before.encodes:
        pass
    return round(after.encode_ms - before.encode_ms, 2)


async def _pulse(events: AsyncIterator[port.Event]) -> port.Pulse:
    """The engine's next counters."""
    async for event in events:
        if isinstance(event, port.Pulse):
            return event
        if isinstance(event, port.Ended) and event.reason != "length":
            raise BenchmarkError(f"a picture could not be measured: {event.message}")
        if isinstance(event, port.Down):
            raise BenchmarkError(f"the engine ended: {event.message}")
    raise BenchmarkError("the engine was closed")
