"""Ours and llama-server behind one face: ask for an answer, get the times at which its tokens came."""

import asyncio
import json
import os
import socket
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from wire.catalog import File, ModelSpec, Price
from wire.chat import Sampling
from worker.bindings import probe
from worker.engine import port
from worker.engine.process import ProcessEngine
from worker.machine import hardware
from worker.planning.explain import Plan
from worker.planning.plan import PlanError, Wishes, plan
from worker.weights import gguf

START_S = 300.0
ANSWER_S = 900.0
STOP_S = 20.0
LINE_BYTES = 8 << 20  # the peer's last event repeats the prompt
GREEDY = Sampling(temperature=0)


class BenchError(Exception):
    """What was to be measured did not happen; the text says why."""


@dataclass(frozen=True)
class Shape:
    """What both sides are started with. `context`: tokens of one chat. `gpu`: all layers on it."""

    model: Path
    slots: int
    context: int
    threads: int = 1
    gpu: bool = False


@dataclass(frozen=True)
class Ask:
    """`anchors` end messages, as the worker's templates tell the engine; the peer finds such places by itself."""

    prompt: tuple[int, ...]
    most: int
    anchors: tuple[int, ...] = ()


@dataclass
class Answer:
    """Times are of time.perf_counter. `computed`: prompt tokens that were put through the model; set at the end."""

    sent: float = field(default_factory=time.perf_counter)
    times: list[float] = field(default_factory=list)
    computed: int = 0
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def ttft(self) -> float:
        return self.times[0] - self.sent

    def came(self, now: float) -> None:
        self.times.append(now)
        self.begun.set()

    def end(self, problem: str = "") -> None:
        self.begun.set()
        if self.over.done():
            return
        if problem:
            self.over.set_exception(BenchError(problem))
        else:
            self.over.set_result(None)


class Side(Protocol):
    def ask(self, ask: Ask) -> Answer: ...

    def leave(self, answer: Answer) -> None:
        """Stop listening, as a client does that goes away; the answer's `over` comes when the side knows it."""
        ...

    def cpu_s(self) -> float:
        """Processor seconds that its process has taken so far: on a shared machine far steadier than any clock."""
        ...


def processor_seconds(pid: int) -> float:
    """User and system time of a living process (proc(5): fields 14 and 15 of stat; the name before may have blanks)."""
    stat = Path(f"/proc/{pid}/stat").read_text()
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


async def ends(answers: Sequence[Answer]) -> None:
    """Wait until all are over. Raises BenchError when one failed or none came in time."""
    try:
        await asyncio.wait_for(asyncio.gather(*(answer.over for answer in answers)), ANSWER_S)
    except TimeoutError as error:
        raise BenchError(f"no end after {ANSWER_S:.0f} s") from error


# ---- ours ----------------------------------------------------------------------------------------------------------


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
    wishes = Wishes(slots=shape.slots, context=shape.context, threads=shape.threads, gpu=shape.gpu)
    try:
        found = plan(header, str(shape.model), model, machine, wishes)
    except PlanError as error:
        raise BenchError(str(error)) from error
    if found.engine.slots != shape.slots or (shape.gpu and found.engine.gpu_layers != -1):
        raise BenchError(f"{shape.slots} chats of {shape.context} tokens do not fit here:\n{found.explain()}")
    return found


class Ours:
    """The engine in its child process, through its port."""

    def __init__(self, engine: ProcessEngine) -> None:
        self._engine = engine
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
                        self._answers[token.job].came(now)
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
        submit = port.Submit(job, ask.prompt, ask.most, GREEDY, seed=1, anchors=ask.anchors, ignore_eos=True)
        answer = self._answers[job] = Answer()
        self._engine.send(submit)
        return answer

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
    engine = ProcessEngine(planned(shape).engine)
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
        await engine.close()
        pump.cancel()
        await asyncio.wait({pump})


# ---- llama-server --------------------------------------------------------------------------------------------------


class Peer:
    """llama-server over HTTP, one connection for each answer, as its clients do it."""

    def __init__(self, port: int, pid: int) -> None:
        self._port = port
        self._pid = pid
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def cpu_s(self) -> float:
        return processor_seconds(self._pid)

    async def healthy(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            writer.write(b"GET /health HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
            status = await reader.readline()
            writer.close()
        except OSError:
            return False
        return b" 200 " in status

    def ask(self, ask: Ask) -> Answer:
        body = {
            "prompt": list(ask.prompt),
            "n_predict": ask.most,
            "temperature": 0,
            "top_k": 1,  # else it sorts candidates before it takes the best
            "ignore_eos": True,
            "cache_prompt": True,
            "stream": True,
        }
        text = json.dumps(body).encode()
        answer = Answer()
        task = asyncio.create_task(self._read(text, answer))
        self._tasks[id(answer)] = task
        task.add_done_callback(lambda _: self._tasks.pop(id(answer), None))
        return answer

    async def _read(self, body: bytes, answer: Answer) -> None:
        problem = "llama-server closed the connection"
        head = (
            f"POST /completion HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        )
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=LINE_BYTES)
            try:
                writer.write(head.encode() + b"\r\nConnection: close\r\n\r\n" + body)
                problem = await self._events(reader, answer)
            finally:
                writer.close()
        except asyncio.CancelledError:
            problem = ""
            raise
        except OSError as error:
            problem = str(error)
        finally:
            answer.end(problem)

    async def _events(self, reader: asyncio.StreamReader, answer: Answer) -> str:
        """Read to the last event; a problem in words, or nothing. An event holds one token, and is not taken apart."""
        status = await reader.readline()
        if b" 200 " not in status:
            return f"llama-server: {status.decode().strip()}: {(await reader.read(2000)).decode()}"
        while line := await reader.readline():
            if not line.startswith(b"data: "):
                continue
            if b'"stop":true' not in line:
                answer.came(time.perf_counter())
                continue
            answer.computed = json.loads(line[6:])["timings"]["prompt_n"]
            return ""
        return "llama-server closed the connection"

    def leave(self, answer: Answer) -> None:
        if task := self._tasks.get(id(answer)):
            task.cancel()


@asynccontextmanager
async def peer(shape: Shape, program: Path) -> AsyncIterator[Peer]:
    """llama-server with its defaults, but for model, threads, slots and context."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    threads = str(shape.threads)
    command = [str(program), "-m", str(shape.model), "-np", str(shape.slots), "-c", str(shape.slots * shape.context)]
    command += ["-t", threads, "-tb", threads, "-ngl", "999" if shape.gpu else "0", "--no-ui"]
    paths = ":".join(filter(None, (str(program.parent), os.environ.get("LD_LIBRARY_PATH"))))
    env = os.environ | {"LD_LIBRARY_PATH": paths, "OMP_WAIT_POLICY": "passive"}
    process = await asyncio.create_subprocess_exec(
        *command, "--host", "127.0.0.1", "--port", str(number), stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, env=env
    )
    side = Peer(number, process.pid)
    try:
        await _until_healthy(side, process)
        yield side
    finally:
        await _stop(process)


async def _until_healthy(side: Peer, process: Process) -> None:
    limit = time.monotonic() + START_S
    while not await side.healthy():
        if process.returncode is not None or time.monotonic() > limit:
            raise BenchError("llama-server did not start: run its command by hand to see why")
        await asyncio.sleep(0.2)


async def _stop(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_S)
    except TimeoutError:
        process.kill()
        await process.wait()
