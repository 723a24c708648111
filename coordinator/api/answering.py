"""The two ways to answer a request whose jobs have been submitted: one JSON value, or a stream of events.

Every API of this coordinator answers through here; each has its own StreamWriter and BodyWriter, which word the events
of the jobs. Errors keep their HTTP status as long as possible: nothing is sent before a worker has accepted the
request, or COMMIT_S seconds have passed. After that an error is an event of the stream, always: most clients take a
bare end for success. A client that leaves is noticed at once, also while it waits and nothing is sent.
"""

import hashlib
import json
import math
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol, assert_never

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from coordinator.admission.idempotency import MOST_BYTES_EACH
from coordinator.api.events import LEFT, EventStream, unless_left
from coordinator.api.filled_response import FilledResponse, Read, in_base64
from coordinator.api.served_headers import queue_headers, timing
from coordinator.artefact import Artefact
from coordinator.dispatch.effects import Deliver, Failed, Finished, Made, Progressed, Report
from coordinator.filled import Filled, Places
from coordinator.hub.answers import Answers
from coordinator.hub.buffers import AnswerEvent
from coordinator.ledger.pricing import Quote
from coordinator.openai.chat_response import sse_comment
from coordinator.request import ClientRequest
from coordinator.rounds.costs import Priced
from coordinator.rounds.events import ToolProgress
from coordinator.rounds.submitted import Source
from wire.errors import SupernetError

COMMIT_S = 2.0
KEEP_ALIVE_S = 15.0  # proxies end a silent response after 60 to 100 s


class StreamWriter(Protocol):
    """Words the events of the jobs as bytes of one API's stream. Neither waits nor sends."""

    def first(self) -> bytes: ...

    def delivered(self, choice: int, event: Deliver) -> bytes: ...

    def finished(self, choice: int, event: Finished) -> bytes: ...

    def tool(self, event: ToolProgress) -> bytes:
        """How far a call of a platform tool is; a comment says it in any case."""
        ...

    def failed(self, error: SupernetError) -> bytes:
        """The end of a stream when a job failed; `last` is not called then."""
        ...

    def last(self) -> bytes: ...


class BodyWriter(Protocol):
    """Words the events of the jobs as one JSON value of one API."""

    def delivered(self, choice: int, event: Deliver) -> object: ...

    def finished(self, choice: int, event: Finished) -> object: ...

    def tool(self, event: ToolProgress) -> object: ...

    def whole(self) -> dict[str, Any]:
        """The body, once every choice has finished."""
        ...


@dataclass(frozen=True)
class Files:
    """What stands for the files in the words of a writer, and how they are read as the answer is sent."""

    places: Places
    read: Read


@dataclass(frozen=True)
class Answering:
    """A request whose jobs have been submitted, to be answered by `stream` or by `whole`.

    `name` is new and unguessable: ids of the answer are made from it. `created` is in Unix seconds. A stream is never
    silent for longer than `silence_s` seconds. `quote` says what its tokens cost, `limits` are headers that say what is
    left of the rate limits. `detached`: the jobs go on when the client leaves, because it may come back for the answer.
    """

    name: str
    created: int
    job: ClientRequest
    answers: Source
    silence_s: float
    quote: Priced
    limits: dict[str, str]
    detached: bool = False

    async def stream(self, request: Request, writer: StreamWriter, files: Files | None = None) -> Response:
        """A response that is sent while the jobs run. Raises the error of a job that failed before the first byte."""
        await self.begun(request)
        return AnswerStream(self, writer, files)

    async def begun(self, request: Request) -> None:
        """Wait until an answer begins, or COMMIT_S seconds have passed. Raises the error of a job that failed before:
        from here on it has no HTTP status."""
        try:
            settled = self.answers.settle(min(COMMIT_S, self.silence_s))
            await unless_left(request.receive, settled, cut=self.answers.cut, detached=self.detached)
            error = self.answers.early_error()
            if error is not None:
                raise error
        except BaseException:
            self.answers.cancel()
            raise

    async def whole(self, request: Request, writer: BodyWriter, files: Files | None = None) -> Response:
        """One JSON value, once every choice has finished. Raises the error of the first choice that fails."""
        return await self.waited(request, self._collected(writer, files))

    async def waited(self, request: Request, collected: Coroutine[Any, Any, Response]) -> Response:
        """The response that is made of all events; the jobs are cancelled when the client does not wait for it."""
        try:
            response = await unless_left(request.receive, collected, cut=self.answers.cut, detached=self.detached)
            return response or Response(status_code=LEFT)
        finally:
            self.answers.cancel()

    async def _collected(self, writer: BodyWriter, files: Files | None) -> Response:
        reports: dict[int, Report] = {}
        while len(reports) < self.job.n:
            for choice, event in await self.answers.take(KEEP_ALIVE_S):
                match event:
                    case Deliver():
                        writer.delivered(choice, event)
                    case Finished():
                        writer.finished(choice, event)
                        reports[choice] = event.report
                    case ToolProgress():
                        writer.tool(event)
                    case Failed():
                        raise event.error
                    case Progressed() | Made():
                        pass  # of media, which have answers of their own
                    case _:
                        assert_never(event)
        headers = timing(reports[0]) | self.limits
        if files is None:
            return JSONResponse(writer.whole(), headers=headers)
        text = json.dumps(writer.whole(), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return FilledResponse(files.places.filled(text.encode()), files.read, headers=headers)


@dataclass(frozen=True)
class Submission(Answering):
    """A request of one round: its jobs, and the hold for them."""

    answers: Answers
    quote: Quote


class JobStream(EventStream):
    """A stream of what jobs say. They are cancelled when it ends, however it ends."""

    def __init__(self, answering: Answering, pieces: AsyncGenerator[bytes]) -> None:
        headers = queue_headers(answering.answers.queue_position()) | answering.limits
        super().__init__(pieces, headers, cut=answering.answers.cut, detached=answering.detached)
        self._answers = answering.answers
        self._silence_s = answering.silence_s
        self._recorded = bytearray()  # all that was sent and is no comment, and no file
        self._files: list[tuple[int, Artefact]] = []
        self._on_end: Callable[[Filled | None], None] | None = None

    def record(self, on_end: Callable[[Filled | None], None]) -> None:
        """Have `on_end` called once: with all that was sent, without comments, or None if the answer failed."""
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._answers.cancel()
            self._end(None)

    def _end(self, recorded: Filled | None) -> None:
        """Record how the stream ended, at the first call; later calls do nothing."""
        if self._on_end is not None:
            self._on_end(recorded)
            self._on_end = None

    def _record(self, written: bytes, files: Sequence[tuple[int, Artefact]] = ()) -> bytes:
        if self._on_end is not None and len(self._recorded) <= MOST_BYTES_EACH:
            self._files += [(len(self._recorded) + place, artefact) for place, artefact in files]
            self._recorded += written
        return written

    def _whole(self) -> Filled:
        return Filled(bytes(self._recorded), tuple(self._files))

    def _place(self) -> bytes:
        """A comment with the place in the queue; empty for a request that does not wait."""
        standing = self._answers.queue_position()
        if standing is None:
            return b""
        return sse_comment(f"queued, place {standing.place}, about {math.ceil(standing.wait_s)} s")


class AnswerStream(JobStream):
    """The answers of all choices as one stream of events."""

    def __init__(self, answering: Answering, writer: StreamWriter, files: Files | None = None) -> None:
        super().__init__(answering, self._events())
        self._writer = writer
        self._files_of_writer = files
        self._unfinished = answering.job.n
        self._error: SupernetError | None = None
        self._attempts = 0  # of the choice that took most

    async def _events(self) -> AsyncGenerator[bytes]:
        yield self._place() + self._record(self._writer.first())
        while self._unfinished and self._error is None:
            events = await self._answers.take(self._silence_s)
            written = self._words(b"".join(self._written(choice, event) for choice, event in events))
            comments = b"".join(_percent(event) for _, event in events if isinstance(event, ToolProgress))
            if not events:
                comments = self._place() or sse_comment("ping")
            if not written.files:  # most: another generator for each costs more than its words
                yield comments + written.body
                continue
            async with aclosing(self._sent(comments, written)) as pieces:
                async for piece in pieces:
                    yield piece
        # Too late for a header: how often the answer was begun is known at its end.
        attempts = sse_comment(f"x-supernet-attempts: {self._attempts}")
        last = self._words(self._writer.last() if self._error is None else self._writer.failed(self._error))
        if self._error is None:
            self._end(self._whole())  # before the client knows the end: it may ask for the same again at once
        async with aclosing(self._sent(attempts, last)) as pieces:
            async for piece in pieces:
                yield piece

    def _words(self, written: bytes) -> Filled:
        """What the writer wrote, recorded."""
        filled = Filled(written) if self._files_of_writer is None else self._files_of_writer.places.filled(written)
        self._record(filled.body, filled.files)
        return filled

    async def _sent(self, comments: bytes, words: Filled) -> AsyncGenerator[bytes]:
        """Both as they are sent: in one piece, but for files."""
        if self._files_of_writer is None or not words.files:
            yield comments + words.body
            return
        yield comments
        async with aclosing(in_base64(words, self._files_of_writer.read)) as pieces:
            async for piece in pieces:
                yield piece

    def _written(self, choice: int, event: AnswerEvent | ToolProgress) -> bytes:
        if self._error is not None:
            return b""
        match event:
            case Deliver():
                return self._writer.delivered(choice, event)
            case ToolProgress():
                return self._writer.tool(event)
            case Finished():
                self._unfinished -= 1
                self._attempts = max(self._attempts, event.report.attempts)
                return self._writer.finished(choice, event)
            case Failed():
                self._error = event.error
                self._attempts = max(self._attempts, event.report.attempts)
                return b""
            case Progressed() | Made():
                return b""  # of media, which have answers of their own
            case _:
                assert_never(event)


def _percent(progress: ToolProgress) -> bytes:
    """A comment that keeps the line alive while a tool runs."""
    return sse_comment(f"{progress.name} {progress.percent}%")


def choice_seed(first: int, choice: int) -> int:
    """The first choice has the request's own seed, each further one its own derived from it."""
    if choice == 0:
        return first
    return int.from_bytes(hashlib.sha256(f"{first}/{choice}".encode()).digest()[:8], "big") >> 1
