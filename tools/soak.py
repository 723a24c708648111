"""Random orders for a worker's heart: session, engine child and preparer child, all real, on a tiny model.

    python -m tools.soak --operations 10000

Everything that a coordinator and bad luck can do to it, and afterwards: every job has ended once, every slot is free,
nothing is kept, and no process has grown.
"""

import argparse
import asyncio
import contextlib
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from tools.tiny_models.make import write_qwen3
from wire import messages as wire
from wire.chat import ChatRequest, Message, Sampling, Tool
from wire.errors import SupernetError
from wire.offers import ModelOffer
from worker.engine import port
from worker.engine.process import ProcessEngine
from worker.preparer.process import Preparer
from worker.session import effects
from worker.session.served_model import ServedModel
from worker.session.session import Session
from worker.session.slots import Slots

MODEL, SLOTS, CONTEXT = "tiny", 4, 1024
REST_S = 120.0  # for what runs at the end
GROWTH_MIB = 48  # of a process: what its allocator keeps differs that much from life to life
ENDS = ("done", "failed", "cancelled", "refused")
ORDERS = {"submit": 60, "cancel": 25, "acknowledge": 14, "crash": 1}
KINDS = ("short", "long", "schema", "tool", "stop", "too long", "bad schema")
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}, "ok": {"type": "boolean"}}, "required": ["n"]}
TOOL = Tool(name="look_up", parameters=SCHEMA)


def resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def request(kind: str, draw: random.Random) -> ChatRequest:
    """A request of this kind; a third of them begin alike."""
    shared = "You are a helpful assistant. " * 12 if draw.random() < 0.33 else ""
    words = {"long": 300, "too long": 3000}.get(kind, draw.randint(1, 40))
    text = " ".join(draw.choice(("river", "house", "stone", "letter", "morning", "</think>")) for _ in range(words))
    more: dict[str, Any] = {"max_tokens": draw.randint(1, 200 if kind == "long" else 30), "thinking": False}
    if kind == "schema":
        more |= {"json_schema": SCHEMA}
    if kind == "bad schema":
        more |= {"json_schema": {"type": "string", "pattern": "(" * 50}}
    if kind == "tool":
        more |= {"tools": (TOOL,), "tool_choice": "required"}
    if kind == "stop":
        more |= {"stop": ("a", "e", "zz"), "max_tokens": 200}
    sampling = Sampling(temperature=draw.choice((0.0, 1.0)), top_logprobs=draw.choice((None, None, 2)))
    messages = (Message(role="system", content=shared), Message(role="user", content=text))
    return ChatRequest(messages=messages[not shared :], sampling=sampling, **more)


class Rig:
    """The shell around a session: performs its effects and plays the coordinator. `ends` are the frames of each job."""

    def __init__(self, path: Path, seed: int, unified: bool) -> None:
        self.draw = random.Random(seed)
        self.passed_s = 0.0  # ten minutes after each crash: five in ten would be the end of the engine
        spec = port.EngineSpec(str(path), SLOTS, CONTEXT, batch=128, unified=unified, anchors=2 if unified else 0)
        self.engine = ProcessEngine(spec, clock=lambda: time.monotonic() + self.passed_s, sleep=_briefly)
        self.preparer = Preparer(str(path), CONTEXT, "qwen-json")
        offer = ModelOffer(id=MODEL, context=CONTEXT, slots=SLOTS)
        self.session = Session({MODEL: ServedModel(offer, Slots(SLOTS))})
        self.ends: dict[str, list[str]] = {}
        self.said: Counter[str] = Counter()
        self.unacknowledged: dict[str, int] = {}
        self.sizes: list[tuple[int, float]] = []  # of the engine: pid, MiB after an operation
        self.pulse = port.Pulse()
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    async def pump(self) -> None:
        async for event in self.engine.events():
            if isinstance(event, port.Down):
                assert event.retry_in_s is not None, event.message
                self.passed_s += 601
            if isinstance(event, port.Pulse):
                self.pulse = event
            self.perform(self.session.engine(MODEL, event))
            self._changed.set()

    def perform(self, wanted: list[effects.Effect]) -> None:
        for effect in wanted:
            match effect:
                case effects.Send():
                    self._hear(effect.message)
                case effects.Command():
                    self.engine.send(effect.command)
                case effects.Prepare():
                    task = asyncio.create_task(self._prepare(effect))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
                case _:
                    pass

    async def _prepare(self, effect: effects.Prepare) -> None:
        try:
            prepared = await self.preparer.prepare(effect.request, effect.delivered)
        except SupernetError as error:
            self.perform(self.session.prepare_failed(effect.key, error))
        else:
            self.perform(self.session.prepared(effect.key, prepared))
        self._changed.set()

    def _hear(self, message: BaseModel) -> None:
        items = message.items if isinstance(message, wire.Deltas) else (message,)
        for item in items:
            job, kind = getattr(item, "job", None), str(getattr(item, "type", ""))
            if job is None or isinstance(item, wire.Accepted):
                continue
            assert not self.ends[job], f"{job}: {kind} after its end"
            if kind in ENDS:
                self.ends[job].append(kind)
                self.said[kind] += 1
            if not isinstance(item, wire.Refused):
                self.unacknowledged[job] = item.seq + 1  # type: ignore[attr-defined]

    # ---- orders ------------------------------------------------------------------------------------------------------

    async def obey(self, order: str) -> None:
        match order:
            case "submit":
                self._submit()
            case "cancel" if open_ := [job for job, ends in self.ends.items() if not ends]:
                self.perform(self.session.received(wire.Cancel(job=self.draw.choice(open_), attempt=1), 0.0))
            case "crash":
                await self.until(lambda: self.ready and self.engine.pid is not None)
                pid = self.engine.pid
                assert pid is not None
                with contextlib.suppress(ProcessLookupError):  # the crash before this one is not noticed yet
                    os.kill(pid, signal.SIGKILL)
                    self.said["crash"] += 1
            case _:
                self.acknowledge()
        await self._breathe()

    def _submit(self) -> None:
        job, kind = f"j{len(self.ends)}", self.draw.choice(KINDS)
        self.ends[job] = []
        self.said[kind] += 1
        asked = request(kind, self.draw)
        start = wire.Start(job=job, attempt=1, model=MODEL, request=asked, seed=self.draw.randrange(2**40))
        self.perform(self.session.received(start, 0.0))

    def acknowledge(self) -> None:
        items = tuple(wire.AckItem(job=job, attempt=1, next_seq=seq) for job, seq in self.unacknowledged.items())
        self.unacknowledged.clear()
        self.perform(self.session.received(wire.Ack(items=items), 0.0))

    async def until(self, met: Callable[[], bool]) -> None:
        """Wait for it, taking what comes meanwhile. Raises TimeoutError."""
        async with asyncio.timeout(REST_S):
            while not met():
                self.acknowledge()
                self._changed.clear()
                await self._changed.wait()

    @property
    def ready(self) -> bool:
        return self.session.models[MODEL].status == "ready"

    async def _breathe(self) -> None:
        """Mostly wait until a slot is free, for a refusal tries nothing; a worker that is down refuses all."""
        if self.draw.random() < 0.95:
            await self.until(lambda: self.ready and self.session.models[MODEL].slots.free > 0)
        await asyncio.sleep(0)

    async def rest(self) -> None:
        """Until nothing runs any more, and the engine itself says so."""
        await self.until(lambda: self.ready and not self.session.jobs.attempts and not self._tasks)
        self.pulse = port.Pulse(busy=-1)
        await self.until(lambda: not self.pulse.busy)
        assert not self.pulse.waiting

    def weigh(self) -> None:
        """Note the engine's size, if it lives: one that was just killed has none."""
        pid = self.engine.pid
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if pid and (size := resident_mib(pid)):
                self.sizes.append((pid, size))

    def check(self) -> None:
        """What must hold when nothing runs. Raises AssertionError."""
        wrong = {job: ends for job, ends in self.ends.items() if len(ends) != 1}
        assert not wrong, wrong
        assert self.session.models[MODEL].slots.free == SLOTS
        assert not self.session.jobs.attempts and not self.engine._jobs and not self._tasks


async def _briefly(seconds: float) -> None:
    await asyncio.sleep(min(seconds, 0.05))


async def soak(path: Path, operations: int, seed: int, unified: bool = True, progress: bool = False) -> Rig:
    """The rig after so many orders, at rest and closed. Raises AssertionError when something does not hold."""
    rig = Rig(path, seed, unified)
    rig.perform(rig.session.received(wire.Welcome(session="soak"), 0.0))
    pump = asyncio.create_task(rig.pump())
    try:
        await rig.preparer.start()
        # drawn before anything runs: what comes when must not depend on how fast this machine is
        orders = rig.draw.choices(list(ORDERS), list(ORDERS.values()), k=operations)
        for number, order in enumerate(orders):
            await rig.obey(order)
            if pump.done():
                pump.result()
            if number % 10 == 9:
                rig.weigh()
            if progress and number % 500 == 499:
                print(f"{number + 1} operations: {dict(rig.said)}", file=sys.stderr)
        await rig.rest()
        rig.check()
    finally:
        await rig.engine.close()
        await rig.preparer.close()
        pump.cancel()
        await asyncio.wait({pump})
    return rig


def growth_mib(sizes: list[tuple[int, float]]) -> float:
    """How much larger the engine was in the last quarter than in the first: medians over its lives."""
    quarter = max(1, len(sizes) // 4)
    middle = [sorted(size for _, size in part)[len(part) // 2] for part in (sizes[:quarter], sizes[-quarter:])]
    return middle[1] - middle[0]


def main() -> int:
    made = argparse.ArgumentParser(prog="python -m tools.soak", description=__doc__)
    made.add_argument("--operations", type=int, default=10_000)
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--separate", action="store_true", help="a cache for each slot, as on a CPU with more than two")
    given = made.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tiny.gguf"
        write_qwen3(path)
        before = resident_mib(os.getpid())
        rig = asyncio.run(soak(path, given.operations, given.seed, not given.separate, progress=True))
    ours, engines = resident_mib(os.getpid()) - before, growth_mib(rig.sizes)
    print(f"{given.operations} operations, {len(rig.ends)} jobs, each ended once, all slots free: {dict(rig.said)}")
    print(f"memory: session's process +{ours:.0f} MiB, engine {engines:+.1f} MiB from first to last quarter")
    return 0 if engines < GROWTH_MIB else 1


if __name__ == "__main__":
    sys.exit(main())
