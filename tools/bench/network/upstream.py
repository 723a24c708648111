"""The scripted engine behind plain HTTP: what a proxy is put in front of, at the very speed that our worker's has.

python -m tools.bench.network.upstream --port PORT. Model "paced" gives a token every 20 ms, "instant" does not wait.
"""

import argparse
import asyncio
import json
from itertools import count

from wire.chat import Sampling
from worker.daemon.scripted_model import PACE_S
from worker.engine.port import Ended, Stepped, Submit
from worker.engine.scripted import ScriptedEngine

SLOTS = 256
CONTEXT = 8192
END = b"0\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
HEALTHY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


class Model:
    """One engine; `streams` are the answers that are being given."""

    def __init__(self, pace_s: float) -> None:
        self.engine = ScriptedEngine(SLOTS, CONTEXT, pace_s=pace_s)
        self.streams: dict[str, asyncio.Queue[bytes]] = {}

    async def pump(self) -> None:
        async for event in self.engine.events():
            match event:
                case Stepped():
                    for token in event.tokens:
                        self.streams[token.job].put_nowait(chunk({"content": token.piece.decode("latin-1")}))
                case Ended():
                    self.streams[event.job].put_nowait(chunk({}, event.reason) + frame(b"[DONE]") + END)
                case _:
                    pass


def chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    event = {"id": "chatcmpl-0", "object": "chat.completion.chunk", "created": 0, "model": "scripted"}
    return frame(json.dumps(event | {"choices": [choice]}, separators=(",", ":")).encode())


def frame(data: bytes) -> bytes:
    event = b"data: %s\n\n" % data
    return b"%x\r\n%s\r\n" % (len(event), event)


async def serve(models: dict[str, Model], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Requests of one connection, one after the other."""
    try:
        while request := await reader.readline():
            length = 0
            while (line := await reader.readline()).strip():
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            body = await reader.readexactly(length)
            if request.startswith(b"GET"):
                writer.write(HEALTHY)
                return
            await answer(models, json.loads(body), writer)
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


_names = count()


async def answer(models: dict[str, Model], body: dict[str, object], writer: asyncio.StreamWriter) -> None:
    model, job, most = models[str(body["model"])], f"{next(_names)}.1", body["max_tokens"]
    assert isinstance(most, int)
    prompt = tuple(json.dumps(body["messages"]).encode())
    stream = model.streams[job] = asyncio.Queue()
    model.engine.send(Submit(job, prompt, most, Sampling(temperature=0), seed=1, ignore_eos=True))
    writer.write(HEAD)
    try:
        while True:
            data = await stream.get()
            while not stream.empty():
                data += stream.get_nowait()
            writer.write(data)
            if data.endswith(END):
                return
            await writer.drain()
    finally:
        del model.streams[job]


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    models = {"paced": Model(PACE_S), "instant": Model(0.0)}
    server = await asyncio.start_server(
        lambda reader, writer: serve(models, reader, writer), "127.0.0.1", parser.parse_args().port, backlog=1024
    )
    async with server, asyncio.TaskGroup() as tasks:
        for model in models.values():
            tasks.create_task(model.pump())
        tasks.create_task(server.serve_forever())


if __name__ == "__main__":
    asyncio.run(main())
