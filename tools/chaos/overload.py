"""Five times as many requests as there is capacity for: what is served all the same, and how the others are told.

Capacity is what the same workers give the same requests when no more come than there are slots. After the crowd comes
one client that asks for much and reads nothing.
"""

import asyncio
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tools.chaos.client import Answer, ask, body, connect, percentile
from tools.local_network import Network, until

TIMES = 5
WORKERS, SLOTS, PACE_S = 2, 8, 0.05
TOKENS = 60  # three seconds of a slot
QUEUE = 24  # one and a half turns of all slots
ACCOUNTS = 4
SAMPLE_S = 0.25


@dataclass
class Crowd:
    answers: list[Answer] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def come(self, network: Network, key: str) -> None:
        task = asyncio.create_task(self._ask(network, key))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _ask(self, network: Network, key: str) -> None:
        self.answers.append(await ask(network, body(f"{len(self.answers)}", TOKENS), key))

    def tokens_per_s(self, begin: float, end: float) -> float:
        """Tokens of whole answers: what came of the others helped nobody."""
        return sum(begin <= at <= end for a in self.answers if a.whole for at in a.times) / (end - begin)


async def run(folder: Path, seconds: float) -> dict[str, object]:
    options = ("--queue", str(QUEUE), "--queue-per-account", str(QUEUE))
    network = Network(folder, folder / "no-model")
    try:
        await asyncio.to_thread(network.start_coordinator, *options)
        keys = [network.key, *(network.create_stranger(f"crowd{n}") for n in range(1, ACCOUNTS))]
        network.start_swarm(0, WORKERS, network.key, PACE_S, SLOTS)
        await asyncio.to_thread(until, lambda: network.online() == WORKERS, network.workers[0])
        return await _run(network, keys, seconds)
    finally:
        network.close()


async def _run(network: Network, keys: list[str], seconds: float) -> dict[str, object]:
    assert network.coordinator is not None
    process = psutil.Process(network.coordinator.popen.pid)
    slots = WORKERS * SLOTS
    print(f"capacity: {slots} clients for {seconds:.0f} s", file=sys.stderr, flush=True)
    calm, begin = Crowd(), time.monotonic()
    while time.monotonic() < begin + seconds:
        while len(calm.tasks) < slots:
            calm.come(network, keys[len(calm.answers) % len(keys)])
        await asyncio.wait(calm.tasks, return_when=asyncio.FIRST_COMPLETED)
    capacity = calm.tokens_per_s(begin + seconds / 4, begin + seconds)
    await asyncio.gather(*calm.tasks)
    rate = TIMES * capacity / TOKENS
    print(f"overload: {rate:.1f} requests/s for {seconds:.0f} s", file=sys.stderr, flush=True)
    before, most = process.memory_info().rss, 0
    crowd, begin = Crowd(), time.monotonic()
    sent = 0
    while (elapsed := time.monotonic() - begin) < seconds:
        while sent < elapsed * rate:
            crowd.come(network, keys[sent % len(keys)])
            sent += 1
        most = max(most, process.memory_info().rss)
        await asyncio.sleep(1 / rate)
    served = crowd.tokens_per_s(begin + seconds / 4, begin + seconds)
    await asyncio.gather(*crowd.tasks)
    refused = [answer for answer in crowd.answers if answer.status in (429, 503)]
    print("a client that reads nothing", file=sys.stderr, flush=True)
    deaf_s = await reads_nothing(network, keys[0])
    late_s = [answer.headed - answer.began for answer in refused]
    return {
        "offered_per_s": round(rate, 1),
        "requests": len(crowd.answers),
        "answered": sum(answer.whole for answer in crowd.answers),
        "refused": len(refused),
        "failed": sum(not answer.whole and answer.status == 200 for answer in crowd.answers),
        "capacity_tokens_per_s": round(capacity, 1),
        "goodput_tokens_per_s": round(served, 1),
        "goodput": round(served / capacity, 3),
        "refusal_p50_ms": round(1000 * percentile(late_s, 0.5), 1),
        "refusal_p99_ms": round(1000 * percentile(late_s, 0.99), 1),
        "refused_without_retry_after": sum("retry-after" not in answer.headers for answer in refused),
        "memory_before_mib": round(before / 2**20, 1),
        "memory_most_mib": round(most / 2**20, 1),
        "deaf_client_cut_after_s": round(deaf_s, 1),
    }


async def reads_nothing(network: Network, key: str) -> float:
    """Asks for a long answer with much beside each token, and does not read it: seconds until it was cut off."""
    began = time.monotonic()
    request = body("much", 4000, logprobs=True, top_logprobs=20, n=4)
    reader, writer = await connect(network, request, key)
    status = await reader.readline()
    assert b" 200 " in status, f"a refusal ends by itself: {status!r}"
    peer = writer.get_extra_info("sockname")[1]
    while time.monotonic() < began + 120:
        await asyncio.sleep(SAMPLE_S)
        if not _connected(network, peer):
            writer.transport.abort()
            return time.monotonic() - began
    writer.transport.abort()
    return float("inf")


def _connected(network: Network, peer: int) -> bool:
    """By the kernel's table, since reading is what this client does not do."""
    assert network.coordinator is not None
    connections = psutil.Process(network.coordinator.popen.pid).net_connections("tcp")
    return any(c.raddr and c.raddr.port == peer and c.status == psutil.CONN_ESTABLISHED for c in connections)
