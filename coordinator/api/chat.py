"""POST /v1/chat/completions: body -> jobs -> one completion, or chunks that end with [DONE]."""

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Any

from fastapi import Request, Response

from coordinator.api.intake import Asked, Desk
from coordinator.dispatch.effects import Deliver, Finished
from coordinator.ledger.pricing import Quote
from coordinator.openai.chat_request import parse
from coordinator.openai.chat_response import (
    DONE,
    ChoiceChunks,
    Collector,
    Envelope,
    error_event,
    sse,
    total_usage,
    usage_chunk,
    with_usage,
)
from coordinator.request import ChatJob
from wire.catalog import ModelSpec
from wire.chat import Usage
from wire.errors import SupernetError


@dataclass(frozen=True)
class ChatApi:
    desk: Desk

    async def completions(self, request: Request) -> Response:
        return await self.desk.once(request, self._answer)

    async def _answer(self, request: Request, asked: Asked) -> Response:
        job = parse(asked.body, self.desk.catalog, request.headers)
        exchange = await self.desk.submit(job, asked, request.headers)
        envelope = Envelope(f"chatcmpl-{exchange.name}", exchange.created, job.model.id, fingerprint(job.model))
        if job.stream:
            return await exchange.stream(request, _Chunks(envelope, job, exchange.quote))
        return await exchange.whole(request, _Completion(envelope, job, exchange.quote))


class _Chunks:
    """A streamed answer. After an error the stream ends without [DONE]."""

    def __init__(self, envelope: Envelope, job: ChatJob, quote: Quote) -> None:
        self._envelope = envelope
        self._job = job
        self._quote = quote
        self._chunks = [ChoiceChunks(envelope, choice, include_usage=job.include_usage) for choice in range(job.n)]
        self._usages: dict[int, Usage] = {}  # of each choice as far as known

    def first(self) -> bytes:
        return b"".join(sse(chunks.first()) for chunks in self._chunks)

    def delivered(self, choice: int, event: Deliver) -> bytes:
        if self._job.continuous_usage:
            self._usages[choice] = Usage(prompt=0, cached=0, completion=event.completion, reasoning=0)
        logprobs = event.delta.logprobs
        chunks = self._chunks[choice].part(event.delta.parts[0] if event.delta.parts else None, logprobs)
        for part in event.delta.parts[1:]:
            chunks += self._chunks[choice].part(part)
        return b"".join(map(self._sse, chunks))

    def finished(self, choice: int, event: Finished) -> bytes:
        self._usages[choice] = event.report.usage
        return self._sse(self._chunks[choice].finish(event.finish_reason))

    def failed(self, error: SupernetError) -> bytes:
        return sse(error_event(error))

    def last(self) -> bytes:
        if not self._job.include_usage:
            return DONE
        total = total_usage(self._usages.values())
        cost = self._quote.shown(total.prompt, total.completion, self._job.n)
        return sse(usage_chunk(self._envelope, total, cost)) + DONE

    def _sse(self, chunk: dict[str, Any]) -> bytes:
        if self._job.continuous_usage:
            chunk = with_usage(chunk, total_usage(self._usages.values()))
        return sse(chunk)


class _Completion:
    """An answer that is sent whole."""

    def __init__(self, envelope: Envelope, job: ChatJob, quote: Quote) -> None:
        self._job = job
        self._quote = quote
        self._collector = Collector(envelope, job.n)

    def delivered(self, choice: int, event: Deliver) -> None:
        parts = event.delta.parts or (None,)
        self._collector.part(choice, parts[0], event.delta.logprobs)
        for part in parts[1:]:
            self._collector.part(choice, part)

    def finished(self, choice: int, event: Finished) -> None:
        self._collector.finish(choice, event.finish_reason, event.report.usage)

    def whole(self) -> dict[str, Any]:
        used = self._collector.usage
        return self._collector.completion(self._quote.shown(used.prompt, used.completion, self._job.n))


@cache
def fingerprint(model: ModelSpec) -> str:
    """Changes when the weights or their format do."""
    digest = hashlib.sha256(model.model_dump_json(include={"repository", "revision", "package", "files"}).encode())
    return f"fp_{digest.hexdigest()[:10]}"
