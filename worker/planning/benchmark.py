"""How fast this machine serves: prefill and decode speed and time to first token at 1, 2, 4 … streams.

Drives the engine through its port, as the daemon does, with random prompts that share no prefix. Prompts are read
first, then answers to them are measured while all of them stream: an engine that reads prompts one after the other has
finished the first answer before the last begins, and the time for reading would count against decoding. The curve is
shown by --benchmark and travels in Hello, where placement uses it.
"""

import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace

from wire.chat import Sampling
from wire.messages import SpeedPoint
from worker.engine import port

PROMPT_TOKENS = 512
ANSWER_TOKENS = 64
EDITION = 2  # of the way to measure: curves of another one are of no use for Hello


class BenchmarkError(Exception):
    """The engine ended or refused a job while it was being measured."""


@dataclass
class Stream:
    """What one measured job saw; times in seconds on the caller's clock, those of its tokens in order."""

    sent: float
    times: list[float] = field(default_factory=list)
    prompt: int = 0  # tokens of it that were computed


def point(reading: Sequence[Stream], speaking: Sequence[Stream]) -> SpeedPoint:
    """`reading`: jobs that ended with their first token; `speaking`: as many whose prompts had been read."""
    firsts = [stream.times[0] for stream in reading]
    read_s = max(firsts) - min(stream.sent for stream in reading)
    begin, end = max(stream.times[0] for stream in speaking), min(stream.times[-1] for stream in speaking)
    if end <= begin:  # they did not stream together after all
        begin, end = min(stream.times[0] for stream in speaking), max(stream.times[-1] for stream in speaking)
    decoded = sum(begin < time <= end for stream in speaking for time in stream.times)
    waited_s = sum(first - stream.sent for first, stream in zip(firsts, reading, strict=True))
    return SpeedPoint(
        streams=len(speaking),
        decode_tps=round(decoded / (end - begin), 2) if end > begin else 0.0,
        prefill_tps=round(sum(stream.prompt for stream in reading) / read_s, 2) if read_s > 0 else 0.0,
        ttft_ms=round(1e3 * waited_s / len(reading), 2),
    )


def widths(slots: int) -> list[int]:
    """1, 2, 4 … up to and including `slots`."""
    steps = [1]
    while steps[-1] * 2 < slots:
        steps.append(steps[-1] * 2)
    return steps if steps[-1] == slots else [*steps, slots]


async def measure(
    engine: port.Engine, clock: Callable[[], float] = time.perf_counter, progress: Callable[[str], None] = print
) -> list[SpeedPoint]:
    """The speed curve of a starting or started engine. Raises BenchmarkError when it ends or refuses."""
    events = engine.events()
    ready = await _ready(events, progress)
    prompt = max(1, min(PROMPT_TOKENS, ready.context // 2))
    answer = max(2, min(ANSWER_TOKENS, ready.context - prompt - 1))
    points = []
    for streams in [0, *widths(ready.slots)]:  # the first run, of one stream, warms caches and is not counted
        jobs = _jobs(streams or 1, prompt, ready.vocab, salt=streams)
        reading = await _run(engine, events, clock, jobs)
        # a token more: what was read can be taken over at its very end, by a hybrid model too
        jobs = [replace(job, job=job.job + "+", prompt=(*job.prompt, job.prompt[0]), max_tokens=answer) for job in jobs]
        speaking = await _run(engine, events, clock, jobs)
        if streams:
            points.append(point(reading, speaking))
            progress(f"{streams} streams: decode {points[-1].decode_tps} tokens/s, prefill {points[-1].prefill_tps}")
    return points


async def _ready(events: AsyncIterator[port.Event], progress: Callable[[str], None]) -> port.Ready:
    shown = -1
    async for event in events:
        if isinstance(event, port.Ready):
            return event
        if isinstance(event, port.Loading) and int(event.fraction * 10) > shown:
            shown = int(event.fraction * 10)
            progress(f"loading: {shown * 10} %")
        if isinstance(event, port.Down):
            raise BenchmarkError(f"the engine did not start: {event.message}")
    raise BenchmarkError("the engine was closed")


def _jobs(streams: int, prompt: int, vocab: int, salt: int) -> list[port.Submit]:
    draw = random.Random(salt)
    # a margin at both ends: control tokens sit there, and one of them could end a prompt's sense for some models
    low, high = (256, vocab - 256) if vocab > 1024 else (1, vocab - 1)
    return [
        port.Submit(
            job=f"bench.{salt}-{n}",
            prompt=tuple(draw.randrange(low, high) for _ in range(prompt)),
            max_tokens=1,
            sampling=Sampling(temperature=0),
            seed=n,
            ignore_eos=True,
        )
        for n in range(streams)
    ]


async def _run(
    engine: port.Engine, events: AsyncIterator[port.Event], clock: Callable[[], float], jobs: list[port.Submit]
) -> list[Stream]:
    streams: dict[str, Stream] = {}
    for job in jobs:
        streams[job.job] = Stream(sent=clock())
        engine.send(job)
    left = set(streams)
    async for event in events:
        match event:
            case port.Stepped():
                now = clock()
                for token in event.tokens:
                    streams[token.job].times.append(now)
            case port.Ended():
                if event.reason != "length":
                    raise BenchmarkError(f"a measured job ended with {event.reason}: {event.message}")
                streams[event.job].prompt = event.usage.prompt - event.usage.cached
                left.discard(event.job)
            case port.Down():
                raise BenchmarkError(f"the engine ended: {event.message}")
            case _:
                pass
        if not left:
            return list(streams.values())
    raise BenchmarkError("the engine was closed")


def table(points: list[SpeedPoint]) -> str:
    """For a person: one line a width."""
    lines = ["streams   decode tokens/s   each tokens/s   prefill tokens/s   time to first token"]
    for p in points:
        each = p.decode_tps / p.streams
        lines.append(
            f"{p.streams:7d}   {p.decode_tps:15.1f}   {each:13.1f}   {p.prefill_tps:16.1f}   {p.ttft_ms:16.0f} ms"
        )
    return "\n".join(lines)
