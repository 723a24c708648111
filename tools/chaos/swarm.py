"""A thousand workers and a thousand streams on one machine, and a coordinator that is killed and comes back.

What is measured: how long until all workers are registered, what a token needs from the engine to the client's hands,
and what a worker and a stream cost the coordinator in memory and processor time. Workers, clients and coordinator
share the machine, so the latencies include all of their work.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import psutil

from tools.chaos import stamps
from tools.chaos.client import Answer, ask, body, percentile
from tools.local_network import Network

PROCESSES = 2  # of the workers
ACCOUNT_WORKERS = 250  # under the limit of one account
PATIENCE_S = 300.0
RAMP_S = 5.0  # the streams begin spread over this time


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Swarm:
    def __init__(self, folder: Path, workers: int, pace_s: float) -> None:
        self.workers, self.pace_s = workers, pace_s
        self.options = ("--resume-window-s", "60", "--queue", str(workers), "--queue-per-account", str(workers))
        self.network = Network(folder, folder / "no-model")

    def start(self) -> None:
        accounts = -(-self.workers // ACCOUNT_WORKERS)
        self.network.start_coordinator(*self.options)
        keys = ",".join(self.network.create_stranger(f"swarm{n}") for n in range(accounts))
        share = -(-self.workers // PROCESSES)
        for first in range(0, self.workers, share):
            count = min(share, self.workers - first)
            self.network.start_swarm(first, count, keys, self.pace_s)

    def restart_coordinator(self) -> None:
        """kill -9, and a new one at the same address."""
        assert self.network.coordinator is not None
        self.network.coordinator.kill()
        self.network.coordinator.wait()
        self.network.start_coordinator(*self.options)

    async def registered(self) -> float:
        """Seconds until every worker is there."""
        began = time.monotonic()
        while (online := await asyncio.to_thread(self._online)) < self.workers:
            assert time.monotonic() - began < PATIENCE_S, f"{online} of {self.workers} workers registered"
            await asyncio.sleep(0.1)
        return time.monotonic() - began

    def _online(self) -> int:
        try:
            return self.network.online()
        except OSError:
            return -1

    @property
    def coordinator(self) -> psutil.Process:
        assert self.network.coordinator is not None
        return psutil.Process(self.network.coordinator.popen.pid)


async def run(folder: Path, workers: int, streams: int, seconds: float, pace_s: float) -> dict[str, object]:
    swarm = Swarm(folder, workers, pace_s)
    try:
        return await _run(swarm, streams, seconds)
    finally:
        swarm.network.close()


async def _run(swarm: Swarm, streams: int, seconds: float) -> dict[str, object]:
    await asyncio.to_thread(swarm.start)
    empty = swarm.coordinator.memory_info().rss
    first_s = await swarm.registered()
    await asyncio.sleep(2)
    idle = swarm.coordinator.memory_info().rss
    say(f"{swarm.workers} workers registered in {first_s:.1f} s")
    tokens = int((RAMP_S + seconds) / swarm.pace_s)
    asks = [partial(ask, swarm.network, body(f"{n}", tokens)) for n in range(streams)]
    asking = [asyncio.create_task(_later(n * RAMP_S / streams, one)) for n, one in enumerate(asks)]
    await asyncio.sleep(RAMP_S + seconds / 4)
    before, cpu = time.monotonic(), swarm.coordinator.cpu_times()
    say(f"{streams} streams")
    await asyncio.sleep(seconds / 2)
    after, spent, busy = time.monotonic(), swarm.coordinator.cpu_times(), swarm.coordinator.memory_info().rss
    answers = await asyncio.gather(*asking)
    latencies = [late for answer in answers for at, late in _latencies(answer) if before <= at <= after]
    say("the coordinator is killed and started again")
    killed = time.monotonic()
    await asyncio.to_thread(swarm.restart_coordinator)
    up_s = time.monotonic() - killed
    again_s = await swarm.registered()
    cpu_s = spent.user + spent.system - cpu.user - cpu.system
    return {
        "workers": swarm.workers,
        "streams": streams,
        "failed": sum(not answer.whole for answer in answers),
        "wrong_texts": sum(answer.whole and not _in_order(answer, tokens) for answer in answers),
        "tokens_per_s": round(len(latencies) / (after - before)),
        "latency_p50_ms": round(1000 * percentile(latencies, 0.5), 2),
        "latency_p99_ms": round(1000 * percentile(latencies, 0.99), 2),
        "coordinator_cpu": round(cpu_s / (after - before), 2),
        "coordinator_us_per_token": round(1e6 * cpu_s / max(len(latencies), 1)),
        "kib_per_worker": round((idle - empty) / swarm.workers / 1024, 1),
        "kib_per_stream": round((busy - idle) / streams / 1024, 1),
        "first_registered_s": round(first_s, 1),
        "restart_s": round(up_s, 1),
        "registered_after_restart_s": round(again_s, 1),
    }


async def _later(delay_s: float, act: Callable[[], Awaitable[Answer]]) -> Answer:
    await asyncio.sleep(delay_s)
    return await act()


def _latencies(answer: Answer) -> list[tuple[float, float]]:
    """When each piece came, and how long its oldest token had been on the way."""
    return [(came, came - stamps.read(piece)[0].at) for came, piece in zip(answer.times, answer.pieces, strict=True)]


def _in_order(answer: Answer, tokens: int) -> bool:
    return [stamp.number for stamp in stamps.read(answer.text)] == list(range(tokens))
