"""llama-server under measurement: started as a process, asked over HTTP."""

import asyncio
import base64
import json
import os
import socket
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tools.bench.engine.sides import START_S, Answer, Ask, BenchError, Shape, Shown, processor_seconds
from tools.children import stop

LINE_BYTES = 8 << 20  # its last event repeats the prompt
MARK = "<__media__>"  # stands for a picture in a prompt; left to itself it makes up another at each start


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
            "prompt": _shown(ask.shown) if ask.shown else list(ask.prompt),
            "n_predict": ask.most,
            "temperature": ask.temperature,
            "top_k": 1 if not ask.temperature else 0,  # else it sorts candidates before it takes the best
            "ignore_eos": not ask.ends,
            "seed": 1,
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


def _shown(shown: Shown) -> dict[str, object]:
    text = MARK.join(shown.text)
    return {"prompt_string": text, "multimodal_data": [base64.b64encode(shown.file).decode()]}


@asynccontextmanager
async def peer(shape: Shape, program: Path) -> AsyncIterator[Peer]:
    """llama-server with its defaults, but for model, threads, slots and context."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    threads = str(shape.threads)
    command = [str(program), "-m", str(shape.model), "-np", str(shape.slots), "-c", str(shape.slots * shape.context)]
    command += ["-t", threads, "-tb", threads, "-ngl", "999" if shape.gpu else "0", "--no-ui"]
    command += shape.peer_options
    if shape.projector:
        command += ["--mmproj", str(shape.projector), *([] if shape.gpu else ["--no-mmproj-offload"])]
    paths = ":".join(filter(None, (str(program.parent), os.environ.get("LD_LIBRARY_PATH"))))
    env = os.environ | {"LD_LIBRARY_PATH": paths, "OMP_WAIT_POLICY": "passive", "LLAMA_MEDIA_MARKER": MARK}
    process = await asyncio.create_subprocess_exec(
        *command, "--host", "127.0.0.1", "--port", str(number), stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, env=env
    )
    side = Peer(number, process.pid)
    try:
        await _until_healthy(side, process)
        yield side
    finally:
        await stop(process)


async def _until_healthy(side: Peer, process: Process) -> None:
    limit = time.monotonic() + START_S
    while not await side.healthy():
        if process.returncode is not None or time.monotonic() > limit:
            raise BenchError("llama-server did not start: run its command by hand to see why")
        await asyncio.sleep(0.2)
