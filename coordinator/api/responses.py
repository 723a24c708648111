"""POST /v1/responses: body -> the same job as a chat completion -> one Response, or its events. Nothing is stored."""

import secrets
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from coordinator.api.answering import Answering, Files
from coordinator.api.errors import renamed
from coordinator.api.intake import Admitted, Intake
from coordinator.api.platform import PlatformTools
from coordinator.dispatch.effects import Deliver, Finished
from coordinator.filled import Places
from coordinator.openai.chat_response import Envelope
from coordinator.openai.responses.events import ResponseEvents, event_bytes
from coordinator.openai.responses.request import ResponsesJob, parse
from coordinator.rounds.events import ToolProgress
from wire.errors import SupernetError

# What a worker calls a field -> its name here.
PARAMS = {"messages": "input", "response_format": "text.format"}


@dataclass(frozen=True)
class ResponsesApi:
    """The endpoint /v1/responses."""

    intake: Intake
    platform: PlatformTools

    async def create(self, request: Request) -> Response:
        return await self.intake.once(request, parse, self._answer)

    async def _answer(self, request: Request, job: ResponsesJob, admitted: Admitted) -> Response:
        chat = self.platform.declared(job.chat, admitted.principal, asked=True)
        job = replace(job, chat=chat)
        answering = await self.platform.submit(chat, admitted, request.headers)
        places = Places(f"{secrets.token_urlsafe(16)}:")
        answer = _Answer(job, answering, places)
        files = Files(places, self.intake.reader(admitted.principal.account)) if job.pictures is not None else None
        try:
            if chat.stream:
                return await answering.stream(request, answer, files)
            return await answering.whole(request, answer, files)
        except SupernetError as error:
            raise renamed(error, PARAMS, job.chat.pictures) from error


class _Answer:
    """One answer, streamed or whole: the same events make both."""

    def __init__(self, job: ResponsesJob, answering: Answering, places: Places) -> None:
        self._quote = answering.quote
        self._pictures = job.chat.pictures
        # This API has no place for a fingerprint.
        envelope = Envelope(f"resp_{answering.name}", answering.created, job.chat.model.id, fingerprint="")
        pictures = None if job.pictures is None else (job.pictures, places)
        self._events = ResponseEvents(envelope, job.shown, job.names, job.chat.warnings, pictures)

    def first(self) -> bytes:
        return _bytes(self._events.first())

    def delivered(self, choice: int, event: Deliver) -> bytes:
        return _bytes(self._events.parts(event.delta.parts, event.delta.logprobs))

    def finished(self, choice: int, event: Finished) -> bytes:
        usage = event.report.usage
        cost = self._quote.shown(usage.prompt, usage.completion)
        return _bytes(self._events.finish(event.finish_reason, usage, cost))

    def tool(self, event: ToolProgress) -> bytes:
        return _bytes(self._events.tool(event))

    def failed(self, error: SupernetError) -> bytes:
        return _bytes(self._events.fail(renamed(error, PARAMS, self._pictures)))

    def last(self) -> bytes:
        return b""  # the event that finished it was the last

    def whole(self) -> dict[str, Any]:
        return self._events.whole()


def _bytes(events: list[dict[str, Any]]) -> bytes:
    return b"".join(map(event_bytes, events))
