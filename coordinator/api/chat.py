"""POST /v1/chat/completions: body -> jobs -> one completion, or chunks that end with [DONE]."""

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from coordinator.api.errors import renamed
from coordinator.api.intake import Admitted, Intake
from coordinator.api.platform import PlatformTools
from coordinator.dispatch.effects import Deliver, Finished
from coordinator.media.results import for_client
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
from coordinator.openai.timings import timings_json
from coordinator.request import ChatJob
from coordinator.rounds.costs import Priced
from coordinator.rounds.events import ToolProgress
from wire.catalog import ModelSpec
from wire.chat import Timings, Usage
from wire.errors import SupernetError


@dataclass(frozen=True)
class ChatApi:
    """The endpoint /v1/chat/completions."""

    intake: Intake
    platform: PlatformTools

    async def create(self, request: Request) -> Response:
        return await self.intake.once(request, parse, self._answer)

    async def _answer(self, request: Request, job: ChatJob, admitted: Admitted) -> Response:
        job = self.platform.declared(job, admitted.principal)
        answering = await self.platform.submit(job, admitted, request.headers)
        envelope = Envelope(f"chatcmpl-{answering.name}", answering.created, job.model.id, fingerprint(job.model))
        try:
            if job.stream:
                return await answering.stream(request, _Chunks(envelope, job, answering.quote))
            return await answering.whole(request, _Completion(envelope, job, answering.quote))
        except SupernetError as error:
            raise renamed(error, {}, job.pictures) from error


class _Chunks:
    """A streamed answer. After an error the stream ends without [DONE]."""

    def __init__(self, envelope: Envelope, job: ChatJob, quote: Priced) -> None:
        self._envelope = envelope
        self._job = job
        self._quote = quote
        self._chunks = [
            ChoiceChunks(envelope, choice, include_usage=job.include_usage, warnings=job.warnings)
            for choice in range(job.n)
        ]
        self._usages: dict[int, Usage] = {}  # of each choice as far as known
        self._results: list[dict[str, Any]] = []  # of platform tools

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
        extra: dict[str, Any] = {"sogni_tool_results": self._results} if self._results else {}
        if timings := timings_json([(event.report.usage, event.report.timings)]):
            extra["timings"] = timings
        return self._sse(self._chunks[choice].finish(event.finish_reason, **extra))

    def tool(self, event: ToolProgress) -> bytes:
        if event.result is not None:
            self._results.append(for_client(event.result))
        if not self._job.platform.progress:
            return b""
        return self._sse(self._chunks[0].nothing(sogni_tool_progress=progress_json(event)))

    def failed(self, error: SupernetError) -> bytes:
        return sse(error_event(renamed(error, {}, self._job.pictures)))

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

    def __init__(self, envelope: Envelope, job: ChatJob, quote: Priced) -> None:
        self._job = job
        self._quote = quote
        self._results: list[dict[str, Any]] = []  # of platform tools
        self._collector = Collector(envelope, job.n, job.warnings)
        self._timings: list[tuple[Usage, Timings]] = []  # of each choice

    def delivered(self, choice: int, event: Deliver) -> None:
        parts = event.delta.parts or (None,)
        self._collector.part(choice, parts[0], event.delta.logprobs)
        for part in parts[1:]:
            self._collector.part(choice, part)

    def finished(self, choice: int, event: Finished) -> None:
        self._collector.finish(choice, event.finish_reason, event.report.usage)
        self._timings.append((event.report.usage, event.report.timings))

    def tool(self, event: ToolProgress) -> None:
        if event.result is not None:
            self._results.append(for_client(event.result))

    def whole(self) -> dict[str, Any]:
        used = self._collector.usage
        whole = self._collector.completion(self._quote.shown(used.prompt, used.completion, self._job.n))
        timings = timings_json(self._timings)
        whole = {**whole, "timings": timings} if timings else whole
        return {**whole, "sogni_tool_results": self._results} if self._results else whole


def progress_json(event: ToolProgress) -> dict[str, Any]:
    """How far a call of a platform tool is, for who asked to be told."""
    return {
        "tool_call_id": event.call_id,
        "name": event.name,
        "status": event.status,
        "percent": event.percent,
        "eta_seconds": None if event.eta_s is None else round(event.eta_s),
    }


@cache
def fingerprint(model: ModelSpec) -> str:
    """Changes when the weights or their format do."""
    digest = hashlib.sha256(model.model_dump_json(include={"repository", "revision", "package", "files"}).encode())
    return f"fp_{digest.hexdigest()[:10]}"
