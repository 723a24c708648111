"""POST /v1/images/generations and /edits: body -> jobs -> pictures, in one JSON object or as named events.

What of several pictures could be made is answered and paid for; only when none could be is the answer an error.
"""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import assert_never

from starlette.requests import Request
from starlette.responses import Response

from coordinator.api.answering import KEEP_ALIVE_S, Answering, JobStream
from coordinator.api.errors import renamed
from coordinator.api.filled_response import FilledResponse, Read, in_base64
from coordinator.api.intake import Admitted, Intake
from coordinator.api.media_inputs import read_input
from coordinator.api.media_ready import MediaReady
from coordinator.api.served_headers import timing
from coordinator.artefact import Artefact
from coordinator.artefacts.artefacts import Artefacts
from coordinator.dispatch.effects import Deliver, Failed, Finished, Made, Progressed, Report
from coordinator.media.job import MediaJob
from coordinator.media.shape import size_like
from coordinator.openai.chat_response import sse_comment
from coordinator.openai.json_body import Json
from coordinator.openai.media.answers import ImageAnswer
from coordinator.openai.media.images_request import MAX_FORM_BYTES, Drawing, parse_edit, parse_generation
from coordinator.rounds.events import ToolProgress
from wire.errors import SupernetError
from wire.media import MediaRequest


@dataclass(frozen=True)
class ImagesApi:
    """The endpoints below /v1/images."""

    intake: Intake
    artefacts: Artefacts
    ready: MediaReady

    async def generate(self, request: Request) -> Response:
        return await self.intake.once(request, partial(parse_generation, self.ready.now()), self._answer)

    async def edit(self, request: Request) -> Response:
        return await self.intake.once(request, partial(parse_edit, self.ready.now()), self._answer, MAX_FORM_BYTES)

    async def _answer(self, request: Request, drawing: Drawing, admitted: Admitted) -> Response:
        account = admitted.principal.account
        await self.artefacts.check_room(account)
        async with AsyncExitStack() as places:
            if any(source.is_large for source in drawing.sources):
                await self.intake.large_bodies.enter(account, places)  # until their memory has been counted
            answering = await self.intake.submit(await self._job(drawing, account), admitted, request.headers)
        drawn = _Drawn(answering, ImageAnswer(drawing, answering.created, self.artefacts.link))
        read = self.intake.reader(account)
        try:
            if drawing.stream:
                await answering.begun(request)
                return _ImageStream(drawn, read)
            return await answering.waited(request, drawn.whole(read))
        except SupernetError as error:
            raise renamed(error, {}, [source.path for source in drawing.sources]) from error

    async def _job(self, drawing: Drawing, account: str) -> MediaJob:
        inputs = [await read_input(self.artefacts, account, source) for source in drawing.sources]
        size = drawing.size or size_like(drawing.model, inputs[0].width, inputs[0].height)
        return MediaJob(
            model=drawing.model,
            request=MediaRequest(make=drawing.make(size, tuple(one.sha256 for one in inputs))),
            n=drawing.n,
            seed=drawing.seed,
            stream=drawing.stream,
            token_type=drawing.token_type,
            blobs={one.sha256: one.data for one in inputs},
        )


@dataclass(frozen=True)
class _Drawn:
    """A request that runs, and the words of its answer."""

    answering: Answering
    answer: ImageAnswer

    def cost(self, pictures: int) -> Json:
        """Of so many of them, for `usage`."""
        job = self.answering.job
        assert isinstance(job, MediaJob)
        return self.answering.quote.shown(0, pictures * job.units)

    async def whole(self, read: Read) -> Response:
        """All pictures in one body. Raises the first error if none could be made."""
        made: dict[int, Artefact] = {}
        failed: list[SupernetError] = []
        reports: list[Report] = []
        while len(reports) + len(failed) < self.answering.job.n:
            for choice, event in await self.answering.answers.take(KEEP_ALIVE_S):
                match event:
                    case Made():
                        made[choice] = event.artefact
                    case Finished():
                        reports.append(event.report)
                    case Failed():
                        failed.append(event.error)
                    case Progressed() | Deliver() | ToolProgress():
                        pass  # nobody sees it
                    case _:
                        assert_never(event)
        if not made:
            raise failed[0]
        pictures = [made[choice] for choice in sorted(made)]
        body = self.answer.whole(pictures, failed, self.cost(len(pictures)))
        return FilledResponse(body, read, headers=timing(reports[0]) | self.answering.limits)


class _ImageStream(JobStream):
    """Pictures as they become finished, and unfinished ones before. A picture is told once it is paid for."""

    def __init__(self, drawn: _Drawn, read: Read) -> None:
        super().__init__(drawn.answering, self._events())
        self._drawn = drawn
        self._read = read
        self._unfinished = drawn.answering.job.n
        self._made: dict[int, Artefact] = {}
        self._error: SupernetError | None = None

    async def _events(self) -> AsyncGenerator[bytes]:
        yield self._place()
        while self._unfinished:
            events = await self._answers.take(self._silence_s)
            for choice, event in events:
                match event:
                    case Progressed():
                        yield self._record(self._partial(choice, event.preview))
                    case Made():
                        self._made[choice] = event.artefact
                    case Finished():
                        self._unfinished -= 1
                        async for piece in self._completed(choice):
                            yield piece
                    case Failed():
                        self._unfinished -= 1
                        self._error = self._error or event.error
                    case Deliver() | ToolProgress():
                        pass  # of chats
                    case _:
                        assert_never(event)
            if not events:
                yield self._place() or sse_comment("ping")
        if self._error is not None:
            sources = self._drawn.answer.drawing.sources
            yield self._drawn.answer.failed(renamed(self._error, {}, [source.path for source in sources]))

    async def _completed(self, choice: int) -> AsyncGenerator[bytes]:
        event = self._drawn.answer.completed(self._made[choice], self._drawn.cost(1))
        self._record(event.body, event.files)
        if not self._unfinished and self._error is None:
            self._end(self._whole())  # before the client knows the end: it may ask for the same again at once
        async for piece in in_base64(event, self._read):
            yield piece

    def _partial(self, choice: int, preview: str) -> bytes:
        job = self._drawn.answering.job
        assert isinstance(job, MediaJob) and job.request.make.tool in ("generate_image", "edit_image")
        make = job.request.make
        return self._drawn.answer.partial(choice, preview, make.width, make.height)
