"""One HTTP request that has become jobs, and the two ways to answer it: one JSON value, or a stream of events.

Every API of this coordinator answers through here; what differs between them is how the events of the jobs are worded
(Telling, Gathering). Errors keep their HTTP status as long as possible: nothing is sent before a worker has accepted
the request, or COMMIT_S have passed. After that an error is an event of the stream, always: most clients take a bare
end for success. A client that leaves is noticed at once, also while it waits and nothing is sent.
"""

import asyncio
import hashlib
import math
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, assert_never

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from coordinator.admission.idempotency import MOST_BYTES_EACH
from coordinator.dispatch.dispatch import Standing
from coordinator.dispatch.effects import Deliver, Failed, Finished, Report
from coordinator.hub.hub import Answers
from coordinator.ledger.pricing import Quote
from coordinator.openai.chat_response import sse_comment
from coordinator.request import ChatJob
from wire.errors import ErrorCode, SupernetError

MAX_BODY_BYTES = 4 * 1024 * 1024
BODY_S = 30.0
COMMIT_S = 2.0
KEEP_ALIVE_S = 15.0  # proxies end a silent response after 60 to 100 s
LEFT = 499  # nginx's word for a client that did not wait; nobody sees it

T = TypeVar("T")


class Telling(Protocol):
    """An API's words for a streamed answer, as bytes of the stream. Neither waits nor sends."""

    def first(self) -> bytes: ...

    def delivered(self, choice: int, event: Deliver) -> bytes: ...

    def finished(self, choice: int, event: Finished) -> bytes: ...

    def failed(self, error: SupernetError) -> bytes:
        """The last words when a job failed; `last` is not asked for then."""
        ...

    def last(self) -> bytes: ...


class Gathering(Protocol):
    """An API's words for an answer that is sent whole."""

    def delivered(self, choice: int, event: Deliver) -> object: ...

    def finished(self, choice: int, event: Finished) -> object: ...

    def whole(self) -> dict[str, Any]:
        """The body, once every choice has finished."""
        ...


@dataclass(frozen=True)
class Exchange:
    """`name` is new and unguessable: ids of the answer are made from it. `created` in Unix seconds. A stream is never
    silent for longer than `silence_s`. `quote` says what its tokens cost, `limits` are headers that tell what is left
    of the rate limits. `stays`: the jobs go on when the client leaves, because it may come back for the answer."""

    name: str
    created: int
    job: ChatJob
    answers: Answers
    silence_s: float
    quote: Quote
    limits: dict[str, str]
    stays: bool = False

    async def stream(self, request: Request, telling: Telling) -> Response:
        """Raises the error of a job that failed before anything was said to the client."""
        try:
            settled = self.answers.settle(min(COMMIT_S, self.silence_s))
            await _unless_gone(request.receive, self.answers, settled, self.stays)
            error = self.answers.early_error()
            if error is not None:
                raise error
            return EventStream(self, telling)
        except BaseException:
            self.answers.cancel()
            raise

    async def whole(self, request: Request, gathering: Gathering) -> Response:
        """Raises the error of the first choice that fails."""
        try:
            response = await _unless_gone(request.receive, self.answers, self._gathered(gathering), self.stays)
            return response or Response(status_code=LEFT)
        finally:
            self.answers.cancel()

    async def _gathered(self, gathering: Gathering) -> Response:
        reports: dict[int, Report] = {}
        while len(reports) < self.job.n:
            for choice, event in await self.answers.take(KEEP_ALIVE_S):
                match event:
                    case Deliver():
                        gathering.delivered(choice, event)
                    case Finished():
                        gathering.finished(choice, event)
                        reports[choice] = event.report
                    case Failed():
                        raise event.error
                    case _:
                        assert_never(event)
        return JSONResponse(gathering.whole(), headers=_timing(reports[0]) | self.limits)


class EventStream(Response):
    """Server-sent events. Written here and not with StreamingResponse, whose notice of a leaver depends on what
    version of ASGI the server claims (starlette 1.x: only below 2.4 does it listen while it sends)."""

    media_type = "text/event-stream"

    def __init__(self, exchange: Exchange, telling: Telling) -> None:
        super().__init__(headers={"cache-control": "no-cache", "x-accel-buffering": "no"})
        self.headers.update(_standing(exchange.answers.standing()) | exchange.limits)
        del self.headers["content-length"]
        self._answers = exchange.answers
        self._silence_s = exchange.silence_s
        self._telling = telling
        self._unfinished = exchange.job.n
        self._error: SupernetError | None = None
        self._attempts = 0  # of the choice that took most
        self._stays = exchange.stays
        self._said = bytearray()  # all of it that is not a comment, if somebody wants it
        self._ended: Callable[[bytes | None], None] | None = None

    def record(self, ended: Callable[[bytes | None], None]) -> None:
        """`ended` is told all that was said, or None if it did not come to a good end."""
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await _unless_gone(receive, self._answers, self._write(send), self._stays)
        finally:
            self._answers.cancel()
            self._tell_end(None)

    def _tell_end(self, said: bytes | None) -> None:
        """Once; what is told later is not wanted."""
        if self._ended is not None:
            self._ended(said)
            self._ended = None

    async def _write(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await _body(send, self._place() + self._keep(self._telling.first()))
        while self._unfinished and self._error is None:
            events = await self._answers.take(self._silence_s)
            told = self._keep(b"".join(self._told(choice, event) for choice, event in events))
            await _body(send, told if events else self._place() or sse_comment("ping"))
        last = self._telling.last() if self._error is None else self._telling.failed(self._error)
        # Too late for a header: how often the answer was begun is known at its end.
        last = sse_comment(f"x-supernet-attempts: {self._attempts}") + self._keep(last)
        if self._error is None:
            self._tell_end(bytes(self._said))  # before the client knows the end: it may ask for the same again at once
        await send({"type": "http.response.body", "body": last, "more_body": False})

    def _keep(self, told: bytes) -> bytes:
        if self._ended is not None and len(self._said) <= MOST_BYTES_EACH:
            self._said += told
        return told

    def _place(self) -> bytes:
        standing = self._answers.standing()
        if standing is None:
            return b""
        return sse_comment(f"queued, place {standing.place}, about {math.ceil(standing.wait_s)} s")

    def _told(self, choice: int, event: Deliver | Finished | Failed) -> bytes:
        if self._error is not None:
            return b""
        match event:
            case Deliver():
                return self._telling.delivered(choice, event)
            case Finished():
                self._unfinished -= 1
                self._attempts = max(self._attempts, event.report.attempts)
                return self._telling.finished(choice, event)
            case Failed():
                self._error = event.error
                self._attempts = max(self._attempts, event.report.attempts)
                return b""
            case _:
                assert_never(event)


# ---- the client's side of the connection -----------------------------------------------------------------------------


async def read_body(request: Request) -> bytes:
    """Raises request_too_large without reading the rest, invalid_request when it does not come in time."""
    declared = request.headers.get("content-length", "")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
                raise _too_large()
            async for piece in request.stream():
                body += piece
                if len(body) > MAX_BODY_BYTES:
                    raise _too_large()
    except TimeoutError:
        message = f"The body did not arrive within {BODY_S:.0f} s."
        raise SupernetError(ErrorCode.INVALID_REQUEST, message) from None
    return bytes(body)


def _too_large() -> SupernetError:
    message = f"The body is larger than {MAX_BODY_BYTES // 1024 // 1024} MiB: send less."
    return SupernetError(ErrorCode.REQUEST_TOO_LARGE, message)


async def _unless_gone(receive: Receive, answers: Answers, work: Coroutine[Any, Any, T], stays: bool) -> T | None:
    """Do the work; None if the client left first (unless it `stays`), or does not read. Nothing is left running."""
    working = asyncio.create_task(work, name="answer")
    tasks: list[asyncio.Task[Any]] = [working]
    if not stays:
        tasks.append(asyncio.create_task(_gone(receive), name="leaver"))
    try:
        await asyncio.wait((*tasks, answers.cut), return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(send: Send, data: bytes) -> None:
    if data:
        await send({"type": "http.response.body", "body": data, "more_body": True})


# ---- what is derived -------------------------------------------------------------------------------------------------


def choice_seed(first: int, choice: int) -> int:
    """The first choice has the request's own seed, each further one its own derived from it."""
    if choice == 0:
        return first
    return int.from_bytes(hashlib.sha256(f"{first}/{choice}".encode()).digest()[:8], "big") >> 1


def _standing(standing: Standing | None) -> dict[str, str]:
    """For a stream that begins before its job does: what its client can expect."""
    if standing is None:
        return {}
    wait_ms = str(round(standing.wait_s * 1000))
    return {"x-supernet-queue-place": str(standing.place), "x-supernet-queue-wait-ms": wait_ms}


def _timing(report: Report) -> dict[str, str]:
    worker = hashlib.sha256((report.worker or "").encode()).hexdigest()[:12]
    headers = {
        "x-supernet-attempts": str(report.attempts),
        "x-supernet-queue-ms": str(round(report.queued_s * 1000)),
        "x-supernet-worker": worker,
    }
    if report.first_token_s is not None:
        headers["x-supernet-ttft-ms"] = str(round(report.first_token_s * 1000))
    return headers
