"""The loads that guesses ahead are measured by: answers that copy, and answers that do not, the same ones each time."""

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from wire.chat import Sampling
from worker.engine import port
from worker.planning.benchmark_jobs import made_up, ready_of, run, together
from worker.planning.draft_gain import Load, Pace

CHATS = (1, 4)
PART, TIMES = 128, 3  # a text of so many tokens stands in the prompt so often before it is begun once more
ANSWER = 96
LIKELIEST = Sampling(temperature=0)  # what is drawn at random is no copy


async def measure(
    engine: port.Engine, clock: Callable[[], float] = time.perf_counter, progress: Callable[[str], None] = print
) -> list[Pace]:
    """The paces of a starting engine. Raises BenchmarkError when it ends or refuses."""
    events = engine.events()
    return await paces(engine, events, await ready_of(events, progress), clock, progress)


async def paces(
    engine: port.Engine,
    events: AsyncIterator[port.Event],
    ready: port.Ready,
    clock: Callable[[], float],
    progress: Callable[[str], None],
) -> list[Pace]:
    """The pace of each load at each number of CHATS that the engine has slots for."""
    found = []
    loads: tuple[Load, ...] = ("copying", "prose")
    for load in loads:
        for streams in (chats for chats in CHATS if chats <= ready.slots):
            jobs = [replace(job, job=f"{load}.{job.job}") for job in _asked(load, streams, ready)]
            read = [replace(job, job=job.job + "+", prompt=job.prompt[:-1], max_tokens=1) for job in jobs]
            await run(engine, events, clock, read)
            spoke = await run(engine, events, clock, jobs)
            drafted, accepted = sum(one.drafted for one in spoke), sum(one.accepted for one in spoke)
            tps = together(spoke)
            found.append(Pace(load=load, streams=streams, decode_tps=tps, drafted=drafted, accepted=accepted))
            guessed = f", {accepted} of {drafted} guesses came true" if drafted else ""
            progress(f"{load}, {streams} streams: {tps} tokens/s{guessed}")
    return found


def _asked(load: Load, streams: int, ready: port.Ready) -> list[port.Submit]:
    part = max(1, min(PART, ready.context // (2 * TIMES)))
    jobs = made_up(streams, part, ready.vocab, salt=1000 + streams)
    answer = max(2, min(ANSWER, ready.context - (TIMES + 1) * part - 1))
    if load == "prose":
        return [replace(job, max_tokens=answer) for job in jobs]
    return [
        replace(job, prompt=job.prompt * TIMES + job.prompt[: part // 4 + 1], max_tokens=answer, sampling=LIKELIEST)
        for job in jobs
    ]
