"""A client that costs next to nothing: it shares the machine with what it measures, so it parses no JSON.

Each stream is one connection that is kept, as the connection pool of an SDK keeps it. Only the framing of HTTP is read
(httptools, in C); an event counts as a token if it brings text, and only the times of the first and the last are kept.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httptools

ANSWER_S = 300.0  # longest wait for one answer


class BenchError(Exception):
    """What was to be measured did not happen; the text says why."""


@dataclass(frozen=True)
class Target:
    """An OpenAI-compatible server on this machine."""

    port: int
    key: str = "none"


@dataclass(frozen=True)
class Ask:
    """One streamed answer of exactly `tokens` tokens. Whoever asks has thought for `after_s` seconds before.
    `plain`: the model is to be told of no platform tools."""

    model: str
    prompt: str
    tokens: int
    after_s: float = 0.0
    plain: bool = False

    def body(self) -> bytes:
        request: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "user", "content": self.prompt}],
            "max_tokens": self.tokens,
            "temperature": 0,
            "ignore_eos": True,
            "stream": True,
            **({"sogni_tools": False} if self.plain else {}),
        }
        return json.dumps(request).encode()

    def sent(self, target: Target) -> bytes:
        """The whole HTTP request."""
        body = self.body()
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {target.key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


@dataclass
class Answer:
    """Times are of time.perf_counter."""

    sent: float
    first: float = 0.0
    last: float = 0.0
    events: int = 0  # that brought text
    status: int = 0
    text: bytearray = field(default_factory=bytearray)  # the end of the body: what an error says

    @property
    def ttft_ms(self) -> float:
        return (self.first - self.sent) * 1e3

    @property
    def per_token_ms(self) -> float:
        return (self.last - self.first) / (self.events - 1) * 1e3


class Closed(BenchError):
    """The server closed the connection."""


class Connection(asyncio.Protocol):
    """One request at a time; `ask` opens the socket again if the server has closed it in between."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._transport: asyncio.Transport | None = None
        self._answer = Answer(0.0)
        self._over: asyncio.Future[None] | None = None
        self._rest = b""
        self._parser = httptools.HttpResponseParser(self)

    async def ask(self, ask: Ask) -> Answer:
        """Raises BenchError for anything but a whole answer with status 200."""
        kept = self._open
        try:
            answer = await self._once(ask)
        except Closed:
            # llama-server closes behind each streamed answer, though it promises to keep the connection, and at times
            # that comes only with the next request. Clients dial anew then, and so their clock goes on.
            if not kept or self._answer.status:
                raise
            sent = self._answer.sent
            answer = await self._once(ask)
            answer.sent = sent
        if answer.status != 200 or answer.events < 2 or b"data: [DONE]" not in answer.text:
            said = bytes(answer.text[-500:]).decode(errors="replace")
            raise BenchError(f"status {answer.status}, {answer.events} tokens: {said}")
        return answer

    @property
    def _open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def _once(self, ask: Ask) -> Answer:
        loop = asyncio.get_running_loop()
        if not self._open:
            await loop.create_connection(lambda: self, "127.0.0.1", self._target.port)
        assert self._transport is not None, "connection_made has set it"
        sent = ask.sent(self._target)
        self._over, self._rest = loop.create_future(), b""
        self._answer = Answer(time.perf_counter())
        self._transport.write(sent)
        try:
            await asyncio.wait_for(self._over, ANSWER_S)
        except TimeoutError:
            raise BenchError(f"no end of an answer after {ANSWER_S:.0f} s") from None
        return self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # ---- what asyncio and httptools call -------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:  # uvloop's is no subclass of asyncio.Transport
        self._transport = transport
        self._parser = httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._over is not None and not self._over.done():
            self._over.set_exception(Closed(f"the connection was closed: {exc or 'by the server'}"))

    def on_headers_complete(self) -> None:
        self._answer.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        answer = self._answer
        *events, self._rest = (self._rest + body).split(b"\n\n")
        for event in events:
            if b'content":"' in event and b'content":""' not in event:
                answer.last = time.perf_counter()
                answer.first = answer.first or answer.last
                answer.events += 1
        answer.text += body
        del answer.text[:-500]

    def on_message_complete(self) -> None:
        if self._over is not None and not self._over.done():
            self._over.set_result(None)


@asynccontextmanager
async def connections(target: Target, count: int) -> AsyncIterator[list[Connection]]:
    opened = [Connection(target) for _ in range(count)]
    try:
        yield opened
    finally:
        for each in opened:
            each.close()


async def rounds(target: Target, streams: int, count: int, ask: Callable[[int, int], Ask]) -> list[Answer]:
    """Every stream asks `count` times, one after the other; `ask(stream, round)` says what."""

    async def one(connection: Connection, stream: int) -> list[Answer]:
        answers = []
        for number in range(count):
            question = ask(stream, number)
            await asyncio.sleep(question.after_s)
            answers.append(await connection.ask(question))
        return answers

    async with connections(target, streams) as opened:
        answers = await asyncio.gather(*(one(each, stream) for stream, each in enumerate(opened)))
    return [answer for stream in answers for answer in stream]


async def throughput(target: Target, streams: int, seconds: float, ask: Ask) -> float:
    """Answers per second: `streams` at once ask on for `seconds`, and all that they asked for counts, to its end."""
    ended = 0

    async def one(connection: Connection, until: float) -> None:
        nonlocal ended
        while time.perf_counter() < until:
            await connection.ask(ask)
            ended += 1

    async with connections(target, streams) as opened:
        begun = time.perf_counter()
        await asyncio.gather(*(one(each, begun + seconds) for each in opened))
        return ended / (time.perf_counter() - begun)
