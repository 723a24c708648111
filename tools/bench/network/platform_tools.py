"""What the platform tools cost a chat that calls none: the coordinator's own processor time, with and without them."""

import asyncio
import hashlib
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tools.bench import comparison
from tools.bench.network.cases import ANSWER_TOKENS
from tools.bench.network.client import Ask, BenchError, Target, rounds
from tools.bench.network.servers import create_key, running, until_healthy
from tools.free_port import free_port
from wire.codec import encode
from wire.media import MediaOffer
from wire.media_tools import TOOLS
from wire.messages import HEARTBEAT_S, SUBPROTOCOL, WORKER_PATH, Capacity, Hello
from wire.offers import ModelState

SERVED = "x-supernet-platform-tools: " + ", ".join(f"sogni_{tool}" for tool in TOOLS)
STREAMS = 8
ANSWERS = 40  # of a stream in one run
LOOK_S = 30.0  # for the coordinator to see its workers: it looks once a second
CONTEXT = 32_768  # with less, a model is told of two tools in few words
CATALOG = """
default: instant
models:
  - {id: instant, name: instant, format: qwen-json, files: [{name: bench.gguf, sha256: SHA256}], context: 32768,
     max_output: 4096, thinking: false, price: {prompt: 0, completion: 0}, licence: none}
media:
  - {id: all, name: all, tools: [TOOLS], pipeline: WanPipeline, repository: bench/all, price: 0, licence: none,
     defaults: {width: 64, height: 64, steps: 1, fps: 8}, limits: {pixels: 4096, frames: 9, seconds: 60}}
""".replace("TOOLS", ", ".join(TOOLS)).replace("SHA256", hashlib.sha256().hexdigest())


@dataclass(frozen=True)
class Coordinator:
    target: Target
    pid: int


@dataclass(frozen=True)
class Cost:
    """Of one run: milliseconds of the coordinator's processor for an answer, and until the first token (median)."""

    processor: float
    ttft: float


@asynccontextmanager
async def started(folder: Path) -> AsyncIterator[Coordinator]:
    """A coordinator of its own, a worker whose scripted model takes no time, and one that offers all six tools and is
    never asked for any."""
    catalog, db, script = folder / "models.yaml", folder / "coordinator.db", folder / "words.json"
    catalog.write_text(CATALOG)
    script.write_text('[{"when": "a", "say": "abcdefghijklmnop"}]')
    target = Target(free_port(), create_key(db))
    python = (sys.executable, "-m")
    free = ("--rpm", "0", "--tpm", "0", "--concurrency", "0")
    serve = (*python, "coordinator", "serve", "--port", str(target.port), "--db", str(db), "--catalog", str(catalog))
    dial = (*python, "worker", "--coordinator", f"ws://127.0.0.1:{target.port}", "--catalog", str(catalog))
    shape = ("--slots", "16", "--context", str(CONTEXT))
    scripted = ("--model", "instant", "--state-dir", str(folder / "instant"), "--scripted", str(script))
    async with AsyncExitStack() as stack:
        process = await stack.enter_async_context(running("coordinator", [*serve, *free], folder, target))
        key = {"SUPERNET_KEY": target.key}
        await stack.enter_async_context(running("instant", [*dial, *scripted, *shape], folder, None, key))
        await until_healthy(target, "/v1/models/instant", b'"workers_online":1')
        await stack.enter_async_context(media_worker(target))
        for plain in (False, True):
            await _until_told(target, Ask("instant", "a", ANSWER_TOKENS, plain=plain))
        yield Coordinator(target, process.pid)


@asynccontextmanager
async def media_worker(target: Target) -> AsyncIterator[None]:
    """One that has a pipeline for all tools."""
    address = f"ws://127.0.0.1:{target.port}{WORKER_PATH}"
    headers = {"Authorization": f"Bearer {target.key}"}
    protocols = [Subprotocol(SUBPROTOCOL)]
    async with connect(address, additional_headers=headers, subprotocols=protocols, compression=None) as socket:
        offer = MediaOffer(id="all", modes=TOOLS)
        await socket.send(encode(Hello(worker="all", instance="a", models=(), media=(offer,), features=("media",))))
        await socket.recv()
        beats = asyncio.create_task(_heartbeats(socket))
        try:
            yield
        finally:
            beats.cancel()


async def _heartbeats(socket: ClientConnection) -> None:
    """One that says nothing is given up as dead, and nobody is told of its tools any more."""
    while True:
        await socket.send(encode(Capacity(models=(ModelState(id="all", status="ready", slots=1, free=1),))))
        await asyncio.sleep(HEARTBEAT_S)


async def _until_told(target: Target, ask: Ask) -> None:
    """Until the model is told of all tools, or of none if the request is plain."""
    until = time.monotonic() + LOOK_S
    while (SERVED in await head(target, ask)) is ask.plain:
        if time.monotonic() > until:
            raise BenchError(f"the model is told of {'tools' if ask.plain else 'no tools'}")
        await asyncio.sleep(0.2)


async def head(target: Target, ask: Ask) -> str:
    """The head of an answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    try:
        writer.write(ask.sent(target))
        return (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LOOK_S)).decode()
    finally:
        writer.close()


def processor_seconds(pid: int) -> float:
    """Of all threads of a living process, to the nanosecond: Linux's clock of another process (clock_getcpuclockid(3)).
    Those of /proc/PID/stat are a hundredth of a second apart, as much as seven answers take."""
    return time.clock_gettime(~pid << 3 | 2)


async def cost(coordinator: Coordinator, plain: bool, answers: int = ANSWERS) -> Cost:
    before = processor_seconds(coordinator.pid)
    ask = Ask("instant", "a", ANSWER_TOKENS, plain=plain)
    given = await rounds(coordinator.target, STREAMS, answers, lambda stream, number: ask)
    took = processor_seconds(coordinator.pid) - before
    return Cost(1000 * took / len(given), median(answer.ttft_ms for answer in given))


async def told(folder: Path, pairs: int, answers: int = ANSWERS) -> list[comparison.Row]:
    """With the tools ("ours") beside without ("peer"), in turns, and each first in every other pair."""
    with_tools: list[Cost] = []
    without: list[Cost] = []
    async with started(folder) as coordinator:
        for turn in range(-1, pairs):  # the first turn warms up
            for plain in (False, True) if turn % 2 else (True, False):
                (without if plain else with_tools).append(await cost(coordinator, plain, answers))
        await _until_told(coordinator.target, Ask("instant", "a", ANSWER_TOKENS))  # still: else nothing was compared
    numbers: dict[str, Callable[[Cost], float]] = {
        "processor time": lambda each: each.processor,
        "TTFT p50": lambda each: each.ttft,
    }
    return [
        comparison.row(
            f"six tools told, none called; peer: none told: {name}",
            "ms",
            [number(each) for each in with_tools[1:]],
            [number(each) for each in without[1:]],
        )
        for name, number in numbers.items()
    ]
