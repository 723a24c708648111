"""Streams under fire: workers killed, lines cut, workers restarted in turn, while clients read. Real processes.

Scripted engines answer the same wherever they run, so every text is compared with an undisturbed one: a lost, repeated
or reordered token shows. A real model may take another way after a move (prefill and decode differ in the last bits of
a logit), so there the tokens are counted, by the logprobs that come with each and by the usage.
"""

import asyncio
import random
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median

from openai import APIError, AsyncOpenAI

from tests.e2e.proxy import Proxy
from tools.chaos.client import percentile
from tools.local_network import MODEL, Network, Process, until

PROMPTS = 16  # different requests; each is asked once undisturbed
TOKENS = 150
STREAMS = 6  # at once: fewer than three workers' slots, so that a job of the fourth finds a free one
KILL_EVERY_S = 2.5
CUT_S = 5.0
REGISTERED = "registered with the coordinator"  # in a worker's log
TOLD = 100  # streams between two words on how it goes
MOVED = re.compile(r" moved worker=\S+ job=([0-9a-f]+)\.\d+ (\d+) tokens delivered")


@dataclass
class Stream:
    """One answer as a client saw it: when each piece came."""

    prompt: int
    began: float = 0.0
    id: str = ""
    times: list[float] = field(default_factory=list)
    text: str = ""
    tokens: int = 0
    usage: int = 0
    error: str | None = None

    def gap_over(self, moment: float) -> float | None:
        """How long this client waited across `moment`; None if it was not reading then."""
        before = [at for at in self.times if at <= moment]
        after = [at for at in self.times if at > moment]
        return after[0] - before[-1] if before and after else None

    @property
    def prefill_s(self) -> float:
        return self.times[0] - self.began if self.times else 0.0

    @property
    def counted(self) -> bool:
        """Every token that was asked for is there once, by two counts."""
        return self.tokens == self.usage == TOKENS


@dataclass
class Report:
    """What a run shows. Seconds."""

    fault: str
    real: bool
    streams: list[Stream]
    undisturbed: list[Stream]
    moments: list[float]
    log: str
    seconds: float

    @property
    def wrong(self) -> int:
        texts = {stream.prompt: stream.text for stream in self.undisturbed}
        return sum(not (s.counted and (self.real or s.text == texts[s.prompt])) for s in self.whole)

    @property
    def whole(self) -> list[Stream]:
        return [stream for stream in self.streams if stream.error is None]

    def pauses(self, hit: set[str]) -> list[float]:
        """What the clients of moved answers waited at the loss, once the usual pause between tokens is taken off."""
        streams = [stream for stream in self.streams if stream.id in hit]
        gaps = [after - before for s in self.undisturbed for before, after in pairwise(s.times)]
        usual = median(gaps)
        found = [max((gap for at in self.moments if (gap := s.gap_over(at)) is not None), default=0.0) for s in streams]
        return [pause - usual for pause in found if pause > usual]

    def rows(self) -> dict[str, object]:
        errors = Counter(stream.error for stream in self.streams if stream.error)
        moves = MOVED.findall(self.log)
        moved = {f"chatcmpl-{name}" for name, _ in moves}
        # A worker whose line was cut goes on with what it has: a stream that moved had tokens made for a second time.
        twice = sum(int(delivered) > 0 for _, delivered in moves) if self.fault == "cut" else 0
        pauses = self.pauses(moved)
        prefill = median(stream.prefill_s for stream in self.undisturbed)
        p99 = percentile(pauses, 0.99)
        return {
            "fault": self.fault,
            "engine": "real" if self.real else "scripted",
            "faults": len(self.moments),
            "seconds": round(self.seconds),
            "streams": len(self.streams),
            "failed": sum(errors.values()),
            "errors": dict(errors),
            "wrong_texts": self.wrong,
            "tokens": sum(stream.tokens for stream in self.whole),
            "moved_streams": len(moved),
            "moves": len(moves),
            "generated_twice": twice,
            "pause_p50_ms": round(1000 * median(pauses)) if pauses else None,
            "pause_p99_ms": round(1000 * p99) if pauses else None,
            "first_token_p50_ms": round(1000 * prefill),
            "pause_p99_less_first_token_ms": round(1000 * (p99 - prefill)) if pauses else None,
        }


async def ask(client: AsyncOpenAI, prompt: int) -> Stream:
    stream = Stream(prompt, time.monotonic())
    try:
        answer = await client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": f"question {prompt}"}],
            max_tokens=TOKENS,
            seed=prompt,
            temperature=0,
            logprobs=True,
            stream=True,
            stream_options={"include_usage": True},
            extra_body={"ignore_eos": True},
        )
        finished = False
        async for chunk in answer:
            stream.id = chunk.id
            stream.usage = chunk.usage.completion_tokens if chunk.usage else stream.usage
            for choice in chunk.choices:
                logprobs = choice.logprobs.content if choice.logprobs else None
                if logprobs:
                    stream.times.append(time.monotonic())
                    stream.tokens += len(logprobs)
                stream.text += choice.delta.content or ""
                finished = finished or choice.finish_reason is not None
        if not finished:
            stream.error = "bare end"
    except APIError as error:
        stream.error = f"{type(error).__name__}: {error.code or error}"
    return stream


async def load(client: AsyncOpenAI, jobs: int, faults: "Faults") -> list[Stream]:
    """At least `jobs` streams, and more until the faults have all happened."""
    done: list[Stream] = []
    asked = 0

    async def reader() -> None:
        nonlocal asked
        while asked < jobs or not faults.over:
            asked += 1
            done.append(await ask(client, asked % PROMPTS))
            if len(done) % TOLD == 0:
                failed = sum(stream.error is not None for stream in done)
                happened = f"{len(faults.moments)} of {faults.count} faults"
                print(f"{len(done)} of {jobs} streams, {failed} failed, {happened}", file=sys.stderr, flush=True)

    await asyncio.gather(*(reader() for _ in range(STREAMS)))
    return done


async def expected(client: AsyncOpenAI) -> list[Stream]:
    """Each request once, with nothing going wrong and no more at a time than one worker has slots."""
    room = asyncio.Semaphore(4)

    async def one(prompt: int) -> Stream:
        async with room:
            stream = await ask(client, prompt)
        assert stream.error is None and stream.counted, stream
        return stream

    return await asyncio.gather(*(one(prompt) for prompt in range(PROMPTS)))


# ---- what goes wrong -----------------------------------------------------------------------------------------------


class Faults:
    """The network under fire and when each fault happened."""

    def __init__(self, network: Network, proxy: Proxy | None, count: int, real: bool) -> None:
        self.network, self.proxy, self.count = network, proxy, count
        self._options = ("--slots", "4") if real else ("--slots", "4", "--scripted")
        self.moments: list[float] = []
        self.names: dict[int, str] = {}

    @property
    def over(self) -> bool:
        return len(self.moments) >= self.count

    def start_worker(self, name: str) -> Process:
        worker = self.network.start_worker(*self._options, name=name, wait=False)
        # a worker that was killed a moment ago may still be counted: so the new one must have come, and all be there
        until(
            lambda: REGISTERED in worker.output() and self.network.online() >= len(self.network.workers),
            worker,
        )
        self.names[worker.popen.pid] = name
        return worker

    async def kill(self) -> None:
        """kill -9 of one worker after another; each starts again by itself, as a service does."""
        while not self.over:
            await asyncio.sleep(KILL_EVERY_S * random.uniform(0.6, 1.4))
            await self._replace(signal.SIGKILL)

    async def roll(self) -> None:
        """SIGTERM to each worker in turn: it finishes or hands back, and a new one takes its place."""
        while not self.over:
            await asyncio.sleep(0.5)
            await self._replace(signal.SIGTERM)

    async def _replace(self, number: signal.Signals) -> None:
        victim = self.network.workers.pop(0)
        victim.kill(number)
        self.moments.append(time.monotonic())
        await asyncio.to_thread(victim.wait)
        await asyncio.to_thread(self.start_worker, self.names[victim.popen.pid])

    async def cut(self) -> None:
        """The line is dead for five seconds, then it works again; the next time once the worker is back."""
        assert self.proxy is not None
        while not self.over:
            await asyncio.to_thread(until, lambda: self.network.online() > 0)
            await asyncio.sleep(random.uniform(0.5, 1.5))
            self.proxy.cut()
            self.moments.append(time.monotonic())
            await asyncio.sleep(CUT_S)
            self.proxy.mend()


async def run(fault: str, jobs: int, count: int, folder: Path, model: Path | None) -> Report:
    """`model`: served by the real engine; None: scripted engines."""
    # a cut line's jobs wait for their worker: nobody else is there to take them
    network = Network(folder, model or folder / "no-model", thinking=False)
    await asyncio.to_thread(network.start_coordinator, "--resume-window-s", "60")
    proxy = None
    try:
        if fault == "cut":
            proxy = Proxy(network.port)
            await proxy.start()
            network.worker_port = proxy.port
        faults = Faults(network, proxy, count, model is not None)
        for n in range(1 if fault == "cut" else 4):
            await asyncio.to_thread(faults.start_worker, f"worker{n}")
        async with AsyncOpenAI(base_url=network.url + "/v1", api_key=network.key, max_retries=0) as client:
            undisturbed = await expected(client)
            began = time.monotonic()
            act: Callable[[], Awaitable[None]] = getattr(faults, fault)
            streams, _ = await asyncio.gather(load(client, jobs, faults), act())
        assert network.coordinator is not None
        log, seconds = network.coordinator.output(), time.monotonic() - began
        return Report(fault, model is not None, streams, undisturbed, faults.moments, log, seconds)
    finally:
        if proxy is not None:
            await proxy.close()
        network.close()
