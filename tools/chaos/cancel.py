"""How long a slot stays taken after its client has closed the socket: while tokens come, and while the prompt is read.

The real engine. The coordinator is asked over and over whether the slot is free, so a figure holds one such question.
"""

import asyncio
import http.client
import json
import sys
import time
from contextlib import closing, suppress
from itertools import pairwise
from pathlib import Path
from statistics import median

from tools.chaos.client import body, connect, percentile
from tools.local_network import MODEL, Network

LONG = "word " * 1200  # 2,410 tokens of the 4,096 that the model takes: they are read in half a second
TOKENS = 1500  # of an answer: longer than any client stays
PREFILL_S = 0.03  # the prompt is being read by then
PIECES = 5  # tokens before the client leaves


class Slots:
    """Asks on one connection, which stays open until `close`."""

    def __init__(self, network: Network) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", network.port, timeout=30)
        self.close = self._connection.close
        self._headers = {"Authorization": f"Bearer {network.key}"}

    def free(self) -> int:
        self._connection.request("GET", f"/v1/models/{MODEL}", headers=self._headers)
        free: int = json.load(self._connection.getresponse())["free_slots"]
        return free


async def run(folder: Path, model: Path, rounds: int) -> dict[str, object]:
    network = Network(folder, model, context=8192)
    try:
        await asyncio.to_thread(network.start_coordinator)
        # A token a step: guesses that hold give dozens at once, and an answer ends before anybody could leave it.
        await asyncio.to_thread(network.start_worker, "--slots", "1", "--drafts", "off")
        with closing(Slots(network)) as slots:
            return await _run(network, slots, rounds)
    finally:
        network.close()


async def _run(network: Network, slots: Slots, rounds: int) -> dict[str, object]:
    rows: dict[str, object] = {"rounds": rounds}
    steps: list[float] = []
    for when in ("decode", "prefill"):
        freed = []
        for n in range(rounds):
            freed.append(await leave(network, slots, when, n, steps))
            print(f"{when} {n + 1} of {rounds}", file=sys.stderr, flush=True)
        rows[f"{when}_p50_ms"] = round(1000 * median(freed), 1)
        rows[f"{when}_p99_ms"] = round(1000 * percentile(freed, 0.99), 1)
    return rows | {"step_p50_ms": round(1000 * median(steps), 1)}


async def leave(network: Network, slots: Slots, when: str, n: int, steps: list[float]) -> float:
    """Ask, leave, and wait for the slot. The number in the prompt keeps it out of the prefixes that are known."""
    await asyncio.to_thread(until_free, slots, 1)
    request = body(f"{n} {LONG if when == 'prefill' else 'Hello!'}", TOKENS)
    # Asked from before the request on: a short answer must not come and go unseen.
    taken = asyncio.create_task(asyncio.to_thread(until_free, slots, 0))
    reader, writer = await connect(network, request)
    try:
        await taken
        if when == "prefill":
            await _is_read(reader)
        else:
            steps.extend(await _paces(reader))
    finally:
        writer.transport.abort()
    left = time.monotonic()
    await asyncio.to_thread(until_free, slots, 1)
    return time.monotonic() - left


async def _is_read(reader: asyncio.StreamReader) -> None:
    """Stay while the prompt is read, until an answer begins: what comes so early may be a refusal."""
    with suppress(TimeoutError):
        async with asyncio.timeout(PREFILL_S):
            line = await reader.readline()
            assert b" 200 " in line, f"the request was refused: {line!r}"


async def _paces(reader: asyncio.StreamReader) -> list[float]:
    """Seconds between the first tokens of the answer."""
    times: list[float] = []
    while len(times) < PIECES:
        line = await reader.readline()
        assert line, "the answer ended before its client left"
        if b'"content"' in line:
            times.append(time.monotonic())
    return [after - before for before, after in pairwise(times)]


def until_free(slots: Slots, free: int) -> None:
    deadline = time.monotonic() + 60
    while slots.free() != free:
        assert time.monotonic() < deadline, f"the slot is not {'free' if free else 'taken'} after a minute"
