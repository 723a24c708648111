"""A client that costs next to nothing, so that a thousand of them fit beside the coordinator that they measure.

What it understands of HTTP is what this coordinator sends: one answer to one request, then the connection closes.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tools.local_network import MODEL

LINE_BYTES = 1 << 20
PATIENCE_S = 300.0


class Door(Protocol):
    """Where requests go: a Network, or what stands before one."""

    @property
    def port(self) -> int: ...

    @property
    def key(self) -> str: ...


@dataclass
class Answer:
    """One request as its client saw it. Times are those of time.monotonic()."""

    began: float
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    headed: float = 0.0  # the headers were here
    times: list[float] = field(default_factory=list)  # of each piece
    pieces: list[str] = field(default_factory=list)
    finish: str | None = None
    prompt: int = 0  # tokens, by the usage that was shown, if it was asked for
    completion: int = 0
    error: str | None = None
    ended: float = 0.0

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def whole(self) -> bool:
        return self.finish is not None and self.error is None


def body(content: str, max_tokens: int, **more: Any) -> dict[str, Any]:
    """A stream that ends by its length."""
    ask = [{"role": "user", "content": content}]
    return {"model": MODEL, "messages": ask, "max_tokens": max_tokens, "stream": True, "ignore_eos": True, **more}


async def ask(
    network: Door,
    request: dict[str, Any],
    key: str | None = None,
    answer: Answer | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Never raises: what went wrong stands in `error`. `answer` is filled while it comes, for whoever watches."""
    answer = answer or Answer(time.monotonic())
    writer = None
    try:
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await connect(network, request, key, headers)
            await _head(reader, answer)
            await _events(reader, answer)
    except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
        answer.error = f"{type(error).__name__}: {error}"
    finally:
        answer.ended = time.monotonic()
        if writer is not None:
            writer.transport.abort()
    if not answer.whole and answer.error is None:
        answer.error = f"HTTP {answer.status}" if answer.status != 200 else "bare end"
    return answer


async def connect(
    network: Door, request: dict[str, Any], key: str | None = None, headers: Mapping[str, str] | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection and send the request; reading the answer, or not reading it, is left to the caller."""
    data = json.dumps(request).encode()
    more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key or network.key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(data)}\r\n{more}connection: close\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", network.port, limit=LINE_BYTES)
    writer.write(head.encode() + data)
    return reader, writer


async def _head(reader: asyncio.StreamReader, answer: Answer) -> None:
    if not (first := await reader.readline()):
        raise ConnectionResetError("no answer")
    answer.status = int(first.split()[1])
    while line := (await reader.readline()).strip():
        name, _, value = line.decode().partition(":")
        answer.headers[name.lower()] = value.strip()
    answer.headed = time.monotonic()


async def _events(reader: asyncio.StreamReader, answer: Answer) -> None:
    """Lines of the transfer's chunks stand between those of the events and begin otherwise."""
    while line := await reader.readline():
        if not line.startswith(b"data: {"):
            continue
        event = json.loads(line[6:])
        if "error" in event:
            answer.error = str(event["error"]["code"])
            return
        if usage := event.get("usage"):
            answer.prompt, answer.completion = usage["prompt_tokens"], usage["completion_tokens"]
        for choice in event["choices"]:
            if text := choice["delta"].get("content"):
                answer.times.append(time.monotonic())
                answer.pieces.append(text)
            answer.finish = choice["finish_reason"] or answer.finish


def percentile(values: list[float], share: float) -> float:
    """The value that a share, 0 to 1, of all values do not exceed; 0 if there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
