"""Jobs that are measured, and when the tokens of each came."""

import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from wire.chat import Sampling
from worker.engine import port

# Drawn as most clients ask for it, at what that costs. The likeliest token each time would soon go round in a circle,
# and an engine that guesses ahead would know every token of it.
DRAWN = Sampling(temperature=1, top_k=20)


class BenchmarkError(Exception):
    """The engine ended or refused a job while it was being measured."""


@dataclass
class Stream:
    """The times at which one measured job was sent and got each of its tokens, in seconds on the caller's clock."""

    sent: float
    times: list[float] = field(default_factory=list)
    prompt: int = 0  # tokens of it that were computed
    drafted: int = 0  # guesses ahead
    accepted: int = 0  # of these, the ones that came true


def together(speaking: Sequence[Stream]) -> float:
    """Tokens a second of all of them, while every one streams."""
    begin, end = max(stream.times[0] for stream in speaking), min(stream.times[-1] for stream in speaking)
    if end <= begin:  # they did not stream together after all
        begin, end = min(stream.times[0] for stream in speaking), max(stream.times[-1] for stream in speaking)
    decoded = sum(begin < time <= end for stream in speaking for time in stream.times)
    return round(decoded / (end - begin), 2) if end > begin else 0.0


async def ready_of(events: AsyncIterator[port.Event], progress: Callable[[str], None]) -> port.Ready:
    """Wait until the engine is loaded. Raises BenchmarkError if it does not come to that."""
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


def made_up(streams: int, prompt: int, vocab: int, salt: int) -> list[port.Submit]:
    """Jobs of random prompts that share no prefix; each ends with its first token."""
    draw = random.Random(salt)
    # a margin at both ends: control tokens sit there, and one of them could end a prompt's sense for some models
    low, high = (256, vocab - 256) if vocab > 1024 else (1, vocab - 1)
    return [
        port.Submit(
            job=f"bench.{salt}-{n}",
            prompt=tuple(draw.randrange(low, high) for _ in range(prompt)),
            max_tokens=1,
            sampling=DRAWN,
            seed=n,
            ignore_eos=True,
        )
        for n in range(streams)
    ]


async def run(
    engine: port.Engine, events: AsyncIterator[port.Event], clock: Callable[[], float], jobs: list[port.Submit]
) -> list[Stream]:
    """Send the jobs at once, and return what each saw. Raises BenchmarkError when one ends or is refused early."""
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
                done = streams[event.job]
                done.prompt = event.usage.prompt - event.usage.cached
                done.drafted = sum(one.drafted for one in event.usage.guesses)
                done.accepted = sum(one.accepted for one in event.usage.guesses)
                left.discard(event.job)
            case port.Down():
                raise BenchmarkError(f"the engine ended: {event.message}")
            case _:
                pass
        if not left:
            return list(streams.values())
    raise BenchmarkError("the engine was closed")
