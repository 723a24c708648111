"""/v1/videos: films are asked for, and looked at later. They are made whether or not their client stays."""

import re
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coordinator.accounts.keys_in_use import Principal
from coordinator.api.answering import Submission
from coordinator.api.artefact_links import served
from coordinator.api.errors import renamed
from coordinator.api.intake import Admitted, Intake
from coordinator.api.media_inputs import read_input
from coordinator.api.media_ready import MediaReady
from coordinator.api.query import only, whole_number
from coordinator.artefacts.artefacts import Artefacts
from coordinator.artefacts.names import link
from coordinator.media.job import MediaJob
from coordinator.media.shape import size_like
from coordinator.openai.media import video_request
from coordinator.openai.media.images_request import MAX_FORM_BYTES
from coordinator.openai.media.video_request import parse_film
from coordinator.openai.media.videos import PREFIX, Status, Video, deleted, video_list, video_object
from coordinator.videos.films import Films, Running
from coordinator.videos.rows import Film
from wire.errors import ErrorCode, SupernetError, invalid
from wire.media import MediaRequest

PAGE, MOST_ON_A_PAGE = 20, 100
MEDIA_TYPE = "video/mp4"
NAME = re.compile(r"[0-9a-f]{32}")  # of a request


@dataclass(frozen=True)
class VideosApi:
    """The endpoints below /v1/videos."""

    intake: Intake
    artefacts: Artefacts
    ready: MediaReady
    films: Films

    async def create(self, request: Request) -> Response:
        return await self.intake.once(request, partial(parse_film, self.ready.now()), self._create, MAX_FORM_BYTES)

    async def _create(self, request: Request, asked: video_request.Film, admitted: Admitted) -> Response:
        account = admitted.principal.account
        await self.artefacts.check_room(account)
        async with self.films.room(account), AsyncExitStack() as places:
            answering, size = await self._submitted(asked, admitted, request.headers, places)
        film = Film(
            name=answering.name,
            account=account,
            model=asked.model.id,
            width=size[0],
            height=size[1],
            seconds=asked.seconds,
            created_ms=answering.created * 1000,
        )
        running = await self.films.begin(film, answering.answers)
        return JSONResponse(video_object(self._running(running)), headers=answering.limits)

    async def _submitted(
        self, asked: video_request.Film, admitted: Admitted, headers: Mapping[str, str], places: AsyncExitStack
    ) -> tuple[Submission, tuple[int, int]]:
        """Submit the job of a film. Returns the size of its frames with it."""
        account = admitted.principal.account
        first = None
        if asked.first is not None:
            if asked.first.is_large:
                await self.intake.large_bodies.enter(account, places)
            first = await read_input(self.artefacts, account, asked.first)
        size = asked.size
        if size is None:
            assert first is not None
            size = size_like(asked.model, first.width, first.height)
        job = MediaJob(
            model=asked.model,
            request=MediaRequest(make=asked.make(size, first.sha256 if first else None)),
            seed=asked.seed,
            stream=True,  # nobody waits, so it has no deadline of a client's
            token_type=asked.token_type,
            blobs={first.sha256: first.data} if first else {},
        )
        answering = await self.intake.submit(job, admitted, headers)
        if (error := answering.answers.early_error()) is not None:
            answering.answers.cancel()
            raise renamed(error, {}, [asked.first.path] if asked.first else [])
        return answering, size

    async def list(self, request: Request) -> Response:
        principal = self._principal(request)
        only(request, "limit", "order", "after")
        limit = whole_number(request, "limit", PAGE, 1, MOST_ON_A_PAGE)
        order = request.query_params.get("order", "desc")
        if order not in ("asc", "desc"):
            raise invalid("order", "Invalid 'order': supported values are 'asc', 'desc'.")
        after = request.query_params.get("after")
        name = None if after is None else _read_name(after)
        films = await self.films.page(principal.account, name, limit + 1, order == "asc")
        return JSONResponse(video_list([self._video(film) for film in films[:limit]], len(films) > limit))

    async def show(self, request: Request) -> Response:
        return JSONResponse(video_object(self._video(await self._find(request))))

    async def content(self, request: Request) -> Response:
        """The file, or a part of it (Range)."""
        film = await self._find(request)
        only(request, "variant")
        variant = request.query_params.get("variant", "video")
        if variant != "video":
            raise invalid("variant", "Invalid 'variant': the supported value is 'video'. No thumbnails are made.")
        if film.artefact is None:
            status = self._video(film).status
            if status == "completed":
                raise SupernetError(ErrorCode.EXPIRED, "This film has expired, or was deleted: its bytes are gone.")
            raise invalid(None, f"This film has no content: its status is '{status}'.")
        found = (await self.artefacts.find(film.artefact)).artefact
        return await served(request, self.artefacts, found)

    async def delete(self, request: Request) -> Response:
        """Forget a film and its file. One that runs is stopped, and costs nothing."""
        principal = self._principal(request)
        film = await self.films.delete(principal.account, _name(request))
        if film.artefact is not None:
            with suppress(SupernetError):  # it went before its film
                await self.artefacts.delete(principal.account, film.artefact)
        return JSONResponse(deleted(film.name))

    def _principal(self, request: Request) -> Principal:
        return self.intake.accounts.authenticate(request.headers, "client")

    async def _find(self, request: Request) -> Film:
        account, name = self._principal(request).account, _name(request)
        running = self.films.running(account, name)
        return running.film if running else await self.films.find(account, name)

    def _video(self, film: Film) -> Video:
        running = self.films.running(film.account, film.name)
        if running and film.ended_ms is None:
            return self._running(running)
        url = link(self.artefacts.base, film.artefact, MEDIA_TYPE) if film.artefact else None
        if film.error:
            return _video(film, "failed", 0, None)
        return _video(film, "completed" if film.ended_ms else "in_progress", 100 if film.ended_ms else 0, url)

    def _running(self, running: Running) -> Video:
        return _video(running.film, "queued" if running.waits else "in_progress", min(running.percent, 99), None)


def _video(film: Film, status: Status, progress: int, url: str | None) -> Video:
    return Video(
        name=film.name,
        model=film.model,
        status=status,
        progress=progress,
        created_ms=film.created_ms,
        width=film.width,
        height=film.height,
        seconds=film.seconds,
        ended_ms=film.ended_ms,
        expires_ms=film.expires_ms,
        error=film.error,
        url=url,
    )


def _name(request: Request) -> str:
    return _read_name(request.path_params["video_id"])


def _read_name(id: str) -> str:
    """The name in an id of a film. Raises not_found for what none is called: no database needs to be asked."""
    name = id.removeprefix(PREFIX)
    if not NAME.fullmatch(name):
        raise SupernetError(ErrorCode.NOT_FOUND, "This account has no such video.")
    return name
