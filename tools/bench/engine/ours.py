"""Our engine under measurement: planned as the worker plans it, in its child process."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from program import gguf
from tools.bench.engine.sides import START_S, Answer, Ask, BenchError, Shape, Shown, processor_seconds
from wire.catalog import File, ModelSpec, Price
from wire.chat import Sampling
from wire.errors import SupernetError
from wire.pictures import MOST_TOKENS, PATCH
from worker.bindings import probe
from worker.engine import port
from worker.engine.process import ProcessEngine
from worker.machine import hardware
from worker.pictures.process import PictureReader
from worker.planning.explain import Plan
from worker.planning.plan import PlanError, Wishes, plan


def planned(shape: Shape) -> Plan:
    """What the worker's own plan makes of it. Raises BenchError if not all of it fits.

    On a GPU all of the main memory counts as free: a virtual machine may begin with little, and get what it asks for.
    """
    with shape.model.open("rb") as stream:
        header = gguf.read(stream, shape.model.stat().st_size)
    model = ModelSpec(
        id="bench",
        name="bench",
        format="qwen-xml",
        repository="bench/bench",
        files=(File(name=shape.model.name),),
        context=shape.context,
        max_output=shape.context,
        price=Price(prompt=0, completion=0),
        licence="none",
    )
    machine = hardware.detect(probe.ask())
    if shape.gpu:
        machine = replace(machine, available_bytes=machine.hardware.memory_bytes)
    wishes = Wishes(slots=shape.slots, context=shape.context, threads=shape.threads, gpu=shape.gpu, drafts=shape.drafts)
    try:
        found = plan(header, str(shape.model), model, machine, wishes)
    except PlanError as error:
        raise BenchError(str(error)) from error
    if found.engine.slots != shape.slots or (shape.gpu and found.engine.gpu_layers != -1):
        raise BenchError(f"{shape.slots} chats of {shape.context} tokens do not fit here:\n{found.explain()}")
    return found


class Ours:
    """The engine in its child process, through its port; pictures are read in theirs, as the daemon has it."""

    def __init__(self, engine: ProcessEngine) -> None:
        self._engine = engine
        self._reader = PictureReader()
        self._shows: set[asyncio.Task[None]] = set()
        self._asked = 0
        self._answers: dict[str, Answer] = {}
        self.ready = asyncio.Event()
        self.pulses: list[port.Pulse] = []

    async def pump(self) -> None:
        async for event in self._engine.events():
            now = time.perf_counter()
            match event:
                case port.Ready():
                    self.ready.set()
                case port.Stepped():
                    for token in event.tokens:
                        answer = self._answers[token.job]
                        answer.tokens.append(token.id)
                        answer.came(now)
                case port.Ended():
                    answer = self._answers.pop(event.job)
                    answer.computed = event.usage.prompt - event.usage.cached
                    answer.end(f"our engine: {event.message}" if event.reason == "failed" else "")
                case port.Pulse():
                    self.pulses.append(event)
                case port.Down():
                    raise BenchError(f"our engine ended: {event.message}")
                case _:
                    pass

    def ask(self, ask: Ask) -> Answer:
        self._asked += 1
        job = f"bench.{self._asked}"
        sampling = Sampling(temperature=ask.temperature)
        submit = port.Submit(job, ask.prompt, ask.most, sampling, seed=1, anchors=ask.anchors, ignore_eos=not ask.ends)
        answer = self._answers[job] = Answer()
        if ask.shown:
            show = asyncio.create_task(self._show(submit, ask.shown))
            self._shows.add(show)
            show.add_done_callback(self._shows.discard)
        else:
            self._engine.send(submit)
        return answer

    async def _show(self, submit: port.Submit, shown: Shown) -> None:
        try:
            pixels = await self._reader.read(shown.file, MOST_TOKENS)
        except SupernetError as error:
            self._answers.pop(submit.job).end(f"our reader: the picture {error.message}")
            return
        columns, rows = pixels.width // PATCH, pixels.height // PATCH
        name = hashlib.sha256(pixels.rgb).hexdigest()
        start, pad, end = shown.marks
        seen = (start, *[pad] * (columns * rows), end)
        prompt = submit.prompt[: shown.at] + seen + submit.prompt[shown.at :]
        self._engine.send(port.Picture(name, pixels.width, pixels.height, pixels.rgb))
        placed = port.Placed(shown.at + 1, columns, rows, name)
        self._engine.send(replace(submit, prompt=prompt, pictures=(placed,)))

    async def close(self) -> None:
        await self._reader.close()

    def cpu_s(self) -> float:
        if self._engine.pid is None:
            raise BenchError("our engine is gone")
        return processor_seconds(self._engine.pid)

    def leave(self, answer: Answer) -> None:
        for job, known in self._answers.items():
            if known is answer:
                self._engine.send(port.Cancel(job))


@asynccontextmanager
async def ours(shape: Shape) -> AsyncIterator[Ours]:
    """Our engine, started and loaded."""
    spec = planned(shape).engine
    engine = ProcessEngine(replace(spec, projector=str(shape.projector)) if shape.projector else spec)
    side = Ours(engine)
    pump = asyncio.create_task(side.pump())
    ready = asyncio.create_task(side.ready.wait())
    try:
        await asyncio.wait({pump, ready}, timeout=START_S, return_when=asyncio.FIRST_COMPLETED)
        if not side.ready.is_set():
            raise BenchError("our engine did not start") from (pump.exception() if pump.done() else None)
        yield side
    finally:
        ready.cancel()
        await side.close()
        await engine.close()
        pump.cancel()
        await asyncio.wait({pump})
