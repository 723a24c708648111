"""POST /v1/responses: body -> the same job as a chat completion -> one Response, or its events. Nothing is stored."""

from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response

from coordinator.api.answering import Exchange
from coordinator.api.intake import Asked, Desk
from coordinator.dispatch.effects import Deliver, Finished
from coordinator.openai.chat_response import Envelope
from coordinator.openai.responses.events import ResponseEvents, event_bytes
from coordinator.openai.responses.request import ResponsesJob, parse
from wire.errors import SupernetError

# What a worker calls a field -> its name here.
PARAMS = {"messages": "input", "response_format": "text.format"}


@dataclass(frozen=True)
class ResponsesApi:
    desk: Desk

    async def create(self, request: Request) -> Response:
        return await self.desk.once(request, self._answer)

    async def _answer(self, request: Request, asked: Asked) -> Response:
        job = parse(asked.body, self.desk.catalog, request.headers)
        exchange = await self.desk.submit(job.chat, asked, request.headers)
        answer = _Answer(job, exchange)
        try:
            if job.chat.stream:
                return await exchange.stream(request, answer)
            return await exchange.whole(request, answer)
        except SupernetError as error:
            raise renamed(error) from error


class _Answer:
    """One answer, streamed or whole: the same events make both."""

    def __init__(self, asked: ResponsesJob, exchange: Exchange) -> None:
        self._quote = exchange.quote
        # This API has no place for a fingerprint.
        envelope = Envelope(f"resp_{exchange.name}", exchange.created, asked.chat.model.id, fingerprint="")
        self._events = ResponseEvents(envelope, asked.repeated, asked.names)

    def first(self) -> bytes:
        return _bytes(self._events.first())

    def delivered(self, choice: int, event: Deliver) -> bytes:
        return _bytes(self._events.parts(event.delta.parts, event.delta.logprobs))

    def finished(self, choice: int, event: Finished) -> bytes:
        usage = event.report.usage
        cost = self._quote.shown(usage.prompt, usage.completion)
        return _bytes(self._events.finish(event.finish_reason, usage, cost))

    def failed(self, error: SupernetError) -> bytes:
        return _bytes(self._events.fail(renamed(error)))

    def last(self) -> bytes:
        return b""  # the event that finished it was the last

    def whole(self) -> dict[str, Any]:
        return self._events.whole()


def renamed(error: SupernetError) -> SupernetError:
    """The same error, with the field at fault as this API calls it."""
    param = error.param
    return SupernetError(
        error.code, error.message, param=PARAMS.get(param or "", param), retry_after_s=error.retry_after_s
    )


def _bytes(events: list[dict[str, Any]]) -> bytes:
    return b"".join(map(event_bytes, events))
