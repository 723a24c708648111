"""POST /v1/chat/completions: body -> jobs -> one JSON answer or a stream of events.

Errors keep their HTTP status as long as possible: nothing is sent before a worker has accepted the request, or COMMIT_S
have passed. After that an error is an event of the stream, always, and the stream then ends without [DONE]: most
clients take a bare end for success. A client that leaves is noticed at once, also while it waits and nothing is sent.
"""

import asyncio
import hashlib
import secrets
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar, assert_never

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from coordinator.accounts import Accounts, Principal
from coordinator.effects import Deliver, Failed, Finished, Report, Stopped
from coordinator.hub import Answers, Hub, JobEnd
from coordinator.ledger.usage import UsageRow, UsageWriter
from coordinator.openai_request import ChatJob, parse
from coordinator.openai_response import (
    DONE,
    ChoiceChunks,
    Collector,
    Envelope,
    error_event,
    sse,
    sse_comment,
    total_usage,
    usage_chunk,
    with_usage,
)
from coordinator.records import JobSpec
from wire.catalog import Catalog, ModelSpec
from wire.chat import Usage
from wire.errors import ErrorCode, SupernetError

MAX_BODY_BYTES = 4 * 1024 * 1024
BODY_S = 30.0
COMMIT_S = 2.0
KEEP_ALIVE_S = 15.0  # proxies end a silent response after 60 to 100 s
LEFT = 499  # nginx's word for a client that did not wait; nobody sees it
ACCOUNTING_RETRY_S = 10.0

T = TypeVar("T")


@dataclass(frozen=True)
class Exchange:
    """One HTTP request that has become jobs."""

    job: ChatJob
    envelope: Envelope
    answers: Answers


@dataclass(frozen=True)
class ChatApi:
    hub: Hub
    accounts: Accounts
    catalog: Catalog
    usage: UsageWriter

    async def completions(self, request: Request) -> Response:
        principal = self.accounts.authenticate(request.headers, "client")
        job = parse(await _read_body(request), self.catalog, request.headers)
        exchange = self._submit(job, principal)
        try:
            if job.stream:
                settled = exchange.answers.settle(COMMIT_S)
                await _unless_gone(request.receive, exchange.answers, settled)
                _raise_early(exchange.answers)
                return EventStream(exchange)
            response = await _unless_gone(request.receive, exchange.answers, _collect(exchange))
            return response or Response(status_code=LEFT)
        except BaseException:
            exchange.answers.cancel()
            raise
        finally:
            if not job.stream:
                exchange.answers.cancel()

    def _submit(self, job: ChatJob, principal: Principal) -> Exchange:
        if self.usage.full:
            message = "accounting is behind: try again in a moment"
            raise SupernetError(ErrorCode.QUEUE_FULL, message, retry_after_s=ACCOUNTING_RETRY_S)
        name = secrets.token_hex(16)
        first = secrets.randbits(63) if job.seed is None else job.seed
        specs = [
            JobSpec(f"{name}.{choice}", principal.account, job.model.id, job.request, choice_seed(first, choice))
            for choice in range(job.n)
        ]
        envelope = Envelope(f"chatcmpl-{name}", int(time.time()), job.model.id, fingerprint(job.model))

        def ended(spec: JobSpec, end: JobEnd) -> None:
            if end.report.attempts:  # what no worker ever had is not worth a row
                self.usage.put(_usage_row(spec, end, job.model, principal))

        return Exchange(job, envelope, self.hub.submit(specs, ended))


class EventStream(Response):
    """Server-sent events. Written here and not with StreamingResponse, whose notice of a leaver depends on what
    version of ASGI the server claims (starlette 1.x: only below 2.4 does it listen while it sends)."""

    media_type = "text/event-stream"

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(headers={"cache-control": "no-cache", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._exchange = exchange

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await _unless_gone(receive, self._exchange.answers, self._write(send))
        finally:
            self._exchange.answers.cancel()

    async def _write(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        stream = _Stream(self._exchange)
        await _body(send, stream.waiting() + stream.first())
        while not stream.over:
            events = await self._exchange.answers.take(KEEP_ALIVE_S)
            await _body(
                send, b"".join(map(stream.event, events)) if events else stream.waiting() or sse_comment("ping")
            )
        await send({"type": "http.response.body", "body": stream.last(), "more_body": False})


class _Stream:
    """Events -> bytes of the stream. No waiting, no sending."""

    def __init__(self, exchange: Exchange) -> None:
        job = exchange.job
        self._exchange = exchange
        self._chunks = [
            ChoiceChunks(exchange.envelope, choice, include_usage=job.include_usage) for choice in range(job.n)
        ]
        self._usages: dict[int, Usage] = {}  # of each choice as far as known
        self._finished = 0
        self._error: SupernetError | None = None

    @property
    def over(self) -> bool:
        return self._error is not None or self._finished == len(self._chunks)

    def waiting(self) -> bytes:
        place = self._exchange.answers.place()
        return b"" if place is None else sse_comment(f"queued, place {place}")

    def silence(self) -> bytes:
        return self.waiting() or sse_comment("ping")

    def first(self) -> bytes:
        return b"".join(sse(chunks.first()) for chunks in self._chunks)

    def event(self, item: tuple[int, Deliver | Finished | Failed]) -> bytes:
        choice, event = item
        if self._error is not None:
            return b""
        match event:
            case Deliver():
                self._usages[choice] = Usage(prompt=0, cached=0, completion=event.completion, reasoning=0)
                return b"".join(map(self._sse, self._delta(choice, event)))
            case Finished():
                self._finished += 1
                self._usages[choice] = event.report.usage
                return self._sse(self._chunks[choice].finish(event.finish_reason))
            case Failed():
                self._error = event.error
                return b""
            case _:
                assert_never(event)

    def last(self) -> bytes:
        if self._error is not None:
            return sse(error_event(self._error))
        if not self._exchange.job.include_usage:
            return DONE
        total = total_usage(self._usages.values())
        cost = {"cost_nano_usd": cost_nano(self._exchange.job.model, total)}
        return sse(usage_chunk(self._exchange.envelope, total, cost)) + DONE

    def _delta(self, choice: int, event: Deliver) -> list[dict[str, Any]]:
        logprobs = event.delta.logprobs
        chunks = self._chunks[choice].part(event.delta.parts[0] if event.delta.parts else None, logprobs)
        for part in event.delta.parts[1:]:
            chunks += self._chunks[choice].part(part)
        return chunks

    def _sse(self, chunk: dict[str, Any]) -> bytes:
        if self._exchange.job.continuous_usage:
            chunk = with_usage(chunk, total_usage(self._usages.values()))
        return sse(chunk)


async def _collect(exchange: Exchange) -> Response:
    """The whole answer. Raises the error of the first choice that fails."""
    collector = Collector(exchange.envelope, exchange.job.n)
    reports: dict[int, Report] = {}
    while len(reports) < exchange.job.n:
        for choice, event in await exchange.answers.take(KEEP_ALIVE_S):
            match event:
                case Deliver():
                    parts = event.delta.parts or (None,)
                    collector.part(choice, parts[0], event.delta.logprobs)
                    for part in parts[1:]:
                        collector.part(choice, part)
                case Finished():
                    collector.finish(choice, event.finish_reason, event.report.usage)
                    reports[choice] = event.report
                case Failed():
                    raise event.error
                case _:
                    assert_never(event)
    cost = {"cost_nano_usd": cost_nano(exchange.job.model, collector.usage)}
    return JSONResponse(collector.completion(cost), headers=_timing(reports[0]))


# ---- the client's side of the connection -----------------------------------------------------------------------------


async def _read_body(request: Request) -> bytes:
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


async def _unless_gone(receive: Receive, answers: Answers, work: Coroutine[Any, Any, T]) -> T | None:
    """Do the work; None if the client left first, or does not read. Nothing is left running."""
    working = asyncio.create_task(work, name="answer")
    others = [asyncio.create_task(_gone(receive), name="leaver"), asyncio.create_task(answers.cut.wait(), name="cut")]
    try:
        await asyncio.wait((working, *others), return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in (working, *others):
            task.cancel()
        await asyncio.gather(working, *others, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _raise_early(answers: Answers) -> None:
    """A job that failed before anything was said to the client."""
    error = answers.early_error()
    if error is not None:
        raise error


async def _body(send: Send, data: bytes) -> None:
    if data:
        await send({"type": "http.response.body", "body": data, "more_body": True})


# ---- what is derived -------------------------------------------------------------------------------------------------


def choice_seed(first: int, choice: int) -> int:
    """The first choice has the request's own seed, each further one its own derived from it."""
    if choice == 0:
        return first
    return int.from_bytes(hashlib.sha256(f"{first}/{choice}".encode()).digest()[:8], "big") >> 1


def fingerprint(model: ModelSpec) -> str:
    """Changes when the weights or their format do."""
    digest = hashlib.sha256(model.model_dump_json(include={"repository", "revision", "package", "files"}).encode())
    return f"fp_{digest.hexdigest()[:10]}"


def cost_nano(model: ModelSpec, usage: Usage) -> int:
    return usage.prompt * model.price.prompt + usage.completion * model.price.completion


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


def _usage_row(spec: JobSpec, end: JobEnd, model: ModelSpec, principal: Principal) -> UsageRow:
    match end:
        case Finished():
            finish = str(end.finish_reason)
        case Failed():
            finish = end.error.code.value
        case Stopped():
            finish = "cancelled"
    report = end.report
    return UsageRow(
        job=spec.id,
        at_ms=time.time_ns() // 1_000_000,
        account=principal.account,
        key=principal.key,
        model=model.id,
        worker=report.worker,
        attempts=report.attempts,
        finish=finish,
        prompt=report.usage.prompt,
        cached=report.usage.cached,
        completion=report.usage.completion,
        reasoning=report.usage.reasoning,
        price_prompt=model.price.prompt,
        price_completion=model.price.completion,
        cost_nano=cost_nano(model, report.usage),
        queued_ms=round(report.queued_s * 1000),
        first_token_ms=None if report.first_token_s is None else round(report.first_token_s * 1000),
        total_ms=round(report.total_s * 1000),
    )
