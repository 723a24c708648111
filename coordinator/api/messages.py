"""POST /v1/messages: body -> the same job as a chat completion -> one message of Anthropic's API, or its events."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from coordinator.anthropic.events import MessageEvents, error_json, event_bytes
from coordinator.anthropic.request import parse
from coordinator.api.answering import Answering
from coordinator.api.errors import renamed
from coordinator.api.intake import Admitted, Intake
from coordinator.dispatch.effects import Deliver, Finished
from coordinator.openai.chat_response import Envelope
from coordinator.request import ChatJob
from coordinator.rounds.events import ToolProgress
from wire.errors import SupernetError

# What a worker calls a field -> its name here.
PARAMS = {"response_format": "output_config.format", "stop": "stop_sequences"}


@dataclass(frozen=True)
class MessagesApi:
    """The endpoint /v1/messages."""

    intake: Intake

    async def create(self, request: Request) -> Response:
        return await self.intake.once(request, parse, self._answer)

    async def _answer(self, request: Request, job: ChatJob, admitted: Admitted) -> Response:
        answering = await self.intake.submit(job, admitted, request.headers)
        answer = _Answer(job, answering, request.scope["request_id"])
        try:
            if job.stream:
                return await answering.stream(request, answer)
            return await answering.whole(request, answer)
        except SupernetError as error:
            raise renamed(error, PARAMS, job.pictures) from error


class _Answer:
    """One answer, streamed or whole: the same events make both."""

    def __init__(self, job: ChatJob, answering: Answering, request_id: str) -> None:
        self._quote = answering.quote
        self._pictures = job.pictures
        self._request_id = request_id
        # This API has no place for a fingerprint.
        envelope = Envelope(f"msg_{answering.name}", answering.created, job.model.id, fingerprint="")
        self._events = MessageEvents(envelope, job.request.stop, job.warnings)

    def first(self) -> bytes:
        return _bytes(self._events.first())

    def delivered(self, choice: int, event: Deliver) -> bytes:
        return _bytes(self._events.parts(event.delta.parts))

    def finished(self, choice: int, event: Finished) -> bytes:
        usage = event.report.usage
        cost = self._quote.shown(usage.prompt, usage.completion)
        return _bytes(self._events.finish(event.finish_reason, event.stop, usage, cost))

    def tool(self, event: ToolProgress) -> bytes:
        return b""  # no platform tool is declared by this API

    def failed(self, error: SupernetError) -> bytes:
        return event_bytes(error_json(renamed(error, PARAMS, self._pictures), self._request_id))

    def last(self) -> bytes:
        return b""  # the event that finished it was the last

    def whole(self) -> dict[str, Any]:
        return self._events.whole()


def _bytes(events: list[dict[str, Any]]) -> bytes:
    return b"".join(map(event_bytes, events))
