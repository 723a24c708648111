"""Streams under fire: workers killed, lines cut, workers restarted in turn, while clients read. Real processes.

    scripts/chaos kill|cut|roll [--jobs N] [--faults N] [--json]

Scripted engines answer the same wherever they run, so every text is compared with an undisturbed one: a lost, repeated
or reordered token shows. Prints what happened and leaves with 1 if a stream failed or a text differs.
"""

import argparse
import asyncio
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from openai import APIError, AsyncOpenAI

from tests.e2e.network import MODEL, Network, Process
from tests.e2e.proxy import Proxy

PROMPTS = 40  # different requests; each is asked once undisturbed
TOKENS = 150
STREAMS = 6  # at once: fewer than three workers' slots, so that a job of the fourth finds a free one
KILL_EVERY_S = 2.5
CUT_S = 5.0


@dataclass
class Stream:
    """One answer as a client saw it: when each piece came."""

    prompt: int
    times: list[float] = field(default_factory=list)
    text: str = ""
    error: str | None = None

    def gap_over(self, moment: float) -> float | None:
        """How long this client waited across `moment`; None if it was not reading then."""
        before = [at for at in self.times if at <= moment]
        after = [at for at in self.times if at > moment]
        return after[0] - before[-1] if before and after else None


@dataclass
class Report:
    """What a run shows. Seconds."""

    fault: str
    faults: int
    streams: list[Stream]
    wrong: int
    moments: list[float]
    moved: int

    def rows(self) -> dict[str, object]:
        errors = Counter(stream.error for stream in self.streams if stream.error)
        gaps = [gap for at in self.moments for stream in self.streams if (gap := stream.gap_over(at)) is not None]
        hit = sorted(gap for gap in gaps if gap > 3 * median(gaps)) if gaps else []
        return {
            "fault": self.fault,
            "faults": self.faults,
            "streams": len(self.streams),
            "failed": sum(errors.values()),
            "errors": dict(errors),
            "wrong_texts": self.wrong,
            "moved": self.moved,
            "interrupted": len(hit),
            "pause_p50_ms": round(1000 * median(hit)) if hit else None,
            "pause_p99_ms": round(1000 * hit[min(len(hit) - 1, int(0.99 * len(hit)))]) if hit else None,
        }


async def ask(client: AsyncOpenAI, prompt: int) -> Stream:
    stream = Stream(prompt)
    try:
        answer = await client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": f"question {prompt}"}],
            max_tokens=TOKENS,
            seed=prompt,
            stream=True,
            extra_body={"ignore_eos": True},
        )
        finished = False
        async for chunk in answer:
            stream.times.append(time.monotonic())
            stream.text += chunk.choices[0].delta.content or ""
            finished = finished or chunk.choices[0].finish_reason is not None
        if not finished:
            stream.error = "bare end"
    except APIError as error:
        stream.error = f"{type(error).__name__}: {error.code or error}"
    return stream


async def load(client: AsyncOpenAI, jobs: int, enough: Callable[[], bool]) -> list[Stream]:
    """At least `jobs` streams, and more until the faults have all happened."""
    done: list[Stream] = []
    asked = 0

    async def reader() -> None:
        nonlocal asked
        while asked < jobs or not enough():
            asked += 1
            done.append(await ask(client, asked % PROMPTS))
            if len(done) % 100 == 0:
                print(f"{len(done)} streams, {sum(s.error is not None for s in done)} failed", file=sys.stderr)

    await asyncio.gather(*(reader() for _ in range(STREAMS)))
    return done


# ---- what goes wrong -----------------------------------------------------------------------------------------------


class Faults:
    """The network under fire and when each fault happened."""

    def __init__(self, network: Network, proxy: Proxy | None, count: int) -> None:
        self.network, self.proxy, self.count = network, proxy, count
        self.moments: list[float] = []
        self.names: dict[int, str] = {}

    @property
    def over(self) -> bool:
        return len(self.moments) >= self.count

    def start_worker(self, name: str) -> Process:
        worker = self.network.start_worker("--scripted", "--slots", "4", name=name)
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
        """The line is dead for five seconds, then it works again."""
        assert self.proxy is not None
        while not self.over:
            await asyncio.sleep(random.uniform(0.5, 1.5))
            self.proxy.cut()
            self.moments.append(time.monotonic())
            await asyncio.sleep(CUT_S)
            self.proxy.mend()


async def run(fault: str, jobs: int, count: int, folder: Path) -> Report:
    network = Network(folder, folder / "no-model")
    network.start_coordinator()
    proxy = None
    try:
        if fault == "cut":  # one worker: nobody else could take its jobs, so they must resume
            proxy = Proxy(network.port)
            await proxy.start()
            network.worker_port = proxy.port
        faults = Faults(network, proxy, count)
        for n in range(1 if fault == "cut" else 4):
            await asyncio.to_thread(faults.start_worker, f"worker{n}")
        async with AsyncOpenAI(base_url=network.url + "/v1", api_key=network.key, max_retries=0) as client:
            undisturbed = await asyncio.gather(*(ask(client, prompt) for prompt in range(PROMPTS)))
            expected = {stream.prompt: stream.text for stream in undisturbed}
            act: Callable[[], Awaitable[None]] = getattr(faults, fault)
            streams, _ = await asyncio.gather(load(client, jobs, lambda: faults.over), act())
        wrong = sum(stream.error is None and stream.text != expected[stream.prompt] for stream in streams)
        assert network.coordinator is not None
        moved = network.coordinator.output().count("moved")
        return Report(fault, len(faults.moments), streams, wrong, faults.moments, moved)
    finally:
        if proxy is not None:
            await proxy.close()
        network.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fault", choices=("kill", "cut", "roll"))
    parser.add_argument("--jobs", type=int, default=800)
    parser.add_argument("--faults", type=int, default=50)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="supernet-chaos-") as folder:
        rows = asyncio.run(run(args.fault, args.jobs, args.faults, Path(folder))).rows()
    print(json.dumps(rows) if args.json else "\n".join(f"{name:14} {value}" for name, value in rows.items()))
    return 1 if rows["failed"] or rows["wrong_texts"] else 0


if __name__ == "__main__":
    sys.exit(main())
