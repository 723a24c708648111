"""A coordinator under a worker's flood, with an honest worker and a client beside it."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx

from tools.hostile.flood.felt import Felt
from tools.hostile.flood.flooder import Flooder
from tools.hostile.flood.floods import Flood
from tools.hostile.flood.watch import PATIENCE_S, Cadence, Process, watching
from tools.local_network import MODEL, Network, until

PACE_S = 0.05  # between two tokens of the honest stream


def felt(floods: list[Flood | None], seconds: float, most_bytes: int) -> Iterator[Felt]:
    """What is felt of one flood after another, each of an account of its own; None: the same time without one."""
    with tempfile.TemporaryDirectory() as folder:
        network = Network(Path(folder), Path("none.gguf"))
        try:
            network.start_coordinator()
            network.start_swarm(0, 1, network.key, PACE_S)
            until(lambda: network.online() == 1, network.workers[0])
            for number, flood in enumerate(floods):
                yield _felt(network, f"flooder{number}", flood, seconds, most_bytes)
        finally:
            network.close()


def _felt(network: Network, account: str, flood: Flood | None, seconds: float, most_bytes: int) -> Felt:
    assert network.coordinator is not None
    flooder = Flooder(flood or Flood("", b""), most_bytes if flood else 0)
    key = network.create_stranger(account)
    process, health, gaps = Process(network.coordinator.popen.pid), Cadence(), Cadence()
    headers = {"Authorization": f"Bearer {network.key}"}
    with httpx.Client(base_url=network.url, timeout=PATIENCE_S, trust_env=False, headers=headers) as http:
        asking = partial(health.asking, lambda: http.get("/health").raise_for_status())
        with watching(asking, partial(gaps.reading, partial(_stream, http)), process.look):
            time.sleep(1)
            until_s = time.monotonic() + seconds
            asyncio.run(flooder.dial(network.url, key, seconds))
            time.sleep(max(0.0, until_s - time.monotonic()))
    return Felt.of(flooder, health, gaps, process)


def _stream(http: httpx.Client) -> Iterator[str]:
    body = {"model": MODEL, "stream": True, "max_tokens": 4000, "messages": [{"role": "user", "content": "hello"}]}
    with http.stream("POST", "/v1/chat/completions", json=body) as answer:
        yield from answer.iter_lines()
