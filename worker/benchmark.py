"""How fast this machine serves: prefill and decode speed and time to first token at 1, 2, 4 … streams.

Drives the engine through its port, as the daemon does, with random prompts that share no prefix. The curve is shown
by --benchmark and travels in Hello, where placement uses it.
"""

import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from wire.chat import Sampling
from wire.messages import SpeedPoint
from worker.engine import port

PROMPT_TOKENS = 512
ANSWER_TOKENS = 64


class BenchmarkError(Exception):
    """The engine ended or refused a job while it was being measured."""


@dataclass
class Stream:
    """What one measured job saw; times in seconds on the caller's clock."""

    sent: float
    first: float = 0.0
    last: float = 0.0
    tokens: int = 0
    usage: port.JobUsage | None = None


@dataclass
class Run:
    """All streams of one measurement."""

    streams: dict[str, Stream] = field(default_factory=dict)

    def point(self) -> SpeedPoint:
        streams = list(self.streams.values())
        started, first = min(s.sent for s in streams), max(s.first for s in streams)
        ended = max(s.last for s in streams)
        prompt = sum(s.usage.prompt for s in streams if s.usage)
        # the first token of each stream comes out of its prefill, so it counts for neither speed
        decoded = sum(s.tokens - 1 for s in streams)
        decoding = ended - min(s.first for s in streams)
        return SpeedPoint(
            streams=len(streams),
            decode_tps=round(decoded / decoding, 2) if decoding > 0 else 0.0,
            prefill_tps=round(prompt / (first - started), 2) if first > started else 0.0,
            ttft_ms=round(1e3 * sum(s.first - s.sent for s in streams) / len(streams), 2),
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
    answer = max(2, min(ANSWER_TOKENS, ready.context - prompt))
    points = []
    for streams in [0, *widths(ready.slots)]:  # the first run, of one stream, warms caches and is not counted
        run = await _run(engine, events, clock, _jobs(streams or 1, prompt, answer, ready.vocab, salt=streams))
        if streams:
            points.append(run.point())
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


def _jobs(streams: int, prompt: int, answer: int, vocab: int, salt: int) -> list[port.Submit]:
    draw = random.Random(salt)
    # a margin at both ends: control tokens sit there, and one of them could end a prompt's sense for some models
    low, high = (256, vocab - 256) if vocab > 1024 else (1, vocab - 1)
    return [
        port.Submit(
            job=f"bench.{salt}-{n}",
            prompt=tuple(draw.randrange(low, high) for _ in range(prompt)),
            max_tokens=answer,
            sampling=Sampling(temperature=0),
            seed=n,
            ignore_eos=True,
        )
        for n in range(streams)
    ]


async def _run(
    engine: port.Engine, events: AsyncIterator[port.Event], clock: Callable[[], float], jobs: list[port.Submit]
) -> Run:
    run = Run()
    for job in jobs:
        run.streams[job.job] = Stream(sent=clock())
        engine.send(job)
    left = set(run.streams)
    async for event in events:
        match event:
            case port.Stepped():
                now = clock()
                for token in event.tokens:
                    stream = run.streams[token.job]
                    stream.first, stream.last, stream.tokens = stream.first or now, now, stream.tokens + 1
            case port.Ended():
                if event.reason != "length":
                    raise BenchmarkError(f"a measured job ended with {event.reason}: {event.message}")
                run.streams[event.job].usage = event.usage
                left.discard(event.job)
            case port.Down():
                raise BenchmarkError(f"the engine ended: {event.message}")
            case _:
                pass
        if not left:
            return run
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
